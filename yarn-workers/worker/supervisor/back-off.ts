import { setTimeout as wait } from 'node:timers/promises';

/** Doubling delays with jitter: each is between half of the step and the whole step. */
export class BackOff {
  readonly #firstMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #stepMs: number;

  constructor(firstMs: number, maxMs: number, random: () => number = Math.random) {
    this.#firstMs = firstMs;
    this.#maxMs = maxMs;
    this.#random = random;
    this.#stepMs = firstMs;
  }

  /** The next delay in milliseconds. */
  next(): number {
    const delayMs = this.#stepMs * (0.5 + this.#random() / 2);
    this.#stepMs = Math.min(this.#stepMs * 2, this.#maxMs);
    return delayMs;
  }

  reset(): void {
    this.#stepMs = this.#firstMs;
  }

  /** Waits for the next delay; returns early, without an error, when the signal is aborted. */
  async pause(signal: AbortSignal): Promise<void> {
    await pause(this.next(), signal);
  }
}

/** Waits; returns early, without an error, when the signal is aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await wait(ms, undefined, { signal });
  } catch (err) {
    if (!signal.aborted) throw err;
  }
}
