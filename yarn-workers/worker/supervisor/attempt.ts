import {
  AppError,
  toAppError,
  toProblem,
  type BeatAnswer,
  type Blame,
  type ClaimedTask,
  type Problem,
  type TaskProgress,
} from '#contracts';
import { failpoint, type Clock, type Logger } from '#runtime';
import type { DoneMessage } from '../ipc/messages.ts';
import { blameOf, explainDeath } from '../blame.ts';
import { Lease } from './lease.ts';
import { verdictOf, type ProtocolClient } from './protocol-client.ts';
import { TaskGuard } from './task-guard.ts';
import type { RunEnd, RunListener, TaskChild } from './task-process.ts';

/**
 * How an attempt ended for this worker: `lost` = refused or cancelled, nothing more was said about it;
 * `unknown` = the worker stopped before the app server could be told; `unfit` = failed, and so would the next one here.
 */
export type AttemptEnd = 'committed' | 'failed' | 'lost' | 'unknown' | 'unfit';

export interface AttemptOptions {
  readonly client: ProtocolClient;
  readonly child: Pick<TaskChild, 'run' | 'setRemaining' | 'checkpointTaken' | 'met' | 'setStoreToken' | 'kill'>;
  readonly logger: Logger;
  readonly claimedAtMs: number;
  readonly beatMs: number;
  readonly memoryBytesLimit: number;
  /** Longest time without progress. */
  readonly stuckMs: number;
  readonly clock: Clock;
  readonly memoryBytes: () => number;
  /** Address of this host at which other ranks of a group reach it. */
  readonly groupHost: () => Promise<string>;
  /** Aborted when the worker must let go of its task now: the attempt fails, uncharged. */
  readonly release: AbortSignal;
  /** Aborted when even the telling must end. */
  readonly giveUp: AbortSignal;
  /** The app server wants this worker to end after this task. */
  readonly onDrain: () => void;
}

/**
 * A rank whose group broke says so after that time only: the one that broke it, of whatever kind its fault is, speaks first, since the first
 * word gives the whole group back.
 */
const GROUP_BROKEN_GRACE_MS = 3_000;

/** A decision to end the run before the child does. `silent`: the app server knows already. */
interface Interruption {
  readonly error: AppError;
  readonly blame: Blame;
  readonly silent: boolean;
}

/** One attempt at one claimed task, from start to commit or fail. Never throws: it logs what it could not tell. */
export async function runAttempt(task: ClaimedTask, options: AttemptOptions): Promise<AttemptEnd> {
  const attempt = new Attempt(task, options);
  try {
    return await attempt.perform();
  } catch (err) {
    return attempt.explain(err);
  } finally {
    attempt.close();
  }
}

class Attempt {
  readonly #task: ClaimedTask;
  readonly #options: AttemptOptions;
  readonly #lease: Lease;
  readonly #logger: Logger;
  readonly #undo: (() => void)[] = [];
  #guard: TaskGuard | null = null;
  #interruption: Interruption | null = null;
  /** Aborted with the interruption. */
  readonly #over = new AbortController();
  #running = false;

  constructor(task: ClaimedTask, options: AttemptOptions) {
    const { client, claimedAtMs, beatMs, clock, memoryBytes } = options;
    this.#task = task;
    this.#options = options;
    this.#logger = options.logger.child({ taskId: task.taskId, fence: task.fence, kind: task.spec.kind });
    this.#lease = new Lease({
      client,
      task,
      claimedAtMs,
      beatMs,
      clock,
      memoryBytes,
      logger: this.#logger,
      onAnswer: (answer) => this.#hear(answer),
      onCheckpointTaken: (position) => {
        if (this.#running) options.child.checkpointTaken(position);
      },
    });
    this.#when(this.#lease.lost, () =>
      this.#interrupt({ error: toAppError(this.#lease.lost.reason), blame: 'unknown', silent: true }),
    );
    this.#when(options.release, () => {
      const error = new AppError('SHUTTING_DOWN', 'the worker is shutting down; the task goes back to the queue');
      this.#interrupt({ error, blame: 'worker', silent: false });
    });
    this.#when(options.giveUp, () => this.#lease.close());
  }

  async perform(): Promise<AttemptEnd> {
    await failpoint('worker.start');
    await this.#lease.start(this.#over.signal);
    this.#logger.info('task_started', 'task started');
    const end = await this.#run();
    const interruption = this.#interruption;
    if (interruption !== null) {
      this.#logger.warn('task_interrupted', 'the attempt was ended', { err: interruption.error });
      if (interruption.silent) return 'lost';
      this.#lease.log.push(`${interruption.error.code}: ${interruption.error.message}`);
      return this.#fail(interruption.blame, toProblem(interruption.error, null, true));
    }
    switch (end.type) {
      case 'done':
        return this.#sealAndCommit(end);
      case 'failed':
        this.#logger.warn('task_failed', 'the task failed', { code: end.problem.code, detail: end.problem.detail });
        await this.#fail(end.blame, end.problem);
        return end.problem.code === 'WORK_FOLDER_LOST' ? 'unfit' : 'failed';
      case 'died': {
        const { error, blame } = explainDeath({
          ...end,
          memoryBytesMax: this.#guard?.memoryBytesMax ?? 0,
          memoryBytesLimit: this.#options.memoryBytesLimit,
        });
        this.#logger.error('task_process_died', 'the task process died', { err: error, stderrTail: end.stderrTail });
        this.#lease.log.push(`${error.code}: ${error.message}`);
        return this.#fail(blame, toProblem(error, null, true));
      }
    }
  }

  /** What an error that ended the attempt means; logs it. */
  explain(err: unknown): AttemptEnd {
    const error = toAppError(err);
    if (this.#lease.lost.aborted || verdictOf(error) === 'refused') {
      this.#logger.warn('task_refused', 'the app server refused the attempt', { err: error });
      return 'lost';
    }
    this.#logger.error('task_untold', 'the end of the attempt could not be told', { err: error });
    return 'unknown';
  }

  close(): void {
    for (const undo of this.#undo) undo();
    this.#guard?.close();
    this.#lease.close();
  }

  async #run(): Promise<RunEnd> {
    const { child, memoryBytesLimit, stuckMs, clock, memoryBytes } = this.#options;
    const guard = new TaskGuard({
      memoryBytesLimit,
      memoryBytes,
      clock,
      remainingMs: this.#task.remainingMs,
      stuckMs,
      onVerdict: (verdict) => this.#interrupt({ ...verdict, silent: false }),
    });
    this.#guard = guard;
    this.#running = true;
    const { taskId, fence, attemptPath, remainingMs, spec, checkpoint = null, group = null } = this.#task;
    try {
      // Refused or released before the work began: nothing is started that would have to be killed.
      if (this.#interruption !== null) return { type: 'died', exitCode: null, signal: null, stderrTail: '' };
      const childTask = { taskId, fence, attemptPath, remainingMs, spec, checkpoint, group };
      return await child.run(childTask, this.#listener(guard));
    } catch (err) {
      // No task process could be had: nothing that the task could help.
      return {
        type: 'failed',
        runId: taskId,
        blame: 'worker',
        problem: toProblem(err, null, true),
        cachedDatasets: [],
      };
    } finally {
      this.#running = false;
      guard.close();
    }
  }

  #listener(guard: TaskGuard): RunListener {
    return {
      progress: (progress: TaskProgress) => {
        this.#lease.progress = progress;
        guard.progress(progress);
      },
      log: (line) => {
        this.#lease.log.push(line);
        guard.moved();
      },
      checkpoint: (file, position) => {
        this.#lease.offerCheckpoint({ file, position });
        guard.moved();
      },
      meet: (port) => void this.#meet(port),
      alive: () => guard.alive(),
    };
  }

  /** Tells the child who it is in its group, and where the others are. */
  async #meet(port: number | null): Promise<void> {
    const { child, groupHost } = this.#options;
    try {
      const host = await groupHost();
      const address = port === null ? null : { host, port };
      const answer = await this.#lease.meet({ fence: this.#task.fence, address });
      if (this.#running) child.met({ host, answer });
    } catch (err) {
      const error = toAppError(err);
      // Who was refused, or gives up, is ended elsewhere.
      if (!this.#lease.lost.aborted && !this.#options.giveUp.aborted)
        this.#interrupt({ error, blame: blameOf(error), silent: false });
    }
  }

  async #sealAndCommit({ files, outcome }: DoneMessage): Promise<AttemptEnd> {
    const { fence } = this.#task;
    await failpoint('worker.seal');
    const { lines, from, acknowledge } = this.#lease.log.take();
    try {
      const sealed = await this.#lease.seal({ fence, files, outcome, log: lines, logFrom: from });
      acknowledge();
      if (sealed.state === 'CANCELLED') return 'lost';
      const { state } = await this.#lease.commit({ fence }, () => failpoint('worker.commit.sent'));
      await failpoint('worker.commit.answered');
      this.#logger.info('task_committed', 'task committed', { state });
      return state === 'SUCCEEDED' ? 'committed' : 'failed';
    } catch (err) {
      const error = toAppError(err);
      if (this.#lease.lost.aborted || this.#options.giveUp.aborted) throw error;
      this.#logger.error('task_rejected', 'the app server rejected the result', { err: error });
      return this.#fail(blameOf(error), toProblem(error, null, true));
    }
  }

  async #fail(blame: Blame, problem: Problem): Promise<AttemptEnd> {
    const { clock, release, giveUp } = this.#options;
    if (problem.code === 'GROUP_BROKEN')
      await clock.pause(GROUP_BROKEN_GRACE_MS, AbortSignal.any([this.#lease.lost, release, giveUp]));
    if (this.#lease.lost.aborted) return 'lost';
    const { lines, from, acknowledge } = this.#lease.log.take();
    await this.#lease.fail({ fence: this.#task.fence, blame, problem, log: lines, logFrom: from });
    acknowledge();
    return 'failed';
  }

  #hear(answer: BeatAnswer): void {
    if (answer.directive === 'cancel') {
      const error = new AppError('TASK_CANCELLED', 'the task was cancelled');
      this.#interrupt({ error, blame: 'user', silent: true });
    } else if (answer.directive === 'drain') this.#options.onDrain();
    if (typeof answer.storeToken === 'string') this.#options.child.setStoreToken(answer.storeToken);
    this.#guard?.setRemaining(answer.remainingMs);
    if (this.#running) this.#options.child.setRemaining(answer.remainingMs);
  }

  /** Ends the run; the first reason stands. A run that has ended already is left alone. */
  #interrupt(interruption: Interruption): void {
    if (this.#interruption !== null) return;
    this.#interruption = interruption;
    this.#over.abort();
    if (this.#running) this.#options.child.kill();
  }

  #when(signal: AbortSignal, act: () => void): void {
    if (signal.aborted) {
      act();
      return;
    }
    signal.addEventListener('abort', act, { once: true });
    this.#undo.push(() => signal.removeEventListener('abort', act));
  }
}
