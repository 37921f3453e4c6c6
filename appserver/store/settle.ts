import { AppError } from '#contracts';
import type { Transaction } from './database.ts';
import { finishJob, lockJob } from './jobs.ts';
import type { Task } from './tasks.ts';
import { rowsOf } from './records.ts';

/**
 * Ends the job of a task that has just ended, if that ends it: a job that ends with its task, or one that is being
 * cancelled and has no other task left. Its follow-up runs before, so that it may end the job its own way.
 */
export async function settleJob(
  trx: Transaction,
  task: Pick<Task, 'id' | 'jobId'>,
  state: 'SUCCEEDED' | 'FAILED' | 'CANCELLED',
  problem: AppError | null,
): Promise<void> {
  const job = await lockJob(trx, task.jobId);
  if (job === null || job.finishedAt !== null) return;
  if (job.taskId === task.id) {
    if (state === 'SUCCEEDED') await finishJob(trx, job.id, { state: 'succeeded' });
    else if (state === 'CANCELLED') await finishJob(trx, job.id, { state: 'cancelled' });
    else {
      const error = problem ?? new AppError('INTERNAL', 'the task failed without a reason');
      await finishJob(trx, job.id, { state: 'failed', error });
    }
    return;
  }
  if (job.cancelAsked) await finishCancelledJob(trx, job.id);
}

/** Ends a job as cancelled once none of its tasks is left; false when some are. */
export async function finishCancelledJob(trx: Transaction, jobId: string): Promise<boolean> {
  const open = await rowsOf<unknown>(
    trx.knex('task').where({ job_id: jobId }).whereNull('finished_at').limit(1).select('id'),
  );
  if (open.length > 0) return false;
  return finishJob(trx, jobId, { state: 'cancelled' });
}
