import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  AppError,
  isAppError,
  toAppError,
  WORKER_PROTOCOL_VERSION,
  type ClaimedTask,
  type ClaimRequest,
  type RegisterAnswer,
} from '#contracts';
import { failpoint, KEY_FILES, newId, PROGRAM_VERSION, readSecret, type Config, type Logger } from '#runtime';
import { runAttempt } from './attempt.ts';
import { BackOff, pause } from './back-off.ts';
import { RETRY_MS, RETRY_MS_MAX } from './lease.ts';
import { processTreeMemoryBytes } from './process-tree.ts';
import { ProtocolClient, verdictOf } from './protocol-client.ts';
import { TaskProcess, type TaskChild } from './task-process.ts';

/** How long a worker waits at start for the secret that an app server, started with it, is about to make. */
const SECRET_WAIT_MS = 30_000;
const SECRET_POLL_MS = 100;
/** A worker that no app server has answered for so long ends. */
export const SILENT_MS_MAX = 24 * 3_600_000;
const SILENCE_CHECK_MS = 60_000;
/** Failed starts of the task process in a row after which the worker ends. */
const CHILD_STARTS_MAX = 5;
/** A task process that holds more than this part of the memory limit after a task is replaced. */
const RECYCLE_OF_MEMORY = 0.5;
/** How long a stopping worker tries to tell the app server about its task, beyond the drain time. */
const FAREWELL_MS = 3_000;

export interface WorkerOptions {
  readonly config: Pick<Config, 'worker' | 'ingest' | 'objectStore' | 'keys' | 'queue'>;
  readonly logger: Logger;
  /** @default 'default' */
  readonly pool?: string;
  /** Secret that workers register with; read from the keys folder when not given. */
  readonly poolSecret?: string;
  /** The task child; tests pass their own. */
  readonly child?: TaskChild;
  /** Program of the task child; tests pass their own. */
  readonly childProgram?: string;
  /** @default process.env */
  readonly environment?: NodeJS.ProcessEnv;
  /** Monotonic clock in milliseconds. @default performance.now */
  readonly monotonicMs?: () => number;
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
  readonly #now: () => number;
  readonly #client: ProtocolClient;
  readonly #child: TaskChild;
  /** Claim nothing more. */
  readonly #stopping = new AbortController();
  /** Let go of the task. */
  readonly #release = new AbortController();
  /** Leave, told or untold. */
  readonly #giveUp = new AbortController();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #claimBackOff = new BackOff(RETRY_MS, RETRY_MS_MAX);
  #registration: RegisterAnswer | null = null;
  #claim: OpenClaim | null = null;

  constructor(options: WorkerOptions) {
    const { config, logger } = options;
    this.#options = options;
    this.#logger = logger;
    this.#now = options.monotonicMs ?? (() => performance.now());
    this.#client = new ProtocolClient({ baseUrl: config.worker.serverUrl, monotonicMs: this.#now });
    this.#child =
      options.child ??
      new TaskProcess({
        program: options.childProgram ?? defaultChildProgram(),
        configuration: {
          type: 'configure',
          objectStore: config.objectStore,
          ingest: config.ingest,
          worker: config.worker,
        },
        logger,
        environment: options.environment ?? process.env,
      });
  }

  get childPid(): number | null {
    return this.#child.pid;
  }

  stop(): void {
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort();
    const { drainMs } = this.#options.config.worker;
    this.#timers.push(setTimeout(() => this.#release.abort(), drainMs));
    this.#timers.push(setTimeout(() => this.#giveUp.abort(), drainMs + FAREWELL_MS));
  }

  async run(): Promise<void> {
    let silence: AppError | null = null;
    const silenceCheck = setInterval(() => {
      if (this.#client.silentMs < SILENT_MS_MAX) return;
      silence = new AppError('SERVER_UNAVAILABLE', `no app server has answered for ${SILENT_MS_MAX} ms`);
      this.#stopping.abort();
      this.#release.abort();
      this.#giveUp.abort();
    }, SILENCE_CHECK_MS);
    try {
      await this.#work();
      if (silence !== null) throw silence as AppError; // assigned by the timer above, which the compiler cannot see
    } finally {
      clearInterval(silenceCheck);
      for (const timer of this.#timers) clearTimeout(timer);
      await this.#child.close();
      this.#client.close();
    }
  }

  async #work(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.#readyChild();
      this.#registration ??= await this.#register();
      if (this.#registration === null) break;
      const claimed = await this.#claimOnce(this.#registration);
      if (claimed !== null) await this.#attempt(claimed.task, claimed.sentAtMs, this.#registration);
    }
    await this.#returnOpenClaim();
  }

  /** @throws why no task process can be started on this machine */
  async #readyChild(): Promise<void> {
    const backOff = new BackOff(RETRY_MS, RETRY_MS_MAX);
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

  /** Registers, waiting for the app server as long as it takes; null when stopped meanwhile. */
  async #register(): Promise<RegisterAnswer | null> {
    const { config, pool = 'default' } = this.#options;
    const poolSecret = this.#options.poolSecret ?? (await this.#readSecret());
    const request = {
      protocolVersion: WORKER_PROTOCOL_VERSION,
      programVersion: PROGRAM_VERSION,
      pool,
      hostName: hostname(),
      processId: process.pid,
      memoryBytes: config.worker.memoryBytes,
      threadCount: config.worker.threadCount,
    };
    const backOff = new BackOff(RETRY_MS, RETRY_MS_MAX);
    while (!this.#stopping.signal.aborted) {
      try {
        await failpoint('worker.register');
        const answer = await this.#client.register(request, poolSecret, this.#stopping.signal);
        this.#logger.info('worker_registered', 'registered', { workerId: answer.workerId, pool });
        return answer;
      } catch (err) {
        if (this.#stopping.signal.aborted) break;
        if (verdictOf(err) !== 'unreachable') throw err;
        this.#logger.warn('register_unanswered', 'registration was not answered', { err });
      }
      await backOff.pause(this.#stopping.signal);
    }
    return null;
  }

  async #readSecret(): Promise<string> {
    const file = path.join(this.#options.config.keys.dir, KEY_FILES.poolSecret);
    const until = this.#now() + SECRET_WAIT_MS;
    while (!existsSync(file) && this.#now() < until && !this.#stopping.signal.aborted)
      await pause(SECRET_POLL_MS, this.#stopping.signal);
    return readSecret(file);
  }

  /** One held claim. Null when there is no task, or nobody to answer, or registration must be repeated. */
  async #claimOnce(registration: RegisterAnswer): Promise<{ task: ClaimedTask; sentAtMs: number } | null> {
    const claim = (this.#claim ??= { requestId: newId('claim'), sent: false });
    const sentAtMs = this.#now();
    try {
      claim.sent = true;
      const task = await this.#sendClaim(registration, claim, registration.claimWaitMs, this.#stopping.signal);
      this.#claim = null;
      this.#claimBackOff.reset();
      return task === null ? null : { task, sentAtMs };
    } catch (err) {
      if (this.#stopping.signal.aborted) return null;
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
      beatMs: registration.beatMs,
      memoryBytesLimit: config.worker.memoryBytes,
      monotonicMs: this.#now,
      memoryBytes: () => processTreeMemoryBytes(process.pid),
      release: this.#release.signal,
      giveUp: this.#giveUp.signal,
      onDrain: () => this.#stopping.abort(),
    });
    this.#logger.debug('attempt_ended', 'attempt ended', { taskId: task.taskId, fence: task.fence, end });
    const { pid } = this.#child;
    if (pid !== null && processTreeMemoryBytes(pid) > config.worker.memoryBytes * RECYCLE_OF_MEMORY) {
      this.#logger.info('child_recycled', 'the task process is replaced: it holds too much memory');
      await this.#child.close();
    }
  }

  /** A claim given up while it was held may have been granted: ask once more, and hand the task back at once. */
  async #returnOpenClaim(): Promise<void> {
    const registration = this.#registration;
    if (registration === null || this.#claim?.sent !== true || this.#giveUp.signal.aborted) return;
    const signal = AbortSignal.any([this.#giveUp.signal, AbortSignal.timeout(FAREWELL_MS)]);
    try {
      const sentAtMs = this.#now();
      const task = await this.#sendClaim(registration, this.#claim, 0, signal);
      if (task === null) return;
      this.#release.abort();
      await this.#attempt(task, sentAtMs, registration);
    } catch (err) {
      this.#logger.warn('claim_abandoned', 'the last claim could not be settled; its lease will expire', {
        err: toAppError(err),
      });
    }
  }
}

const defaultChildProgram = (): string => fileURLToPath(new URL('../child/main.ts', import.meta.url));
