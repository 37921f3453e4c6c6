import type { Role, Scope } from '#contracts';
import { pageByCreation, type Page, type PageOptions } from './cursor.ts';
import { now, type Queryable } from './dialect.ts';
import { fromJson, rowOf, rowsOf, toJson } from './records.ts';

/** A key as it is kept: never the key itself, only its SHA-256. */
export interface ApiKeyRecord {
  readonly id: string;
  readonly keySha256: string;
  readonly name: string;
  readonly userId: string;
  readonly scopes: readonly Scope[];
  /** All that it may do is ask these for predictions; null: it is held to none. */
  readonly deploymentIds: readonly string[] | null;
  readonly expiresAt: number | null;
  readonly createdAt: number;
}

/** A key or session with the user behind it. */
export interface Credential {
  readonly userId: string;
  readonly userName: string;
  readonly role: Role;
  readonly scopes: readonly Scope[];
  /** See {@link ApiKeyRecord}. */
  readonly deploymentIds: readonly string[] | null;
  readonly keyId: string;
  readonly keySha256: string;
  readonly expiresAt: number | null;
}

interface ApiKeyRow {
  readonly id: string;
  readonly key_sha256: string;
  readonly name: string;
  readonly user_id: string;
  readonly scopes: string;
  readonly deployment_ids: string | null;
  readonly expires_at: number | null;
  readonly created_at: number;
}

/** What a key that is held to deployments may do. */
const HELD_SCOPES: readonly Scope[] = ['predict'];

/** Programs that know nothing of such keys read them as keys without any scope, and refuse them. */
function permissionsOf({ scopes, deployment_ids }: ApiKeyRow): Pick<ApiKeyRecord, 'scopes' | 'deploymentIds'> {
  return deployment_ids === null
    ? { scopes: fromJson<Scope[]>(scopes), deploymentIds: null }
    : { scopes: HELD_SCOPES, deploymentIds: fromJson<string[]>(deployment_ids) };
}

const toKey = (row: ApiKeyRow): ApiKeyRecord => ({
  id: row.id,
  keySha256: row.key_sha256,
  name: row.name,
  userId: row.user_id,
  ...permissionsOf(row),
  expiresAt: row.expires_at,
  createdAt: row.created_at,
});

export async function insertApiKey(db: Queryable, key: Omit<ApiKeyRecord, 'createdAt'>): Promise<void> {
  await db.knex('api_keys').insert({
    id: key.id,
    key_sha256: key.keySha256,
    name: key.name,
    user_id: key.userId,
    scopes: toJson(key.deploymentIds === null ? key.scopes : []),
    deployment_ids: key.deploymentIds === null ? null : toJson(key.deploymentIds),
    expires_at: key.expiresAt,
    created_at: now(db),
  });
}

export async function findApiKey(db: Queryable, id: string): Promise<ApiKeyRecord | undefined> {
  const row = await rowOf<ApiKeyRow>(db.knex('api_keys').where({ id }));
  return row === undefined ? undefined : toKey(row);
}

/** Keys of one user, or of all, newest first. */
export async function listApiKeys(
  db: Queryable,
  userId: string | null,
  page: PageOptions,
): Promise<Page<ApiKeyRecord>> {
  const query = db.knex('api_keys').select('api_keys.*');
  if (userId !== null) void query.where({ user_id: userId });
  const { items, next } = await pageByCreation<ApiKeyRow>(query, 'api_keys', page);
  return { items: items.map(toKey), next };
}

export async function deleteApiKey(db: Queryable, id: string): Promise<void> {
  await db.knex('api_keys').where({ id }).delete();
}

type CredentialRow = ApiKeyRow & { readonly user_name: string; readonly role: Role };

const activeKeys = (db: Queryable) =>
  db
    .knex('api_keys')
    .join('users', 'users.id', 'api_keys.user_id')
    .where('users.active', 1)
    .where((either) => {
      void either.whereNull('api_keys.expires_at').orWhere('api_keys.expires_at', '>', now(db));
    })
    .select('api_keys.*', 'users.name as user_name', 'users.role as role');

const toCredential = (row: CredentialRow): Credential => ({
  userId: row.user_id,
  userName: row.user_name,
  role: row.role,
  ...permissionsOf(row),
  keyId: row.id,
  keySha256: row.key_sha256,
  expiresAt: row.expires_at,
});

/** The unexpired key of an active user with this hash. */
export async function findCredential(db: Queryable, keySha256: string): Promise<Credential | undefined> {
  const row = await rowOf<CredentialRow>(activeKeys(db).where('api_keys.key_sha256', keySha256));
  return row === undefined ? undefined : toCredential(row);
}

/** All unexpired keys of active users, for the assignment feed. */
export async function listCredentials(db: Queryable): Promise<Credential[]> {
  const rows = await rowsOf<CredentialRow>(activeKeys(db).orderBy('api_keys.id'));
  return rows.map(toCredential);
}
