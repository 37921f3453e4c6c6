import { LOG_LINE_CHARS_MAX } from '../ipc/messages.ts';

/** Lines that wait for a beat at most; beyond, the oldest are dropped and counted. */
export const LOG_LINES_WAITING_MAX = 2_000;
/** Lines of one beat at most, as the protocol says. */
export const LOG_LINES_PER_BEAT_MAX = 200;

/** Log lines of one attempt on their way to the app server: taken by a beat, forgotten when it was answered. */
export class LogBuffer {
  #lines: string[] = [];
  #droppedCount = 0;

  push(line: string): void {
    this.#lines.push(line.length > LOG_LINE_CHARS_MAX ? `${line.slice(0, LOG_LINE_CHARS_MAX - 3)}...` : line);
    if (this.#lines.length > LOG_LINES_WAITING_MAX) {
      this.#lines.shift();
      this.#droppedCount += 1;
    }
  }

  /** The oldest lines, at most as many as one beat takes. `acknowledge` forgets them; without it they come again. */
  take(): { readonly lines: string[]; readonly acknowledge: () => void } {
    const dropped = this.#droppedCount;
    const held = this.#lines.slice(0, LOG_LINES_PER_BEAT_MAX - (dropped > 0 ? 1 : 0));
    const lines = dropped > 0 ? [`(${dropped} lines dropped)`, ...held] : held;
    return {
      lines,
      acknowledge: () => {
        this.#droppedCount -= dropped;
        // Lines of this very beat may have been dropped from the front meanwhile: they were sent, so they are not lost.
        const overlap = Math.min(this.#droppedCount, held.length);
        this.#droppedCount -= overlap;
        this.#lines.splice(0, held.length - overlap);
      },
    };
  }
}
