import {
  AppError,
  toAppError,
  type BeatAnswer,
  type ClaimedTask,
  type CommitRequest,
  type FailRequest,
  type MeetAnswer,
  type MeetRequest,
  type SealRequest,
  type TaskProgress,
  type TransitionAnswer,
} from '#contracts';
import type { Clock, Logger } from '#runtime';
import { BackOff } from './back-off.ts';
import { CheckpointTeller, type NewCheckpoint } from './checkpoint-teller.ts';
import { LogBuffer } from './log-buffer.ts';
import { verdictOf, type ProtocolClient } from './protocol-client.ts';

/** First and longest delay between attempts to reach the app server. */
export const RETRY_MS = 200;
export const RETRY_MS_MAX = 10_000;
/** Shortest time that a beat is given to be answered. */
const BEAT_TIMEOUT_MS_MIN = 1_000;
/** Part of the lease that is kept as a margin: with less of it left the lease no longer counts as held. */
const MARGIN_OF_LEASE = 1 / 6;
/** Longest delay between two questions whether the other members of a group are there. */
const WAIT_MS_MAX = 500;
/** Longest wait for the other ranks of a group that has begun to say where they listen: their task processes may have to start. */
const MEET_MS_MAX = 60_000;
/** Longest delay between two questions whether the other members of a group have sealed. */
const COMMIT_AGAIN_MS_MAX = 2_000;
/** How often a statement that makes the app server fail (INTERNAL) is repeated. */
export const SERVER_ERRORS_MAX = 5;

export interface LeaseOptions {
  readonly client: ProtocolClient;
  readonly task: ClaimedTask;
  /** When the claim that was granted had been sent, on the clock. */
  readonly claimedAtMs: number;
  readonly beatMs: number;
  readonly clock: Clock;
  readonly memoryBytes: () => number;
  readonly logger: Logger;
  /** Called with each accepted beat's answer. */
  readonly onAnswer: (answer: BeatAnswer) => void;
  /** Called when the app server has taken a checkpoint down. */
  readonly onCheckpointTaken: (position: number) => void;
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
  readonly #backOff: BackOff;
  readonly #checkpoints: CheckpointTeller;
  readonly #lost = new AbortController();
  readonly #closed = new AbortController();
  #heldUntilMs: number;
  #cancelBeat: () => void = () => undefined;
  #renewing: Promise<void> | null = null;
  #started = false;
  /** Ends the wait for the answer to a seal, commit or fail under way. */
  #awaited: AbortController | null = null;
  #refusalWhileSettling: AppError | null = null;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#backOff = new BackOff(RETRY_MS, RETRY_MS_MAX, options.clock);
    this.#heldUntilMs = heldUntil(options.claimedAtMs, options.task.leaseMs);
    this.#checkpoints = new CheckpointTeller({
      send: (checkpoint) => this.#sendCheckpoint(checkpoint),
      isHeld: () => this.held,
      onRefused: (error) => this.#hearRefusal(error),
      onTaken: options.onCheckpointTaken,
      logger: options.logger,
    });
  }

  /** Aborted when the lease is refused; its reason is the app server's error. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** True while an accepted beat covers this instant, with a margin. */
  get held(): boolean {
    return !this.#lost.signal.aborted && this.#options.clock.monotonicMs() < this.#heldUntilMs;
  }

  /**
   * Says that the work begins, waiting for the app server if need be, and for the other members of a group, and beats from
   * then on.
   *
   * @param stop ends the waiting for others: the caller will not begin
   * @throws when refused
   */
  async start(stop: AbortSignal): Promise<void> {
    const { beatMs, clock } = this.#options;
    await this.#renewUntilAccepted();
    while (!this.#started && !stop.aborted) {
      await clock.pause(Math.min(beatMs, WAIT_MS_MAX), AbortSignal.any([stop, this.#closed.signal]));
      if (!stop.aborted) await this.#renewUntilAccepted();
    }
    this.#schedule(beatMs);
  }

  /**
   * Tells the app server of a checkpoint, as soon as it can be told; a newer one takes its place. That it cannot be told
   * is no reason to stop: it is said again after the next accepted beat.
   */
  offerCheckpoint(checkpoint: NewCheckpoint): void {
    this.#checkpoints.offer(checkpoint);
  }

  /**
   * Says where this rank of a group listens, if it does, and waits then until all have said so; while the app server is away, too.
   *
   * @throws GROUP_BROKEN where some do not in time; the refusal; or what the app server rejects for good
   */
  async meet(request: MeetRequest): Promise<MeetAnswer> {
    const { client, task, beatMs, clock, logger } = this.#options;
    const untilMs = clock.monotonicMs() + MEET_MS_MAX;
    for (;;) {
      this.#throwIfOver();
      if (clock.monotonicMs() > untilMs)
        throw new AppError('GROUP_BROKEN', `not all ranks said within ${MEET_MS_MAX / 1_000} s where they listen`);
      try {
        const answer = await client.meet(task, request, this.#renewOptions());
        if (request.address === null || answer.addresses !== null) return answer;
      } catch (err) {
        const error = toAppError(err);
        const verdict = verdictOf(error);
        if (verdict === 'refused') throw this.#lose(error);
        if (verdict === 'rejected') throw error;
        logger.warn('meet_unanswered', 'the other ranks of the group could not be asked for', { err: error });
      }
      await clock.pause(Math.min(beatMs, WAIT_MS_MAX), this.#closed.signal);
    }
  }

  /** @throws the refusal; or what the app server rejects for good */
  async seal(request: SealRequest): Promise<TransitionAnswer> {
    const { client, task } = this.#options;
    this.#checkpoints.close();
    return this.#state((signal) => client.seal(task, request, signal));
  }

  /**
   * Asks again as long as the answer is COMMITTING: other members of the group have not sealed yet.
   *
   * @param sending is called each time before the statement leaves
   * @throws as {@link seal}
   */
  async commit(request: CommitRequest, sending: () => Promise<void>): Promise<TransitionAnswer> {
    const { client, task, clock } = this.#options;
    const backOff = new BackOff(RETRY_MS, COMMIT_AGAIN_MS_MAX, clock);
    for (;;) {
      const answer = await this.#state(async (signal) => {
        await sending();
        return client.commit(task, request, signal);
      });
      if (answer.state !== 'COMMITTING') return answer;
      await backOff.pause(AbortSignal.any([this.#closed.signal, this.#lost.signal]));
    }
  }

  /** @throws as {@link seal} */
  async fail(request: FailRequest): Promise<TransitionAnswer> {
    const { client, task } = this.#options;
    return this.#state((signal) => client.fail(task, request, signal));
  }

  /** Stops beating. Statements under way are given up. */
  close(): void {
    this.#cancelBeat();
    this.#checkpoints.close();
    this.#closed.abort(new AppError('SHUTTING_DOWN', 'the worker gave up the lease'));
  }

  /** Repeats a statement until the app server has answered it; also when a beat tells that its answer may not come. */
  async #state(send: (signal: AbortSignal) => Promise<TransitionAnswer>): Promise<TransitionAnswer> {
    const backOff = new BackOff(RETRY_MS, RETRY_MS_MAX, this.#options.clock);
    for (let serverErrors = 0; ;) {
      await this.#renewUntilHeld();
      const awaited = new AbortController();
      this.#awaited = awaited;
      try {
        return await send(AbortSignal.any([this.#closed.signal, awaited.signal]));
      } catch (err) {
        const error = toAppError(err);
        const verdict = verdictOf(error);
        if (verdict === 'refused') throw this.#lose(error);
        if (error.code === 'INTERNAL') serverErrors += 1;
        if (verdict === 'rejected' || serverErrors > SERVER_ERRORS_MAX) throw error;
        this.#options.logger.warn('statement_repeated', 'the app server did not take a statement', { err: error });
      } finally {
        this.#awaited = null;
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
    const backOff = new BackOff(RETRY_MS, RETRY_MS_MAX, this.#options.clock);
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
    const { client, task, clock } = this.#options;
    const sentAtMs = clock.monotonicMs();
    const verb = !this.held ? 'resume' : this.#started ? 'beat' : 'start';
    const { lines, from, acknowledge } = this.log.take();
    const request = {
      fence: task.fence,
      progress: this.progress,
      memoryBytes: this.#options.memoryBytes(),
      log: lines,
      logFrom: from,
    };
    const answer = await client.renew(verb, task, request, this.#renewOptions()).catch((err: unknown) => {
      if (verdictOf(err) !== 'rejected') throw err;
      // What is told beside the fence does not fit its schema: the lease must not be lost for that.
      this.#options.logger.error('beat_rejected', 'progress and log are left out of a beat', { err: toAppError(err) });
      const bare = { fence: task.fence, progress: null, memoryBytes: 0, log: [] };
      return client.renew(verb, task, bare, this.#renewOptions());
    });
    acknowledge();
    this.#started ||= answer.directive !== 'wait';
    this.#accept(sentAtMs, answer);
    void this.#checkpoints.say();
  }

  #renewOptions() {
    return { signal: this.#closed.signal, timeoutMs: Math.max(this.#options.beatMs, BEAT_TIMEOUT_MS_MIN) };
  }

  async #sendCheckpoint(checkpoint: NewCheckpoint): Promise<void> {
    const { client, task, clock } = this.#options;
    const sentAtMs = clock.monotonicMs();
    const request = { fence: task.fence, ...checkpoint };
    this.#accept(sentAtMs, await client.checkpoint(task, request, this.#renewOptions()));
  }

  #accept(sentAtMs: number, answer: BeatAnswer): void {
    this.#heldUntilMs = heldUntil(sentAtMs, answer.leaseMs);
    this.#options.onAnswer(answer);
  }

  #schedule(delayMs: number): void {
    if (this.#lost.signal.aborted || this.#closed.signal.aborted) return;
    this.#cancelBeat = this.#options.clock.after(delayMs, () => void this.#beat());
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
        this.#hearRefusal(error);
        return;
      }
      // A network that lost the beat may have lost the statement, too, or its answer.
      this.#awaited?.abort();
      delayMs = Math.min(this.#backOff.next(), this.#options.beatMs);
      this.#options.logger.warn('beat_unanswered', 'a beat was not accepted', { err: error });
    }
    this.#schedule(delayMs);
  }

  /** What our own commit has overtaken is refused too: then the commit's answer decides, if it comes soon. */
  #hearRefusal(error: AppError): void {
    const awaited = this.#awaited;
    if (awaited === null) {
      this.#lose(error);
      return;
    }
    this.#refusalWhileSettling = error;
    this.#options.clock.after(Math.max(this.#options.beatMs, BEAT_TIMEOUT_MS_MIN), () => awaited.abort());
  }

  #lose(error: AppError): AppError {
    this.#cancelBeat();
    if (!this.#lost.signal.aborted) this.#lost.abort(error);
    return error;
  }
}

const heldUntil = (sentAtMs: number, leaseMs: number): number => sentAtMs + leaseMs * (1 - MARGIN_OF_LEASE);
