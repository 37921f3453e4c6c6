import { createHash } from 'node:crypto';
import { AppError, type TaskProgress, type TaskState } from '#contracts';
import type { Transaction } from './database.ts';
import { now, rawRows, type Queryable } from './dialect.ts';
import { startJob } from './jobs.ts';
import { appendTaskLog } from './task-log.ts';
import { rowsOf } from './records.ts';

/** SQL list of the states in which a worker holds a task. */
export const HELD_SQL = `('LEASED', 'RUNNING', 'COMMITTING')`;

/** What a worker says of a task that it holds. */
export interface Beat {
  readonly taskId: string;
  readonly fence: number;
  readonly leaseMs: number;
  readonly progress: TaskProgress | null;
  readonly memoryBytes: number;
  readonly log: readonly string[];
}

/** `cancel-asked`: the lease was not renewed; the caller ends the task. `cancelled`: that has happened before. */
export type BeatOutcome =
  | { readonly kind: 'continue'; readonly draining: boolean; readonly remainingMs: number | null }
  | { readonly kind: 'cancel-asked' }
  | { readonly kind: 'cancelled' };

/** The worker begins: LEASED becomes RUNNING, the job runs. A repeat is a beat. @throws TASK_FENCED, TASK_CANCELLED */
export async function startTask(trx: Transaction, beat: Beat): Promise<BeatOutcome> {
  // The job's row before the task's, as everywhere.
  const rows = await rowsOf<{ job_id: string }>(trx.knex('task').where({ id: beat.taskId }).select('job_id'));
  if (rows[0] !== undefined) await startJob(trx, rows[0].job_id);
  return renew(
    trx,
    beat,
    `state = case when state = 'LEASED' then 'RUNNING' else state end,
    started_at = coalesce(started_at, ${trx.dialect.now}),`,
  );
}

/** Prolongs the lease and takes the progress down. @throws TASK_FENCED, TASK_CANCELLED */
export async function beatTask(trx: Transaction, beat: Beat): Promise<BeatOutcome> {
  return renew(trx, beat, '');
}

/**
 * A worker that could not reach the server comes back: granted while nobody else has claimed the task since, even when
 * its lease had expired. The attempt then goes on as if nothing had happened. @throws TASK_FENCED, TASK_CANCELLED
 */
export async function resumeTask(trx: Transaction, beat: Beat): Promise<BeatOutcome> {
  const reopened = await rawRows(
    trx,
    `update task set state = 'RUNNING', losses = losses - 1, lease_until = ${trx.dialect.now}, not_before = created_at
     where id = ? and fence = ? and state = 'READY' and exists (
       select 1 from attempt where attempt.task_id = task.id and attempt.fence = task.fence and ending = 'expired')
     returning worker_id`,
    [beat.taskId, beat.fence],
  );
  if (reopened.length === 1) {
    await trx
      .knex('attempt')
      .where({ task_id: beat.taskId, fence: beat.fence })
      .update({ ended_at: null, ending: null, end_state: null, blame: null });
  }
  return startTask(trx, beat);
}

async function renew(trx: Transaction, beat: Beat, assignments: string): Promise<BeatOutcome> {
  const { taskId, fence, leaseMs, progress } = beat;
  const rows = await rawRows<{ remaining_ms: number | null; draining: number | null }>(
    trx,
    `update task set ${assignments} lease_until = ${trx.dialect.now} + ?, progress = coalesce(?, progress)
     where id = ? and fence = ? and state in ${HELD_SQL} and cancel_asked = 0
     returning deadline_at - ${trx.dialect.now} as remaining_ms,
       (select draining from worker where worker.id = task.worker_id) as draining`,
    [leaseMs, progress === null ? null : JSON.stringify(progress), taskId, fence],
  );
  const row = rows[0];
  if (row === undefined) return whyNot(trx, taskId, fence);
  await noteBeat(trx, beat);
  return { kind: 'continue', draining: row.draining === 1, remainingMs: row.remaining_ms };
}

/** Keeps the attempt's high-water mark and its log; a repeat of the same beat adds no lines twice. */
async function noteBeat(trx: Transaction, { taskId, fence, progress, memoryBytes, log }: Beat): Promise<void> {
  const digest = createHash('sha256')
    .update(JSON.stringify([progress, memoryBytes, log]))
    .digest('hex');
  const rows = await rawRows(
    trx,
    `update attempt set beat_digest = ?, started_at = coalesce(started_at, ${trx.dialect.now}),
       memory_bytes_max = case when memory_bytes_max < ? then ? else memory_bytes_max end
     where task_id = ? and fence = ? and (beat_digest is null or beat_digest <> ?) returning fence`,
    [digest, memoryBytes, memoryBytes, taskId, fence, digest],
  );
  if (rows.length === 1) await appendTaskLog(trx, taskId, fence, log);
}

async function whyNot(trx: Transaction, taskId: string, fence: number): Promise<BeatOutcome> {
  const rows = await rowsOf<{
    state: TaskState;
    cancel_asked: number;
  }>(trx.knex('task').where({ id: taskId, fence }).select('state', 'cancel_asked'));
  if (rows[0]?.state === 'CANCELLED') return { kind: 'cancelled' };
  const held = rows[0] !== undefined && HELD_SQL.includes(`'${rows[0].state}'`);
  if (held && rows[0]?.cancel_asked === 1) return { kind: 'cancel-asked' };
  throw await refusal(trx, taskId, fence);
}

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

/** A held task whose lease is over. */
export interface ExpiredLease {
  readonly taskId: string;
  readonly fence: number;
  readonly state: TaskState;
}

/** Held tasks whose lease is over, the longest expired first. */
export async function expiredLeases(db: Queryable, limit: number): Promise<ExpiredLease[]> {
  const rows = await rawRows<{ id: string; fence: number; state: TaskState }>(
    db,
    `select id, fence, state from task where state in ${HELD_SQL} and lease_until < ${db.dialect.now}
     order by lease_until limit ?`,
    [limit],
  );
  return rows.map(({ id, fence, state }) => ({ taskId: id, fence, state }));
}

/** Gives every holder a whole lease from now: nobody could beat while no app server ran. Returns how many. */
export async function extendLeases(db: Queryable, leaseMs: number): Promise<number> {
  const rows = await rawRows(
    db,
    `update task set lease_until = ${db.dialect.now} + ? where state in ${HELD_SQL}
       and lease_until < ${db.dialect.now} + ? returning id`,
    [leaseMs, leaseMs],
  );
  return rows.length;
}

/** Prolongs the lease of a sealed task on its worker's behalf; false when it is not COMMITTING under this fence. */
export async function postponeLease(
  db: Queryable,
  { taskId, fence }: { readonly taskId: string; readonly fence: number },
  leaseMs: number,
): Promise<boolean> {
  const changed = await db
    .knex('task')
    .where({ id: taskId, fence, state: 'COMMITTING' })
    .update({ lease_until: now(db, leaseMs) });
  return changed === 1;
}
