import { isAppError } from '#contracts';

/** Far below the shortest age at which sweepers take a temporary file for one that was left behind. */
const INTERVAL_MS = 60_000;

/**
 * Keeps a file that is being written young: HDFS sets a file's time when it is made and when it is closed, so that a
 * long upload would look as old as one whose writer died.
 */
export class Heartbeat {
  readonly #beat: () => Promise<void>;
  #timer: NodeJS.Timeout | null = null;
  #beating: Promise<void> = Promise.resolve();

  constructor(beat: () => Promise<void>) {
    this.#beat = beat;
  }

  /** Begins with the first byte: the file is there by then. */
  start(): void {
    this.#timer ??= setInterval(() => {
      this.#beating = this.#beat().catch((err: unknown) => {
        // The upload itself says what is wrong with HDFS.
        if (!isAppError(err)) throw err;
      });
    }, INTERVAL_MS).unref();
  }

  /** Returns when no beat is under way any more. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#beating;
  }
}
