import koffi from 'koffi';
import { AppError } from '#contracts';
import type { EngineParameters } from '#ml';
import { check, type Handle, type Native } from './lightgbm-library.ts';
import { symbolOf } from './process.ts';

/**
 * LightGBM's collective operations, done by somebody else: it asks by two callbacks, and opens no socket of its own.
 *
 * The network is thread-local in LightGBM: it is joined, boosted in and left on one thread, by synchronous calls. A booster that
 * was made on another thread would train alone without a word.
 *
 * The callbacks return nothing, so that a failure cannot be given back: LightGBM would go on with whatever lies in its buffers.
 * An exception of JavaScript does not stop it either; koffi returns at once, and the sums that were not made have crashed it.
 * Neutral data in their place end the iteration in an orderly way, mostly. What is left is to end the process, which `end` must.
 *
 * @see LightGBM 4.7.0, include/LightGBM/meta.h (ReduceScatterFunction, AllgatherFunction) and src/network/network.cpp
 */

/** What LightGBM is joined to: the ranks of a group, which exchange blocks of bytes. */
export interface RankExchange {
  readonly rank: number;
  readonly size: number;
  /** Memory for this rank's bytes of the next exchange. What it returned before is of no use afterwards. */
  reserve(sizeBytes: number): Uint8Array;
  /**
   * Gives each rank a part of what was reserved last. Blocks the thread.
   *
   * @param outgoing one part a rank; that of this rank is kept
   * @param incomingBytes what each rank gives this one has so many bytes
   * @returns one block a rank, this one's own among them, as they are until the next exchange
   * @throws GROUP_BROKEN
   */
  exchange(
    kind: 'reduce-scatter' | 'allgather',
    outgoing: readonly { readonly start: number; readonly length: number }[],
    incomingBytes: readonly number[],
  ): readonly Uint8Array[];
}

/** The ability to boost beside other processes, each on its own rows. */
export interface LightgbmNetwork {
  /**
   * Has every booster that is made from now on split by the rows of all ranks. All ranks must make the same boosters in the same
   * order, on parts that are binned alike.
   *
   * @param end told why an exchange failed; must not return
   * @throws INTERNAL if a network is joined already
   */
  joinNetwork(ranks: RankExchange, end: (err: unknown) => never): void;
  /** Boosts alone from now on; nothing if no network is joined. All boosters must be closed. */
  leaveNetwork(): void;
}

type ReduceScatter = (
  input: Handle,
  inputBytes: number,
  typeBytes: number,
  starts: Handle,
  lengths: Handle,
  blockCount: number,
  output: Handle,
  outputBytes: number,
  reducer: Handle,
) => void;

type Allgather = (
  input: Handle,
  inputBytes: number,
  starts: Handle,
  lengths: Handle,
  blockCount: number,
  output: Handle,
  outputBytes: number,
) => void;

type Copy = (to: Uint8Array | Handle, from: Uint8Array | Handle, sizeBytes: number) => unknown;

/** Made when they are first used: koffi knows them by name from then on. */
let prototypes: ReturnType<typeof declarePrototypes> | undefined;

function declarePrototypes() {
  return {
    reduce: koffi.proto('void LightgbmReduce(const void *from, void *to, int typeBytes, int32_t bytes)'),
    reduceScatter: koffi.proto(
      'void LightgbmReduceScatter(void *input, int32_t inputBytes, int typeBytes, const int32_t *starts, const int32_t *lengths, int blocks, void *output, int32_t outputBytes, void **reducer)',
    ),
    allgather: koffi.proto(
      'void LightgbmAllgather(void *input, int32_t inputBytes, const int32_t *starts, const int32_t *lengths, int blocks, void *output, int32_t outputBytes)',
    ),
    copy: symbolOf<Copy>('memcpy', 'void *memcpy(void *to, const void *from, size_t bytes)'),
  };
}

/** The network of one library; nobody has joined it yet. */
export function openNetwork(native: Native) {
  let joined: { readonly size: number; readonly callbacks: readonly Handle[] } | null = null;
  return {
    /** Ranks of the network that is joined; null while there is none. */
    get size(): number | null {
      return joined?.size ?? null;
    },
    /** What boosters must be made with so that they use it. */
    get parameters(): EngineParameters {
      return joined === null ? {} : { tree_learner: 'data', num_machines: joined.size, pre_partition: true };
    },
    join(ranks: RankExchange, end: (err: unknown) => never): void {
      if (joined !== null) throw new AppError('INTERNAL', 'LightGBM: a network is joined already');
      const callbacks = registerCallbacks(ranks, end);
      const [reduceScatter = 0n, allgather = 0n] = callbacks;
      const code = native.initNetwork(ranks.size, ranks.rank, reduceScatter, allgather);
      if (code !== 0) for (const callback of callbacks) koffi.unregister(callback);
      check(native, code, 'LGBM_NetworkInitWithFunctions');
      joined = { size: ranks.size, callbacks };
    },
    leave(): void {
      if (joined === null) return;
      check(native, native.freeNetwork(), 'LGBM_NetworkFree');
      for (const callback of joined.callbacks) koffi.unregister(callback);
      joined = null;
    },
  };
}

function registerCallbacks(ranks: RankExchange, end: (err: unknown) => never): Handle[] {
  prototypes ??= declarePrototypes();
  const { reduceScatter, allgather } = prototypes;
  const orEnd =
    <Arguments extends readonly unknown[]>(operation: (...given: Arguments) => void) =>
    (...given: Arguments): void => {
      try {
        operation(...given);
      } catch (err) {
        end(err);
      }
    };
  return [
    koffi.register(orEnd(reduceScatterBy(ranks, prototypes)), koffi.pointer(reduceScatter)),
    koffi.register(orEnd(allgatherBy(ranks, prototypes)), koffi.pointer(allgather)),
  ];
}

/** Each rank gets the sum of all ranks' blocks of its number, added up in rank order so that it never depends on who is quick. */
const reduceScatterBy =
  (ranks: RankExchange, { copy, reduce }: ReturnType<typeof declarePrototypes>): ReduceScatter =>
  (input, inputBytes, typeBytes, starts, lengths, blockCount, output, outputBytes, reducer) => {
    const outgoing = rangesAt(starts, lengths, blockCount, ranks.size, inputBytes);
    const own = outgoing[ranks.rank]?.length ?? 0;
    if (own > outputBytes) throw new AppError('INTERNAL', `LightGBM: a block of ${own} bytes for ${outputBytes}`);
    copy(ranks.reserve(inputBytes), input, inputBytes);
    const blocks = ranks.exchange(
      'reduce-scatter',
      outgoing,
      outgoing.map(() => own),
    );
    // A reference to a std::function's target: a pointer to the pointer.
    const sum: unknown = koffi.decode(reducer, 'void *');
    for (const [from, block] of blocks.entries()) {
      if (from === 0) copy(output, block, own);
      else koffi.call(sum, reduce, block, output, typeBytes, own);
    }
  };

/** Each rank gets all ranks' blocks. Input and output may be the same memory: the input is away before the output is written. */
const allgatherBy =
  (ranks: RankExchange, { copy }: ReturnType<typeof declarePrototypes>): Allgather =>
  (input, inputBytes, starts, lengths, blockCount, output, outputBytes) => {
    const places = rangesAt(starts, lengths, blockCount, ranks.size, outputBytes);
    const place = places[ranks.rank]?.length ?? 0;
    if (place !== inputBytes) throw new AppError('INTERNAL', `LightGBM: ${inputBytes} bytes for a place of ${place}`);
    copy(ranks.reserve(inputBytes), input, inputBytes);
    const own = { start: 0, length: inputBytes };
    const blocks = ranks.exchange(
      'allgather',
      places.map(() => own),
      places.map(({ length }) => length),
    );
    for (const [from, { start, length }] of places.entries()) {
      const block = blocks[from];
      if (block !== undefined) copy(output + BigInt(start), block, length);
    }
  };

interface Range {
  readonly start: number;
  readonly length: number;
}

/** LightGBM's two arrays of int32. @throws INTERNAL unless there is one range a rank, within the buffer that they are of */
function rangesAt(starts: Handle, lengths: Handle, count: number, size: number, bufferBytes: number): Range[] {
  if (count !== size) throw new AppError('INTERNAL', `LightGBM: ${count} blocks for ${size} ranks`);
  const firsts = int32At(starts, count);
  return int32At(lengths, count).map((length, rank) => {
    const start = firsts[rank] ?? 0;
    if (start < 0 || length < 0 || start + length > bufferBytes)
      throw new AppError('INTERNAL', `LightGBM: block ${start} + ${length} of a buffer of ${bufferBytes} bytes`);
    return { start, length };
  });
}

/** koffi decodes an array of numbers as numbers. */
const int32At = (pointer: Handle, count: number): number[] =>
  Array.from(koffi.decode(pointer, 'int32_t', count) as Iterable<number>);
