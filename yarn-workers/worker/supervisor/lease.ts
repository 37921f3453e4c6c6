import {
  AppError,
  toAppError,
  type BeatAnswer,
  type ClaimedTask,
  type CommitRequest,
  type FailRequest,
  type SealRequest,
  type TaskProgress,
  type TransitionAnswer,
} from '#contracts';
import type { Logger } from '#runtime';
import { BackOff } from './back-off.ts';
import { LogBuffer } from './log-buffer.ts';
import { verdictOf, type ProtocolClient } from './protocol-client.ts';

/** First and longest delay between attempts to reach the app server. */
export const RETRY_MS = 200;
export const RETRY_MS_MAX = 10_000;
/** Shortest time that a beat is given to be answered. */
const BEAT_TIMEOUT_MS_MIN = 1_000;
/** Part of the lease that is kept as a margin: with less of it left the lease no longer counts as held. */
const MARGIN_OF_LEASE = 1 / 6;
/** How often a statement that makes the app server fail (INTERNAL) is repeated. */
export const SERVER_ERRORS_MAX = 5;

export interface LeaseOptions {
  readonly client: ProtocolClient;
  readonly task: ClaimedTask;
  /** When the claim that was granted had been sent, on the monotonic clock. */
  readonly claimedAtMs: number;
  readonly beatMs: number;
  readonly monotonicMs: () => number;
  readonly memoryBytes: () => number;
  readonly logger: Logger;
  /** Called with each accepted beat's answer. */
  readonly onAnswer: (answer: BeatAnswer) => void;
}

/**
 * A claimed task's lease: renewed by a timer of its own, whatever the task does. Refused means lost, at once and for
 * good. While the app server cannot be reached the lease runs out here (monotonic clock) and the work goes on; no
 * seal, commit or fail is sent until a beat, or after that time a `resume`, has been accepted.
 */
export class Lease {
  readonly log = new LogBuffer();
  progress: TaskProgress | null = null;
  readonly #options: LeaseOptions;
  readonly #backOff = new BackOff(RETRY_MS, RETRY_MS_MAX);
  readonly #lost = new AbortController();
  readonly #closed = new AbortController();
  #heldUntilMs: number;
  #timer: NodeJS.Timeout | undefined;
  #renewing: Promise<void> | null = null;
  #started = false;
  #settling = false;
  #refusalWhileSettling: AppError | null = null;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#heldUntilMs = heldUntil(options.claimedAtMs, options.task.leaseMs);
  }

  /** Aborted when the lease is refused; its reason is the app server's error. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** True while an accepted beat covers this instant, with a margin. */
  get held(): boolean {
    return !this.#lost.signal.aborted && this.#options.monotonicMs() < this.#heldUntilMs;
  }

  /** Says that the work begins, waiting for the app server if need be, and beats from then on. @throws when refused */
  async start(): Promise<void> {
    await this.#renewUntilAccepted();
    this.#schedule(this.#options.beatMs);
  }

  /** @throws the refusal; or what the app server rejects for good */
  async seal(request: SealRequest): Promise<TransitionAnswer> {
    const { client, task } = this.#options;
    return this.#state(() => client.seal(task, request, this.#closed.signal));
  }

  /** `sending` is called each time before the statement leaves. @throws as {@link seal} */
  async commit(request: CommitRequest, sending: () => Promise<void>): Promise<TransitionAnswer> {
    const { client, task } = this.#options;
    return this.#state(async () => {
      await sending();
      return client.commit(task, request, this.#closed.signal);
    });
  }

  /** @throws as {@link seal} */
  async fail(request: FailRequest): Promise<TransitionAnswer> {
    const { client, task } = this.#options;
    return this.#state(() => client.fail(task, request, this.#closed.signal));
  }

  /** Stops beating. Statements under way are given up. */
  close(): void {
    clearTimeout(this.#timer);
    this.#closed.abort(new AppError('SHUTTING_DOWN', 'the worker gave up the lease'));
  }

  /** Repeats a statement until the app server has answered it. */
  async #state(send: () => Promise<TransitionAnswer>): Promise<TransitionAnswer> {
    const backOff = new BackOff(RETRY_MS, RETRY_MS_MAX);
    for (let serverErrors = 0; ;) {
      await this.#renewUntilHeld();
      this.#settling = true;
      try {
        return await send();
      } catch (err) {
        const error = toAppError(err);
        const verdict = verdictOf(error);
        if (verdict === 'refused') throw this.#lose(error);
        if (error.code === 'INTERNAL') serverErrors += 1;
        if (verdict === 'rejected' || serverErrors > SERVER_ERRORS_MAX) throw error;
        this.#options.logger.warn('statement_repeated', 'the app server did not take a statement', { err: error });
      } finally {
        this.#settling = false;
      }
      if (this.#refusalWhileSettling !== null) throw this.#lose(this.#refusalWhileSettling);
      await backOff.pause(this.#closed.signal);
    }
  }

  async #renewUntilHeld(): Promise<void> {
    this.#throwIfOver();
    if (!this.held) await this.#renewUntilAccepted();
  }

  async #renewUntilAccepted(): Promise<void> {
    const backOff = new BackOff(RETRY_MS, RETRY_MS_MAX);
    for (;;) {
      this.#throwIfOver();
      try {
        await this.#renew();
        return;
      } catch (err) {
        const error = toAppError(err);
        if (verdictOf(error) === 'refused') throw this.#lose(error);
        this.#options.logger.warn('lease_unreachable', 'the lease could not be renewed', { err: error });
      }
      await backOff.pause(this.#closed.signal);
    }
  }

  #throwIfOver(): void {
    this.#lost.signal.throwIfAborted();
    this.#closed.signal.throwIfAborted();
  }

  /** One renewal; those that ask at the same time share it. */
  #renew(): Promise<void> {
    this.#renewing ??= this.#renewOnce().finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  async #renewOnce(): Promise<void> {
    const { client, task, beatMs, monotonicMs } = this.#options;
    const sentAtMs = monotonicMs();
    const verb = !this.held ? 'resume' : this.#started ? 'beat' : 'start';
    const { lines, acknowledge } = this.log.take();
    const request = {
      fence: task.fence,
      progress: this.progress,
      memoryBytes: this.#options.memoryBytes(),
      log: lines,
    };
    const answer = await client.renew(verb, task, request, {
      signal: this.#closed.signal,
      timeoutMs: Math.max(beatMs, BEAT_TIMEOUT_MS_MIN),
    });
    acknowledge();
    this.#started = true;
    this.#heldUntilMs = heldUntil(sentAtMs, answer.leaseMs);
    this.#options.onAnswer(answer);
  }

  #schedule(delayMs: number): void {
    if (this.#lost.signal.aborted || this.#closed.signal.aborted) return;
    this.#timer = setTimeout(() => void this.#beat(), delayMs);
  }

  async #beat(): Promise<void> {
    let delayMs = this.#options.beatMs;
    try {
      await this.#renew();
      this.#backOff.reset();
    } catch (err) {
      const error = toAppError(err);
      if (this.#closed.signal.aborted) return;
      if (verdictOf(error) === 'refused') {
        // A beat that was overtaken by our own commit is refused too: the commit's answer decides.
        if (!this.#settling) this.#lose(error);
        else this.#refusalWhileSettling = error;
        return;
      }
      delayMs = Math.min(this.#backOff.next(), this.#options.beatMs);
      this.#options.logger.warn('beat_unanswered', 'a beat was not accepted', { err: error });
    }
    this.#schedule(delayMs);
  }

  #lose(error: AppError): AppError {
    clearTimeout(this.#timer);
    if (!this.#lost.signal.aborted) this.#lost.abort(error);
    return error;
  }
}

const heldUntil = (sentAtMs: number, leaseMs: number): number => sentAtMs + leaseMs * (1 - MARGIN_OF_LEASE);
