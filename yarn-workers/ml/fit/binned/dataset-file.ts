import { AppError } from '#contracts';
import type { BinMapper } from './bin-mapper.ts';

/**
 * LightGBM's own forms of a data set: the reference, which has the bins of its columns and no rows, and the binary file with all rows, which
 * we write ourselves from bins: pushed values are put into bins one by one (65 ns each), a file is read.
 *
 *     reference = token(48) version(8) headSize:uint64 head (size:uint64 definition)*
 *     file      = token(40) headSize:uint64 head metadataSize:uint64 metadata (size:uint64 definition bins)*
 *     metadata  = rows:int32 weights:int32 queries:int32 labels:float32* weights:float32*?
 *
 * Little endian, what is not of 64 bits padded to 8 bytes, but for the categories of a definition. One group, `definition` and `bins`, holds one column: data sets are made
 * without bundles and without sparse columns.
 *
 * @see LightGBM 4.7.0, dataset.cpp (SerializeReference, SaveBinaryFile, SerializeHeader), feature_group.h, dense_bin.hpp
 */
const REFERENCE_TOKEN = '______LightGBM_Binary_Serialized_Token______\n';
const REFERENCE_VERSION = 'v1';
/** How a file begins. */
export const DATASET_FILE_TOKEN = '______LightGBM_Binary_File_Token______\n';

/** Bins of a column that are kept two a byte at most. */
const NIBBLE_BINS_MAX = 16;
const BYTE_BINS_MAX = 256;
const MISSING_NAN = 2;
const MISSING_NONE = 0;
const CATEGORICAL = 1;

const padded = (bytes: number): number => Math.ceil(bytes / 8) * 8;

/** A column that has more than one bin. */
export interface BinnedColumn {
  /** Of the matrix that the bins were found from. */
  readonly column: number;
  readonly mapper: BinMapper;
  /** As LightGBM wrote it. */
  readonly definition: Uint8Array;
}

/** The bins of a data set's columns. */
export interface BinReference {
  readonly head: Uint8Array;
  /** In LightGBM's order; columns of one bin are left out. */
  readonly columns: readonly BinnedColumn[];
}

const unreadable = (what: string): AppError => new AppError('INTERNAL', `LightGBM's data set: ${what}`);

/** Reads what LightGBM writes, in order. */
class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  take(size: number): Uint8Array {
    if (!Number.isSafeInteger(size) || size < 0 || this.at + size > this.#bytes.length)
      throw unreadable(`${size} bytes at ${this.at} of ${this.#bytes.length}`);
    const taken = this.#bytes.subarray(this.at, this.at + size);
    this.at += size;
    return taken;
  }

  int(): number {
    const value = this.#view.getInt32(this.at, true);
    this.take(8);
    return value;
  }

  bool(): boolean {
    const [value = 0] = this.take(8);
    return value !== 0;
  }

  size(): number {
    const value = Number(this.#view.getBigUint64(this.at, true));
    this.take(8);
    return value;
  }

  doubles(count: number): Float64Array {
    const from = this.at;
    this.take(8 * count);
    return Float64Array.from({ length: count }, (_, index) => this.#view.getFloat64(from + 8 * index, true));
  }

  /** @param size bytes that they take; what is above 4 each pads them */
  ints(count: number, size = padded(4 * count)): Int32Array {
    const from = this.at;
    this.take(size);
    return Int32Array.from({ length: count }, (_, index) => this.#view.getInt32(from + 4 * index, true));
  }

  text(length: number): string {
    return Buffer.from(this.take(padded(length)).subarray(0, length)).toString('latin1');
  }
}

/** @throws INTERNAL for bytes of another version, and for data sets with bundles or sparse columns */
export function readReference(bytes: Uint8Array): BinReference {
  const reader = new Reader(bytes);
  const token = reader.text(REFERENCE_TOKEN.length);
  const version = reader.text(REFERENCE_VERSION.length);
  if (token !== REFERENCE_TOKEN || version !== REFERENCE_VERSION)
    throw unreadable(`version ${JSON.stringify(version)}, expected ${REFERENCE_VERSION}`);
  const head = reader.take(reader.size());
  const realColumns = columnsIn(head);
  const columns = Array.from(realColumns, (column): BinnedColumn => {
    const definition = reader.take(reader.size());
    return { column, mapper: mapperIn(definition), definition };
  });
  if (reader.at !== bytes.length) throw unreadable(`${bytes.length - reader.at} bytes are left over`);
  return { head, columns };
}

/** The matrix columns of the head's features, which are its groups. */
function columnsIn(head: Uint8Array): Int32Array {
  const reader = new Reader(head);
  reader.int(); // rows
  const featureCount = reader.int();
  const columnCount = reader.int();
  for (let skipped = 0; skipped < 7; skipped += 1) reader.int(); // label, bins, sample, rows a bin, missing, zero, raw
  reader.ints(columnCount);
  const groupCount = reader.int();
  if (groupCount !== featureCount) throw unreadable(`${featureCount} columns in ${groupCount} groups`);
  return reader.ints(featureCount);
}

function mapperIn(definition: Uint8Array): BinMapper {
  const reader = new Reader(definition);
  const isMultiple = reader.bool();
  reader.bool(); // dense multiple
  const isSparse = reader.bool();
  const count = reader.int();
  if (isMultiple || isSparse || count !== 1) throw unreadable('a group is sparse, or of several columns');
  const binCount = reader.int();
  const missing = reader.int();
  reader.bool(); // trivial
  reader.doubles(1); // sparse rate
  const kind = reader.int();
  reader.doubles(2); // least and greatest value
  reader.int(); // bin of zero
  const mostFrequentBin = reader.int();
  const bins = { binCount, mostFrequentBin };
  if (kind === CATEGORICAL) return { kind: 'category', ...bins, categories: reader.ints(binCount, 4 * binCount) };
  if (missing !== MISSING_NAN && missing !== MISSING_NONE) throw unreadable(`missing values of type ${missing}`);
  const hasMissingBin = missing === MISSING_NAN;
  // What stands where the bound of missing values would be is nothing.
  const upperBounds = reader.doubles(binCount).subarray(0, binCount - (hasMissingBin ? 1 : 0));
  return { kind: 'number', ...bins, hasMissingBin, upperBounds };
}

/**
 * How many bits LightGBM keeps of a column's bin. Beside its bins, unless the most frequent is the first, there is one more; those of more than
 * 16 bits are refused where rows are put into bins.
 */
export function storedBits({ mapper: { binCount, mostFrequentBin } }: BinnedColumn): 4 | 8 | 16 {
  const count = binCount + (mostFrequentBin === 0 ? 0 : 1);
  if (count <= NIBBLE_BINS_MAX) return 4;
  return count <= BYTE_BINS_MAX ? 8 : 16;
}

/** What LightGBM stores for a bin: 0 for the most frequent one. */
const storedBin = (bin: number, { mostFrequentBin }: BinMapper): number =>
  bin === mostFrequentBin ? 0 : mostFrequentBin === 0 ? bin : bin + 1;

/** What becomes of the bins of a column as LightGBM stores them. */
export function storedBins(column: BinnedColumn): Uint16Array {
  return Uint16Array.from({ length: column.mapper.binCount }, (_, bin) => storedBin(bin, column.mapper));
}

/** The rows of a file. */
export interface FileRows {
  readonly rowCount: number;
  readonly labels: Float32Array;
  readonly weights: Float32Array | null;
}

/** The bytes of a file up to its first column. */
export function fileHead({ head }: BinReference, { rowCount, labels, weights }: FileRows): Uint8Array {
  const labelBytes = padded(4 * rowCount);
  const metadataBytes = 3 * 8 + labelBytes + (weights === null ? 0 : labelBytes);
  const bytes = new Uint8Array(padded(DATASET_FILE_TOKEN.length) + 8 + head.length + 8 + metadataBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(Buffer.from(DATASET_FILE_TOKEN, 'latin1'));
  let at = padded(DATASET_FILE_TOKEN.length);
  view.setBigUint64(at, BigInt(head.length), true);
  bytes.set(head, (at += 8));
  view.setInt32(at, rowCount, true);
  at += head.length;
  view.setBigUint64(at, BigInt(metadataBytes), true);
  at += 8;
  for (const count of [rowCount, weights === null ? 0 : rowCount, 0]) {
    view.setInt32(at, count, true);
    at += 8;
  }
  bytes.set(bytesOf(labels.subarray(0, rowCount)), at);
  if (weights !== null) bytes.set(bytesOf(weights.subarray(0, rowCount)), at + labelBytes);
  return bytes;
}

/** The bytes of a column before its bins. */
export function columnHead(column: BinnedColumn, rowCount: number): Uint8Array {
  const bytes = new Uint8Array(8 + column.definition.length);
  const size = column.definition.length + padded(storedBytes(column, rowCount));
  new DataView(bytes.buffer).setBigUint64(0, BigInt(size), true);
  bytes.set(column.definition, 8);
  return bytes;
}

/** Bytes of the bins of so many rows, without what pads them. */
export const storedBytes = (column: BinnedColumn, rowCount: number): number =>
  Math.ceil((storedBits(column) / 8) * rowCount);

/** How many bytes come after the bins of so many rows. */
export const columnPadding = (column: BinnedColumn, rowCount: number): number => {
  const bytes = storedBytes(column, rowCount);
  return padded(bytes) - bytes;
};

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
