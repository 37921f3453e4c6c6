import { AppError, isAppError, toAppError, toProblem, type SealedFile, type TaskState } from '#contracts';
import type { ObjectStore } from '#object-store';
import { failpoint, type Clock, type Config, type Logger } from '#runtime';
import {
  cancelHeldTask,
  cancelTask,
  commitTask,
  dissolveOverdueGroup,
  expiredLeases,
  expireTask,
  extendLeases,
  failTask,
  finishCancelledJob,
  getGroup,
  getJob,
  getSeal,
  getTask,
  giveUpOverdue,
  giveWayTask,
  isFinalJobState,
  lockJob,
  markJobCancelAsked,
  overdueGroups,
  overdueTasks,
  postponeLease,
  tasksOfJob,
  type Database,
  type Failure,
  type Holder,
  type RetryPolicy,
  type Seal,
  type StoredJob,
  type Task,
  type Transaction,
} from '#store';
import { sharedAccess, type AttemptAccess } from './attempt-access.ts';
import { FollowUps, type VerifiedResult } from './follow-ups.ts';
import { Refusals } from './refusals.ts';
import { verifyCheckpoint, verifyFiles } from './verify-files.ts';

export interface TaskQueueOptions {
  readonly database: Database;
  readonly objectStore: ObjectStore;
  readonly config: Config['queue'];
  readonly logger: Logger;
  /** @default {@link sharedAccess} */
  readonly access?: AttemptAccess;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** Expired leases and overdue tasks handled by one tick of a duty. */
const BATCH_MAX = 100;
/** Sealed results of vanished workers that one app server verifies at a time. */
const ABANDONED_MAX = 2;

/**
 * What ends tasks: results are verified and recorded, leases expire, users cancel, deadlines pass. Each end and all
 * that follows from it is one transaction.
 */
export class TaskQueue {
  readonly followUps: FollowUps;
  /** Statements of workers that were refused. */
  readonly refusals: Refusals;
  readonly policy: RetryPolicy;
  readonly access: AttemptAccess;
  readonly #options: TaskQueueOptions;
  /** Commits under way, by task and fence: whoever asks meanwhile shares the verification. */
  readonly #finishing = new Map<string, Promise<TaskState>>();
  readonly #abandoned = new Set<Promise<void>>();

  constructor(options: TaskQueueOptions) {
    this.#options = options;
    this.policy = options.config;
    this.access = options.access ?? sharedAccess;
    this.followUps = new FollowUps(this.policy);
    this.refusals = new Refusals(options);
  }

  /**
   * Verifies what was sealed and records it; the answer of a repeat is the first answer. A result that does not verify
   * is charged to the task.
   *
   * @throws TASK_FENCED, TASK_CANCELLED, CONFLICT when nothing was sealed; what the store or the database throw
   */
  commit(holder: Holder): Promise<TaskState> {
    const key = `${holder.taskId}:${holder.fence}`;
    let running = this.#finishing.get(key);
    if (running === undefined) {
      running = this.#finish(holder).finally(() => this.#finishing.delete(key));
      this.#finishing.set(key, running);
    }
    return running;
  }

  async #finish(holder: Holder): Promise<TaskState> {
    const { database } = this.#options;
    const task = await getTask(database, holder.taskId);
    const seal = await getSeal(database, holder);
    const isOpen = task?.fence === holder.fence && task.state === 'COMMITTING' && !task.cancelAsked;
    if (isOpen && !(await this.#mayCommit(task))) return 'COMMITTING';
    let verified: VerifiedResult | null = null;
    if (isOpen && seal !== null) {
      try {
        verified = await this.#verify(task, seal);
      } catch (err) {
        // What its user must mend is the same the next time.
        if (isAppError(err, 'HDFS_OUTPUT_EXISTS') || isAppError(err, 'HDFS_OUTPUT_REFUSED'))
          return this.#reject(holder, err, 'user');
        if (!isAppError(err, 'RESULT_MISMATCH') && !isAppError(err, 'ARTIFACT_INVALID')) throw err;
        return this.#reject(holder, err, 'task');
      }
    }
    await failpoint('queue.commit.beforeDatabase');
    const state = await database.transaction(async (trx) => {
      const manifest = seal?.files.find((file) => file.name === 'manifest.json');
      const transition = await commitTask(trx, holder, {
        attemptPath: seal?.attemptPath ?? '',
        manifestSha256: manifest?.sha256 ?? null,
      });
      await this.followUps.follow(trx, transition, verified);
      await failpoint('queue.commit.inDatabase');
      return transition.state;
    });
    await failpoint('queue.commit.afterDatabase');
    return state;
  }

  /** A member of a group is not recorded before all have sealed; once they have, that stays so. A part of a fit ends with its model. */
  async #mayCommit({ groupId, kind }: Task): Promise<boolean> {
    if (groupId === null) return true;
    if (kind === 'train-part') return false;
    return (await getGroup(this.#options.database, groupId))?.sealedAt !== null;
  }

  async #verify(task: Task, seal: Seal): Promise<VerifiedResult> {
    await failpoint('queue.commit.beforeVerify');
    await this.access.close(task, seal.attemptPath);
    await verifyFiles(this.#options.objectStore, seal.attemptPath, seal.files);
    const verified = await this.followUps.verify(task, seal, this.#options.objectStore);
    await failpoint('queue.commit.afterVerify');
    return verified;
  }

  /** Compares a checkpoint's object with its worker's word. @throws VALIDATION_FAILED; what the store throws */
  async verifyCheckpoint(attemptPath: string, file: SealedFile): Promise<void> {
    try {
      await verifyCheckpoint(this.#options.objectStore, attemptPath, file);
    } catch (err) {
      if (!isAppError(err, 'RESULT_MISMATCH')) throw err;
      const errors = [{ path: '/file', message: 'must be as the object store has it' }];
      throw new AppError('VALIDATION_FAILED', `checkpoint: ${err.message}`, { cause: err, errors });
    }
  }

  async #reject(holder: Holder, err: AppError, blame: 'task' | 'user'): Promise<TaskState> {
    this.refusals.note('commit', err, holder.taskId);
    this.#options.logger.error('result_rejected', 'a sealed result did not verify', { ...holder, err });
    return this.fail(holder, { blame, problem: toProblem(err, null, true), log: [] });
  }

  /** An attempt failed. @throws TASK_FENCED, TASK_CANCELLED */
  async fail(holder: Holder, failure: Failure): Promise<TaskState> {
    await failpoint('queue.fail.beforeDatabase');
    const state = await this.#options.database.transaction((trx) => this.failIn(trx, holder, failure));
    await failpoint('queue.fail.afterDatabase');
    return state;
  }

  /** The same within a transaction. */
  async failIn(trx: Transaction, holder: Holder, failure: Failure): Promise<TaskState> {
    const transition = await failTask(trx, holder, failure, this.policy);
    await this.followUps.follow(trx, transition);
    return transition.state;
  }

  /** Takes a running task that is to delay no other from its holder, uncharged; false when it is not running any more. */
  async giveWay(holder: Holder): Promise<boolean> {
    const { database, logger } = this.#options;
    const gaveWay = await database.transaction(async (trx) => {
      const transition = await giveWayTask(trx, holder, this.policy);
      if (transition !== null) await this.followUps.follow(trx, transition);
      return transition !== null;
    });
    if (gaveWay) logger.info('task_gave_way', 'a task went back to the queue, since another one waits', { ...holder });
    return gaveWay;
  }

  /** The holder of a task that is to be cancelled has spoken. */
  async cancelHeld(holder: Holder): Promise<void> {
    await this.#options.database.transaction(async (trx) => {
      const transition = await cancelHeldTask(trx, holder);
      if (transition !== null) await this.followUps.follow(trx, transition);
    });
  }

  /** Cancels a task; see `cancelTask` of the store. */
  async cancelTask(trx: Transaction, taskId: string): Promise<void> {
    const transition = await cancelTask(trx, taskId);
    if (transition !== null && transition !== 'asked') await this.followUps.follow(trx, transition);
  }

  /**
   * Cancels a job with its tasks. It is `cancelled` at once when no worker holds any of them, else when the last
   * holder has stopped; its tasks will not succeed any more either way.
   *
   * @throws NOT_FOUND, JOB_FINISHED
   */
  async cancelJob(trx: Transaction, jobId: string): Promise<StoredJob> {
    const job = await lockJob(trx, jobId);
    if (job === null) throw new AppError('NOT_FOUND', `job ${jobId} does not exist`);
    if (isFinalJobState(job.state)) throw new AppError('JOB_FINISHED', `job ${jobId} is ${job.state}`);
    await markJobCancelAsked(trx, jobId);
    for (const task of await tasksOfJob(trx, jobId)) {
      if (task.finishedAt === null) await this.cancelTask(trx, task.id);
    }
    await finishCancelledJob(trx, jobId);
    return (await getJob(trx, jobId)) ?? job;
  }

  /** Gives every holder a whole lease: nobody could beat while no app server ran. */
  async extendLeases(trx: Transaction): Promise<number> {
    return extendLeases(trx, this.#options.config.leaseMs);
  }

  /**
   * Takes tasks from holders whose lease is over. What they had sealed is not computed again: it is verified and
   * committed here, under their fence. Returns how many leases were dealt with.
   */
  async reap(): Promise<number> {
    const { database } = this.#options;
    const expired = await expiredLeases(database, 'unsealed', BATCH_MAX);
    for (const lease of expired) await this.#expire(lease);
    const sealed = await expiredLeases(database, 'sealed', ABANDONED_MAX - this.#abandoned.size);
    for (const lease of sealed) await this.#adopt(lease);
    return expired.length + sealed.length;
  }

  async #expire(lease: Holder): Promise<void> {
    const { database, logger } = this.#options;
    await failpoint('queue.expire.beforeDatabase');
    const transition = await database.transaction(async (trx) => {
      const done = await expireTask(trx, lease, this.policy);
      if (done !== null) await this.followUps.follow(trx, done);
      return done;
    });
    if (transition !== null) {
      logger.warn('lease_expired', 'a task’s lease expired', { ...lease, state: transition.state });
    }
  }

  /** Finishes a sealed task whose worker is gone, beside the duty's other work. */
  async #adopt(holder: Holder): Promise<void> {
    const { database, config } = this.#options;
    // Nobody looks at it again before this try is over or the lease has passed once more.
    if (!(await postponeLease(database, holder, config.leaseMs))) return;
    const work = this.#finishAbandoned(holder).finally(() => this.#abandoned.delete(work));
    this.#abandoned.add(work);
  }

  async #finishAbandoned(holder: Holder): Promise<void> {
    const { logger } = this.#options;
    try {
      const state = await this.commit(holder);
      if (state === 'COMMITTING') return;
      logger.info('result_adopted', 'a sealed result was committed without its worker', { ...holder, state });
    } catch (err) {
      const error = toAppError(err);
      logger.error('result_adoption_failed', 'a sealed result could not be committed', { ...holder, err: error });
      const lost = error.code === 'TASK_FENCED' || error.code === 'TASK_CANCELLED';
      if (error.retryable || lost) return;
      await this.fail(holder, { blame: 'task', problem: toProblem(error, null, true), log: [] }).catch(
        (failure: unknown) => logger.error('result_adoption_failed', 'nor be given up', { ...holder, err: failure }),
      );
    }
  }

  /** Gives up tasks without a result at their deadline; holders get one lease more. Returns how many. */
  async giveUpOverdue(): Promise<number> {
    const { database, config } = this.#options;
    const overdue = await overdueTasks(database, config.leaseMs, BATCH_MAX);
    for (const taskId of overdue) {
      await database.transaction(async (trx) => {
        const transition = await giveUpOverdue(trx, taskId, config.leaseMs);
        if (transition !== null) await this.followUps.follow(trx, transition);
      });
    }
    return overdue.length;
  }

  /** Gives back the members of groups that were not all there in time. Returns how many groups. */
  async dissolveGroups(): Promise<number> {
    const { database, logger } = this.#options;
    const overdue = await overdueGroups(database, BATCH_MAX);
    for (const groupId of overdue) {
      await database.transaction(async (trx) => {
        await this.followUps.followAll(trx, await dissolveOverdueGroup(trx, groupId, this.policy));
      });
      logger.info('group_dissolved', 'members of a group were given back: others were missing', { groupId });
    }
    return overdue.length;
  }

  /** Waits for commits under way, and writes what was refused. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#finishing.values(), ...this.#abandoned]);
    await this.refusals.flush();
  }
}
