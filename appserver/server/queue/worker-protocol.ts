import {
  AppError,
  type BeatAnswer,
  type BeatRequest,
  type CheckpointRequest,
  type ClaimedTask,
  type ClaimRequest,
  type CommitRequest,
  type DrainAnswer,
  type DrainRequest,
  type FailRequest,
  type MeetAnswer,
  type MeetRequest,
  type RegisterAnswer,
  type RegisterRequest,
  type SealRequest,
  type TransitionAnswer,
} from '#contracts';
import { failpoint, issueGroupCertificates, systemClock, type Clock, type RankCertificate } from '#runtime';
import {
  beatTask,
  checkpointOfGroup,
  checkpointTask,
  earlierClaim,
  findLease,
  getGroup,
  getTask,
  GIVE_WAY_AFTER_MS,
  isHeld,
  isToken,
  meetRanks,
  readClock,
  resumeTask,
  SEEN_STEP_MS,
  sealTask,
  startTask,
  touchWorker,
  wayToGive,
  type Beat,
  type BeatOutcome,
  type Claim,
  type Holder,
  type LeaseIdentity,
  type Transaction,
  type WorkerIdentity,
} from '#store';
import { beatAnswerOf, claimedTaskOf, SPEAKS_GROUPS, transitionAnswerOf } from './answers.ts';
import { ClaimDesk, type ClaimDeskOptions } from './claim-desk.ts';
import { drain, identify, register } from './registration.ts';
import { leaseToken } from './tokens.ts';
import type { Sealer } from '../services/sealer.ts';

export interface WorkerProtocolOptions extends ClaimDeskOptions {
  /** Keeps the keys of groups' ranks. */
  readonly sealer: Sealer;
}

/** A group's certificates are good for so long: ranks look at them when they meet, and not afterwards. */
const CERTIFICATES_MS = 24 * 3_600_000;

/** The app server's side of the worker protocol: who may say what, and the statement that it becomes. */
export class WorkerProtocol {
  readonly #options: WorkerProtocolOptions;
  readonly #clock: Clock;
  readonly #desk: ClaimDesk;
  /** When a task gave way last, by pool, on the database's clock. */
  readonly #gaveWayAtMs = new Map<string, number>();

  constructor(options: WorkerProtocolOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#desk = new ClaimDesk(options);
  }

  /** @throws POOL_SECRET_INVALID, PROTOCOL_VERSION */
  register(secret: string, request: RegisterRequest): Promise<RegisterAnswer> {
    return register(this.#options, secret, request);
  }

  /** @throws UNAUTHENTICATED for a token that is not this worker's */
  drain(token: string, workerId: string, request: DrainRequest): Promise<DrainAnswer> {
    return drain(this.#options, token, workerId, request);
  }

  /**
   * Gives the worker a task, waiting for one up to `waitMs`; null when there is none. The same request id gets the same
   * task and token again while its lease lives, also when the worker is to end.
   *
   * @throws UNAUTHENTICATED for a token that is not this worker's: it must register again; WORKER_DRAINING
   */
  async claim(token: string, request: ClaimRequest, signal: AbortSignal): Promise<ClaimedTask | null> {
    const { database } = this.#options;
    if (signal.aborted) return null;
    const worker = await identify(database, token, request.workerId);
    if (worker.silentMs > SEEN_STEP_MS) await touchWorker(database, worker.id);
    if (worker.drainReason !== null) return this.#claimWhileDraining(token, request, worker, signal);
    await failpoint('queue.claim.beforeDatabase');
    const tokenOf = (taskId: string, fence: number) => leaseToken(token, taskId, fence);
    const joinsGroups = worker.protocolVersion >= SPEAKS_GROUPS;
    const ofWorker = { pool: worker.pool, memoryBytes: worker.memoryBytes };
    const claim = await this.#desk.claim({ ...request, ...ofWorker, joinsGroups, tokenOf }, signal);
    if (claim === null) {
      await touchWorker(database, worker.id);
      return null;
    }
    await failpoint('queue.claim.afterDatabase');
    return this.#claimedTask(claim, worker);
  }

  /** A worker that is to end gets what it was given before and nothing else. Version 1 knows no refusal. */
  async #claimWhileDraining(
    token: string,
    request: ClaimRequest,
    worker: WorkerIdentity,
    signal: AbortSignal,
  ): Promise<ClaimedTask | null> {
    const { database } = this.#options;
    const tokenOf = (taskId: string, fence: number) => leaseToken(token, taskId, fence);
    const earlier = await database.transaction((trx) => earlierClaim(trx, { ...request, tokenOf }));
    if (earlier !== undefined && earlier !== null) {
      return this.#claimedTask(earlier, worker);
    }
    if (worker.protocolVersion < SPEAKS_GROUPS) {
      await this.#clock.pause(request.waitMs, signal);
      return null;
    }
    throw new AppError('WORKER_DRAINING', `worker ${worker.id} gets no more tasks: ${worker.drainReason ?? ''}`, {
      details: { workerId: worker.id },
    });
  }

  async #claimedTask(claim: Claim, { protocolVersion }: WorkerIdentity): Promise<ClaimedTask> {
    const { database, config, queue } = this.#options;
    const { groupId, kind } = claim.task;
    // All ranks of a fit go on from what the first one has left.
    const checkpoint =
      kind === 'train-part' && groupId !== null ? await checkpointOfGroup(database, groupId) : claim.task.checkpoint;
    await queue.access.open({ ...claim.task, checkpoint }, claim.attemptPath);
    const group = groupId === null ? null : await getGroup(database, groupId);
    const resumed = { ...claim, task: { ...claim.task, checkpoint } };
    return claimedTaskOf(resumed, { leaseMs: config.leaseMs, protocolVersion, group });
  }

  /** @throws LEASE_TOKEN_INVALID, TASK_FENCED, TASK_CANCELLED */
  start(token: string, taskId: string, request: BeatRequest): Promise<BeatAnswer> {
    return this.#beat('start', startTask, token, taskId, request);
  }

  /** @throws LEASE_TOKEN_INVALID, TASK_FENCED, TASK_CANCELLED */
  async beat(token: string, taskId: string, request: BeatRequest): Promise<BeatAnswer> {
    const answer = await this.#beat('beat', beatTask, token, taskId, request);
    // A worker that ends after this task would claim nothing in its place.
    if (answer.directive !== 'continue' || !(await this.#givesWay({ taskId, fence: request.fence }))) return answer;
    return beatAnswerOf({ kind: 'cancelled' }, this.#options.config.leaseMs);
  }

  /** @throws LEASE_TOKEN_INVALID, TASK_FENCED, TASK_CANCELLED */
  resume(token: string, taskId: string, request: BeatRequest): Promise<BeatAnswer> {
    return this.#beat('resume', resumeTask, token, taskId, request);
  }

  async #beat(
    name: string,
    say: (trx: Transaction, beat: Beat) => Promise<BeatOutcome>,
    token: string,
    taskId: string,
    request: BeatRequest,
  ): Promise<BeatAnswer> {
    const { leaseMs } = this.#options.config;
    const lease = await this.#checkLease(token, taskId, request.fence);
    const beat = { taskId, leaseMs, ...request };
    return this.#renew(name, lease, beat, (trx) => say(trx, beat));
  }

  /**
   * Another attempt can go on from a file of this one's folder; counts as a beat.
   *
   * @throws LEASE_TOKEN_INVALID, TASK_FENCED, TASK_CANCELLED; VALIDATION_FAILED when the object is not as it was said
   */
  async checkpoint(token: string, taskId: string, request: CheckpointRequest): Promise<BeatAnswer> {
    const { database, config, queue } = this.#options;
    const { fence, position, file } = request;
    const lease = await this.#checkLease(token, taskId, fence);
    const task = await getTask(database, taskId);
    // Who has lost the lease is told so below; his files are nobody's business.
    if (task?.fence === fence && isHeld(task.state)) await queue.verifyCheckpoint(lease.attemptPath, file);
    const { name, sizeBytes, sha256 } = file;
    const checkpoint = { path: `${lease.attemptPath}/${name}`, sizeBytes, sha256, position };
    const holder = { taskId, fence, leaseMs: config.leaseMs };
    return this.#renew('checkpoint', lease, holder, (trx) => checkpointTask(trx, holder, checkpoint));
  }

  /**
   * A rank of a group that has begun learns who it is and where the others listen. Each time that the group begins it has certificates of its
   * own, and only who holds a task of it then is told anything.
   *
   * @throws LEASE_TOKEN_INVALID, TASK_FENCED, TASK_CANCELLED; CONFLICT of a task of no group
   */
  async meet(token: string, taskId: string, { fence, address }: MeetRequest): Promise<MeetAnswer> {
    const { database, sealer } = this.#options;
    await this.#checkLease(token, taskId, fence);
    await failpoint('queue.meet.beforeDatabase');
    const { epoch, secret, addresses } = await database.transaction(async (trx) => {
      const now = await readClock(trx);
      return meetRanks(trx, { taskId, fence }, address, ({ id: groupId, size }) =>
        issueGroupCertificates({ groupId, size, now, validMs: CERTIFICATES_MS }).map((certificate) =>
          sealer.seal(JSON.stringify(certificate)),
        ),
      );
    });
    await failpoint('queue.meet.afterDatabase');
    const certificate = JSON.parse(sealer.open(secret)) as RankCertificate; // sealed above, authenticated
    return { epoch, certificate, addresses: addresses === null ? null : [...addresses] };
  }

  async #renew(
    name: string,
    { workerId, protocolVersion }: LeaseIdentity,
    holder: Holder,
    say: (trx: Transaction) => Promise<BeatOutcome>,
  ): Promise<BeatAnswer> {
    const { database, config, queue } = this.#options;
    await failpoint(`queue.${name}.beforeDatabase`);
    const outcome = await database.transaction(say);
    await failpoint(`queue.${name}.afterDatabase`);
    await touchWorker(database, workerId);
    if (outcome.kind === 'cancel-asked') await queue.cancelHeld(holder);
    const answer = beatAnswerOf(outcome, config.leaseMs);
    if (answer.directive === 'cancel' || protocolVersion < SPEAKS_GROUPS || !queue.access.hasTokens) return answer;
    return { ...answer, storeToken: await this.#storeToken(holder) };
  }

  /**
   * Gives a task that is to delay no other back to the queue where one waits for a worker. One at a time: the worker that is free now
   * needs a moment to claim.
   */
  async #givesWay(holder: Holder): Promise<boolean> {
    const { database, queue } = this.#options;
    const way = await wayToGive(database, holder);
    if (way === null || way.nowMs - (this.#gaveWayAtMs.get(way.pool) ?? -Infinity) < GIVE_WAY_AFTER_MS) return false;
    this.#gaveWayAtMs.set(way.pool, way.nowMs);
    return queue.giveWay(holder);
  }

  /** A token that cannot be had now is no reason to lose a lease: the worker goes on with the one that it has. */
  async #storeToken({ taskId }: Holder): Promise<string | null> {
    const { database, queue, logger } = this.#options;
    try {
      const task = await getTask(database, taskId);
      return task === null ? null : await queue.access.token(task);
    } catch (err) {
      logger.warn('token_unavailable', 'no fresh token for the object store could be had', { taskId, err });
      return null;
    }
  }

  /** @throws LEASE_TOKEN_INVALID, TASK_FENCED, TASK_CANCELLED, VALIDATION_FAILED, CONFLICT */
  async seal(token: string, taskId: string, request: SealRequest): Promise<TransitionAnswer> {
    const { database, config, queue } = this.#options;
    const { fence, files, outcome, ...told } = request;
    await this.#checkLease(token, taskId, fence);
    await this.#checkSeal(taskId, request);
    await failpoint('queue.seal.beforeDatabase');
    const state = await database.transaction(async (trx) => {
      const transition = await sealTask(
        trx,
        { taskId, fence },
        { files, outcome },
        { leaseMs: config.leaseMs, ...told },
      );
      await queue.followUps.follow(trx, transition);
      return transition.state;
    });
    await failpoint('queue.seal.afterDatabase');
    return transitionAnswerOf(state);
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
    return transitionAnswerOf(await this.#options.queue.commit({ taskId, fence }));
  }

  /** @throws LEASE_TOKEN_INVALID, TASK_FENCED, TASK_CANCELLED */
  async fail(token: string, taskId: string, { fence, ...failure }: FailRequest): Promise<TransitionAnswer> {
    await this.#checkLease(token, taskId, fence);
    return transitionAnswerOf(await this.#options.queue.fail({ taskId, fence }, failure));
  }

  /** Lets held claims go, answered with nothing. */
  close(): Promise<void> {
    return this.#desk.close();
  }

  /** A lease's token is good for its own task and fence only, for ever: whether the fence still holds is asked later. */
  async #checkLease(token: string, taskId: string, fence: number): Promise<LeaseIdentity> {
    const lease = await findLease(this.#options.database, { taskId, fence });
    if (lease === null || !isToken(token, lease.tokenHash)) {
      throw new AppError('LEASE_TOKEN_INVALID', `the lease token is not the one of task ${taskId}, fence ${fence}`);
    }
    return lease;
  }
}
