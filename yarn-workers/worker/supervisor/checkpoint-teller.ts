import { toAppError, type AppError, type CheckpointRequest } from '#contracts';
import type { Logger } from '#runtime';
import { verdictOf } from './protocol-client.ts';

/** An object of the attempt folder from which another attempt can go on. */
export type NewCheckpoint = Omit<CheckpointRequest, 'fence'>;

export interface CheckpointTellerOptions {
  /** Says it once. @throws what the app server answers */
  readonly send: (checkpoint: NewCheckpoint) => Promise<void>;
  /** Whether the lease is held: nothing is said without it. */
  readonly isHeld: () => boolean;
  /** The app server refuses the holder. */
  readonly onRefused: (error: AppError) => void;
  /** The app server has taken one down. */
  readonly onTaken: (position: number) => void;
  readonly logger: Logger;
}

/**
 * Tells the app server of the newest checkpoint of an attempt; older ones that were not told are forgotten. One that
 * cannot be told now is said again when the owner calls `say`; one that is rejected is not.
 */
export class CheckpointTeller {
  readonly #options: CheckpointTellerOptions;
  #newest: NewCheckpoint | null = null;
  #saying = false;
  #closed = false;

  constructor(options: CheckpointTellerOptions) {
    this.#options = options;
  }

  offer(checkpoint: NewCheckpoint): void {
    this.#newest = checkpoint;
    void this.say();
  }

  /** Says the newest one, if there is one that was not taken down; never throws. */
  async say(): Promise<void> {
    if (this.#saying) return;
    this.#saying = true;
    // One that comes while another is said is said next.
    let goesOn = true;
    while (goesOn && !this.#closed && this.#newest !== null && this.#options.isHeld())
      goesOn = await this.#sayOne(this.#newest);
    this.#saying = false;
  }

  /** Nothing is said from now on, and what is being answered is of no interest. */
  close(): void {
    this.#closed = true;
  }

  /** @returns whether the app server took it down */
  async #sayOne(checkpoint: NewCheckpoint): Promise<boolean> {
    const { send, onRefused, onTaken, logger } = this.#options;
    try {
      await send(checkpoint);
      this.#forget(checkpoint);
      logger.debug('checkpoint_taken', 'a checkpoint was taken down', { position: checkpoint.position });
      if (!this.#closed) onTaken(checkpoint.position);
      return true;
    } catch (err) {
      if (this.#closed) return false;
      const error = toAppError(err);
      const verdict = verdictOf(error);
      logger.warn('checkpoint_untold', 'the app server did not take a checkpoint down', { err: error, verdict });
      if (verdict === 'refused') onRefused(error);
      else if (verdict === 'rejected') this.#forget(checkpoint);
      return false;
    }
  }

  #forget(checkpoint: NewCheckpoint): void {
    if (this.#newest === checkpoint) this.#newest = null;
  }
}
