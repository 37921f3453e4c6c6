import type { Transaction } from './database.ts';
import { insertRows, now, rawRows, type Queryable } from './dialect.ts';
import { taskFromRow, type Task, type TaskRow } from './tasks.ts';
import { hashToken } from './tokens.ts';

/** What makes a claim the same one when it is repeated, and its answer the same answer. */
export interface RequestIdentity {
  readonly workerId: string;
  /** The worker's own; a repeat with the same one gets the same task. */
  readonly requestId: string;
  /** The lease's token; the same for the same arguments. */
  readonly tokenOf: (taskId: string, fence: number) => string;
}

/** A task that was given out. */
export interface Claim {
  readonly task: Task;
  readonly leaseToken: string;
  /** Folder of the attempt, relative to the kind's root; never used twice. */
  readonly attemptPath: string;
  /** Until the task must have sealed; null: no deadline. */
  readonly remainingMs: number | null;
}

/** A taken task's row, with what is left of its deadline. */
export type TakenRow = TaskRow & { remaining_ms: number | null };

/** Opens the attempts of tasks that were just taken. @throws a unique violation for a request that was answered before */
export async function openAttempts<R extends RequestIdentity & { readonly nonce: string }>(
  trx: Transaction,
  taken: readonly { readonly request: R; readonly row: TakenRow }[],
): Promise<Map<R, Claim>> {
  const claims = new Map<R, Claim>();
  for (const { request, row } of taken) {
    const task = taskFromRow(row);
    claims.set(request, {
      task,
      leaseToken: request.tokenOf(task.id, task.fence),
      attemptPath: pathOf(task, request.nonce),
      remainingMs: row.remaining_ms,
    });
  }
  const rows = [...claims].map(([{ workerId, requestId }, { task, leaseToken, attemptPath }]) => ({
    task_id: task.id,
    fence: task.fence,
    worker_id: workerId,
    request_id: requestId,
    token_hash: hashToken(leaseToken),
    path: attemptPath,
    claimed_at: now(trx),
  }));
  await insertRows(trx, 'attempt', rows);
  return claims;
}

/** The folder that only this attempt ever writes to. */
function pathOf(task: Task, nonce: string): string {
  const attempt = `${task.fence}-${nonce}`;
  switch (task.kind) {
    case 'ingest':
      return `datasets/${(task as Task<'ingest'>).spec.datasetId}/${attempt}`; // kind and spec belong together
    case 'feature-type':
      return `datasets/${(task as Task<'feature-type'>).spec.datasetId}/${attempt}`; // the same
    case 'profile-part':
    case 'profile-merge':
      return `profiles/${task.id}/${attempt}`;
    case 'train':
    case 'train-part':
    case 'ensemble':
      return `models/${task.id}/${attempt}`;
    case 'batch-predict':
    case 'batch-gather':
      return `predictions/${task.id}/${attempt}`;
    case 'insight':
      return `insights/${task.id}/${attempt}`;
  }
}

/** What requests with the same ids got before: null when that lease is over; those that were never answered are absent. */
export async function earlierClaims<R extends RequestIdentity>(
  db: Queryable,
  requests: readonly R[],
): Promise<Map<R, Claim | null>> {
  const answers = new Map<R, Claim | null>();
  if (requests.length === 0) return answers;
  const byIds = new Map(requests.map((request) => [requestKey(request), request]));
  const rows = await rawRows<TakenRow & { of_worker: string; of_request: string; path: string; is_live: number }>(
    db,
    `select task.*, task.deadline_at - ${db.dialect.now} as remaining_ms, attempt.worker_id as of_worker,
       attempt.request_id as of_request, attempt.path, case when attempt.ended_at is null
         and attempt.fence = task.fence and task.state in ('LEASED', 'RUNNING') then 1 else 0 end as is_live
     from attempt join task on task.id = attempt.task_id
     where (attempt.worker_id, attempt.request_id) in (values ${requests.map(() => '(?, ?)').join(', ')})`,
    requests.flatMap(({ workerId, requestId }) => [workerId, requestId]),
  );
  for (const row of rows) {
    const request = byIds.get(requestKey({ workerId: row.of_worker, requestId: row.of_request }));
    if (request === undefined) continue;
    const leaseToken = request.tokenOf(row.id, row.fence);
    const claim = { leaseToken, attemptPath: row.path, remainingMs: row.remaining_ms };
    answers.set(request, row.is_live === 1 ? { task: taskFromRow(row), ...claim } : null);
  }
  return answers;
}

/** Two requests have the same key only if they are the same: ids hold no line breaks. */
export const requestKey = ({ workerId, requestId }: Pick<RequestIdentity, 'workerId' | 'requestId'>): string =>
  `${workerId}\n${requestId}`;

/** The same of one request: undefined when it was never answered. */
export async function earlierClaim(db: Queryable, request: RequestIdentity): Promise<Claim | null | undefined> {
  return (await earlierClaims(db, [request])).get(request);
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
