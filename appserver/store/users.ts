import type { Role } from '#contracts';
import { pageByCreation, type Page, type PageOptions } from './cursor.ts';
import { now, type Queryable } from './dialect.ts';
import { rowOf } from './records.ts';

export interface UserRecord {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly active: boolean;
  readonly passwordHash: string | null;
  readonly createdAt: number;
}

interface UserRow {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly active: number;
  readonly password_hash: string | null;
  readonly created_at: number;
}

const toUser = (row: UserRow): UserRecord => ({
  id: row.id,
  name: row.name,
  role: row.role,
  active: row.active === 1,
  passwordHash: row.password_hash,
  createdAt: row.created_at,
});

/** Inserts a user; a name that is taken breaks the unique key. */
export async function insertUser(
  db: Queryable,
  user: Pick<UserRecord, 'id' | 'name' | 'role' | 'passwordHash'>,
): Promise<void> {
  await db.knex('users').insert({
    id: user.id,
    name: user.name,
    role: user.role,
    active: 1,
    password_hash: user.passwordHash,
    created_at: now(db),
  });
}

export async function findUser(db: Queryable, id: string): Promise<UserRecord | undefined> {
  const row = await rowOf<UserRow>(db.knex('users').where({ id }));
  return row === undefined ? undefined : toUser(row);
}

export async function findUserByName(db: Queryable, name: string): Promise<UserRecord | undefined> {
  const row = await rowOf<UserRow>(db.knex('users').where({ name }));
  return row === undefined ? undefined : toUser(row);
}

/** Users, newest first. */
export async function listUsers(db: Queryable, page: PageOptions): Promise<Page<UserRecord>> {
  const { items, next } = await pageByCreation<UserRow>(db.knex('users').select('users.*'), 'users', page);
  return { items: items.map(toUser), next };
}

export async function updateUser(
  db: Queryable,
  id: string,
  change: Partial<Pick<UserRecord, 'role' | 'active' | 'passwordHash'>>,
): Promise<void> {
  await db
    .knex('users')
    .where({ id })
    .update({
      ...(change.role === undefined ? {} : { role: change.role }),
      ...(change.active === undefined ? {} : { active: change.active ? 1 : 0 }),
      ...(change.passwordHash === undefined ? {} : { password_hash: change.passwordHash }),
    });
}

/** Deletes a user with keys and sessions. */
export async function deleteUser(db: Queryable, id: string): Promise<void> {
  await db.knex('sessions').where({ user_id: id }).delete();
  await db.knex('api_keys').where({ user_id: id }).delete();
  await db.knex('users').where({ id }).delete();
}

/** Active administrators besides this one. */
export async function countOtherAdmins(db: Queryable, id: string): Promise<number> {
  const rows = await rowOf<{ count: number }>(
    db.knex('users').where({ role: 'admin', active: 1 }).whereNot({ id }).count({ count: '*' }),
  );
  return rows?.count ?? 0;
}

/** Whether this user owns anything, so that deleting the account would leave objects without an owner. */
export async function ownsObjects(db: Queryable, id: string): Promise<boolean> {
  for (const table of ['datasets', 'projects', 'deployments']) {
    const row = await rowOf<{ id: string }>(db.knex(table).where({ created_by: id }).select('id'));
    if (row !== undefined) return true;
  }
  return false;
}
