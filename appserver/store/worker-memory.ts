import { rawRows, type Queryable } from './dialect.ts';
import { DRAIN_REASON } from './workers.ts';

const MIB = 1024 ** 2;
/** What the worker's own processes may use of its container; the rest is for the shell, the launcher and YARN's rounding. */
const WORKER_OF_CONTAINER = 0.95;
/** A worker that was not heard of for so long is not waited for: claims are held for less, and beats come more often. */
const LIVE_WORKER_MS = 60_000;

/** Memory limit of the worker of a container, in bytes. */
export const workerBytesIn = (containerMemoryMb: number): number =>
  Math.floor(containerMemoryMb * MIB * WORKER_OF_CONTAINER);

/** The smallest container whose worker's limit is so many bytes, in MB. */
export const containerMbFor = (workerBytes: number): number => Math.ceil(workerBytes / (MIB * WORKER_OF_CONTAINER));

/**
 * Memory limit of the largest worker that a pool has, or in YARN may have: nobody waits for a larger one. 0 where there is none.
 *
 * @param containerMemoryMaxMb largest container that is asked for
 */
export async function largestWorkerBytes(db: Queryable, pool: string, containerMemoryMaxMb: number): Promise<number> {
  const rows = await rawRows<{ driver: string; largest: number | null; granted: number | null }>(
    db,
    `select pool.driver,
       (select max(worker.memory_bytes) from worker where worker.pool = pool.name
          and worker.seen_at > ${db.dialect.now} - ? and ${DRAIN_REASON} is null) as largest,
       (select min(maximum_memory_mb) from yarn_application where yarn_application.pool = pool.name and ended_at is null) as granted
     from pool where pool.name = ?`,
    [LIVE_WORKER_MS, pool],
  );
  const row = rows[0];
  if (row?.driver === 'yarn') return workerBytesIn(Math.min(containerMemoryMaxMb, row.granted ?? Infinity));
  return row?.largest ?? 0;
}

/** The most that a task that waits in the pool is predicted to need; 0 where nothing is predicted. */
export async function mostWantedBytes(db: Queryable, pool: string): Promise<number> {
  const rows = await rawRows<{ most: number | null }>(
    db,
    `select max(memory_bytes) as most from task where state = 'READY' and memory_bytes is not null and pool = ?`,
    [pool],
  );
  return rows[0]?.most ?? 0;
}
