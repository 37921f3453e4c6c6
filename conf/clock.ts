import { setTimeout as wait } from 'node:timers/promises';

/**
 * Time and chance as a process sees them. Programs use `systemClock`; the simulator passes one that it moves itself, so
 * that hours pass in milliseconds and a run can be repeated from its seed.
 */
export interface Clock {
  /** Milliseconds that never go backwards; their zero means nothing. */
  monotonicMs(): number;
  /** Calls `act` once after `ms`; returns what takes that back. */
  after(ms: number, act: () => void): () => void;
  /** Calls `act` every `ms`; returns what ends that. */
  every(ms: number, act: () => void): () => void;
  /** Waits; returns early, without an error, when the signal is aborted. */
  pause(ms: number, signal?: AbortSignal): Promise<void>;
  /** At least 0, below 1: for jitter, never for secrets. */
  random(): number;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  after(ms, act) {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
  every(ms, act) {
    const timer = setInterval(act, ms);
    return () => clearInterval(timer);
  },
  async pause(ms, signal) {
    try {
      await wait(ms, undefined, signal === undefined ? {} : { signal });
    } catch (err) {
      if (signal?.aborted !== true) throw err;
    }
  },
  random: () => Math.random(),
};
