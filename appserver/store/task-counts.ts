import type { TaskState } from '#contracts';
import type { Queryable } from './dialect.ts';
import { rowsOf } from './records.ts';

/** How many tasks that are not final are in each state; states without any are left out. */
export async function countTasksByState(db: Queryable): Promise<{ state: TaskState; count: number }[]> {
  return rowsOf<{ state: TaskState; count: number }>(
    db.knex('task').whereNull('finished_at').groupBy('state').orderBy('state').select('state').count({ count: '*' }),
  );
}
