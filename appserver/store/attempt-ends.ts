import type { Knex } from 'knex';
import { AppError, type Blame, type TaskState } from '#contracts';
import type { Transaction } from './database.ts';
import { releaseDependents } from './dependencies.ts';
import { now } from './dialect.ts';
import { refusal } from './lease-refusal.ts';
import { appendEvent } from './outbox.ts';
import { problemText } from './problems.ts';
import { rowsOf } from './records.ts';
import { isHeld, type Task } from './tasks.ts';

/** Which attempt speaks. */
export interface Holder {
  readonly taskId: string;
  readonly fence: number;
}

/** How an attempt ended; `group`: other members of its group were missing or have failed. */
export type AttemptEnding = 'committed' | 'failed' | 'expired' | 'cancelled' | 'deadline' | 'group';

/**
 * What a transition did. `repeat`: it had been done before, and this is its state then. Otherwise `task` is the task
 * as it was, and the caller runs what follows from the new state in the same transaction.
 */
export type Transition =
  | { readonly repeat: true; readonly state: TaskState }
  | { readonly repeat: false; readonly state: TaskState; readonly task: Task; readonly problem: AppError | null };

/** What is written down of an attempt's end. */
export interface AttemptEnd {
  readonly ending: AttemptEnding;
  readonly blame?: Blame;
  readonly problem?: AppError;
}

/** A statement of an attempt that has ended: the same answer as when it ended, or why it is refused. */
export async function repeated(trx: Transaction, task: Task | null, holder: Holder): Promise<Transition> {
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

/**
 * Back to the queue: nobody holds the task any more, and it is not given out before `notBefore`. While its run is paused
 * it stands aside like the others (`holdTasks`); its worker is told READY either way.
 */
export async function returnTask(
  trx: Transaction,
  task: Task,
  end: AttemptEnd,
  {
    notBefore,
    memoryBytes,
    ...counts
  }: {
    readonly notBefore: Knex.Raw | number;
    readonly charged?: number;
    readonly losses?: number;
    /** Of the next worker; @default as before */
    readonly memoryBytes?: number;
  },
): Promise<Transition> {
  await changeTask(trx, task, {
    ...counts,
    ...(memoryBytes === undefined ? {} : { memory_bytes: memoryBytes }),
    ...((await isPaused(trx, task.jobId)) ? { state: 'WAITING', held: 1 } : { state: 'READY' }),
    worker_id: null,
    lease_until: null,
    progress: null,
    not_before: notBefore,
    ...(end.problem === undefined ? {} : { problem: problemText(end.problem) }),
  });
  await endAttempt(trx, task, 'READY', end);
  return { repeat: false, state: 'READY', task, problem: end.problem ?? null };
}

/** Whether a run of the job, which is locked, is paused. */
async function isPaused(trx: Transaction, jobId: string): Promise<boolean> {
  const paused = trx.knex('autopilot_runs').where({ job_id: jobId, state: 'paused' });
  return (await rowsOf<unknown>(paused.limit(1).select('id'))).length > 0;
}

/** A final state: the row, the attempt and the event. */
export async function endTask(
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
    checkpoint: null,
    finished_at: now(trx),
    ...(end.problem === undefined ? {} : { problem: problemText(end.problem) }),
  });
  await endAttempt(trx, task, state, end);
  if (state === 'SUCCEEDED') await releaseDependents(trx, task.id);
  await appendEvent(trx, {
    eventId: `${task.id}:${state}`,
    topic: `task.${state.toLowerCase()}`,
    key: task.id,
    body: { taskId: task.id, jobId: task.jobId, projectId: task.projectId, kind: task.kind, fence: task.fence },
  });
  return { repeat: false, state, task, problem: end.problem ?? null };
}

/** Changes the task that `lockTask` read: the fence and the state must still be what they were. */
export async function changeTask(
  trx: Transaction,
  task: Task,
  values: Readonly<Record<string, unknown>>,
): Promise<void> {
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
