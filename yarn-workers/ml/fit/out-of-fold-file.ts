import { AppError } from '#contracts';
import { HOLDOUT } from '../partition/types.ts';
import type { OutOfFold } from './out-of-fold.ts';

/** First bytes of the file: format and version. */
const MAGIC = 'TYOOF001';
export const HEADER_BYTES = 32;
const FLAG_REGRESSION = 1;
const FLAG_WEIGHTS = 2;
const FLAG_BY_DATE = 4;

const IS_LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** What out-of-fold predictions are, apart from their rows: all that the head of a file says. */
export interface OutOfFoldFacts {
  readonly rowCount: number;
  /** Numbers a row. */
  readonly outputCount: number;
  readonly foldCount: number;
  readonly isByDate?: true;
  /** Actual values are numbers, else indices of classes. */
  readonly isRegression: boolean;
  readonly isWeighted: boolean;
}

/** Where the sections of a file begin, in bytes, and its size. */
export interface Layout {
  readonly rows: number;
  readonly partitions: number;
  readonly actual: number;
  readonly weights: number;
  readonly predictions: number;
  readonly size: number;
}

/** What the head of a file says, with the places of its sections. */
export interface OutOfFoldHead {
  readonly facts: OutOfFoldFacts;
  readonly layout: Layout;
}

const aligned = (bytes: number): number => Math.ceil(bytes / 8) * 8;

/** Zero bytes that follow a section of so many. */
export const paddingAfter = (bytes: number): number => aligned(bytes) - bytes;

export function layoutOf({ rowCount, outputCount, isRegression, isWeighted }: OutOfFoldFacts): Layout {
  const rows = HEADER_BYTES;
  const partitions = rows + aligned(4 * rowCount);
  const actual = partitions + aligned(rowCount);
  const weights = actual + (isRegression ? 8 * rowCount : aligned(4 * rowCount));
  const predictions = weights + (isWeighted ? 8 * rowCount : 0);
  return { rows, partitions, actual, weights, predictions, size: predictions + 8 * rowCount * outputCount };
}

export const factsOf = (data: OutOfFold): OutOfFoldFacts => ({
  rowCount: data.rows.length,
  outputCount: data.outputCount,
  foldCount: data.foldCount,
  ...(data.isByDate === true ? { isByDate: true } : {}),
  isRegression: data.values !== null,
  isWeighted: data.weights !== null,
});

/**
 * The file `out-of-fold.bin`, little endian, every section at a multiple of 8 bytes:
 *
 *     file   = magic(8) rowCount:float64 outputCount:uint32 foldCount:uint32 flags:uint32 zero:uint32
 *              rows:uint32* partitions:int8* actual:(int32* | float64*) weights:float64*? predictions:float64*
 *     flags  = 1 regression (actual is float64) | 2 weights are there | 4 folds are backtests
 */
export function headerBytes(facts: OutOfFoldFacts): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < MAGIC.length; i += 1) bytes[i] = MAGIC.charCodeAt(i);
  view.setFloat64(8, facts.rowCount, true);
  view.setUint32(16, facts.outputCount, true);
  view.setUint32(20, facts.foldCount, true);
  const flags =
    (facts.isRegression ? FLAG_REGRESSION : 0) |
    (facts.isWeighted ? FLAG_WEIGHTS : 0) |
    (facts.isByDate === true ? FLAG_BY_DATE : 0);
  view.setUint32(24, flags, true);
  return bytes;
}

export const notSuchAFile = (what: string): AppError =>
  new AppError('RESULT_MISMATCH', `out-of-fold predictions: ${what}`);

/**
 * @param bytes the first {@link HEADER_BYTES} of a file, or more
 * @param sizeBytes of the whole file
 * @throws RESULT_MISMATCH where it is not such a file
 */
export function headOf(bytes: Uint8Array, sizeBytes: number): OutOfFoldHead {
  if (bytes.length < HEADER_BYTES) throw notSuchAFile(`${bytes.length} bytes, expected at least ${HEADER_BYTES}`);
  if (bytes.subarray(0, MAGIC.length).some((byte, i) => byte !== MAGIC.charCodeAt(i)))
    throw notSuchAFile('not a file of this format and version');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rowCount = view.getFloat64(8, true);
  const outputCount = view.getUint32(16, true);
  const flags = view.getUint32(24, true);
  if (!Number.isSafeInteger(rowCount) || rowCount < 0 || outputCount < 1)
    throw notSuchAFile(`${rowCount} rows of ${outputCount} numbers`);
  const facts = {
    ...{ rowCount, outputCount, foldCount: view.getUint32(20, true) },
    ...((flags & FLAG_BY_DATE) === 0 ? {} : { isByDate: true as const }),
    isRegression: (flags & FLAG_REGRESSION) !== 0,
    isWeighted: (flags & FLAG_WEIGHTS) !== 0,
  };
  const layout = layoutOf(facts);
  if (sizeBytes !== layout.size) throw notSuchAFile(`${sizeBytes} bytes, expected ${layout.size}`);
  return { facts, layout };
}

type NumberArray = Uint32Array | Int32Array | Float64Array;

/** Numbers of a section, or of a part of one: a view of its bytes where they lie as numbers do here, else a copy. */
function viewOf<A extends NumberArray>(
  bytes: Uint8Array,
  kind: { readonly BYTES_PER_ELEMENT: number; new (buffer: ArrayBufferLike, byteOffset: number, length: number): A },
): A {
  const size = kind.BYTES_PER_ELEMENT;
  const length = Math.floor(bytes.length / size);
  if (IS_LITTLE_ENDIAN && bytes.byteOffset % size === 0) return new kind(bytes.buffer, bytes.byteOffset, length);
  const copy = Uint8Array.from(bytes.subarray(0, length * size));
  if (!IS_LITTLE_ENDIAN) for (let at = 0; at < copy.length; at += size) copy.subarray(at, at + size).reverse();
  return new kind(copy.buffer, 0, length);
}

/** The numbers of an array as a file has them: its own bytes where they lie so here, else a copy. */
export function bytesOf(numbers: NumberArray): Uint8Array {
  const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  if (IS_LITTLE_ENDIAN) return bytes;
  const copy = bytes.slice();
  const size = numbers.BYTES_PER_ELEMENT;
  for (let at = 0; at < copy.length; at += size) copy.subarray(at, at + size).reverse();
  return copy;
}

/** Bytes of the sections of consecutive rows. */
export interface SectionBytes {
  readonly rows: Uint8Array;
  readonly partitions: Uint8Array;
  readonly actual: Uint8Array;
  /** Null where rows have no weights. */
  readonly weights: Uint8Array | null;
  readonly predictions: Uint8Array;
}

/** Consecutive rows of a file. Nothing is copied where the bytes lie at multiples of 8. @throws RESULT_MISMATCH where there is no such fold */
export function rowsOfSections(facts: OutOfFoldFacts, bytes: SectionBytes): OutOfFold {
  const { foldCount, outputCount, isByDate, isRegression } = facts;
  const partitions = new Int8Array(bytes.partitions.buffer, bytes.partitions.byteOffset, bytes.partitions.length);
  for (const partition of partitions)
    if (partition < HOLDOUT || partition >= foldCount)
      throw notSuchAFile(`a partition is not one of ${foldCount} folds`);
  return {
    rows: viewOf(bytes.rows, Uint32Array),
    partitions,
    foldCount,
    ...(isByDate === undefined ? {} : { isByDate }),
    classes: isRegression ? null : viewOf(bytes.actual, Int32Array),
    values: isRegression ? viewOf(bytes.actual, Float64Array) : null,
    weights: bytes.weights === null ? null : viewOf(bytes.weights, Float64Array),
    outputCount,
    predictions: viewOf(bytes.predictions, Float64Array),
  };
}

/** A whole file; its arrays are views of `bytes`. @throws RESULT_MISMATCH where they are not such a file */
export function decodeOutOfFold(bytes: Uint8Array): OutOfFold {
  const { facts, layout } = headOf(bytes, bytes.length);
  const { rowCount, isRegression, isWeighted, outputCount } = facts;
  const section = (at: number, length: number): Uint8Array => bytes.subarray(at, at + length);
  return rowsOfSections(facts, {
    rows: section(layout.rows, 4 * rowCount),
    partitions: section(layout.partitions, rowCount),
    actual: section(layout.actual, (isRegression ? 8 : 4) * rowCount),
    weights: isWeighted ? section(layout.weights, 8 * rowCount) : null,
    predictions: section(layout.predictions, 8 * rowCount * outputCount),
  });
}

/** Bytes of a file that are given at once. */
const PIECE_BYTES = 1024 * 1024;

/** Everything before the predictions, in pieces. */
export function* rowPieces(data: OutOfFold): Generator<Uint8Array> {
  yield headerBytes(factsOf(data));
  const partitions = new Uint8Array(data.partitions.buffer, data.partitions.byteOffset, data.partitions.length);
  const actual = data.values ?? data.classes ?? new Int32Array(0);
  const weights = data.weights === null ? [] : [bytesOf(data.weights)];
  for (const section of [bytesOf(data.rows), partitions, bytesOf(actual), ...weights]) {
    yield* piecesOf(section);
    const padding = paddingAfter(section.length);
    if (padding > 0) yield new Uint8Array(padding);
  }
}

export function* piecesOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

/** A whole file as one array: of predictions that are few. */
export function encodeOutOfFold(data: OutOfFold): Uint8Array {
  const bytes = new Uint8Array(layoutOf(factsOf(data)).size);
  let at = 0;
  for (const piece of [...rowPieces(data), bytesOf(data.predictions)]) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
