import { AppError, isAppError, toAppError, type ClaimedTask, type ClaimRequest, type RegisterAnswer } from '#contracts';
import { failpoint, newId, programFile, systemClock, type Clock, type Config, type Logger } from '#runtime';
import { runAttempt } from './attempt.ts';
import { BackOff } from './back-off.ts';
import { addressTowards } from './address-towards.ts';
import { RETRY_MS, RETRY_MS_MAX } from './lease.ts';
import { processTreeMemoryBytes } from './process-tree.ts';
import { ProtocolClient, verdictOf } from './protocol-client.ts';
import { register } from './registration.ts';
import { TaskProcess, type TaskChild } from './task-process.ts';

/** A worker that no app server has answered for so long ends. */
export const SILENT_MS_MAX = 24 * 3_600_000;
const SILENCE_CHECK_MS = 60_000;
/** Failed starts of the task process in a row after which the worker ends. */
const CHILD_STARTS_MAX = 5;
/** A task process that holds more than this part of the memory limit after a task is replaced. */
const RECYCLE_OF_MEMORY = 0.5;
/**
 * And one that holds more than this though it keeps no data set: what a task is forecast to take begins with a fresh process and the pages that such a
 * one does not give back (`PROGRAM_BYTES`, `RETAINED_BYTES`). After the profile of 5 million rows from HDFS another 70 MiB were on top of the fit's.
 */
const RECYCLE_BYTES = 214 * 1024 ** 2;
/** How long a stopping worker tries to tell the app server about its task, beyond the drain time. */
const FAREWELL_MS = 3_000;
/** Insights give way to other tasks, as the answer to a beat: that should not take long. */
const INSIGHT_BEAT_MS = 2_000;

export interface WorkerOptions {
  readonly config: Pick<
    Config,
    'worker' | 'ingest' | 'objectStore' | 'hadoop' | 'keys' | 'queue' | 'server' | 'retention'
  >;
  readonly logger: Logger;
  /** Secret that workers register with; read from the container's token file or `worker.poolSecretFile` when not given. */
  readonly poolSecret?: string;
  /** The task child; tests pass their own. */
  readonly child?: TaskChild;
  /** Program of the task child; tests pass their own. */
  readonly childProgram?: string;
  /** @default process.env */
  readonly environment?: NodeJS.ProcessEnv;
  /** Speaks with the app server; the simulator passes one whose transport it controls. */
  readonly client?: ProtocolClient;
  /** Resident memory of a process and its descendants in bytes. @default read from /proc */
  readonly memoryBytesOf?: (pid: number) => number;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** A running worker. */
export interface Worker {
  /** Settles when the worker has ended: drained or closed; rejects with why it cannot go on. */
  readonly ended: Promise<void>;
  /** Process id of the task child, or null; for tests and diagnosis. */
  readonly childPid: () => number | null;
  /**
   * Ends: claims nothing more, gives a running task `worker.drainMs` to finish, then returns it to the queue uncharged.
   * Resolves when the task child is gone.
   */
  close(): Promise<void>;
}

/** Starts a worker: it registers and works on its own until it is closed or told to drain. */
export function startWorker(options: WorkerOptions): Worker {
  const loop = new WorkerLoop(options);
  const ended = loop.run();
  // Whoever holds the worker may look at `ended` late.
  ended.catch(() => undefined);
  return {
    ended,
    childPid: () => loop.childPid,
    async close() {
      loop.stop();
      await ended.catch(() => undefined);
    },
  };
}

/** A claim whose answer has not arrived: it is repeated with the same id, so that a lost answer loses no task. */
interface OpenClaim {
  readonly requestId: string;
  sent: boolean;
}

class WorkerLoop {
  readonly #options: WorkerOptions;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #memoryBytesOf: (pid: number) => number;
  readonly #client: ProtocolClient;
  readonly #child: TaskChild;
  /** Claim nothing more. */
  readonly #stopping = new AbortController();
  /** Let go of the task. */
  readonly #release = new AbortController();
  /** Leave, told or untold. */
  readonly #giveUp = new AbortController();
  readonly #cancelTimers: (() => void)[] = [];
  readonly #claimBackOff: BackOff;
  #registration: RegisterAnswer | null = null;
  /** When the worker began to be without a task, on the monotonic clock. */
  #idleSinceMs: number;
  /** The task child was let go for lack of tasks; the next task starts it again. */
  #isAsleep = false;
  #claim: OpenClaim | null = null;
  #isClosing = false;
  /** Why this worker can do no more tasks. */
  #unfit: AppError | null = null;
  #drainSaid: Promise<void> = Promise.resolve();

  constructor(options: WorkerOptions) {
    const { config, logger } = options;
    this.#options = options;
    this.#logger = logger;
    this.#clock = options.clock ?? systemClock;
    this.#memoryBytesOf = options.memoryBytesOf ?? processTreeMemoryBytes;
    this.#idleSinceMs = this.#clock.monotonicMs();
    this.#claimBackOff = new BackOff(RETRY_MS, RETRY_MS_MAX, this.#clock);
    const { caFile } = config.server;
    this.#client =
      options.client ?? new ProtocolClient({ baseUrl: config.worker.serverUrl, caFile, clock: this.#clock });
    this.#child =
      options.child ??
      new TaskProcess({
        program: options.childProgram ?? programFile('task-child'),
        configuration: {
          type: 'configure',
          objectStore: config.objectStore,
          hadoop: config.hadoop,
          ingest: config.ingest,
          worker: config.worker,
          retention: config.retention,
        },
        logger,
        environment: options.environment ?? process.env,
      });
  }

  get childPid(): number | null {
    return this.#child.pid;
  }

  stop(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#stopping.abort();
    this.#drainSaid = this.#sayDrain('the worker was asked to end');
    const { drainMs } = this.#options.config.worker;
    this.#cancelTimers.push(this.#clock.after(drainMs, () => this.#release.abort()));
    this.#cancelTimers.push(this.#clock.after(drainMs + FAREWELL_MS, () => this.#giveUp.abort()));
  }

  async run(): Promise<void> {
    let silence: AppError | null = null;
    const endSilenceCheck = this.#clock.every(SILENCE_CHECK_MS, () => {
      if (this.#client.silentMs < SILENT_MS_MAX) return;
      silence = new AppError('SERVER_UNAVAILABLE', `no app server has answered for ${SILENT_MS_MAX} ms`);
      this.#stopping.abort();
      this.#release.abort();
      this.#giveUp.abort();
    });
    try {
      await this.#work();
      if (this.#unfit !== null) throw this.#unfit;
      if (silence !== null) throw silence as AppError; // assigned by the timer above, which the compiler cannot see
    } finally {
      endSilenceCheck();
      this.#isClosing = true;
      await this.#drainSaid;
      for (const cancel of this.#cancelTimers) cancel();
      await this.#child.close();
      this.#client.close();
    }
  }

  async #work(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      if (!this.#isAsleep) await this.#readyChild();
      this.#registration ??= await this.#register();
      if (this.#registration === null) break;
      const claimed = await this.#claimOnce(this.#registration);
      if (claimed === null) await this.#restChild();
      else await this.#attempt(claimed.task, claimed.sentAtMs, this.#registration);
    }
    await this.#returnOpenClaim();
  }

  /** Lets go of the memory of a task child that has had nothing to do for `worker.childIdleMs`. */
  async #restChild(): Promise<void> {
    const idleMs = this.#clock.monotonicMs() - this.#idleSinceMs;
    if (this.#isAsleep || idleMs < this.#options.config.worker.childIdleMs) return;
    this.#isAsleep = true;
    await this.#child.close();
    this.#logger.info('child_rested', 'the task process was ended until there is a task again', { ms: idleMs });
  }

  /** @throws why no task process can be started on this machine */
  async #readyChild(): Promise<void> {
    const backOff = new BackOff(RETRY_MS, RETRY_MS_MAX, this.#clock);
    for (let starts = 1; ; starts += 1) {
      try {
        await this.#child.ensureReady();
        return;
      } catch (err) {
        await this.#child.close();
        const isHopeless = isAppError(err, 'NATIVE_LIBRARY') || isAppError(err, 'CONFIG_INVALID');
        if (isHopeless || starts >= CHILD_STARTS_MAX || this.#stopping.signal.aborted) throw err;
        await backOff.pause(this.#stopping.signal);
      }
    }
  }

  async #register(): Promise<RegisterAnswer | null> {
    const { config, poolSecret, environment = process.env } = this.#options;
    return register({
      client: this.#client,
      config,
      environment,
      ...(poolSecret === undefined ? {} : { poolSecret }),
      clock: this.#clock,
      logger: this.#logger,
      signal: this.#stopping.signal,
    });
  }

  /** One held claim. Null when there is no task, or nobody to answer, or registration must be repeated. */
  async #claimOnce(registration: RegisterAnswer): Promise<{ task: ClaimedTask; sentAtMs: number } | null> {
    const claim = (this.#claim ??= { requestId: newId('claim'), sent: false });
    const sentAtMs = this.#clock.monotonicMs();
    try {
      claim.sent = true;
      const task = await this.#sendClaim(registration, claim, registration.claimWaitMs, this.#stopping.signal);
      this.#claim = null;
      this.#claimBackOff.reset();
      return task === null ? null : { task, sentAtMs };
    } catch (err) {
      if (this.#stopping.signal.aborted) return null;
      if (isAppError(err, 'WORKER_DRAINING')) {
        this.#claim = null;
        this.#drained(err.message);
        return null;
      }
      const verdict = verdictOf(err);
      this.#logger.warn('claim_unanswered', 'a claim was not answered', { err: toAppError(err), verdict });
      // The app server does not know this worker any more: it becomes a new one.
      if (verdict === 'refused') {
        this.#registration = null;
        this.#claim = null;
      } else if (verdict === 'rejected') this.#claim = null;
      await this.#claimBackOff.pause(this.#stopping.signal);
      return null;
    }
  }

  /** The app server gives no more tasks: what is being done is finished, and the worker ends. */
  #drained(reason: string): void {
    if (this.#stopping.signal.aborted) return;
    this.#logger.info('worker_drained', 'the app server gives this worker no more tasks', { reason });
    this.#stopping.abort();
  }

  async #sendClaim(
    registration: RegisterAnswer,
    claim: OpenClaim,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<ClaimedTask | null> {
    const request: ClaimRequest = {
      workerId: registration.workerId,
      requestId: claim.requestId,
      waitMs,
      cachedDatasets: [...this.#child.cachedDatasets],
    };
    const answer = this.#client.claim(request, registration.workerToken, signal);
    answer.catch(() => undefined); // awaited below, after the failpoint
    await failpoint('worker.claim.sent');
    const task = await answer;
    await failpoint('worker.claim.answered');
    return task;
  }

  async #attempt(task: ClaimedTask, claimedAtMs: number, registration: RegisterAnswer): Promise<void> {
    const { config } = this.#options;
    const end = await runAttempt(task, {
      client: this.#client,
      child: this.#child,
      logger: this.#logger.child({ workerId: registration.workerId }),
      claimedAtMs,
      beatMs: task.spec.kind === 'insight' ? Math.min(registration.beatMs, INSIGHT_BEAT_MS) : registration.beatMs,
      memoryBytesLimit: config.worker.memoryBytes,
      stuckMs: config.worker.stuckMs,
      clock: this.#clock,
      memoryBytes: () => this.#memoryBytesOf(process.pid),
      groupHost: async () => config.worker.groupHost || addressTowards(config.worker.serverUrl),
      release: this.#release.signal,
      giveUp: this.#giveUp.signal,
      onDrain: () => this.#drained('told with the beat of a task, which is finished first'),
    });
    this.#isAsleep = false;
    this.#idleSinceMs = this.#clock.monotonicMs();
    this.#logger.debug('attempt_ended', 'attempt ended', { taskId: task.taskId, fence: task.fence, end });
    if (end === 'unfit') {
      this.#unfit = new AppError(
        'WORK_FOLDER_LOST',
        `files of this worker in ${config.worker.workDir} were taken away`,
      );
      this.#drainSaid = this.#sayDrain(this.#unfit.message);
      this.#stopping.abort();
    }
    await this.#recycleChild();
  }

  async #recycleChild(): Promise<void> {
    const { pid, cachedDatasets } = this.#child;
    if (pid === null) return;
    const bytes = this.#memoryBytesOf(pid);
    const isBare = cachedDatasets.length === 0;
    if (bytes <= this.#options.config.worker.memoryBytes * RECYCLE_OF_MEMORY && !(isBare && bytes > RECYCLE_BYTES))
      return;
    this.#logger.info('child_recycled', 'the task process is replaced: it holds too much memory', { bytes });
    await this.#child.close();
  }

  /** Tells the app server that this worker will end; whether it hears that or not. */
  async #sayDrain(reason: string): Promise<void> {
    const registration = this.#registration;
    if (registration === null) return;
    const signal = this.#farewellSignal();
    try {
      await this.#client.drain(registration.workerId, { reason }, registration.workerToken, signal);
    } catch (err) {
      this.#logger.debug('drain_untold', 'the app server could not be told of the end', { err: toAppError(err) });
    }
  }

  /** Aborted after the time for farewells, or when even they must end. */
  #farewellSignal(): AbortSignal {
    const late = new AbortController();
    this.#cancelTimers.push(this.#clock.after(FAREWELL_MS, () => late.abort()));
    return AbortSignal.any([this.#giveUp.signal, late.signal]);
  }

  /** A claim given up while it was held may have been granted: ask once more, and hand the task back at once. */
  async #returnOpenClaim(): Promise<void> {
    const registration = this.#registration;
    if (registration === null || this.#claim?.sent !== true || this.#giveUp.signal.aborted) return;
    const signal = this.#farewellSignal();
    try {
      const sentAtMs = this.#clock.monotonicMs();
      const task = await this.#sendClaim(registration, this.#claim, 0, signal);
      if (task === null) return;
      this.#release.abort();
      await this.#attempt(task, sentAtMs, registration);
    } catch (err) {
      if (isAppError(err, 'WORKER_DRAINING')) return;
      this.#logger.warn('claim_abandoned', 'the last claim could not be settled; its lease will expire', {
        err: toAppError(err),
      });
    }
  }
}
