import type { Transaction } from './database.ts';
import { now, rawRows, type Dialect, type Queryable } from './dialect.ts';
import { taskFromRow, type Task, type TaskRow } from './tasks.ts';
import { hashToken } from './tokens.ts';
import { rowsOf } from './records.ts';

export interface ClaimRequest {
  readonly workerId: string;
  /** The worker's own; a repeat with the same one gets the same task. */
  readonly requestId: string;
  readonly leaseMs: number;
  /** Breaks ties between projects. */
  readonly cachedDatasets: readonly string[];
  /** The lease's token; the same for the same arguments, so that a repeat gets the same answer. */
  readonly tokenOf: (taskId: string, fence: number) => string;
  /** Folder of the attempt, relative to the kind's root; random. */
  readonly nonce: string;
}

export interface Claim {
  readonly task: Task;
  readonly leaseToken: string;
  readonly attemptPath: string;
  readonly remainingMs: number | null;
}

/** Projects looked at by one claim: far more than a claim needs unless their first tasks are all locked. */
const SHARES_MAX = 50;

/** Conditions under which a READY task may be given out; the index `task_ready` serves them. */
const claimable = (dialect: Dialect): string =>
  `state = 'READY' and not_before <= ${dialect.now} and (deadline_at is null or deadline_at > ${dialect.now})`;

/**
 * Gives the next task to a worker: of the project with the fewest held tasks, there the one of highest priority, of
 * these the oldest. Null when there is none. The task's fence rises by one; everything that a worker says later
 * carries it. Claims that run at the same time on PostgreSQL do not see each other's tasks in the projects' counts,
 * so that fairness is exact up to the number of claims in flight.
 */
export async function claimTask(trx: Transaction, request: ClaimRequest): Promise<Claim | null> {
  const earlier = await earlierClaim(trx, request);
  if (earlier !== undefined) return earlier;
  for (const shareKey of await sharesInOrder(trx, request.cachedDatasets)) {
    const taken = await takeFrom(trx, shareKey, request);
    if (taken === null) continue;
    const { task, remainingMs } = taken;
    const leaseToken = request.tokenOf(task.id, task.fence);
    const attemptPath = pathOf(task, request.nonce);
    await trx.knex('attempt').insert({
      task_id: task.id,
      fence: task.fence,
      worker_id: request.workerId,
      request_id: request.requestId,
      token_hash: hashToken(leaseToken),
      path: attemptPath,
      claimed_at: now(trx),
    });
    return { task, leaseToken, attemptPath, remainingMs };
  }
  return null;
}

/** How many tasks could be claimed now, counted up to `limit`: cheap enough to be asked often. */
export async function countClaimable(db: Queryable, limit: number): Promise<number> {
  const sql = `select count(*) as n from (select 1 from task where ${claimable(db.dialect)} limit ?) as claimable`;
  const rows = await rawRows(db, sql, [limit]);
  return Number(rows[0]?.['n']);
}

/** The folder that only this attempt ever writes to. */
function pathOf(task: Task, nonce: string): string {
  const attempt = `${task.fence}-${nonce}`;
  switch (task.kind) {
    case 'ingest':
      return `datasets/${(task as Task<'ingest'>).spec.datasetId}/${attempt}`; // kind and spec belong together
    case 'train':
      return `models/${task.id}/${attempt}`;
    case 'batch-predict':
      return `predictions/${task.id}/${attempt}`;
  }
}

/** The task of an earlier claim with the same request id: undefined when there was none, null when its lease is over. */
async function earlierClaim(trx: Transaction, request: ClaimRequest): Promise<Claim | null | undefined> {
  const rows = await rawRows<TaskRow & { attempt_path: string; live: number; remaining_ms: number | null }>(
    trx,
    `select task.*, attempt.path as attempt_path, task.deadline_at - ${trx.dialect.now} as remaining_ms,
       case when attempt.ended_at is null and attempt.fence = task.fence
         and task.state in ('LEASED', 'RUNNING') then 1 else 0 end as live
     from attempt join task on task.id = attempt.task_id
     where attempt.worker_id = ? and attempt.request_id = ?`,
    [request.workerId, request.requestId],
  );
  const row = rows[0];
  if (row === undefined) return undefined;
  if (row.live === 0) return null;
  const task = taskFromRow(row);
  return {
    task,
    leaseToken: request.tokenOf(task.id, task.fence),
    attemptPath: row.attempt_path,
    remainingMs: row.remaining_ms,
  };
}

/**
 * The projects that have a claimable task, in the order in which they are to be served. Walks the index `task_ready`
 * from project to project, so that it costs by the number of projects and not of tasks.
 */
async function sharesInOrder(trx: Transaction, cachedDatasets: readonly string[]): Promise<string[]> {
  const shares = await rawRows<{ share_key: string; held: number; priority: number; dataset_id: string | null }>(
    trx,
    `with recursive share(share_key) as (
       select min(share_key) from task where state = 'READY'
       union all
       select (select min(task.share_key) from task where task.state = 'READY' and task.share_key > share.share_key)
       from share where share.share_key is not null
     ), first as (
       select share.share_key,
         (select count(*) from task where task.state in ('LEASED', 'RUNNING', 'COMMITTING')
            and task.share_key = share.share_key) as held,
         (select task.id from task where ${claimable(trx.dialect)} and task.share_key = share.share_key
            order by task.priority desc, task.created_at, task.job_position, task.id limit 1) as task_id
       from share where share.share_key is not null
     )
     select first.share_key, first.held, task.priority, task.created_at, task.dataset_id
     from first join task on task.id = first.task_id
     order by first.held, task.priority desc, task.created_at, task.job_position, task.id limit ?`,
    [SHARES_MAX],
  );
  const cached = new Set(cachedDatasets);
  const isCached = (share: { dataset_id: string | null }) => (cached.has(share.dataset_id ?? '') ? 0 : 1);
  return shares
    .sort((a, b) => a.held - b.held || b.priority - a.priority || isCached(a) - isCached(b))
    .map((share) => share.share_key);
}

async function takeFrom(
  trx: Transaction,
  shareKey: string,
  { workerId, leaseMs }: ClaimRequest,
): Promise<{ task: Task; remainingMs: number | null } | null> {
  const rows = await rawRows<TaskRow & { remaining_ms: number | null }>(
    trx,
    `update task set state = 'LEASED', fence = fence + 1, worker_id = ?, lease_until = ${trx.dialect.now} + ?
     where id = (
       select id from task where ${claimable(trx.dialect)} and share_key = ?
       order by priority desc, created_at, job_position, id limit 1 ${trx.dialect.forUpdateSkipLocked})
     returning *, deadline_at - ${trx.dialect.now} as remaining_ms`,
    [workerId, leaseMs, shareKey],
  );
  const row = rows[0];
  return row === undefined ? null : { task: taskFromRow(row), remainingMs: row.remaining_ms };
}

/** The attempt of a task under a fence, current or not. */
export async function getAttempt(
  db: Queryable,
  taskId: string,
  fence: number,
): Promise<{ workerId: string; tokenHash: string; path: string } | null> {
  const rows = await rowsOf<{ worker_id: string; token_hash: string; path: string }>(
    db.knex('attempt').where({ task_id: taskId, fence }).select('worker_id', 'token_hash', 'path'),
  );
  const row = rows[0];
  return row === undefined ? null : { workerId: row.worker_id, tokenHash: row.token_hash, path: row.path };
}

/** Lets the request id of a claim be used again: its task was not given out after all. */
export async function forgetRequest(
  trx: Transaction,
  { taskId, fence }: { readonly taskId: string; readonly fence: number },
): Promise<void> {
  await trx
    .knex('attempt')
    .where({ task_id: taskId, fence })
    .update({ request_id: `${taskId}:${fence}` });
}
