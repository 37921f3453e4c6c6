import { WORKER_PROTOCOL_VERSIONS_ACCEPTED } from '#contracts';
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
  readonly protocolVersion: number;
  /** Of the archive that it runs from; null from source. */
  readonly archiveSha256: string | null;
  /** YARN's container that it runs in, and the NodeManager; null outside of YARN. */
  readonly containerId: string | null;
  readonly node: string | null;
  /** The node's pages as host:port; null when it is not known. */
  readonly nodeHttpAddress: string | null;
  /** Why it is to end after its task; null when it is not. */
  readonly drainReason: string | null;
  readonly registeredAt: number;
  readonly seenAt: number;
  /** How long ago it was last seen, by the database's clock. */
  readonly silentMs: number;
}

export type NewWorker = Pick<
  Worker,
  | 'pool'
  | 'hostName'
  | 'processId'
  | 'programVersion'
  | 'memoryBytes'
  | 'threadCount'
  | 'protocolVersion'
  | 'archiveSha256'
  | 'containerId'
  | 'node'
>;

/** How fine `seenAt` is: a worker that polls often does not write often. */
export const SEEN_STEP_MS = 2_000;

/**
 * SQL of why a row of `worker` is to end after its task, null when it is not: somebody asked for it, its protocol is not
 * accepted any more, or its pool wants another archive.
 */
export const DRAIN_REASON = `case
  when worker.draining = 1 then coalesce(worker.drain_reason, 'asked for')
  when worker.protocol_version not in (${WORKER_PROTOCOL_VERSIONS_ACCEPTED.join(', ')}) then 'protocol version not accepted'
  when exists (select 1 from pool where pool.name = worker.pool and pool.archive_sha256 is not null
    and pool.archive_sha256 <> coalesce(worker.archive_sha256, '')) then 'another archive is wanted'
end`;

const NODE_HTTP = `(select node_http_address from yarn_container where yarn_container.container_id = worker.container_id)`;

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
    protocol_version: worker.protocolVersion,
    archive_sha256: worker.archiveSha256,
    container_id: worker.containerId,
    node: worker.node,
    token_hash: hashToken(token),
    registered_at: now(db),
    seen_at: now(db),
  });
  return id;
}

/** What is known of a worker that speaks. */
export interface WorkerIdentity {
  readonly id: string;
  readonly pool: string;
  readonly memoryBytes: number;
  /** SHA-256 of its token. */
  readonly tokenHash: string;
  /** How long ago it was last seen, by the database's clock. */
  readonly silentMs: number;
  readonly protocolVersion: number;
  /** Why it gets no more tasks; null when it does. */
  readonly drainReason: string | null;
}

/** Null when there is no such worker. */
export async function identifyWorker(db: Queryable, id: string): Promise<WorkerIdentity | null> {
  const rows = await rawRows<{
    pool: string;
    memory_bytes: number;
    token_hash: string;
    silent_ms: number;
    protocol_version: number;
    drain_reason: string | null;
  }>(
    db,
    `select pool, memory_bytes, token_hash, protocol_version, ${DRAIN_REASON} as drain_reason, ${db.dialect.now} - seen_at as silent_ms
     from worker where id = ?`,
    [id],
  );
  const row = rows[0];
  if (row === undefined) return null;
  return {
    id,
    pool: row.pool,
    memoryBytes: row.memory_bytes,
    tokenHash: row.token_hash,
    silentMs: row.silent_ms,
    protocolVersion: row.protocol_version,
    drainReason: row.drain_reason,
  };
}

/** Takes down that a worker is alive. */
export async function touchWorker(db: Queryable, id: string): Promise<void> {
  await db
    .knex('worker')
    .where({ id })
    .where('seen_at', '<', now(db, -SEEN_STEP_MS))
    .update({ seen_at: now(db) });
}

/** Longest reason of a draining worker that is kept. */
const DRAIN_REASON_CHARS_MAX = 200;

/** Asks a worker to end after its task, for this reason, unless it is asked already; false when there is no such worker. */
export async function drainWorker(db: Queryable, id: string, reason: string): Promise<boolean> {
  const kept = reason.replaceAll('\0', '\u{FFFD}').slice(0, DRAIN_REASON_CHARS_MAX);
  await db.knex('worker').where({ id, draining: 0 }).update({ draining: 1, drain_reason: kept });
  return (await db.knex('worker').where({ id }).select('id')).length === 1;
}

/** Takes a request to drain back; false when there is no such worker. What else drains it stays. */
export async function keepWorker(db: Queryable, id: string): Promise<boolean> {
  return (await db.knex('worker').where({ id }).update({ draining: 0, drain_reason: null })) === 1;
}

interface WorkerRow {
  id: string;
  pool: string;
  host_name: string;
  process_id: number;
  program_version: string;
  memory_bytes: number;
  thread_count: number;
  protocol_version: number;
  archive_sha256: string | null;
  container_id: string | null;
  node: string | null;
  node_http_address: string | null;
  reason: string | null;
  registered_at: number;
  seen_at: number;
  silent_ms: number;
}

/** Workers seen within `withinMs`, the newest registered first. */
export async function listWorkers(db: Queryable, withinMs: number, limit: number): Promise<Worker[]> {
  const rows = await rawRows<WorkerRow>(
    db,
    `select worker.*, ${NODE_HTTP} as node_http_address, ${DRAIN_REASON} as reason,
       ${db.dialect.now} - seen_at as silent_ms from worker
     where seen_at > ${db.dialect.now} - ? order by registered_at desc, id desc limit ?`,
    [withinMs, limit],
  );
  return rows.map(workerFromRow);
}

/** Null when there is no such worker. */
export async function getWorker(db: Queryable, id: string): Promise<Worker | null> {
  const rows = await rawRows<WorkerRow>(
    db,
    `select worker.*, ${NODE_HTTP} as node_http_address, ${DRAIN_REASON} as reason,
       ${db.dialect.now} - seen_at as silent_ms from worker where id = ?`,
    [id],
  );
  return rows[0] === undefined ? null : workerFromRow(rows[0]);
}

const workerFromRow = (row: WorkerRow): Worker => ({
  id: row.id,
  pool: row.pool,
  hostName: row.host_name,
  processId: row.process_id,
  programVersion: row.program_version,
  memoryBytes: row.memory_bytes,
  threadCount: row.thread_count,
  protocolVersion: row.protocol_version,
  archiveSha256: row.archive_sha256,
  containerId: row.container_id,
  node: row.node,
  nodeHttpAddress: row.node_http_address,
  drainReason: row.reason,
  registeredAt: row.registered_at,
  seenAt: row.seen_at,
  silentMs: row.silent_ms,
});

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
         select 1 from task where task.state in ('LEASED', 'RUNNING', 'COMMITTING') and task.worker_id = worker.id) limit ?)
     returning id`,
    [silentMs, limit],
  );
  return rows.length;
}
