import { insertOrIgnore, now, rawRows, type Queryable } from './dialect.ts';
import { hashToken, isToken } from './tokens.ts';
import { DRAIN_REASON } from './workers.ts';

/** Workers that share a secret and run from one archive. */
export interface Pool {
  readonly name: string;
  /** SHA-256 of the archive that its workers are to run from; null: any. Workers of another one are drained. */
  readonly archiveSha256: string | null;
  /** Secrets that are valid now. */
  readonly secretCount: number;
  /** Workers that were seen lately, draining ones included. */
  readonly liveCount: number;
  readonly drainingCount: number;
}

/** Makes a pool unless it is there. */
async function ensurePool(db: Queryable, name: string): Promise<void> {
  await insertOrIgnore(db, 'pool', { name, created_at: now(db) }, ['name']);
}

/**
 * Lets workers register with a secret; several are valid at once, so that a new one can be spread before the old one
 * ends. Null `lifeMs`: until it is taken back. A secret that is there keeps its end, unless it is to end sooner.
 */
export async function addPoolSecret(
  db: Queryable,
  pool: string,
  secret: string,
  lifeMs: number | null = null,
): Promise<void> {
  await ensurePool(db, pool);
  const row = { pool, secret_sha256: hashToken(secret) };
  const expiresAt = lifeMs === null ? null : now(db, lifeMs);
  await insertOrIgnore(db, 'pool_secret', { ...row, created_at: now(db), expires_at: expiresAt }, [
    'pool',
    'secret_sha256',
  ]);
  if (lifeMs === null) return;
  await db
    .knex('pool_secret')
    .where(row)
    .where((later) => void later.whereNull('expires_at').orWhere('expires_at', '>', now(db, lifeMs)))
    .update({ expires_at: expiresAt });
}

/** Secrets of one pool that are looked at; more are not needed for any rotation. */
const SECRETS_MAX = 100;

/** Whether a secret is a valid one of the pool; takes the same time whichever of them it is, if any. */
export async function verifyPoolSecret(db: Queryable, pool: string, secret: string): Promise<boolean> {
  const rows = await rawRows<{ secret_sha256: string }>(
    db,
    `select secret_sha256 from pool_secret where pool = ? and (expires_at is null or expires_at > ${db.dialect.now})
     order by created_at desc limit ?`,
    [pool, SECRETS_MAX],
  );
  return rows.reduce((found, row) => isToken(secret, row.secret_sha256) || found, false);
}

/** Names the archive that a pool's workers are to run from (null: any); false when there is no such pool. */
export async function setPoolArchive(db: Queryable, name: string, archiveSha256: string | null): Promise<boolean> {
  return (await db.knex('pool').where({ name }).update({ archive_sha256: archiveSha256 })) === 1;
}

/** All pools by name, with their workers seen within `withinMs`. */
export async function listPools(db: Queryable, withinMs: number): Promise<Pool[]> {
  const live = `worker.pool = pool.name and worker.seen_at > ${db.dialect.now} - ?`;
  const rows = await rawRows<{
    name: string;
    archive_sha256: string | null;
    secrets: number;
    live: number;
    draining: number;
  }>(
    db,
    `select pool.name, pool.archive_sha256,
       (select count(*) from pool_secret where pool_secret.pool = pool.name
          and (expires_at is null or expires_at > ${db.dialect.now})) as secrets,
       (select count(*) from worker where ${live}) as live,
       (select count(*) from worker where ${live} and ${DRAIN_REASON} is not null) as draining
     from pool order by pool.name`,
    [withinMs, withinMs],
  );
  return rows.map((row) => ({
    name: row.name,
    archiveSha256: row.archive_sha256,
    secretCount: row.secrets,
    liveCount: row.live,
    drainingCount: row.draining,
  }));
}
