import { countClaimable, type Database } from '#store';

interface Waiter {
  readonly wake: () => void;
}

/**
 * Lets held claims sleep until there may be a task: woken one by one by tasks that become ready in this process, and by
 * one look at the database per interval, whatever the number of waiters, for tasks of other replicas and those whose
 * back-off ends.
 */
export class ReadySignal {
  readonly #database: Database;
  readonly #pollMs: number;
  readonly #waiters = new Set<Waiter>();
  readonly #unlisten: () => void;
  #timer: NodeJS.Timeout | null = null;
  #polling: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(database: Database, pollMs: number) {
    this.#database = database;
    this.#pollMs = pollMs;
    this.#unlisten = database.listen('task-ready', () => this.wakeOne());
  }

  get waiterCount(): number {
    return this.#waiters.size;
  }

  /** Resolves when there may be a task, after `limitMs`, when the signal is aborted, or at `close`. */
  wait(limitMs: number, signal: AbortSignal): Promise<void> {
    if (this.#closed || signal.aborted || limitMs <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(limit);
        signal.removeEventListener('abort', done);
        this.#waiters.delete(waiter);
        resolve();
      };
      const waiter: Waiter = { wake: done };
      const limit = setTimeout(done, limitMs);
      signal.addEventListener('abort', done, { once: true });
      this.#waiters.add(waiter);
      this.#schedule();
    });
  }

  /** Wakes the claim that has waited longest: a task is there, or a claim has found one and there may be another. */
  wakeOne(): void {
    this.#waiters.values().next().value?.wake();
  }

  /** Wakes all, for good. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unlisten();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const waiter of [...this.#waiters]) waiter.wake();
    await this.#polling;
  }

  #schedule(): void {
    if (this.#timer !== null || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#polling = this.#poll();
    }, this.#pollMs);
  }

  async #poll(): Promise<void> {
    let count: number;
    try {
      count = await countClaimable(this.#database, Math.max(1, this.#waiters.size));
    } catch {
      // The database does not answer: the waiting claims find out themselves and tell their workers.
      count = this.#waiters.size;
    }
    for (let index = 0; index < count; index += 1) this.wakeOne();
    this.#timer = null;
    if (this.#waiters.size > 0) this.#schedule();
  }
}
