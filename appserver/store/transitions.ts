import { AppError, fromProblem, type Blame, type Problem } from '#contracts';
import { endTask, repeated, returnTask, type AttemptEnd, type Holder, type Transition } from './attempt-ends.ts';
import type { Transaction } from './database.ts';
import { now, type Queryable } from './dialect.ts';
import { decideFailure, type RetryPolicy } from './failure-policy.ts';
import { rowsOf } from './records.ts';
import { appendToldLines, type ToldLines } from './task-log.ts';
import { isHeld, lockTask, type Task } from './tasks.ts';

/**
 * Records a verified result: one row per task for ever, the event, and the task's success.
 *
 * @throws TASK_FENCED, TASK_CANCELLED
 */
export async function commitTask(
  trx: Transaction,
  holder: Holder,
  result: { readonly attemptPath: string; readonly manifestSha256: string | null },
): Promise<Transition> {
  const task = await lockTask(trx, holder.taskId);
  if (task?.fence !== holder.fence || task.state !== 'COMMITTING') return repeated(trx, task, holder);
  if (task.cancelAsked) return endTask(trx, task, 'CANCELLED', { ending: 'cancelled' });
  await trx.knex('result').insert({
    task_id: task.id,
    fence: task.fence,
    path: result.attemptPath,
    manifest_sha256: result.manifestSha256,
    committed_at: now(trx),
  });
  return endTask(trx, task, 'SUCCEEDED', { ending: 'committed' });
}

/** Why an attempt failed, by its worker's word. */
export interface Failure extends ToldLines {
  readonly blame: Blame;
  readonly problem: Problem;
}

/**
 * An attempt failed: the task is tried again or given up, as `decideFailure` says.
 *
 * @throws TASK_FENCED, TASK_CANCELLED
 */
export async function failTask(
  trx: Transaction,
  holder: Holder,
  failure: Failure,
  policy: RetryPolicy,
): Promise<Transition> {
  const task = await lockTask(trx, holder.taskId);
  if (task?.fence !== holder.fence || !isHeld(task.state)) return repeated(trx, task, holder);
  await appendToldLines(trx, holder, failure);
  if (task.cancelAsked) return endTask(trx, task, 'CANCELLED', { ending: 'cancelled' });
  const problem = fromProblem(failure.problem);
  return retryOrGiveUp(trx, task, { ending: 'failed', blame: failure.blame, problem }, policy);
}

/** The lease is over: the task goes to another worker. No effect (null) when the holder came back in time, or sealed. */
export async function expireTask(trx: Transaction, holder: Holder, policy: RetryPolicy): Promise<Transition | null> {
  const task = await lockTask(trx, holder.taskId);
  if (task?.fence !== holder.fence || (task.state !== 'LEASED' && task.state !== 'RUNNING')) return null;
  const rows = await rowsOf<unknown>(
    trx.knex('task').where({ id: task.id }).where('lease_until', '<', now(trx)).select('id'),
  );
  if (rows.length === 0) return null;
  if (task.cancelAsked) return endTask(trx, task, 'CANCELLED', { ending: 'cancelled' });
  const problem = await memorySuspicion(trx, holder);
  const end = problem === null ? ({ blame: 'unknown' } as const) : ({ blame: 'memory', problem } as const);
  return retryOrGiveUp(trx, task, { ending: 'expired', ...end }, policy);
}

/** Another task is to have the worker: the task goes back to the queue, uncharged. No effect (null) when it is not running any more. */
export async function giveWayTask(trx: Transaction, holder: Holder, policy: RetryPolicy): Promise<Transition | null> {
  const task = await lockTask(trx, holder.taskId);
  if (task?.fence !== holder.fence || task.state !== 'RUNNING' || task.cancelAsked) return null;
  const problem = new AppError('TASK_GAVE_WAY', 'a task of higher priority waits, and no worker is free');
  return retryOrGiveUp(trx, task, { ending: 'failed', blame: 'worker', problem }, policy);
}

/** A worker that was silent with this much of its limit in use is taken for a victim of memory. */
const MEMORY_SUSPICION = 0.9;

/** Why a silent worker may have been killed for memory, by the largest use that its beats told; null when it may not. */
async function memorySuspicion(db: Queryable, { taskId, fence }: Holder): Promise<AppError | null> {
  const rows = await rowsOf<{ found: number; memory_bytes: number }>(
    db
      .knex('attempt')
      .join('worker', 'worker.id', 'attempt.worker_id')
      .where({ 'attempt.task_id': taskId, 'attempt.fence': fence })
      .select('attempt.memory_bytes_max as found', 'worker.memory_bytes'),
  );
  const row = rows[0];
  if (row === undefined || row.found <= row.memory_bytes * MEMORY_SUSPICION) return null;
  const [found, limit] = [row.found, row.memory_bytes].map((bytes) => Math.ceil(bytes / 1024 ** 2));
  return new AppError(
    'TASK_MEMORY',
    `the worker fell silent with ${found ?? 0} MiB of its ${limit ?? 0} MiB in use: it was most likely killed for memory; ` +
      'raise worker.memoryBytes (and the container’s memory with it), or use fewer rows or columns',
    { details: { foundBytes: row.found, limitBytes: row.memory_bytes } },
  );
}

async function retryOrGiveUp(
  trx: Transaction,
  task: Task,
  end: AttemptEnd & { readonly blame: Blame },
  policy: RetryPolicy,
): Promise<Transition> {
  const decision = decideFailure(
    end.blame,
    {
      taskId: task.id,
      fence: task.fence,
      charged: task.charged,
      losses: task.losses,
      memoryFailures: end.blame === 'memory' ? await countBlamed(trx, task.id, 'memory') : 0,
      isSuspected: end.ending === 'expired',
    },
    policy,
  );
  const counts = { charged: decision.charged, losses: decision.losses };
  if (decision.state === 'FAILED') {
    const last = end.problem ?? new AppError('INTERNAL', 'the attempt ended without a word');
    // What somebody can act on (a full disk) keeps its code; only what nobody can explain is a poisoned task.
    const code = last.kind === 'bug' ? 'TASK_POISONED' : last.code;
    const problem = decision.poisoned
      ? new AppError(code, `the task failed ${decision.charged} times; the last time: ${last.message}`, {
          cause: last,
          details: { lastCode: last.code },
        })
      : last;
    return endTask(trx, task, 'FAILED', { ...end, problem }, counts);
  }
  if (decision.delayMs === 0) trx.signal('task-ready', task.id);
  const larger = end.blame === 'memory' ? { memoryBytes: await moreMemory(trx, task) } : {};
  return returnTask(trx, task, end, { ...counts, ...larger, notBefore: now(trx, decision.delayMs) });
}

/** What the next worker of a task that lacked memory should have, beside the limit of the last one. */
const MEMORY_GROWTH = 1.5;

async function moreMemory(db: Queryable, { workerId, memoryBytes }: Task): Promise<number> {
  const rows = await rowsOf<{ memory_bytes: number }>(
    db
      .knex('worker')
      .where({ id: workerId ?? '' })
      .select('memory_bytes'),
  );
  return Math.ceil(MEMORY_GROWTH * Math.max(memoryBytes ?? 0, rows[0]?.memory_bytes ?? 0));
}

async function countBlamed(db: Queryable, taskId: string, blame: Blame): Promise<number> {
  const rows = await rowsOf<{ n: number }>(db.knex('attempt').where({ task_id: taskId, blame }).count({ n: '*' }));
  return rows[0]?.n ?? 0;
}
