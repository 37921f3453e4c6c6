import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '#contracts';

/** How long a call that may succeed later is tried again; both limits hold. */
export interface RetryBudget {
  readonly attemptsMax: number;
  /** From the first attempt to the beginning of the last. */
  readonly elapsedMsMax: number;
}

/** So many attempts that the time decides, also where every other one goes to the partner at once. */
export const DEFAULT_RETRIES: RetryBudget = { attemptsMax: 60, elapsedMsMax: 120_000 };

const DELAY_MS_FIRST = 100;
const DELAY_MS_MAX = 10_000;

/** The attempts of one call. */
export class Attempts {
  readonly #budget: RetryBudget;
  readonly #signal: AbortSignal | undefined;
  #failures = 0;
  #waits = 0;
  #started = performance.now();

  constructor(budget: RetryBudget, signal: AbortSignal | undefined) {
    this.#budget = budget;
    this.#signal = signal;
  }

  /** Something was achieved: the budget is whole again. */
  progressed(): void {
    this.#failures = 0;
    this.#waits = 0;
    this.#started = performance.now();
  }

  /**
   * After a failed attempt: returns when the next one may begin.
   *
   * @param atOnce true where the next attempt goes to a server that was not asked yet
   * @throws the error, when it is not one that passes or the budget is used up; the reason of an aborted signal
   */
  async next(err: unknown, atOnce = false): Promise<void> {
    this.#signal?.throwIfAborted();
    if (!(err instanceof AppError) || !err.retryable) throw err;
    this.#failures += 1;
    const elapsedMs = performance.now() - this.#started;
    const waitMs = atOnce ? 0 : this.#delayMs();
    if (this.#failures >= this.#budget.attemptsMax || elapsedMs + waitMs > this.#budget.elapsedMsMax)
      throw givenUp(err, this.#failures, elapsedMs);
    if (waitMs === 0) return;
    await delay(waitMs, undefined, this.#signal === undefined ? {} : { signal: this.#signal }).catch(
      (cause: unknown) => {
        this.#signal?.throwIfAborted();
        throw cause;
      },
    );
  }

  /** Doubled each time, the half of it by chance, so that many clients do not come back together. */
  #delayMs(): number {
    const longest = Math.min(DELAY_MS_MAX, DELAY_MS_FIRST * 2 ** this.#waits);
    this.#waits += 1;
    return longest * (0.5 + Math.random() / 2);
  }
}

function givenUp(err: AppError, attempts: number, elapsedMs: number): AppError {
  if (attempts === 1) return err;
  const spent = `given up after ${attempts} attempts in ${(elapsedMs / 1000).toFixed(1)} s`;
  return new AppError(err.code, `${err.message} (${spent})`, { cause: err.cause ?? err, details: err.details });
}
