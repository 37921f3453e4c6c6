import { newId } from '#runtime';
import { now, rawRows, type Queryable } from './dialect.ts';
import { hashToken } from './tokens.ts';

/** A registered worker. Times are milliseconds since 1970 by the database's clock. */
export interface Worker {
  readonly id: string;
  readonly pool: string;
  readonly hostName: string;
  readonly processId: number;
  readonly programVersion: string;
  readonly memoryBytes: number;
  readonly threadCount: number;
  readonly draining: boolean;
  readonly registeredAt: number;
  readonly seenAt: number;
  /** How long ago it was last seen, by the database's clock. */
  readonly silentMs: number;
}

export type NewWorker = Pick<
  Worker,
  'pool' | 'hostName' | 'processId' | 'programVersion' | 'memoryBytes' | 'threadCount'
>;

/** How fine `seenAt` is: a worker that polls often does not write often. */
export const SEEN_STEP_MS = 2_000;

/** Registers a worker; returns its id. */
export async function registerWorker(db: Queryable, worker: NewWorker, token: string): Promise<string> {
  const id = newId('worker');
  await db.knex('worker').insert({
    id,
    pool: worker.pool,
    host_name: worker.hostName,
    process_id: worker.processId,
    program_version: worker.programVersion,
    memory_bytes: worker.memoryBytes,
    thread_count: worker.threadCount,
    token_hash: hashToken(token),
    registered_at: now(db),
    seen_at: now(db),
  });
  return id;
}

/** What a worker is known by: its token's SHA-256, and how long ago it was last seen. Null when there is no such worker. */
export async function identifyWorker(
  db: Queryable,
  id: string,
): Promise<{ readonly tokenHash: string; readonly silentMs: number } | null> {
  const rows = await rawRows<{ token_hash: string; silent_ms: number }>(
    db,
    `select token_hash, ${db.dialect.now} - seen_at as silent_ms from worker where id = ?`,
    [id],
  );
  const row = rows[0];
  return row === undefined ? null : { tokenHash: row.token_hash, silentMs: row.silent_ms };
}

/** Takes down that a worker is alive. */
export async function touchWorker(db: Queryable, id: string): Promise<void> {
  await db
    .knex('worker')
    .where({ id })
    .where('seen_at', '<', now(db, -SEEN_STEP_MS))
    .update({ seen_at: now(db) });
}

/** Asks a worker to end after its task, or takes that back; false when there is no such worker. */
export async function setWorkerDraining(db: Queryable, id: string, draining: boolean): Promise<boolean> {
  return (
    (await db
      .knex('worker')
      .where({ id })
      .update({ draining: draining ? 1 : 0 })) === 1
  );
}

interface WorkerRow {
  id: string;
  pool: string;
  host_name: string;
  process_id: number;
  program_version: string;
  memory_bytes: number;
  thread_count: number;
  draining: number;
  registered_at: number;
  seen_at: number;
  silent_ms: number;
}

/** Workers seen within `withinMs`, the newest registered first. */
export async function listWorkers(db: Queryable, withinMs: number, limit: number): Promise<Worker[]> {
  const rows = await rawRows<WorkerRow>(
    db,
    `select *, ${db.dialect.now} - seen_at as silent_ms from worker where seen_at > ${db.dialect.now} - ?
     order by registered_at desc, id desc limit ?`,
    [withinMs, limit],
  );
  return rows.map((row) => ({
    id: row.id,
    pool: row.pool,
    hostName: row.host_name,
    processId: row.process_id,
    programVersion: row.program_version,
    memoryBytes: row.memory_bytes,
    threadCount: row.thread_count,
    draining: row.draining === 1,
    registeredAt: row.registered_at,
    seenAt: row.seen_at,
    silentMs: row.silent_ms,
  }));
}

/** How many workers were seen within `withinMs`. */
export async function countLiveWorkers(db: Queryable, withinMs: number): Promise<number> {
  const rows = await rawRows(db, `select count(*) as n from worker where seen_at > ${db.dialect.now} - ?`, [withinMs]);
  return Number(rows[0]?.['n']);
}

/** Forgets workers that were not seen for so long and hold no task; they register again if they come back. */
export async function forgetWorkers(db: Queryable, silentMs: number, limit: number): Promise<number> {
  const rows = await rawRows(
    db,
    `delete from worker where id in (
       select worker.id from worker where seen_at < ${db.dialect.now} - ? and not exists (
         select 1 from task where task.worker_id = worker.id and task.finished_at is null) limit ?)
     returning id`,
    [silentMs, limit],
  );
  return rows.length;
}
