import { createHash } from 'node:crypto';
import {
  AppError,
  fromProblem,
  type Blame,
  type Problem,
  type SealedFile,
  type TaskOutcome,
  type TaskState,
} from '#contracts';
import type { Transaction } from './database.ts';
import { now, rawRows, readClock, type Queryable } from './dialect.ts';
import { decideFailure, type RetryPolicy } from './failure-policy.ts';
import { refusal } from './leases.ts';
import { appendEvent } from './outbox.ts';
import { problemText } from './problems.ts';
import { appendTaskLog } from './task-log.ts';
import { isFinalTaskState, isHeld, lockTask, type Task } from './tasks.ts';
import { rowsOf } from './records.ts';

/** Which attempt speaks. */
export interface Holder {
  readonly taskId: string;
  readonly fence: number;
}

/** How an attempt ended. */
export type AttemptEnding = 'committed' | 'failed' | 'expired' | 'cancelled' | 'deadline';

/**
 * What a transition did. `repeat`: it had been done before, and this is its state then. Otherwise `task` is the task
 * as it was, and the caller runs what follows from the new state in the same transaction.
 */
export type Transition =
  | { readonly repeat: true; readonly state: TaskState }
  | { readonly repeat: false; readonly state: TaskState; readonly task: Task; readonly problem: AppError | null };

interface AttemptEnd {
  readonly ending: AttemptEnding;
  readonly blame?: Blame;
  readonly problem?: AppError;
}

/** What an attempt left behind when it sealed. */
export interface Seal {
  readonly fence: number;
  readonly attemptPath: string;
  readonly files: readonly SealedFile[];
  readonly outcome: TaskOutcome;
}

/**
 * Takes down what an attempt made; the task is COMMITTING from then on and will not be computed again unless the
 * verification fails. A repeat with the same content changes nothing.
 *
 * @throws TASK_FENCED, TASK_CANCELLED; CONFLICT when the same attempt sealed something else before
 */
export async function sealTask(
  trx: Transaction,
  holder: Holder,
  sealed: { readonly files: readonly SealedFile[]; readonly outcome: TaskOutcome },
  { leaseMs, log }: { readonly leaseMs: number; readonly log: readonly string[] },
): Promise<Transition> {
  const files = JSON.stringify(sealed.files);
  const outcome = JSON.stringify(sealed.outcome);
  const digest = createHash('sha256').update(files).update('\n').update(outcome).digest('hex');
  const task = await lockTask(trx, holder.taskId);
  const earlier = await sealDigest(trx, holder);
  if (earlier !== null) {
    if (earlier === digest) return repeated(trx, task, holder);
    throw new AppError('CONFLICT', `task ${holder.taskId}: fence ${holder.fence} sealed another result before`);
  }
  if (task?.fence !== holder.fence || !isHeld(task.state)) return repeated(trx, task, holder);
  if (task.cancelAsked) return endTask(trx, task, 'CANCELLED', { ending: 'cancelled' });
  await trx.knex('task_seal').insert({
    task_id: holder.taskId,
    fence: holder.fence,
    files,
    outcome,
    digest,
    sealed_at: now(trx),
  });
  await changeTask(trx, task, { state: 'COMMITTING', lease_until: now(trx, leaseMs) });
  await appendTaskLog(trx, task.id, task.fence, log);
  return { repeat: false, state: 'COMMITTING', task, problem: null };
}

async function sealDigest(db: Queryable, { taskId, fence }: Holder): Promise<string | null> {
  const rows = await rowsOf<{ digest: string }>(
    db.knex('task_seal').where({ task_id: taskId, fence }).select('digest'),
  );
  return rows[0]?.digest ?? null;
}

/** What an attempt sealed; null when it has not. */
export async function getSeal(db: Queryable, { taskId, fence }: Holder): Promise<Seal | null> {
  const rows = await rowsOf<{
    files: string;
    outcome: string;
    path: string;
  }>(
    db
      .knex('task_seal')
      .join('attempt', (on) => on.on('attempt.task_id', 'task_seal.task_id').on('attempt.fence', 'task_seal.fence'))
      .where({ 'task_seal.task_id': taskId, 'task_seal.fence': fence })
      .select('task_seal.files', 'task_seal.outcome', 'attempt.path'),
  );
  const row = rows[0];
  if (row === undefined) return null;
  return {
    fence,
    attemptPath: row.path,
    files: JSON.parse(row.files) as SealedFile[], // written by sealTask from a checked request
    outcome: JSON.parse(row.outcome) as TaskOutcome, // likewise
  };
}

/** Deletes what attempts of ended tasks sealed without being their result; returns how many. */
export async function dropUnusedSeals(db: Queryable, limit: number): Promise<number> {
  const rows = await rawRows(
    db,
    `delete from task_seal where (task_id, fence) in (
       select seal.task_id, seal.fence from task_seal seal
       join task on task.id = seal.task_id and task.finished_at is not null
       left join result on result.task_id = seal.task_id and result.fence = seal.fence
       where result.task_id is null limit ?)
     returning task_id`,
    [limit],
  );
  return rows.length;
}

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
export interface Failure {
  readonly blame: Blame;
  readonly problem: Problem;
  /** Last lines of the task's log. */
  readonly log: readonly string[];
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
  await appendTaskLog(trx, task.id, task.fence, failure.log);
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
  return retryOrGiveUp(trx, task, { ending: 'expired', blame: 'unknown' }, policy);
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
  await changeTask(trx, task, {
    ...counts,
    state: 'READY',
    worker_id: null,
    lease_until: null,
    progress: null,
    not_before: now(trx, decision.delayMs),
    ...(end.problem === undefined ? {} : { problem: problemText(end.problem) }),
  });
  await endAttempt(trx, task, 'READY', end);
  if (decision.delayMs === 0) trx.signal('task-ready', task.id);
  return { repeat: false, state: 'READY', task, problem: end.problem ?? null };
}

async function countBlamed(db: Queryable, taskId: string, blame: Blame): Promise<number> {
  const rows = await rowsOf<{ n: number }>(db.knex('attempt').where({ task_id: taskId, blame }).count({ n: '*' }));
  return rows[0]?.n ?? 0;
}

/**
 * Cancels a task: at once when nobody holds it, else (`asked`) at its holder's next word or its lease's end; it will
 * not succeed any more. `null`: it had ended before.
 */
export async function cancelTask(trx: Transaction, taskId: string): Promise<Transition | 'asked' | null> {
  const task = await lockTask(trx, taskId);
  if (task === null || isFinalTaskState(task.state)) return null;
  if (!isHeld(task.state)) return endTask(trx, task, 'CANCELLED', { ending: 'cancelled' });
  await trx.knex('task').where({ id: taskId }).update({ cancel_asked: 1 });
  return 'asked';
}

/** The holder of a task whose cancellation was asked for has spoken. No effect (null) when that is not so. */
export async function cancelHeldTask(trx: Transaction, holder: Holder): Promise<Transition | null> {
  const task = await lockTask(trx, holder.taskId);
  if (task?.fence !== holder.fence || !isHeld(task.state) || !task.cancelAsked) return null;
  return endTask(trx, task, 'CANCELLED', { ending: 'cancelled' });
}

/** Tasks that nobody sealed by their deadline; of those held, only such as had `graceMs` more. */
export async function overdueTasks(db: Queryable, graceMs: number, limit: number): Promise<string[]> {
  return await rowsOf<string>(
    db
      .knex('task')
      .whereNotNull('deadline_at')
      .whereNull('finished_at')
      .where((either) => {
        void either
          .where((free) => void free.whereIn('state', ['READY', 'WAITING']).where('deadline_at', '<=', now(db)))
          .orWhere((held) => {
            void held.whereIn('state', ['LEASED', 'RUNNING']).where('deadline_at', '<=', now(db, -graceMs));
          });
      })
      .orderBy('deadline_at')
      .limit(limit)
      .pluck('id'),
  );
}

/** Gives a task up whose deadline has passed. No effect (null) when it has sealed or ended meanwhile. */
export async function giveUpOverdue(trx: Transaction, taskId: string, graceMs: number): Promise<Transition | null> {
  const task = await lockTask(trx, taskId);
  if (task === null || isFinalTaskState(task.state) || task.state === 'COMMITTING') return null;
  const grace = isHeld(task.state) ? graceMs : 0;
  if (task.deadlineAt === null || task.deadlineAt + grace > (await readClock(trx))) return null;
  const problem = new AppError('TASK_DEADLINE', `task ${taskId} had no result by its deadline`);
  return endTask(trx, task, 'FAILED', { ending: 'deadline', problem });
}

/** A statement of an attempt that has ended: the same answer as when it ended, or why it is refused. */
async function repeated(trx: Transaction, task: Task | null, holder: Holder): Promise<Transition> {
  const rows = await rowsOf<{ ending: AttemptEnding | null; end_state: TaskState | null }>(
    trx.knex('attempt').where({ task_id: holder.taskId, fence: holder.fence }).select('ending', 'end_state'),
  );
  const attempt = rows[0];
  if (attempt?.end_state !== undefined && attempt.end_state !== null) {
    if (attempt.ending === 'committed' || attempt.ending === 'failed')
      return { repeat: true, state: attempt.end_state };
    if (attempt.ending === 'cancelled') return { repeat: true, state: 'CANCELLED' };
  }
  if (task?.fence === holder.fence && task.state === 'COMMITTING') return { repeat: true, state: 'COMMITTING' };
  if (task?.fence === holder.fence && isHeld(task.state)) {
    throw new AppError('CONFLICT', `task ${task.id}: nothing was sealed under fence ${task.fence}`);
  }
  throw await refusal(trx, holder.taskId, holder.fence);
}

/** A final state: the row, the attempt and the event. */
async function endTask(
  trx: Transaction,
  task: Task,
  state: 'SUCCEEDED' | 'FAILED' | 'CANCELLED',
  end: AttemptEnd,
  counts: { readonly charged?: number; readonly losses?: number } = {},
): Promise<Transition> {
  await changeTask(trx, task, {
    ...counts,
    state,
    lease_until: null,
    finished_at: now(trx),
    ...(end.problem === undefined ? {} : { problem: problemText(end.problem) }),
  });
  await endAttempt(trx, task, state, end);
  await appendEvent(trx, {
    eventId: `${task.id}:${state}`,
    topic: `task.${state.toLowerCase()}`,
    key: task.id,
    body: { taskId: task.id, jobId: task.jobId, projectId: task.projectId, kind: task.kind, fence: task.fence },
  });
  return { repeat: false, state, task, problem: end.problem ?? null };
}

/** Changes the task that `lockTask` read: the fence and the state must still be what they were. */
async function changeTask(trx: Transaction, task: Task, values: Readonly<Record<string, unknown>>): Promise<void> {
  const changed = await trx.knex('task').where({ id: task.id, fence: task.fence, state: task.state }).update(values);
  if (changed !== 1) throw new AppError('INTERNAL', `task ${task.id} changed although it was locked`);
}

async function endAttempt(trx: Transaction, task: Task, state: TaskState, end: AttemptEnd): Promise<void> {
  if (!isHeld(task.state)) return;
  const changed = await trx
    .knex('attempt')
    .where({ task_id: task.id, fence: task.fence })
    .whereNull('ended_at')
    .update({
      ended_at: now(trx),
      ending: end.ending,
      end_state: state,
      blame: end.blame ?? null,
      problem: end.problem === undefined ? null : problemText(end.problem),
    });
  if (changed !== 1) throw new AppError('INTERNAL', `task ${task.id}: its attempt ${task.fence} is not open`);
}
