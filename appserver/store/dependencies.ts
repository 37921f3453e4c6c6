import { AppError, type TaskState } from '#contracts';
import type { Transaction } from './database.ts';
import { rawRows, type Queryable } from './dialect.ts';
import { rowsOf } from './records.ts';

/** Tasks that one task may depend on. */
export const DEPENDENCIES_MAX = 1_000;

/** SQL of whether all that a row of `task` depends on has succeeded. */
export const NOTHING_OPEN = `not exists (
  select 1 from task_dependency join task needed on needed.id = task_dependency.depends_on
  where task_dependency.task_id = task.id and needed.state <> 'SUCCEEDED')`;

/**
 * Whether a new task of a job has to wait for one of these.
 *
 * @throws DEPENDENCY_FAILED when one of them has ended without success; INTERNAL for tasks of another job
 */
export async function mustWaitFor(trx: Transaction, jobId: string, taskIds: readonly string[]): Promise<boolean> {
  if (taskIds.length === 0) return false;
  if (taskIds.length > DEPENDENCIES_MAX) {
    throw new AppError('INTERNAL', `a task may depend on ${DEPENDENCIES_MAX} others, not on ${taskIds.length}`);
  }
  const found = await rowsOf<{ id: string; state: TaskState }>(
    trx
      .knex('task')
      .where({ job_id: jobId })
      .whereIn('id', [...taskIds])
      .select('id', 'state'),
  );
  if (found.length !== new Set(taskIds).size) throw new AppError('INTERNAL', 'a task depends on tasks of its job only');
  const ended = found.find(({ state }) => state === 'FAILED' || state === 'CANCELLED');
  if (ended !== undefined) throw dependencyFailed(ended.id, ended.state);
  return found.some(({ state }) => state !== 'SUCCEEDED');
}

/** Takes down what a new task depends on. */
export async function addDependencies(trx: Transaction, taskId: string, taskIds: readonly string[]): Promise<void> {
  for (const dependsOn of new Set(taskIds)) {
    await trx.knex('task_dependency').insert({ task_id: taskId, depends_on: dependsOn });
  }
}

/** Tasks that waited for this one, which has just succeeded, and now for none, become READY unless they are put aside. */
export async function releaseDependents(trx: Transaction, taskId: string): Promise<void> {
  const released = await rawRows<{ id: string }>(
    trx,
    `update task set state = 'READY' where state = 'WAITING' and held = 0 and ${NOTHING_OPEN}
       and id in (select task_id from task_dependency where depends_on = ?) returning id`,
    [taskId],
  );
  for (const { id } of released) trx.signal('task-ready', id);
}

/** Tasks that depend on this one directly and have not ended, in order of creation. */
export async function openDependents(db: Queryable, taskId: string): Promise<string[]> {
  return rowsOf<string>(
    db
      .knex('task')
      .join('task_dependency', 'task_dependency.task_id', 'task.id')
      .where('task_dependency.depends_on', taskId)
      .whereNull('task.finished_at')
      .orderBy('task.job_position')
      .pluck('task.id'),
  );
}

/** Why a task is given up that depends on one that has not succeeded. */
export const dependencyFailed = (taskId: string, state: TaskState): AppError =>
  new AppError('DEPENDENCY_FAILED', `task ${taskId}, which this one needs, is ${state}`, { details: { taskId } });
