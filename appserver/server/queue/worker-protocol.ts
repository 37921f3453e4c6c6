import {
  AppError,
  toProblem,
  WORKER_PROTOCOL_VERSIONS_ACCEPTED,
  type BeatAnswer,
  type BeatRequest,
  type ClaimedTask,
  type ClaimRequest,
  type CommitRequest,
  type FailRequest,
  type RegisterAnswer,
  type RegisterRequest,
  type SealRequest,
  type TaskState,
  type TransitionAnswer,
} from '#contracts';
import { randomBytes } from 'node:crypto';
import { failpoint, type Config, type Logger } from '#runtime';
import {
  beatTask,
  claimTask,
  forgetRequest,
  getAttempt,
  getTask,
  identifyWorker,
  isToken,
  isUniqueViolation,
  newToken,
  registerWorker,
  resumeTask,
  SEEN_STEP_MS,
  sealTask,
  startTask,
  touchWorker,
  type Beat,
  type BeatOutcome,
  type Claim,
  type Database,
  type Failure,
  type Task,
  type Transaction,
} from '#store';
import { ReadySignal } from './ready-signal.ts';
import type { TaskQueue } from './task-queue.ts';
import { checkPoolSecret, leaseToken } from './tokens.ts';

export interface WorkerProtocolOptions {
  readonly database: Database;
  readonly queue: TaskQueue;
  readonly config: Config['queue'];
  readonly poolSecret: string;
  readonly logger: Logger;
  /**
   * Whether the user in whose name a task runs may still do so; asked at each claim, in its transaction.
   * @default everybody may
   */
  readonly mayRun?: (trx: Transaction, task: Task) => Promise<boolean>;
}

/** Claims held at a time; more are told to come back. */
export const HELD_CLAIMS_MAX = 2_000;
/** Tries of one claim against another one with the same request id. */
const CLAIM_TRIES_MAX = 5;
const NONCE_BYTES = 6;

type Renewal = (trx: Transaction, beat: Beat) => Promise<BeatOutcome>;

/** The app server's side of the worker protocol: who may say what, and the statement that it becomes. */
export class WorkerProtocol {
  readonly #options: WorkerProtocolOptions;
  readonly #ready: ReadySignal;

  constructor(options: WorkerProtocolOptions) {
    this.#options = options;
    this.#ready = new ReadySignal(options.database, options.config.pollMs);
  }

  /** @throws POOL_SECRET_INVALID, PROTOCOL_VERSION */
  async register(secret: string, request: RegisterRequest): Promise<RegisterAnswer> {
    const { database, config, poolSecret, logger } = this.#options;
    checkPoolSecret(secret, poolSecret);
    if (!WORKER_PROTOCOL_VERSIONS_ACCEPTED.includes(request.protocolVersion)) {
      const accepted = WORKER_PROTOCOL_VERSIONS_ACCEPTED.join(', ');
      throw new AppError(
        'PROTOCOL_VERSION',
        `worker protocol: expected version ${accepted}; found ${request.protocolVersion}`,
      );
    }
    const workerToken = newToken();
    const workerId = await registerWorker(database, request, workerToken);
    logger.info('worker_registered', 'a worker registered', {
      workerId,
      pool: request.pool,
      hostName: request.hostName,
      processId: request.processId,
    });
    const { leaseMs, beatMs, claimWaitMs } = config;
    return { workerId, workerToken, leaseMs, beatMs, claimWaitMs };
  }

  /**
   * Gives the worker a task, waiting for one up to `waitMs`; null when there is none. The same request id gets the same
   * task and token again while its lease lives.
   *
   * @throws UNAUTHENTICATED for a token that is not this worker's: it must register again
   */
  async claim(token: string, request: ClaimRequest, signal: AbortSignal): Promise<ClaimedTask | null> {
    const { database } = this.#options;
    const worker = await identifyWorker(database, request.workerId);
    if (worker === null || !isToken(token, worker.tokenHash)) {
      throw new AppError('UNAUTHENTICATED', 'the worker token is not valid: register again');
    }
    if (worker.silentMs > SEEN_STEP_MS) await touchWorker(database, request.workerId);
    const until = performance.now() + request.waitMs;
    for (;;) {
      if (signal.aborted) return null;
      await failpoint('queue.claim.beforeDatabase');
      const claim = await this.#claimNow(token, request);
      if (claim !== null) {
        await failpoint('queue.claim.afterDatabase');
        this.#ready.wakeOne();
        return this.#claimedTask(claim);
      }
      const restMs = until - performance.now();
      if (restMs <= 0) return null;
      if (this.#ready.waiterCount >= HELD_CLAIMS_MAX) {
        throw new AppError('RATE_LIMITED', `${HELD_CLAIMS_MAX} claims are held already`, { retryAfterSeconds: 1 });
      }
      await this.#ready.wait(restMs, signal);
      await touchWorker(database, request.workerId);
    }
  }

  async #claimNow(token: string, request: ClaimRequest): Promise<Claim | null> {
    const { database } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer = await database.transaction((trx) => this.#claimOnce(trx, token, request));
        if (answer !== 'refused') return answer;
        if (attempt >= CLAIM_TRIES_MAX) return null;
      } catch (err) {
        // The same request was answered at the same moment on another connection: look for that answer.
        if (!isUniqueViolation(err) || attempt >= CLAIM_TRIES_MAX) throw err;
      }
    }
  }

  /** `refused`: the next task may not run in its user's name any more and was given up. */
  async #claimOnce(trx: Transaction, token: string, request: ClaimRequest): Promise<Claim | null | 'refused'> {
    const { config, queue, mayRun, logger } = this.#options;
    const claim = await claimTask(trx, {
      workerId: request.workerId,
      requestId: request.requestId,
      leaseMs: config.leaseMs,
      cachedDatasets: request.cachedDatasets,
      tokenOf: (taskId, fence) => leaseToken(token, taskId, fence),
      nonce: randomBytes(NONCE_BYTES).toString('hex'),
    });
    if (claim === null || mayRun === undefined || (await mayRun(trx, claim.task))) return claim;
    const { task } = claim;
    const err = new AppError('FORBIDDEN', `user ${task.runAs}, in whose name the task runs, may not any more`);
    logger.warn('run_as_refused', 'a task was given up instead of given out', { taskId: task.id, err });
    await forgetRequest(trx, { taskId: task.id, fence: task.fence });
    await queue.failIn(trx, { taskId: task.id, fence: task.fence }, forbidden(err));
    return 'refused';
  }

  #claimedTask({ task, leaseToken: token, attemptPath, remainingMs }: Claim): ClaimedTask {
    return {
      taskId: task.id,
      fence: task.fence,
      leaseToken: token,
      leaseMs: this.#options.config.leaseMs,
      attemptPath,
      remainingMs,
      spec: task.spec,
    };
  }

  /** @throws LEASE_TOKEN_INVALID, TASK_FENCED, TASK_CANCELLED */
  start(token: string, taskId: string, request: BeatRequest): Promise<BeatAnswer> {
    return this.#renew('start', startTask, token, taskId, request);
  }

  /** @throws LEASE_TOKEN_INVALID, TASK_FENCED, TASK_CANCELLED */
  beat(token: string, taskId: string, request: BeatRequest): Promise<BeatAnswer> {
    return this.#renew('beat', beatTask, token, taskId, request);
  }

  /** @throws LEASE_TOKEN_INVALID, TASK_FENCED, TASK_CANCELLED */
  resume(token: string, taskId: string, request: BeatRequest): Promise<BeatAnswer> {
    return this.#renew('resume', resumeTask, token, taskId, request);
  }

  async #renew(
    name: string,
    renewal: Renewal,
    token: string,
    taskId: string,
    request: BeatRequest,
  ): Promise<BeatAnswer> {
    const { database, config, queue } = this.#options;
    const { leaseMs } = config;
    const { fence, progress, memoryBytes, log } = request;
    const workerId = await this.#checkLease(token, taskId, fence);
    await failpoint(`queue.${name}.beforeDatabase`);
    const outcome = await database.transaction((trx) =>
      renewal(trx, { taskId, fence, leaseMs, progress, memoryBytes, log }),
    );
    await failpoint(`queue.${name}.afterDatabase`);
    await touchWorker(database, workerId);
    if (outcome.kind === 'continue') {
      return { directive: outcome.draining ? 'drain' : 'continue', leaseMs, remainingMs: outcome.remainingMs };
    }
    if (outcome.kind === 'cancel-asked') await queue.cancelHeld({ taskId, fence });
    return { directive: 'cancel', leaseMs, remainingMs: null };
  }

  /** @throws LEASE_TOKEN_INVALID, TASK_FENCED, TASK_CANCELLED, VALIDATION_FAILED, CONFLICT */
  async seal(token: string, taskId: string, request: SealRequest): Promise<TransitionAnswer> {
    const { database, config, queue } = this.#options;
    const { fence, files, outcome, log } = request;
    await this.#checkLease(token, taskId, fence);
    await this.#checkSeal(taskId, request);
    await failpoint('queue.seal.beforeDatabase');
    const state = await database.transaction(async (trx) => {
      const transition = await sealTask(trx, { taskId, fence }, { files, outcome }, { leaseMs: config.leaseMs, log });
      await queue.followUps.follow(trx, transition);
      return transition.state;
    });
    await failpoint('queue.seal.afterDatabase');
    return answerOf(state);
  }

  async #checkSeal(taskId: string, { files, outcome }: SealRequest): Promise<void> {
    const task = await getTask(this.#options.database, taskId);
    if (task !== null && task.kind !== outcome.kind) {
      throw new AppError('VALIDATION_FAILED', `outcome: expected one of ${task.kind}; found ${outcome.kind}`, {
        errors: [{ path: '/outcome/kind', message: `must be ${task.kind}` }],
      });
    }
    if (new Set(files.map((file) => file.name)).size !== files.length) {
      throw new AppError('VALIDATION_FAILED', 'files: a name occurs twice', {
        errors: [{ path: '/files', message: 'names must be unique' }],
      });
    }
  }

  /** @throws LEASE_TOKEN_INVALID, TASK_FENCED, TASK_CANCELLED, CONFLICT, STORE_UNAVAILABLE */
  async commit(token: string, taskId: string, { fence }: CommitRequest): Promise<TransitionAnswer> {
    await this.#checkLease(token, taskId, fence);
    return answerOf(await this.#options.queue.commit({ taskId, fence }));
  }

  /** @throws LEASE_TOKEN_INVALID, TASK_FENCED, TASK_CANCELLED */
  async fail(token: string, taskId: string, { fence, ...failure }: FailRequest): Promise<TransitionAnswer> {
    await this.#checkLease(token, taskId, fence);
    return answerOf(await this.#options.queue.fail({ taskId, fence }, failure));
  }

  /** Lets held claims go, answered with nothing. */
  close(): Promise<void> {
    return this.#ready.close();
  }

  /** A lease's token is good for its own task and fence only, for ever: whether the fence still holds is asked later. */
  async #checkLease(token: string, taskId: string, fence: number): Promise<string> {
    const attempt = await getAttempt(this.#options.database, taskId, fence);
    if (attempt === null || !isToken(token, attempt.tokenHash)) {
      throw new AppError('LEASE_TOKEN_INVALID', `the lease token is not the one of task ${taskId}, fence ${fence}`);
    }
    return attempt.workerId;
  }
}

const forbidden = (err: AppError): Failure => ({ blame: 'user', problem: toProblem(err, null), log: [] });

/** The states that a worker is told. */
function answerOf(state: TaskState): TransitionAnswer {
  if (state === 'WAITING' || state === 'LEASED') {
    throw new AppError('INTERNAL', `a transition of a held task ended in ${state}`);
  }
  return { state };
}
