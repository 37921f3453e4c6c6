import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from '#runtime';
import type { Random } from './random.ts';
import type { VirtualTime } from './virtual-time.ts';

const running = new AsyncLocalStorage<SimulatedProcess>();

/** The simulated process whose code runs now; null outside of all. */
export const currentProcess = (): SimulatedProcess | null => running.getStore() ?? null;

/** Waits for ever: what a dead process does. Nothing refers to the promise, so the waiting code is collected. */
export const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

export interface ProcessOptions {
  readonly name: string;
  readonly time: VirtualTime;
  readonly random: Random;
  /** Added to the clock that the process sees. */
  readonly offsetMs?: number;
  /** Rate of the clock that the process sees. @default 1 */
  readonly rate?: number;
}

/**
 * A process of the simulated cluster: its code is real, its time is not. It can be killed (nothing that it had begun
 * has an effect any more) and frozen (its timers and messages wait).
 */
export class SimulatedProcess {
  readonly name: string;
  readonly clock: Clock;
  readonly #time: VirtualTime;
  #isDead = false;
  #frozenUntilMs = 0;
  readonly #deathListeners = new Set<() => void>();

  constructor({ name, time, random, offsetMs = 0, rate = 1 }: ProcessOptions) {
    this.name = name;
    this.#time = time;
    this.clock = {
      monotonicMs: () => offsetMs + time.nowMs * rate,
      after: (ms, act) => this.#timer(ms / rate, act),
      every: (ms, act) => this.#interval(ms / rate, act),
      pause: (ms, signal) => this.#pause(ms / rate, signal),
      random: () => random.next(),
    };
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  get isFrozen(): boolean {
    return this.#frozenUntilMs > this.#time.nowMs;
  }

  /** Runs code as this process. */
  run<T>(work: () => T): T {
    return running.run(this, work);
  }

  /** Ends at once, as by SIGKILL. */
  kill(): void {
    if (this.#isDead) return;
    this.#isDead = true;
    for (const listener of [...this.#deathListeners]) listener();
  }

  onDeath(listener: () => void): () => void {
    this.#deathListeners.add(listener);
    return () => this.#deathListeners.delete(listener);
  }

  /** Stops for a time, as by SIGSTOP and SIGCONT; its clock goes on. */
  freeze(ms: number): void {
    this.#frozenUntilMs = Math.max(this.#frozenUntilMs, this.#time.nowMs + ms);
  }

  /** Where the process touches the world: returns when it is not frozen, never when it is dead. */
  async pass(): Promise<void> {
    while (!this.#isDead && this.isFrozen) {
      await new Promise<void>((resolve) => void this.#time.at(this.#frozenUntilMs, resolve));
    }
    if (this.#isDead) await never();
  }

  /** Waits for virtual time that is not the process's own: a network, a disk. */
  async wait(ms: number): Promise<void> {
    if (ms > 0) await new Promise<void>((resolve) => void this.#time.after(ms, resolve));
    await this.pass();
  }

  /** Calls `act` in this process, when it is not frozen; not at all when it is dead. */
  deliver(act: () => void): void {
    if (this.#isDead) return;
    if (this.isFrozen) this.#time.at(this.#frozenUntilMs, () => this.deliver(act));
    else this.run(act);
  }

  #timer(ms: number, act: () => void): () => void {
    let cancelled = false;
    this.#time.after(ms, () => this.deliver(() => (cancelled ? undefined : act())));
    return () => {
      cancelled = true;
    };
  }

  #interval(ms: number, act: () => void): () => void {
    let cancelled = false;
    const next = (): void => {
      if (cancelled || this.#isDead) return;
      this.#time.after(ms, () => {
        this.deliver(() => {
          if (!cancelled) act();
          next();
        });
      });
    };
    next();
    return () => {
      cancelled = true;
    };
  }

  #pause(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const cancel = this.#timer(ms, end);
      signal?.addEventListener('abort', end, { once: true });
    });
  }
}
