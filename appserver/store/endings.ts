import { AppError } from '#contracts';
import { endTask, type Holder, type Transition } from './attempt-ends.ts';
import type { Transaction } from './database.ts';
import { dependencyFailed, openDependents } from './dependencies.ts';
import { now, readClock, type Queryable } from './dialect.ts';
import { closeGroup, openMembers } from './groups.ts';
import { rowsOf } from './records.ts';
import { isFinalTaskState, isHeld, lockTask, type Task } from './tasks.ts';

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

/**
 * Ends what cannot go on because a task has just ended without success: tasks that depend on it, and the other members of
 * its group. One step: the caller runs what follows from each transition, which leads to the next.
 */
export async function endBereft(trx: Transaction, task: Task, state: 'FAILED' | 'CANCELLED'): Promise<Transition[]> {
  const dependents = await openDependents(trx, task.id);
  const members = await openMembers(trx, task);
  if (task.groupId !== null && members.length === 0) await closeGroup(trx, task.groupId);
  const transitions: Transition[] = [];
  for (const taskId of new Set([...dependents, ...members])) {
    const problem = dependents.includes(taskId) ? dependencyFailed(task.id, state) : groupFailed(task.id);
    const done = state === 'CANCELLED' ? await cancelTask(trx, taskId) : await giveUp(trx, taskId, problem);
    if (done !== null && done !== 'asked') transitions.push(done);
  }
  return transitions;
}

const groupFailed = (taskId: string): AppError =>
  new AppError('GROUP_FAILED', `task ${taskId} of the same group has failed`, { details: { taskId } });

/** Fails a task at once, whoever holds it (only members of groups are held); one that was to be cancelled is CANCELLED. */
async function giveUp(trx: Transaction, taskId: string, problem: AppError): Promise<Transition | null> {
  const task = await lockTask(trx, taskId);
  if (task === null || isFinalTaskState(task.state)) return null;
  if (task.cancelAsked) return endTask(trx, task, 'CANCELLED', { ending: 'cancelled' });
  return endTask(trx, task, 'FAILED', { ending: 'group', problem });
}
