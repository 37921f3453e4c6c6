import { createHash } from 'node:crypto';
import type { Checkpoint, TaskProgress, TaskState } from '#contracts';
import type { Holder } from './attempt-ends.ts';
import type { Transaction } from './database.ts';
import { now, rawRows, type Queryable } from './dialect.ts';
import { refusal } from './lease-refusal.ts';
import { formGroup } from './groups.ts';
import { lockJob, startJob } from './jobs.ts';
import { appendToldLines, type ToldLines } from './task-log.ts';
import { fromJsonOrNull, rowOf, rowsOf, toJson } from './records.ts';
import { DRAIN_REASON } from './workers.ts';

/** SQL list of the states in which a worker holds a task. */
export const HELD_SQL = `('LEASED', 'RUNNING', 'COMMITTING')`;

/** Who was given a task under a fence, current or not. */
export interface LeaseIdentity {
  readonly workerId: string;
  /** SHA-256 of the lease's token. */
  readonly tokenHash: string;
  /** Folder of the attempt. */
  readonly attemptPath: string;
  /** What the worker speaks; 1 when it is not known any more. */
  readonly protocolVersion: number;
}

/** Null when the task was never claimed under this fence. */
export async function findLease(
  db: Queryable,
  { taskId, fence }: { readonly taskId: string; readonly fence: number },
): Promise<LeaseIdentity | null> {
  const rows = await rowsOf<{ worker_id: string; token_hash: string; path: string; protocol_version: number | null }>(
    db
      .knex('attempt')
      .leftJoin('worker', 'worker.id', 'attempt.worker_id')
      .where({ 'attempt.task_id': taskId, 'attempt.fence': fence })
      .select('attempt.worker_id', 'attempt.token_hash', 'attempt.path', 'worker.protocol_version'),
  );
  const row = rows[0];
  if (row === undefined) return null;
  return {
    workerId: row.worker_id,
    tokenHash: row.token_hash,
    attemptPath: row.path,
    protocolVersion: row.protocol_version ?? 1,
  };
}

/** What a worker says of a task that it holds. */
export interface Beat extends ToldLines {
  readonly taskId: string;
  readonly fence: number;
  readonly leaseMs: number;
  readonly progress: TaskProgress | null;
  readonly memoryBytes: number;
}

/** `cancel-asked`: the lease was not renewed; the caller ends the task. `cancelled`: that has happened before. */
export type BeatOutcome =
  | {
      readonly kind: 'continue';
      readonly draining: boolean;
      /** Other members of the group are missing: say `start` again before working. */
      readonly waiting: boolean;
      readonly remainingMs: number | null;
    }
  | { readonly kind: 'cancel-asked' }
  | { readonly kind: 'cancelled' };

/** The worker begins: LEASED becomes RUNNING, the job runs. A repeat is a beat. @throws TASK_FENCED, TASK_CANCELLED */
export async function startTask(trx: Transaction, beat: Beat): Promise<BeatOutcome> {
  const row = await rowOf<{ job_id: string; group_id: string | null }>(
    trx.knex('task').where({ id: beat.taskId }).select('job_id', 'group_id'),
  );
  // The job's row before the task's, as everywhere.
  if (row !== undefined && !(await mayBegin(trx, beat, row.job_id, row.group_id))) return renewAndNote(trx, beat, '');
  if (row !== undefined) await startJob(trx, row.job_id);
  return renewAndNote(
    trx,
    beat,
    `state = case when state = 'LEASED' then 'RUNNING' else state end,
    started_at = coalesce(started_at, ${trx.dialect.now}),`,
  );
}

/** A member of a group begins when all members are held, which is so only if its holder is the one that asks. */
async function mayBegin(trx: Transaction, holder: Beat, jobId: string, groupId: string | null): Promise<boolean> {
  if (groupId === null) return true;
  await lockJob(trx, jobId);
  const held = await rowOf(
    trx.knex('task').where({ id: holder.taskId, fence: holder.fence }).whereRaw(`state in ${HELD_SQL}`),
  );
  return held === undefined || formGroup(trx, groupId);
}

/** Prolongs the lease and takes the progress down. @throws TASK_FENCED, TASK_CANCELLED */
export async function beatTask(trx: Transaction, beat: Beat): Promise<BeatOutcome> {
  return renewAndNote(trx, beat, '');
}

/**
 * A worker that could not reach the server comes back: granted while nobody else has claimed the task since, even when
 * its lease had expired. The attempt then goes on as if nothing had happened, also in a pause, which leaves those alone
 * that work. A member of a group that had expired does not come back: the others were given back with it.
 *
 * @throws TASK_FENCED, TASK_CANCELLED
 */
export async function resumeTask(trx: Transaction, beat: Beat): Promise<BeatOutcome> {
  const reopened = await rawRows(
    trx,
    `update task set state = 'RUNNING', held = 0, losses = losses - 1, lease_until = ${trx.dialect.now}, not_before = created_at,
       worker_id = (select worker_id from attempt where attempt.task_id = task.id and attempt.fence = task.fence)
     where id = ? and fence = ? and state in ('READY', 'WAITING') and group_id is null and exists (
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

/**
 * Keeps how far a task is, unless it is farther already; prolongs the lease as a beat does. The caller has compared the
 * object with what its worker says of it. @throws TASK_FENCED, TASK_CANCELLED
 */
export async function checkpointTask(
  trx: Transaction,
  holder: { readonly taskId: string; readonly fence: number; readonly leaseMs: number },
  checkpoint: Checkpoint,
): Promise<BeatOutcome> {
  const { taskId, fence } = holder;
  const outcome = await renew(trx, { ...holder, progress: null }, '');
  if (outcome.kind !== 'continue') return outcome;
  // The row is locked: the lease was just renewed.
  const row = await rowOf<{ checkpoint: string | null; group_id: string | null }>(
    trx.knex('task').where({ id: taskId }).select('checkpoint', 'group_id'),
  );
  const earlier = fromJsonOrNull<Checkpoint>(row?.checkpoint ?? null);
  if (earlier === null || earlier.position < checkpoint.position) {
    await trx
      .knex('task')
      .where({ id: taskId, fence })
      .update({ checkpoint: toJson(checkpoint) });
    // A group that got on waits no longer than the first time when it is given back.
    if (row?.group_id !== undefined && row.group_id !== null)
      await trx.knex('task_group').where({ id: row.group_id }).update({ dissolved: 0 });
  }
  return outcome;
}

async function renew(
  trx: Transaction,
  { taskId, fence, leaseMs, progress }: Pick<Beat, 'taskId' | 'fence' | 'leaseMs' | 'progress'>,
  assignments: string,
): Promise<BeatOutcome> {
  const rows = await rawRows<{ remaining_ms: number | null; draining: number | null; waiting: number }>(
    trx,
    `update task set ${assignments} lease_until = ${trx.dialect.now} + ?, progress = coalesce(?, progress)
     where id = ? and fence = ? and state in ${HELD_SQL} and cancel_asked = 0
     returning deadline_at - ${trx.dialect.now} as remaining_ms,
       case when state = 'LEASED' and group_id is not null then 1 else 0 end as waiting,
       (select case when ${DRAIN_REASON} is null then 0 else 1 end from worker
        where worker.id = task.worker_id) as draining`,
    [leaseMs, progress === null ? null : JSON.stringify(progress), taskId, fence],
  );
  const row = rows[0];
  if (row === undefined) return whyNot(trx, taskId, fence);
  const { draining, waiting, remaining_ms: remainingMs } = row;
  return { kind: 'continue', draining: draining === 1, waiting: waiting === 1, remainingMs };
}

async function renewAndNote(trx: Transaction, beat: Beat, assignments: string): Promise<BeatOutcome> {
  const outcome = await renew(trx, beat, assignments);
  if (outcome.kind === 'continue') await noteBeat(trx, beat);
  return outcome;
}

/** Keeps the attempt's high-water mark and its log; a repeat of the same beat adds no lines twice. */
async function noteBeat(trx: Transaction, beat: Beat): Promise<void> {
  const { taskId, fence, progress, memoryBytes, log, logFrom } = beat;
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
  if (rows.length === 1 || logFrom !== undefined) await appendToldLines(trx, beat, beat);
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

/**
 * Held tasks whose lease is over, the longest expired first: those that were sealed, or those that were not. Each kind is
 * looked for on its own, so that many of one do not keep the other waiting.
 */
export async function expiredLeases(db: Queryable, kind: 'sealed' | 'unsealed', limit: number): Promise<Holder[]> {
  if (limit <= 0) return [];
  const rows = await rawRows<{ id: string; fence: number }>(
    db,
    `select id, fence from task where state in ${HELD_SQL} and state ${kind === 'sealed' ? '=' : '<>'} 'COMMITTING'
       and lease_until < ${db.dialect.now} order by lease_until limit ?`,
    [limit],
  );
  return rows.map(({ id, fence }) => ({ taskId: id, fence }));
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
