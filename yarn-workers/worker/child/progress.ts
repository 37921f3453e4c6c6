import type { TaskProgress } from '#contracts';
import type { Collector } from '#runtime';
import { LOG_LINE_CHARS_MAX, LOG_LINES_PER_MESSAGE_MAX, type MessageFromChild } from '../ipc/messages.ts';

/** Shortest time between two progress messages. */
export const PROGRESS_INTERVAL_MS = 200;
/** How often a child with nothing to say shows that its event loop turns. */
const ALIVE_INTERVAL_MS = 5_000;
/** How long work may hold the event loop before `breathe` lets messages out. */
const BREATH_INTERVAL_MS = 50;

/** Where a task says how far it is. */
export interface Reporter {
  /** Remembers the newest progress; it is sent at most every 200 ms. `fraction` is cut to 0..1. */
  progress(progress: Omit<TaskProgress, 'iteration'> & { readonly iteration?: number | null }): void;
  log(line: string): void;
  /**
   * Lets pending messages out if the event loop has been held for long, and collects the garbage of large arrays. To be awaited
   * between native calls.
   */
  breathe(): Promise<void>;
  /** Collects that garbage however short ago it was done last: where a large array is let go before the next one is read. */
  collect(): void;
}

/** The reporter of one run, over the channel to the supervisor. */
export class ChannelReporter implements Reporter {
  readonly #runId: string;
  readonly #send: (message: MessageFromChild) => void;
  readonly #collector: Collector;
  readonly #alive: NodeJS.Timeout;
  #waiting: TaskProgress | null = null;
  #timer: NodeJS.Timeout | null = null;
  #sentAtMs = -Infinity;
  #breathedAtMs = performance.now();

  constructor(runId: string, send: (message: MessageFromChild) => void, collector: Collector) {
    this.#runId = runId;
    this.#send = send;
    this.#collector = collector;
    this.#alive = setInterval(() => send({ type: 'alive', runId }), ALIVE_INTERVAL_MS);
  }

  progress({ fraction, phase, message, iteration = null }: Parameters<Reporter['progress']>[0]): void {
    const bounded = Number.isFinite(fraction) ? Math.min(1, Math.max(0, fraction)) : 0;
    this.#waiting = { fraction: bounded, phase: phase.slice(0, 100), message: message.slice(0, 500), iteration };
    const restMs = this.#sentAtMs + PROGRESS_INTERVAL_MS - performance.now();
    // While the event loop is held no timer fires: what is due leaves here.
    if (restMs <= 0) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), restMs);
  }

  log(text: string): void {
    const lines = text.split('\n').map((line) => line.slice(0, LOG_LINE_CHARS_MAX));
    for (let from = 0; from < lines.length; from += LOG_LINES_PER_MESSAGE_MAX)
      this.#send({ type: 'log', runId: this.#runId, lines: lines.slice(from, from + LOG_LINES_PER_MESSAGE_MAX) });
  }

  async breathe(): Promise<void> {
    const now = performance.now();
    if (now - this.#breathedAtMs < BREATH_INTERVAL_MS) return;
    this.collect();
    await new Promise((resolve) => setImmediate(resolve));
    this.#breathedAtMs = performance.now();
  }

  collect(): void {
    this.#collector.look();
  }

  /** Sends what waits. Nothing is sent afterwards. */
  close(): void {
    this.#flush();
    clearInterval(this.#alive);
  }

  #flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#waiting === null) return;
    this.#send({ type: 'progress', runId: this.#runId, progress: this.#waiting });
    this.#waiting = null;
    this.#sentAtMs = performance.now();
  }
}
