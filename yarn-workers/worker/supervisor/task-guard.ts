import { AppError, MEMORY_SHARE_MAX, type Blame, type TaskProgress } from '#contracts';
import type { Clock } from '#runtime';
import { MEMORY_ADVICE, toMebibytes } from '../blame.ts';

/** How often memory, deadline and progress are looked at. */
export const GUARD_INTERVAL_MS = 250;
/** How long past its deadline a task may go on sealing by itself before it is killed. */
export const DEADLINE_GRACE_MS = 2_000;
/** Of a pause between two looks no more than so many intervals count as time without progress: this process was stopped. */
const INTERVALS_COUNTED_MAX = 4;

/** Why the guard ended a task. */
export interface GuardVerdict {
  readonly error: AppError;
  readonly blame: Blame;
}

export interface TaskGuardOptions {
  readonly memoryBytesLimit: number;
  readonly remainingMs: number | null;
  /** Longest time without progress. */
  readonly stuckMs: number;
  readonly clock: Clock;
  /** Resident memory of the worker's process tree. */
  readonly memoryBytes: () => number;
  /** Called once, at the first limit that is passed. */
  readonly onVerdict: (verdict: GuardVerdict) => void;
  readonly intervalMs?: number;
}

/**
 * Watches one run from outside the task process: a busy native call cannot hold it up. A task must get on: that its
 * process lives is not enough, and one that is stopped or never comes back from a native call is found the same way.
 */
export class TaskGuard {
  readonly #options: TaskGuardOptions;
  readonly #intervalMs: number;
  readonly #stopLooking: () => void;
  #deadlineMs = Infinity;
  #lookedAtMs: number;
  /** Time without progress, and without any message, as far as this process was awake to see it. */
  #stillMs = 0;
  #silentMs = 0;
  #progress: TaskProgress | null = null;
  #memoryBytesMax = 0;

  constructor(options: TaskGuardOptions) {
    this.#options = options;
    this.#intervalMs = options.intervalMs ?? GUARD_INTERVAL_MS;
    this.#lookedAtMs = options.clock.monotonicMs();
    this.setRemaining(options.remainingMs);
    this.#stopLooking = options.clock.every(this.#intervalMs, () => this.#look());
  }

  /** Largest resident memory of the process tree seen so far. */
  get memoryBytesMax(): number {
    return this.#memoryBytesMax;
  }

  /** Milliseconds until the task must have sealed, from now on; null = no deadline. */
  setRemaining(remainingMs: number | null): void {
    this.#deadlineMs = remainingMs === null ? Infinity : this.#options.clock.monotonicMs() + remainingMs;
  }

  /** The task process said something. */
  alive(): void {
    this.#silentMs = 0;
  }

  /** The task got on: it wrote to its log, or a checkpoint. */
  moved(): void {
    this.#stillMs = 0;
  }

  /** The task got on if this differs from what it said last. */
  progress(progress: TaskProgress): void {
    if (!isSame(progress, this.#progress)) this.moved();
    this.#progress = progress;
  }

  close(): void {
    this.#stopLooking();
  }

  #look(): void {
    const verdict = this.#judge();
    if (verdict === null) return;
    this.close();
    this.#options.onVerdict(verdict);
  }

  #judge(): GuardVerdict | null {
    const { memoryBytesLimit: limit, clock, stuckMs } = this.#options;
    const found = this.#options.memoryBytes();
    this.#memoryBytesMax = Math.max(this.#memoryBytesMax, found);
    if (found > limit * MEMORY_SHARE_MAX) {
      const share = `${Math.round(MEMORY_SHARE_MAX * 100)} %`;
      const message = `the worker's process tree uses ${toMebibytes(found)} MiB, more than ${share} of its limit of ${toMebibytes(limit)} MiB, reached ${this.#place()}: ${MEMORY_ADVICE}`;
      const details = { foundBytes: found, limitBytes: limit };
      return { error: new AppError('TASK_MEMORY', message, { details }), blame: 'memory' };
    }
    const now = clock.monotonicMs();
    const seenMs = Math.min(now - this.#lookedAtMs, INTERVALS_COUNTED_MAX * this.#intervalMs);
    this.#lookedAtMs = now;
    this.#stillMs += seenMs;
    this.#silentMs += seenMs;
    if (now > this.#deadlineMs + DEADLINE_GRACE_MS) {
      const message = `the task had not sealed ${DEADLINE_GRACE_MS} ms after its deadline`;
      return { error: new AppError('TASK_DEADLINE', message), blame: 'user' };
    }
    return this.#stillMs >= stuckMs ? this.#stuck() : null;
  }

  #stuck(): GuardVerdict {
    const silence =
      this.#silentMs >= this.#stillMs
        ? 'its process has not said anything since: it is stopped or inside a call that does not end'
        : 'its process answers';
    const message = `the task made no progress for ${spanOf(this.#stillMs)}, stuck ${this.#place()}; ${silence} (limit: worker.stuckMs)`;
    return { error: new AppError('TIMEOUT', message), blame: 'task' };
  }

  /** Where the task was, as it said last. */
  #place(): string {
    if (this.#progress === null) return 'before its first step';
    const { phase, iteration, message } = this.#progress;
    const at = iteration === null ? '' : ` at iteration ${iteration}`;
    return `in phase ${JSON.stringify(phase)}${at}${message === '' ? '' : ` (${message})`}`;
  }
}

const isSame = (one: TaskProgress, other: TaskProgress | null): boolean =>
  one.phase === other?.phase &&
  one.iteration === other.iteration &&
  one.fraction === other.fraction &&
  one.message === other.message;

const MINUTE_MS = 60_000;

const spanOf = (ms: number): string =>
  ms >= MINUTE_MS ? `${(ms / MINUTE_MS).toFixed(1)} minutes` : `${(ms / 1_000).toFixed(1)} s`;
