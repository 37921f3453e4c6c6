import type { ContainerSize, EndedContainer, HeldContainer } from '#contracts';
import type { Holder } from './attempt-ends.ts';
import type { Transaction } from './database.ts';
import { now, rawRows, type Queryable } from './dialect.ts';
import { HELD_SQL } from './leases.ts';
import { rowsOf } from './records.ts';

/** A container of a pool's application, as its master told. Times by the database's clock. */
export interface YarnContainer {
  readonly containerId: string;
  readonly applicationId: string;
  readonly node: string | null;
  readonly nodeHttpAddress: string | null;
  readonly state: HeldContainer['state'] | 'ended';
  readonly size: ContainerSize | null;
  readonly launchId: string | null;
  readonly firstSeenAt: number;
  /** When the platform began to give it back. */
  readonly releaseAskedAt: number | null;
  readonly endedAt: number | null;
  readonly exitStatus: number | null;
  readonly diagnostics: string | null;
  /** Of the worker in it that registered last; null before. */
  readonly workerId: string | null;
  /** For how long that worker has not been heard of, milliseconds; null before there is one. */
  readonly workerSilentMs: number | null;
  /** That worker holds a task. */
  readonly isBusy: boolean;
}

interface ContainerRow {
  container_id: string;
  application_id: string;
  node: string | null;
  node_http_address: string | null;
  state: YarnContainer['state'];
  memory_mb: number | null;
  vcores: number | null;
  launch_id: string | null;
  first_seen_at: number;
  release_asked_at: number | null;
  ended_at: number | null;
  exit_status: number | null;
  diagnostics: string | null;
  worker_id: string | null;
  worker_silent_ms: number | null;
  is_busy: number;
}

const fromRow = (row: ContainerRow): YarnContainer => ({
  containerId: row.container_id,
  applicationId: row.application_id,
  node: row.node,
  nodeHttpAddress: row.node_http_address,
  state: row.state,
  size: row.memory_mb === null || row.vcores === null ? null : { memoryMb: row.memory_mb, vcores: row.vcores },
  launchId: row.launch_id,
  firstSeenAt: row.first_seen_at,
  releaseAskedAt: row.release_asked_at,
  endedAt: row.ended_at,
  exitStatus: row.exit_status,
  diagnostics: row.diagnostics,
  workerId: row.worker_id,
  workerSilentMs: row.worker_silent_ms,
  isBusy: row.is_busy === 1,
});

const selectOf = ({ dialect }: Queryable): string => {
  const newestWorker = (what: string): string =>
    `(select ${what} from worker where worker.container_id = yarn_container.container_id
      order by worker.registered_at desc, worker.id desc limit 1)`;
  return `select yarn_container.*, ${newestWorker('worker.id')} as worker_id,
    ${newestWorker(`${dialect.now} - worker.seen_at`)} as worker_silent_ms,
    case when exists (select 1 from task join worker on worker.id = task.worker_id
      where worker.container_id = yarn_container.container_id and task.state in ${HELD_SQL}) then 1 else 0 end as is_busy
  from yarn_container`;
};

/** Containers of an application that have not ended, the oldest first. */
export async function liveContainers(db: Queryable, applicationId: string): Promise<YarnContainer[]> {
  const rows = await rawRows<ContainerRow>(
    db,
    `${selectOf(db)} where application_id = ? and ended_at is null order by first_seen_at, container_id`,
    [applicationId],
  );
  return rows.map(fromRow);
}

/** How many containers run, by application; those without any are not in it. */
export async function runningContainers(db: Queryable): Promise<Map<string, number>> {
  const rows = await rawRows<{ application_id: string; running: number | string }>(
    db,
    `select application_id, count(*) as running from yarn_container
     where ended_at is null and state = 'running' group by application_id`,
  );
  return new Map(rows.map((row) => [row.application_id, Number(row.running)]));
}

/** Null when no master has told of it. */
export async function getContainer(db: Queryable, containerId: string): Promise<YarnContainer | null> {
  const rows = await rawRows<ContainerRow>(db, `${selectOf(db)} where container_id = ?`, [containerId]);
  return rows[0] === undefined ? null : fromRow(rows[0]);
}

/**
 * Takes down what a master holds. A container that it does not hold any more without having told of its end is closed
 * too: nobody would tell of it otherwise. One that had been closed so and is there again lives again.
 */
export async function recordHeld(
  trx: Transaction,
  applicationId: string,
  held: readonly HeldContainer[],
): Promise<void> {
  const known = await rowsOf<ContainerRow>(
    trx.knex('yarn_container').where({ application_id: applicationId }).whereNull('ended_at'),
  );
  const before = new Map(known.map((row) => [row.container_id, row]));
  for (const container of held) {
    const facts = factsOf(container);
    const row = before.get(container.containerId);
    if (row !== undefined && isSame(row, facts)) continue;
    await trx
      .knex('yarn_container')
      .insert({
        container_id: container.containerId,
        application_id: applicationId,
        first_seen_at: now(trx),
        ...facts,
      })
      .onConflict('container_id')
      .merge(facts);
  }
  const here = new Set(held.map(({ containerId }) => containerId));
  const gone = known.map((row) => row.container_id).filter((containerId) => !here.has(containerId));
  for (const containerId of gone) {
    const end = { state: 'ended', ended_at: now(trx), diagnostics: 'its master does not hold it any more' };
    await trx.knex('yarn_container').where({ container_id: containerId }).update(end);
  }
}

const factsOf = (container: HeldContainer) => ({
  node: container.node,
  node_http_address: container.nodeHttpAddress,
  state: container.state,
  memory_mb: container.size.memoryMb,
  vcores: container.size.vcores,
  ...(container.launchId === null ? {} : { launch_id: container.launchId }),
  ended_at: null,
  diagnostics: null,
});

const isSame = (row: ContainerRow, facts: ReturnType<typeof factsOf>): boolean =>
  Object.entries(facts).every(([name, value]) => row[name as keyof ContainerRow] === value); // facts are columns of the row

/** Takes ends down; those that had not been told before. */
export async function recordEnds(
  trx: Transaction,
  applicationId: string,
  ended: readonly EndedContainer[],
): Promise<EndedContainer[]> {
  const isNew: EndedContainer[] = [];
  for (const end of ended) {
    const facts = {
      state: 'ended',
      ended_at: now(trx),
      exit_status: end.exitStatus,
      was_released: end.wasReleased ? 1 : 0,
      diagnostics: end.diagnostics,
    };
    const known = { container_id: end.containerId };
    const first = { ...known, application_id: applicationId, node: end.node, first_seen_at: now(trx) };
    const inserted = await rowsOf(
      trx
        .knex('yarn_container')
        .insert({ ...first, ...facts })
        .onConflict('container_id')
        .ignore()
        .returning('container_id'),
    );
    const changed = await trx.knex('yarn_container').where(known).whereNull('exit_status').update(facts);
    if (inserted.length + changed > 0) isNew.push(end);
  }
  return isNew;
}

/** The platform gives containers back: their master is told until they have ended. */
export async function askRelease(db: Queryable, containerIds: readonly string[]): Promise<void> {
  if (containerIds.length === 0) return;
  await db
    .knex('yarn_container')
    .whereIn('container_id', [...containerIds])
    .whereNull('release_asked_at')
    .update({ release_asked_at: now(db) });
}

/** What workers of a container hold, with the most memory that they told of. */
export interface ContainerTask extends Holder {
  /** Bytes, resident; null: none was told. */
  readonly memoryBytesMax: number | null;
}

/** Tasks that workers of a container hold and have not sealed. */
export async function openTasksOfContainer(db: Queryable, containerId: string): Promise<ContainerTask[]> {
  const rows = await rawRows<{ id: string; fence: number; memory_bytes_max: number | string }>(
    db,
    `select task.id, task.fence, attempt.memory_bytes_max from worker
     join task on task.worker_id = worker.id and task.state in ('LEASED', 'RUNNING')
     join attempt on attempt.task_id = task.id and attempt.fence = task.fence
     where worker.container_id = ?`,
    [containerId],
  );
  return rows.map(({ id, fence, memory_bytes_max }) => ({
    taskId: id,
    fence,
    memoryBytesMax: Number(memory_bytes_max) === 0 ? null : Number(memory_bytes_max),
  }));
}

/** Workers of a container get no more tasks. */
export async function drainContainers(db: Queryable, containerIds: readonly string[], reason: string): Promise<void> {
  if (containerIds.length === 0) return;
  await db
    .knex('worker')
    .whereIn('container_id', [...containerIds])
    .where({ draining: 0 })
    .update({ draining: 1, drain_reason: reason });
}
