import { claimable } from './claim-candidates.ts';
import { rawRows, type Queryable } from './dialect.ts';
import type { Holder } from './attempt-ends.ts';

/** How long a task waits before one that is to delay no other gives way to it: with a free worker it would have none of it. */
export const GIVE_WAY_AFTER_MS = 1_000;
/** A task that was lost so often keeps its worker: it would never end where others come all the time. */
const LOSSES_MAX = 5;

/** Where a task should give way, and when. */
export interface WayToGive {
  readonly pool: string;
  /** Of the database's clock, in milliseconds. */
  readonly nowMs: number;
}

/**
 * Says that a task that is to delay no other (of priority below 0) holds a worker while another one of its pool, of priority 0 or
 * above, waits; null where it need not give way, or is sealed already.
 */
export async function wayToGive(db: Queryable, { taskId, fence }: Holder): Promise<WayToGive | null> {
  const rows = await rawRows<{ pool: string; now_ms: number }>(
    db,
    `select holder.pool, ${db.dialect.now} as now_ms from task holder
     where holder.id = ? and holder.fence = ? and holder.state = 'RUNNING' and holder.priority < 0
       and holder.group_id is null and holder.losses < ? and exists (
         select 1 from task where task.pool = holder.pool and task.priority >= 0 and task.group_id is null
           and ${claimable(db.dialect)} and task.not_before <= ${db.dialect.now} - ?)`,
    [taskId, fence, LOSSES_MAX, GIVE_WAY_AFTER_MS],
  );
  const row = rows[0];
  return row === undefined ? null : { pool: row.pool, nowMs: row.now_ms };
}
