import { insertOrIgnore, now, rawRows, readClock, type Queryable } from './dialect.ts';
import { rowsOf } from './records.ts';

/** A pool that runs as a YARN application of one user in one queue. Times by the database's clock. */
export interface YarnPool {
  readonly name: string;
  /** Whom YARN and HDFS see. */
  readonly userName: string;
  readonly queue: string;
  /** Since when fewer containers are needed than there are to be; null: not now. */
  readonly idleSince: number | null;
  /** Applications and containers in a row that could not be started. */
  readonly failures: number;
  /** Nothing is started before. */
  readonly notBefore: number;
  /** Why its work waits, in a sentence; null when it does not. */
  readonly waitReason: string | null;
}

/** Name of the pool of a user in a queue. */
export const yarnPoolName = (userName: string, queue: string): string => `yarn:${queue}:${userName}`;

/** Makes the pool of a user in a queue unless it is there; its name. */
export async function ensureYarnPool(db: Queryable, userName: string, queue: string): Promise<string> {
  const name = yarnPoolName(userName, queue);
  const row = { name, driver: 'yarn', user_name: userName, queue, created_at: now(db) };
  await insertOrIgnore(db, 'pool', row, ['name']);
  return name;
}

interface PoolRow {
  name: string;
  user_name: string;
  queue: string;
  idle_since: number | null;
  failures: number;
  not_before: number;
  wait_reason: string | null;
}

/** Pools that run in YARN, by name. */
export async function listYarnPools(db: Queryable): Promise<YarnPool[]> {
  const rows = await rowsOf<PoolRow>(db.knex('pool').where({ driver: 'yarn' }).orderBy('name'));
  return rows.map((row) => ({
    name: row.name,
    userName: row.user_name,
    queue: row.queue,
    idleSince: row.idle_since,
    failures: row.failures,
    notBefore: row.not_before,
    waitReason: row.wait_reason,
  }));
}

/** Whether the pool is put off at the moment: nothing new is started in it. */
export async function isPutOff(db: Queryable, name: string): Promise<boolean> {
  const rows = await rawRows(db, `select name from pool where name = ? and not_before > ${db.dialect.now}`, [name]);
  return rows.length === 1;
}

/** Longest reason of a wait that is kept. */
const REASON_CHARS_MAX = 1_000;

/** Why the pool's work waits; null: it does not. */
export async function setWaitReason(db: Queryable, name: string, reason: string | null): Promise<void> {
  const kept = reason?.slice(0, REASON_CHARS_MAX) ?? null;
  await rawRows(
    db,
    `update pool set wait_reason = ? where name = ? and coalesce(wait_reason, '') <> coalesce(?, '') returning name`,
    [kept, name, kept],
  );
}

/** Whether fewer containers are needed than there are to be; returns for how long that has been so, in milliseconds. */
export async function noteIdle(db: Queryable, name: string, isIdle: boolean): Promise<number> {
  if (!isIdle) {
    await db.knex('pool').where({ name }).whereNotNull('idle_since').update({ idle_since: null });
    return 0;
  }
  await db
    .knex('pool')
    .where({ name })
    .whereNull('idle_since')
    .update({ idle_since: now(db) });
  const rows = await rowsOf<{ idle_since: number }>(db.knex('pool').where({ name }).select('idle_since'));
  const since = rows[0]?.idle_since;
  return since === undefined ? 0 : Math.max(0, (await readClock(db)) - since);
}

/** Something could not be started: the next start is put off, longer each time. Returns how many failed in a row. */
export async function putOffPool(
  db: Queryable,
  name: string,
  { firstMs, longestMs }: { readonly firstMs: number; readonly longestMs: number },
): Promise<number> {
  const rows = await rowsOf<{ failures: number }>(db.knex('pool').where({ name }).select('failures'));
  const failures = (rows[0]?.failures ?? 0) + 1;
  const delayMs = Math.min(firstMs * 2 ** Math.min(failures - 1, 30), longestMs);
  await db
    .knex('pool')
    .where({ name })
    .update({ failures, not_before: now(db, delayMs) });
  return failures;
}

/** A worker of the pool works: nothing is put off any more. */
export async function trustPool(db: Queryable, name: string): Promise<void> {
  await db.knex('pool').where({ name }).whereNot({ failures: 0 }).update({ failures: 0, not_before: 0 });
}
