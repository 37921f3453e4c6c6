import { AppError, type TaskState } from '#contracts';
import type { Queryable } from './dialect.ts';
import { rowsOf } from './records.ts';

/** Why a statement of this fence changed nothing: TASK_CANCELLED when the task was ended from here, else TASK_FENCED. */
export async function refusal(db: Queryable, taskId: string, fence: number): Promise<AppError> {
  const rows = await rowsOf<{
    state: TaskState;
    fence: number;
  }>(db.knex('task').where({ id: taskId }).select('state', 'fence'));
  const row = rows[0];
  if (row === undefined) return new AppError('TASK_FENCED', `task ${taskId} does not exist`);
  if (row.fence === fence && row.state === 'CANCELLED') {
    return new AppError('TASK_CANCELLED', `task ${taskId} was cancelled`);
  }
  return new AppError(
    'TASK_FENCED',
    `task ${taskId}: fence ${fence} does not hold it; fence ${row.fence} is the newest, state ${row.state}`,
    { details: { state: row.state, fence: row.fence } },
  );
}
