import {
  doomJobs,
  holdTasks,
  isFinalTaskState,
  lockTask,
  releaseTasks,
  setTaskPriority,
  tasksOfJob,
  type Database,
  type Transaction,
} from '#store';
import type { AppServer } from './app-server.ts';
import type { Random } from './random.ts';
import type { PlannedTask } from './workload.ts';

/** What users and operators can reach. */
export interface Meddling {
  /** Does something on an app server; nobody learns when that fails or dies. */
  readonly onServer: (work: (database: Database, server: AppServer) => Promise<void>) => void;
  readonly tasks: () => readonly PlannedTask[];
  readonly later: (ms: number, act: () => void) => void;
  readonly onCancelled: (taskIds: readonly string[]) => void;
}

/** How long a job is paused. */
const PAUSE_MS_MEAN = 20_000;

/** Does one thing that users or operators do; returns its name. */
export function meddle(random: Random, meddling: Meddling): string {
  const tasks = meddling.tasks();
  if (tasks.length === 0) return 'none';
  const task = random.pick(tasks);
  switch (random.below(10)) {
    case 0:
      cancelTask(task, meddling);
      return 'user-cancels-task';
    case 1:
      cancelJob(task, meddling);
      return 'user-cancels-job';
    case 2:
    case 3:
    case 4:
      meddling.onServer(async (database) => {
        await setTaskPriority(database, task.id, random.below(10));
      });
      return 'user-changes-priority';
    case 5:
    case 6:
      meddling.onServer(async ({ knex }) => {
        const workers: { id: string }[] = await knex('worker')
          .where({ draining: 0 })
          .orderBy('registered_at', 'desc')
          .limit(6)
          .select('id');
        if (workers.length > 0)
          await knex('worker')
            .where({ id: random.pick(workers).id })
            .update({ draining: 1 });
      });
      return 'operator-drains-worker';
    case 7:
      deleteResults(task, meddling);
      return 'user-deletes-results';
    default:
      pauseJob(task, random, meddling);
      return 'user-pauses-job';
  }
}

function cancelTask({ id }: PlannedTask, { onServer, onCancelled }: Meddling): void {
  onServer(async (database, { queue }) => {
    const isCancelled = await database.transaction(async (trx) => {
      await queue.cancelTask(trx, id);
      const task = await lockTask(trx, id);
      return task !== null && (task.cancelAsked || task.state === 'CANCELLED');
    });
    if (isCancelled) onCancelled([id]);
  });
}

function cancelJob({ jobId }: PlannedTask, meddling: Meddling, also?: (trx: Transaction) => Promise<void>): void {
  meddling.onServer(async (database, { queue }) => {
    const cancelled = await database.transaction(async (trx) => {
      await queue.cancelJob(trx, jobId);
      await also?.(trx);
      const tasks = await tasksOfJob(trx, jobId);
      return tasks.filter(({ state }) => !isFinalTaskState(state) || state === 'CANCELLED').map(({ id }) => id);
    });
    meddling.onCancelled(cancelled);
  });
}

/** As the deletion of a batch prediction: the job ends, its folders are doomed in the same transaction. */
function deleteResults(task: PlannedTask, meddling: Meddling): void {
  cancelJob(task, meddling, (trx) => doomJobs(trx, { jobId: task.jobId }));
}

/** Puts a job's tasks aside and takes them back later, again until that was acknowledged. */
function pauseJob({ jobId }: PlannedTask, random: Random, { onServer, later }: Meddling): void {
  onServer(async (database) => {
    await database.transaction((trx) => holdTasks(trx, jobId));
  });
  const release = (): void => {
    let isReleased = false;
    onServer(async (database) => {
      await database.transaction((trx) => releaseTasks(trx, jobId));
      isReleased = true;
    });
    later(PAUSE_MS_MEAN, () => {
      if (!isReleased) release();
    });
  };
  later(random.exponential(PAUSE_MS_MEAN), release);
}
