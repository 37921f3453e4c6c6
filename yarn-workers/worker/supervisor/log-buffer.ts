import { LOG_LINE_CHARS_MAX } from '../ipc/messages.ts';

/** Lines that wait for a beat at most; beyond, the oldest are dropped and counted. */
export const LOG_LINES_WAITING_MAX = 2_000;
/** Lines of one beat at most, as the protocol says. */
export const LOG_LINES_PER_BEAT_MAX = 200;

/** Lines on their way: `from` is the number of the first among all of the attempt. */
export interface TakenLines {
  readonly lines: string[];
  readonly from: number;
  /** Forgets them; without it they come again. */
  readonly acknowledge: () => void;
}

/** Log lines of one attempt on their way to the app server: taken by a beat, forgotten when it was answered. */
export class LogBuffer {
  #lines: string[] = [];
  /** Number of the oldest waiting line, from 0; those before were told or dropped. */
  #first = 0;
  /** Lines before this number were told, or were told to be dropped. */
  #toldUntil = 0;

  push(line: string): void {
    this.#lines.push(line.length > LOG_LINE_CHARS_MAX ? `${line.slice(0, LOG_LINE_CHARS_MAX - 3)}...` : line);
    if (this.#lines.length > LOG_LINES_WAITING_MAX) {
      this.#lines.shift();
      this.#first += 1;
    }
  }

  /** The oldest lines, at most as many as one beat takes. What was dropped is one line in the place of the last of them. */
  take(): TakenLines {
    const dropped = this.#first - this.#toldUntil;
    const held = this.#lines.slice(0, LOG_LINES_PER_BEAT_MAX - (dropped > 0 ? 1 : 0));
    const lines = dropped > 0 ? [`(${dropped} lines dropped)`, ...held] : held;
    const until = this.#first + held.length;
    return { lines, from: until - lines.length, acknowledge: () => this.#forget(until) };
  }

  /** Lines of this very beat may have been dropped from the front meanwhile: they were sent, so they are not lost. */
  #forget(until: number): void {
    this.#toldUntil = Math.max(this.#toldUntil, until);
    const count = Math.max(0, until - this.#first);
    this.#lines.splice(0, count);
    this.#first += count;
  }
}
