import { AppError, type Blame } from '#contracts';
import { toMebibytes } from '../blame.ts';

/** How often memory, deadline and signs of life are looked at. */
export const GUARD_INTERVAL_MS = 250;
/** How long past its deadline a task may go on sealing by itself before it is killed. */
export const DEADLINE_GRACE_MS = 2_000;
/** Longest time without a sign of life from the task process: its event loop turns between native calls. */
export const SILENCE_MS_MAX = 600_000;

/** Why the guard ended a task. */
export interface GuardVerdict {
  readonly error: AppError;
  readonly blame: Blame;
}

export interface TaskGuardOptions {
  readonly memoryBytesLimit: number;
  readonly remainingMs: number | null;
  readonly monotonicMs: () => number;
  /** Resident memory of the worker's process tree. */
  readonly memoryBytes: () => number;
  /** Called once, at the first limit that is passed. */
  readonly onVerdict: (verdict: GuardVerdict) => void;
  readonly intervalMs?: number;
}

/** Watches one run from outside the task process: a busy native call cannot hold it up. */
export class TaskGuard {
  readonly #options: TaskGuardOptions;
  readonly #timer: NodeJS.Timeout;
  #deadlineMs = Infinity;
  #aliveAtMs: number;
  #memoryBytesMax = 0;

  constructor(options: TaskGuardOptions) {
    this.#options = options;
    this.#aliveAtMs = options.monotonicMs();
    this.setRemaining(options.remainingMs);
    this.#timer = setInterval(() => this.#look(), options.intervalMs ?? GUARD_INTERVAL_MS);
  }

  /** Largest resident memory of the process tree seen so far. */
  get memoryBytesMax(): number {
    return this.#memoryBytesMax;
  }

  /** Milliseconds until the task must have sealed, from now on; null = no deadline. */
  setRemaining(remainingMs: number | null): void {
    this.#deadlineMs = remainingMs === null ? Infinity : this.#options.monotonicMs() + remainingMs;
  }

  alive(): void {
    this.#aliveAtMs = this.#options.monotonicMs();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const verdict = this.#judge();
    if (verdict === null) return;
    this.close();
    this.#options.onVerdict(verdict);
  }

  #judge(): GuardVerdict | null {
    const { memoryBytesLimit: limit, monotonicMs } = this.#options;
    const found = this.#options.memoryBytes();
    this.#memoryBytesMax = Math.max(this.#memoryBytesMax, found);
    if (found > limit) {
      const message = `the worker's process tree uses ${toMebibytes(found)} MiB; its limit is ${toMebibytes(limit)} MiB`;
      const details = { foundBytes: found, limitBytes: limit };
      return { error: new AppError('TASK_MEMORY', message, { details }), blame: 'memory' };
    }
    const now = monotonicMs();
    if (now > this.#deadlineMs + DEADLINE_GRACE_MS) {
      const message = `the task had not sealed ${DEADLINE_GRACE_MS} ms after its deadline`;
      return { error: new AppError('TASK_DEADLINE', message), blame: 'user' };
    }
    if (now - this.#aliveAtMs > SILENCE_MS_MAX) {
      const message = `the task process gave no sign of life for ${SILENCE_MS_MAX} ms`;
      return { error: new AppError('TIMEOUT', message), blame: 'task' };
    }
    return null;
  }
}
