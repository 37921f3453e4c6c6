import { systemClock, type Clock } from '#runtime';

/** Doubling delays with jitter: each is between half of the step and the whole step. */
export class BackOff {
  readonly #firstMs: number;
  readonly #maxMs: number;
  readonly #clock: Clock;
  #stepMs: number;

  constructor(firstMs: number, maxMs: number, clock: Clock = systemClock) {
    this.#firstMs = firstMs;
    this.#maxMs = maxMs;
    this.#clock = clock;
    this.#stepMs = firstMs;
  }

  /** The next delay in milliseconds. */
  next(): number {
    const delayMs = this.#stepMs * (0.5 + this.#clock.random() / 2);
    this.#stepMs = Math.min(this.#stepMs * 2, this.#maxMs);
    return delayMs;
  }

  reset(): void {
    this.#stepMs = this.#firstMs;
  }

  /** Waits for the next delay; returns early, without an error, when the signal is aborted. */
  async pause(signal: AbortSignal): Promise<void> {
    await this.#clock.pause(this.next(), signal);
  }
}
