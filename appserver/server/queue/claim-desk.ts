import { AppError, toAppError, toProblem } from '#contracts';
import { randomHex, systemClock, type Clock, type Config, type Logger } from '#runtime';
import {
  claimTasks,
  forgetRequest,
  isUniqueViolation,
  requestKey,
  type Claim,
  type ClaimRequest,
  type Database,
  type Transaction,
} from '#store';
import type { TaskQueue } from './task-queue.ts';

export interface ClaimDeskOptions {
  readonly database: Database;
  readonly queue: TaskQueue;
  readonly config: Config['queue'];
  readonly logger: Logger;
  /**
   * Whether tasks may still run in the name of this user; asked in the transaction that gives them out, once for all of
   * a user's.
   * @default everybody may
   */
  readonly mayRun?: (trx: Transaction, userId: string) => Promise<boolean>;
  /** @default systemClock */
  readonly clock?: Clock;
  /**
   * Largest container of a worker that is asked for in YARN, MB.
   * @default as large as YARN grants
   */
  readonly containerMemoryMaxMb?: number;
  /** @default HELD_CLAIMS_MAX */
  readonly heldClaimsMax?: number;
}

/** A worker's wish for a task. */
export interface Wish extends Pick<
  ClaimRequest,
  'workerId' | 'pool' | 'memoryBytes' | 'requestId' | 'cachedDatasets' | 'joinsGroups' | 'tokenOf'
> {
  /** How long it is held while there is no task. */
  readonly waitMs: number;
}

/** A wish at the desk. */
interface Held {
  readonly wish: Wish;
  readonly resolve: (claim: Claim | null) => void;
  readonly reject: (err: unknown) => void;
  /** Looks at the queue that found nothing for it. */
  looks: number;
  /** It has waited as long as it was to. */
  isOver: boolean;
}

/** Claims held at a time; more are told to come back. */
export const HELD_CLAIMS_MAX = 2_000;
/** Tasks given out by one transaction: enough to share the disk's flush, few enough that nobody waits long for the others. */
const BATCH_TASKS_MAX = 64;
/** Looks for a claim that was passed over although there were tasks, and tries of a batch that met its own repeat. */
const TRIES_MAX = 5;
const NONCE_BYTES = 6;

/**
 * Where claims wait for tasks and are served together. While one transaction gives tasks out the next claims gather, and
 * all of them are in the next one (group commit): however many workers ask at the same time, they share its statements
 * and its flush to the disk. Claims that found nothing are held in the order of their arrival, and looked at again when
 * a task becomes ready in this process or another claim arrives, and once per `queue.pollMs` for tasks of other replicas
 * and those whose back-off ends; so that who gets a task is decided among all that wait, and waiting costs nothing.
 *
 * @see DeWitt et al.: Implementation techniques for main memory database systems (1984), section 5.2, on group commit
 */
export class ClaimDesk {
  readonly #options: ClaimDeskOptions;
  readonly #clock: Clock;
  /** In the order of arrival. */
  readonly #held = new Set<Held>();
  readonly #unlisten: () => void;
  #lookIsDue = false;
  #isServing = false;
  #served: Promise<void> = Promise.resolve();
  #cancelPoll: (() => void) | null = null;
  #isClosed = false;

  constructor(options: ClaimDeskOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#unlisten = options.database.listen('task-ready', () => this.#look());
  }

  /**
   * A task; null when there was none in time, when the client has gone, or when the lease that this request got before
   * is over.
   *
   * @throws RATE_LIMITED when too many claims are held; what the database throws
   */
  async claim(wish: Wish, signal: AbortSignal): Promise<Claim | null> {
    if (this.#isClosed || signal.aborted) return null;
    const { heldClaimsMax = HELD_CLAIMS_MAX } = this.#options;
    if (this.#held.size >= heldClaimsMax) {
      throw new AppError('RATE_LIMITED', `${heldClaimsMax} claims are held already`, { retryAfterSeconds: 1 });
    }
    const { promise, resolve, reject } = Promise.withResolvers<Claim | null>();
    const held: Held = { wish, resolve, reject, looks: 0, isOver: wish.waitMs <= 0 };
    const leave = () => this.#answer(held, null);
    const cancelLimit = this.#clock.after(wish.waitMs, () => this.#endWait(held));
    signal.addEventListener('abort', leave, { once: true });
    this.#held.add(held);
    this.#look();
    try {
      return await promise;
    } finally {
      cancelLimit();
      signal.removeEventListener('abort', leave);
    }
  }

  /** Lets held claims go, answered with nothing; waits for the transaction that is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#unlisten();
    this.#cancelPoll?.();
    await this.#served;
    for (const held of [...this.#held]) this.#answer(held, null);
  }

  #answer(held: Held, claim: Claim | null): void {
    this.#held.delete(held);
    held.resolve(claim);
  }

  /** While a transaction runs its answer is waited for: it may give a task to this claim. */
  #endWait(held: Held): void {
    held.isOver = true;
    if (!this.#isServing) this.#answer(held, null);
  }

  /** There may be a task for somebody. */
  #look(): void {
    this.#lookIsDue = true;
    if (!this.#isServing) this.#served = this.#serve();
  }

  async #serve(): Promise<void> {
    this.#isServing = true;
    while (this.#lookIsDue && this.#held.size > 0 && !this.#isClosed) {
      this.#lookIsDue = false;
      await this.#serveBatch([...this.#held]);
    }
    this.#isServing = false;
    this.#schedulePoll();
  }

  #schedulePoll(): void {
    if (this.#cancelPoll !== null || this.#held.size === 0 || this.#isClosed) return;
    this.#cancelPoll = this.#clock.after(this.#options.config.pollMs, () => {
      this.#cancelPoll = null;
      this.#look();
    });
  }

  async #serveBatch(batch: readonly Held[]): Promise<void> {
    try {
      const { claims, isMore } = await this.#giveOut(batch);
      if (isMore) this.#lookIsDue = true;
      for (const held of batch) {
        held.looks += 1;
        const claim = claims.get(requestKey(held.wish));
        if (claim !== undefined) this.#answer(held, claim);
        else if (held.isOver && (!isMore || held.looks >= TRIES_MAX)) this.#answer(held, null);
      }
    } catch (err) {
      // One claim must not spoil the others, unless the database would tell each of them the same.
      if (batch.length > 1 && !toAppError(err).retryable) {
        for (const held of batch) await this.#serveBatch([held]);
        return;
      }
      for (const held of batch) {
        this.#held.delete(held);
        held.reject(err);
      }
    }
  }

  /** One transaction: the claims by request, and whether some were passed over although there may be tasks for them. */
  async #giveOut(batch: readonly Held[]): Promise<{ claims: Map<string, Claim | null>; isMore: boolean }> {
    for (let tries = 1; ; tries += 1) {
      const requests = new Map<string, ClaimRequest>();
      for (const held of batch) {
        const key = requestKey(held.wish);
        if (!requests.has(key)) requests.set(key, requestOf(held, tries > 1));
      }
      try {
        return await this.#options.database.transaction((trx) => this.#giveOutIn(trx, [...requests.values()]));
      } catch (err) {
        // A request was answered at the same moment by another replica: look for that answer.
        if (!isUniqueViolation(err) || tries >= TRIES_MAX) throw err;
      }
    }
  }

  async #giveOutIn(trx: Transaction, requests: readonly ClaimRequest[]) {
    const { leaseMs, groupWaitMs } = this.#options.config;
    const { containerMemoryMaxMb = Infinity } = this.#options;
    const limits = { leaseMs, groupWaitMs, containerMemoryMaxMb, tasksMax: BATCH_TASKS_MAX };
    const answers = await claimTasks(trx, requests, limits);
    const refused = await this.#giveUpRefused(trx, answers);
    const claims = new Map<string, Claim | null>();
    for (const [request, claim] of answers) if (!refused.has(request)) claims.set(requestKey(request), claim);
    return { claims, isMore: refused.size > 0 || answers.size >= BATCH_TASKS_MAX };
  }

  /** Ends the tasks that may not run in their users' names any more; those who got them are still to get one. */
  async #giveUpRefused(
    trx: Transaction,
    answers: ReadonlyMap<ClaimRequest, Claim | null>,
  ): Promise<ReadonlySet<ClaimRequest>> {
    const { mayRun, queue, logger } = this.#options;
    const refused = new Set<ClaimRequest>();
    if (mayRun === undefined) return refused;
    const may = new Map<string, boolean>();
    for (const [request, claim] of answers) {
      if (claim === null) continue;
      const { id: taskId, fence, runAs } = claim.task;
      if (!may.has(runAs)) may.set(runAs, await mayRun(trx, runAs));
      if (may.get(runAs) === true) continue;
      const err = new AppError('FORBIDDEN', `user ${runAs}, in whose name the task runs, may not any more`);
      logger.warn('run_as_refused', 'a task was given up instead of given out', { taskId, err });
      await forgetRequest(trx, { taskId, fence });
      await queue.failIn(trx, { taskId, fence }, { blame: 'user', problem: toProblem(err, null), log: [] });
      refused.add(request);
    }
    return refused;
  }
}

function requestOf({ wish, looks }: Held, mayBeRepeat: boolean): ClaimRequest {
  return { ...wish, mayBeRepeat: mayBeRepeat || looks === 0, nonce: randomHex(NONCE_BYTES) };
}
