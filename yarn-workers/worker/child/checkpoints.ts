import { createHash } from 'node:crypto';
import { toAppError, type Checkpoint, type SealedFile } from '#contracts';
import type { FitCheckpoint } from '#ml';
import type { ObjectStore } from '#object-store';
import { failpoint } from '#runtime';
import type { AttemptFolder } from './attempt-folder.ts';

/** Largest state that is kept, in bytes; what grows beyond is not kept any more, and the task begins anew if it is lost. */
export const CHECKPOINT_BYTES_MAX = 64 * 1024 * 1024;

export interface CheckpointOptions {
  readonly store: ObjectStore;
  readonly attempt: AttemptFolder;
  /** What an earlier attempt left; null: nothing. */
  readonly earlier: Checkpoint | null;
  /** Shortest time between two. */
  readonly intervalMs: number;
  /** Tells the supervisor of a complete object. */
  readonly tell: (file: SealedFile, position: number) => void;
  readonly log: (line: string) => void;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
}

/**
 * The checkpoints of one attempt: objects `checkpoint-<position>` of its folder, each written once. They only save time:
 * whatever goes wrong with one is a line of the log, never the end of the task.
 */
export class Checkpoints {
  readonly #options: CheckpointOptions;
  #writtenAtMs: number;
  /** Positions of this attempt's objects that are still there, rising. */
  #kept: number[] = [];

  constructor(options: CheckpointOptions) {
    this.#options = options;
    this.#writtenAtMs = options.now();
  }

  /** The state that an earlier attempt left, if it is there to the last byte; else null. */
  async open(): Promise<Uint8Array | null> {
    const { earlier, store, log } = this.#options;
    if (earlier === null) return null;
    try {
      const bytes = await store.readAll(earlier.path, { maxBytes: CHECKPOINT_BYTES_MAX });
      const found = createHash('sha256').update(bytes).digest('hex');
      if (found === earlier.sha256) return bytes;
      log(`the checkpoint was altered, the task begins anew: expected SHA-256 ${earlier.sha256}, found ${found}`);
    } catch (err) {
      log(`the checkpoint cannot be read, the task begins anew: ${toAppError(err).message}`);
    }
    return null;
  }

  /** Keeps a state if it is time to. */
  async offer({ position, sizeBytes, encode }: FitCheckpoint): Promise<void> {
    const { attempt, intervalMs, tell, log, now } = this.#options;
    if (now() - this.#writtenAtMs < intervalMs || sizeBytes > CHECKPOINT_BYTES_MAX) return;
    try {
      const state = encode();
      if (state.length > CHECKPOINT_BYTES_MAX) return;
      const file = await attempt.writeAside(nameOf(position), state);
      this.#kept.push(position);
      await failpoint('worker.checkpoint');
      tell(file, position);
    } catch (err) {
      log(`checkpoint ${position} could not be written: ${toAppError(err).message}`);
    }
    this.#writtenAtMs = now();
  }

  /** The app server names the checkpoint of this position now: older ones are deleted. */
  async taken(position: number): Promise<void> {
    const old = this.#kept.filter((each) => each < position);
    this.#kept = this.#kept.filter((each) => each >= position);
    for (const each of old) {
      try {
        await this.#options.attempt.removeAside(nameOf(each));
      } catch (err) {
        this.#options.log(`checkpoint ${each} is left to the sweeper: ${toAppError(err).message}`);
      }
    }
  }
}

const nameOf = (position: number): string => `checkpoint-${position}`;
