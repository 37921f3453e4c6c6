import {
  bytesOf,
  decodeOutOfFold,
  factsOf,
  headOf,
  layoutOf,
  HEADER_BYTES,
  piecesOf,
  rowPieces,
  rowsOfSections,
  type OutOfFoldFacts,
} from './out-of-fold-file.ts';
import { rowsAt, type OutOfFold } from './out-of-fold.ts';

/**
 * Out-of-fold predictions that can be looked at again and again, a block of consecutive rows at a time: those of a fit in memory, of a file, or
 * what others are blended to. Blocks of sources with as many numbers a row have the same rows.
 */
export interface OutOfFoldSource {
  readonly facts: OutOfFoldFacts;
  /** All rows in order, in blocks of {@link blockRowsOf}. @throws RESULT_MISMATCH for what cannot be such predictions; what reading throws */
  blocks(): AsyncIterable<OutOfFold>;
  /** The bytes of a file of them before the predictions, in pieces. */
  rowBytes(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** All rows in memory: see {@link isSmall}. */
  whole(): Promise<OutOfFold>;
}

/** Predictions of a block: 1 MiB of them, some milliseconds of work. */
const BLOCK_NUMBERS = 131_072;

/** Rows of a block. */
export const blockRowsOf = (
  { outputCount }: Pick<OutOfFoldFacts, 'outputCount'>,
  blockNumbers = BLOCK_NUMBERS,
): number => Math.max(1, Math.floor(blockNumbers / outputCount));

/** Up to so many rows, and so many predictions, are taken into memory at once: 100 MiB of a binary target, 256 MiB of many classes. */
export const WHOLE_ROWS_MAX = 4 * 1024 * 1024;
export const WHOLE_NUMBERS_MAX = 32 * 1024 * 1024;

/**
 * Whether predictions are few enough to be held in memory, where every figure is computed from all of them at once. Of more each is computed block by
 * block: `metricStates` says what that changes.
 */
export const isSmall = ({ rowCount, outputCount }: Pick<OutOfFoldFacts, 'rowCount' | 'outputCount'>): boolean =>
  rowCount <= WHOLE_ROWS_MAX && rowCount * outputCount <= WHOLE_NUMBERS_MAX;

/** Larger files than this were refused before ADR 76; smaller ones programs of before held and scored as a whole. */
export const BEFORE_BLOCKS_BYTES_MAX = 2 * 1024 ** 3;

/** Whether predictions are many, and yet a worker of the program before may have scored them, from all rows at once. */
export const wasWhole = (facts: OutOfFoldFacts): boolean =>
  !isSmall(facts) && layoutOf(facts).size <= BEFORE_BLOCKS_BYTES_MAX;

/** Those that are in memory. Blocks are views of them. */
export function memoryPredictions(data: OutOfFold): OutOfFoldSource {
  const facts = factsOf(data);
  return {
    facts,
    async *blocks() {
      const step = blockRowsOf(facts);
      for (let from = 0; from < facts.rowCount; from += step)
        yield await Promise.resolve(rowRange(data, from, from + step));
    },
    rowBytes: () => rowPieces(data),
    whole: () => Promise.resolve(data),
  };
}

/** Consecutive rows, as views. */
export function rowRange(data: OutOfFold, from: number, to: number): OutOfFold {
  const { outputCount } = data;
  return {
    ...data,
    rows: data.rows.subarray(from, to),
    partitions: data.partitions.subarray(from, to),
    classes: data.classes?.subarray(from, to) ?? null,
    values: data.values?.subarray(from, to) ?? null,
    weights: data.weights?.subarray(from, to) ?? null,
    predictions: data.predictions.subarray(from * outputCount, to * outputCount),
  };
}

/** Gives the bytes [start, end) of a file. */
export type ReadRange = (start: number, end: number) => Promise<Uint8Array>;

/**
 * Those of a file, of which a block is in memory at a time.
 *
 * @param sizeBytes of the file
 * @param blockNumbers predictions of a block, of one row at least
 * @throws RESULT_MISMATCH where it is not such a file; what `read` throws
 */
export async function openOutOfFold(
  read: ReadRange,
  sizeBytes: number,
  blockNumbers = BLOCK_NUMBERS,
): Promise<OutOfFoldSource> {
  const { facts, layout } = headOf(await read(0, Math.min(HEADER_BYTES, sizeBytes)), sizeBytes);
  const { rowCount, outputCount, isRegression, isWeighted } = facts;
  const block = async (from: number, to: number): Promise<OutOfFold> => {
    const section = (at: number, bytesEach: number): Promise<Uint8Array> =>
      read(at + bytesEach * from, at + bytesEach * to);
    return rowsOfSections(facts, {
      rows: await section(layout.rows, 4),
      partitions: await section(layout.partitions, 1),
      actual: await section(layout.actual, isRegression ? 8 : 4),
      weights: isWeighted ? await section(layout.weights, 8) : null,
      predictions: await section(layout.predictions, 8 * outputCount),
    });
  };
  return {
    facts,
    async *blocks() {
      const step = blockRowsOf(facts, blockNumbers);
      for (let from = 0; from < rowCount; from += step) yield await block(from, Math.min(from + step, rowCount));
    },
    async *rowBytes() {
      for (let at = 0; at < layout.predictions; at += READ_BYTES)
        yield await read(at, Math.min(at + READ_BYTES, layout.predictions));
    },
    whole: async () => decodeOutOfFold(await read(0, sizeBytes)),
  };
}

const READ_BYTES = 1024 * 1024;

/** The file of predictions, in pieces: `rowBytes`, then predictions as they come. */
export async function* outOfFoldFile(source: OutOfFoldSource): AsyncGenerator<Uint8Array> {
  yield* source.rowBytes();
  for await (const { predictions } of source.blocks()) yield* piecesOf(bytesOf(predictions));
}

/** Blocks of several sources with as many numbers a row, the same rows of all of them at a time. */
export async function* blocksTogether(sources: readonly OutOfFoldSource[]): AsyncGenerator<OutOfFold[]> {
  const all = sources.map((source) => source.blocks()[Symbol.asyncIterator]());
  try {
    for (;;) {
      const blocks: OutOfFold[] = [];
      for (const one of all) {
        const next = await one.next();
        if (next.done === true) return;
        blocks.push(next.value);
      }
      yield blocks;
    }
  } finally {
    for (const one of all) await one.return?.();
  }
}

/** Takes blocks into memory, one after the other. */
export class Collected {
  readonly data: OutOfFold;
  #rowCount = 0;

  constructor({ rowCount, outputCount, foldCount, isByDate, isRegression, isWeighted }: OutOfFoldFacts) {
    this.data = {
      rows: new Uint32Array(rowCount),
      partitions: new Int8Array(rowCount),
      foldCount,
      ...(isByDate === undefined ? {} : { isByDate }),
      classes: isRegression ? null : new Int32Array(rowCount),
      values: isRegression ? new Float64Array(rowCount) : null,
      weights: isWeighted ? new Float64Array(rowCount) : null,
      outputCount,
      predictions: new Float64Array(rowCount * outputCount),
    };
  }

  /** @throws RangeError for more rows than the facts say */
  add(block: OutOfFold): void {
    const at = this.#rowCount;
    this.data.rows.set(block.rows, at);
    this.data.partitions.set(block.partitions, at);
    if (block.classes !== null) this.data.classes?.set(block.classes, at);
    if (block.values !== null) this.data.values?.set(block.values, at);
    if (block.weights !== null) this.data.weights?.set(block.weights, at);
    this.data.predictions.set(block.predictions, at * this.data.outputCount);
    this.#rowCount += block.rows.length;
  }
}

/** Some of the rows, in order, by one look at all of them. Memory: twice what is chosen. @param placesIn of each block, in order */
export async function takeRows(
  source: OutOfFoldSource,
  placesIn: (block: OutOfFold) => Uint32Array,
): Promise<OutOfFold> {
  const parts: OutOfFold[] = [];
  for await (const block of source.blocks()) {
    const places = placesIn(block);
    if (places.length > 0) parts.push(rowsAt(block, places));
  }
  const rowCount = parts.reduce((sum, { rows }) => sum + rows.length, 0);
  const taken = new Collected({ ...source.facts, rowCount });
  for (const part of parts) taken.add(part);
  return taken.data;
}
