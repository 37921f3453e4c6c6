import { createHash } from 'node:crypto';
import { AppError, type SealedFile, type TaskOutcome } from '#contracts';
import { changeTask, endTask, repeated, type Holder, type Transition } from './attempt-ends.ts';
import type { Transaction } from './database.ts';
import { now, type Queryable } from './dialect.ts';
import { noteSealedMember } from './groups.ts';
import { rowsOf } from './records.ts';
import { appendToldLines, type ToldLines } from './task-log.ts';
import { isHeld, lockTask } from './tasks.ts';

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
 * @throws TASK_FENCED, TASK_CANCELLED; CONFLICT when the same attempt sealed something else before, or was to wait for its
 *   group
 */
export async function sealTask(
  trx: Transaction,
  holder: Holder,
  sealed: { readonly files: readonly SealedFile[]; readonly outcome: TaskOutcome },
  { leaseMs, ...told }: { readonly leaseMs: number } & ToldLines,
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
  if (task.groupId !== null && task.state === 'LEASED') {
    throw new AppError('CONFLICT', `task ${task.id}: its group has not begun`);
  }
  await trx.knex('task_seal').insert({
    task_id: holder.taskId,
    fence: holder.fence,
    files,
    outcome,
    digest,
    sealed_at: now(trx),
  });
  await changeTask(trx, task, { state: 'COMMITTING', lease_until: now(trx, leaseMs) });
  if (task.groupId !== null) await noteSealedMember(trx, task.groupId);
  await appendToldLines(trx, holder, told);
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
