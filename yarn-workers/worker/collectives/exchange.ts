import { setTimeout as pause } from 'node:timers/promises';
import { AppError } from '#contracts';
import type { RankExchange } from '../native/lightgbm-network.ts';
import type { Control } from './control.ts';
import type { BlockKind } from './frame.ts';
import type { ByteRange, OperationMessage } from './messages.ts';

/** First size of the buffers; they grow to what is exchanged. */
const BUFFER_BYTES = 1 << 20;
const OPERATIONS_MAX = 2 ** 31 - 1;
/** How often it is looked whether the others have come, where the thread does not sleep for it. */
const LOOK_MS = 20;

/** Told now and then how long this rank has waited already; it may end the wait by an error. */
export type OnWait = (waitedMs: number) => void | Promise<void>;

export interface ExchangeOptions {
  readonly rank: number;
  readonly size: number;
  readonly control: Control;
  readonly operationMs: number;
  /** @see GroupLimits */
  readonly toldMs: number;
  /** Hands an operation to the thread of the mesh. */
  readonly post: (message: OperationMessage) => void;
}

export interface ExchangeStats {
  readonly operationCount: number;
  /** To all other ranks, without the frames' headers. */
  readonly sentBytes: number;
  /** Time in which the training thread did nothing but wait for the others. */
  readonly waitMs: number;
}

/**
 * The training thread's side of the exchanges of a group. Most of it is synchronous: LightGBM asks in the midst of a native
 * call, and the thread sleeps until the mesh has every rank's block.
 *
 * Own blocks lie in two buffers in turn. An operation is finished when the others' blocks are here; one's own may still wait
 * in a socket's queue, which refers to the buffer. It has left for certain when the next operation is finished, since a rank
 * begins that only after it has read the block. (The prototype had one buffer, and another operation's sums were sent.)
 * Where ranks come far apart nothing sleeps: {@link Exchange.gather}.
 *
 * Memory: three times the largest operation, rounded up to twice at most.
 */
export class Exchange implements RankExchange {
  readonly rank: number;
  readonly size: number;
  readonly #options: ExchangeOptions;
  #outgoing = pairOf(BUFFER_BYTES);
  #incoming = new SharedArrayBuffer(BUFFER_BYTES);
  /** The last operation that was begun. */
  #operation = 0;
  /** Whether it is not finished. */
  #isUnderWay = false;
  #sentBytes = 0;
  #waitMs = 0;

  constructor(options: ExchangeOptions) {
    this.rank = options.rank;
    this.size = options.size;
    this.#options = options;
  }

  get stats(): ExchangeStats {
    return { operationCount: this.#operation, sentBytes: this.#sentBytes, waitMs: this.#waitMs };
  }

  reserve(sizeBytes: number): Uint8Array {
    // What a socket may still refer to is not freed by that.
    if (sizeBytes > this.#next().byteLength) this.#outgoing = pairOf(2 * sizeBytes);
    return new Uint8Array(this.#next(), 0, sizeBytes);
  }

  exchange(
    kind: BlockKind,
    outgoingRanges: readonly ByteRange[],
    incomingBytes: readonly number[],
  ): readonly Uint8Array[] {
    const { control, operationMs } = this.#options;
    const take = this.#begin(kind, outgoingRanges, incomingBytes);
    const operation = this.#operation;
    const startedAt = performance.now();
    const waited = control.awaitOperation(operation, operationMs);
    this.#waitMs += performance.now() - startedAt;
    if (waited === 'late')
      throw this.#broken(`operation ${operation} (${kind}) was not finished within ${operationMs / 1000} s`);
    if (waited === 'broken') throw this.#broken(control.reason ?? '');
    return take();
  }

  /** Hands an operation to the mesh. @returns what gives its blocks when it is finished */
  #begin(
    kind: BlockKind,
    outgoingRanges: readonly ByteRange[],
    incomingBytes: readonly number[],
  ): () => readonly Uint8Array[] {
    const { control, post } = this.#options;
    if (control.reason !== null) throw this.#broken(control.reason);
    if (this.#isUnderWay) throw new AppError('INTERNAL', `operation ${this.#operation} is not finished`);
    const outgoing = this.#next();
    const incomingRanges = this.#place(incomingBytes);
    this.#operation += 1;
    const operation = this.#operation;
    if (operation > OPERATIONS_MAX) throw new AppError('INTERNAL', `more than ${OPERATIONS_MAX} exchanges in a group`);
    post({ type: 'operation', operation, kind, outgoing, outgoingRanges, incoming: this.#incoming, incomingRanges });
    this.#isUnderWay = true;
    return () => {
      this.#isUnderWay = false;
      for (const [rank, { length }] of outgoingRanges.entries()) if (rank !== this.rank) this.#sentBytes += length;
      return incomingRanges.map((range, rank) =>
        rank === this.rank ? viewOf(outgoing, outgoingRanges[rank]) : viewOf(this.#incoming, range),
      );
    };
  }

  /**
   * Gives every rank what each rank gives, of any length, while the event loop turns: for ranks that may come hours apart. A rank that lives
   * is waited for as long as it takes; one that is lost or frozen ends the wait as it breaks the group.
   *
   * @returns copies, in rank order
   * @throws GROUP_BROKEN; what `onWait` throws: the group is of no more use then
   */
  async gather(bytes: Uint8Array, onWait: OnWait): Promise<Uint8Array[]> {
    const length = new Uint8Array(Float64Array.of(bytes.length).buffer);
    const sizes = (await this.#patiently(length, this.#all(length.length), onWait)).map(
      (block) => new Float64Array(block.buffer)[0] ?? NaN,
    );
    return this.#patiently(bytes, sizes, onWait);
  }

  async #patiently(bytes: Uint8Array, incomingBytes: readonly number[], onWait: OnWait): Promise<Uint8Array[]> {
    const { control, toldMs } = this.#options;
    this.reserve(bytes.length).set(bytes);
    const own = Array.from({ length: this.size }, () => ({ start: 0, length: bytes.length }));
    const take = this.#begin('allgather', own, incomingBytes);
    const operation = this.#operation;
    const startedAt = performance.now();
    let toldAt = startedAt;
    for (let state = control.stateOf(operation); state !== 'finished'; state = control.stateOf(operation)) {
      if (state === 'broken') throw this.#broken(control.reason ?? '');
      await pause(LOOK_MS);
      const now = performance.now();
      if (now - toldAt < toldMs) continue;
      toldAt = now;
      await onWait(now - startedAt);
    }
    this.#waitMs += performance.now() - startedAt;
    return take().map((block) => block.slice());
  }

  /**
   * Gives every rank what each rank gives, which has the same length on all of them.
   *
   * @returns copies, in rank order
   * @throws GROUP_BROKEN
   */
  allgather(bytes: Uint8Array): Uint8Array[] {
    this.reserve(bytes.length).set(bytes);
    const own = Array.from({ length: this.size }, () => ({ start: 0, length: bytes.length }));
    return this.exchange('allgather', own, this.#all(bytes.length)).map((block) => block.slice());
  }

  #all(length: number): number[] {
    return Array.from({ length: this.size }, () => length);
  }

  /** The buffer of the operation to come. */
  #next(): SharedArrayBuffer {
    const [even, odd] = this.#outgoing;
    return this.#operation % 2 === 0 ? odd : even;
  }

  /** Places for the blocks that come, one after the other. */
  #place(lengths: readonly number[]): ByteRange[] {
    let end = 0;
    const ranges = lengths.map((length, rank) => {
      const start = end;
      if (rank !== this.rank) end += length;
      return { start, length: rank === this.rank ? 0 : length };
    });
    if (end > this.#incoming.byteLength) this.#incoming = new SharedArrayBuffer(2 * end);
    return ranges;
  }

  #broken(reason: string): AppError {
    return groupBroken(this, reason);
  }
}

const pairOf = (sizeBytes: number): readonly [SharedArrayBuffer, SharedArrayBuffer] => [
  new SharedArrayBuffer(sizeBytes),
  new SharedArrayBuffer(sizeBytes),
];

/** @param range one that is there for every rank */
export const viewOf = (buffer: SharedArrayBuffer, range: ByteRange | undefined): Uint8Array =>
  new Uint8Array(buffer, range?.start ?? 0, range?.length ?? 0);

/** Which rank of how many. */
export interface RankOf {
  readonly rank: number;
  readonly size: number;
}

/** The error of a rank whose group is broken. */
export const groupBroken = ({ rank, size }: RankOf, reason: string, cause?: unknown): AppError =>
  new AppError('GROUP_BROKEN', `rank ${rank} of ${size}: ${reason}`, { cause, details: { rank, size, reason } });

/** Its reason alone, as the other ranks are told. */
export const reasonOf = ({ details, message }: AppError): string => {
  const { reason } = details;
  return typeof reason === 'string' ? reason : message;
};
