import { AppError } from '#contracts';
import { BLOCK_ROWS } from '../limits.ts';
import type { BinReference } from './dataset-file.ts';

/** Bytes of a chunk of rows, as far as it has CHUNK_ROWS_MIN rows. */
export const CHUNK_BYTES = 16 * 1024 * 1024;
/** Fewer rows would make the columns of wide tables too many small pieces. */
const CHUNK_ROWS_MIN = 16_384;
const BYTE_BINS_MAX = 256;
const SHORT_BINS_MAX = 65_535;

/** How the rows of a part lie in chunks: in each its columns, one after the other, with room for `chunkRows` rows each. */
export interface ChunkLayout {
  readonly rowCount: number;
  /** A multiple of BLOCK_ROWS. The last chunk may have fewer rows, and is as long as the others. */
  readonly chunkRows: number;
  readonly chunkBytes: number;
  readonly chunkCount: number;
  /** By column of the reference where it begins in a chunk, and how many bytes a row takes. */
  readonly offsets: readonly number[];
  readonly widths: readonly (1 | 2)[];
}

/**
 * As few chunks as the limits allow, all of about the same number of rows: a function of its arguments, so that whoever reads chunks knows
 * how they were written.
 *
 * @param chunkRowsMax fewer rows in a chunk than the limits allow
 * @throws INTERNAL for a column of more than 65,535 bins
 */
export function chunkLayout({ columns }: BinReference, rowCount: number, chunkRowsMax = Infinity): ChunkLayout {
  const widths = columns.map(({ column, mapper: { binCount } }): 1 | 2 => {
    if (binCount > SHORT_BINS_MAX) throw new AppError('INTERNAL', `column ${column} has ${binCount} bins`);
    return binCount <= BYTE_BINS_MAX ? 1 : 2;
  });
  const rowBytes = widths.reduce((sum: number, width) => sum + width, 0);
  const most = Math.min(chunkRowsMax, Math.max(CHUNK_ROWS_MIN, Math.floor(CHUNK_BYTES / Math.max(1, rowBytes))));
  const atMost = Math.max(BLOCK_ROWS, most - (most % BLOCK_ROWS));
  const even = Math.ceil(rowCount / Math.max(1, Math.ceil(rowCount / atMost)));
  const chunkRows = Math.max(BLOCK_ROWS, Math.ceil(even / BLOCK_ROWS) * BLOCK_ROWS);
  let chunkBytes = 0;
  const offsets = widths.map((width) => (chunkBytes += width * chunkRows) - width * chunkRows);
  return { rowCount, chunkRows, chunkBytes, chunkCount: Math.ceil(rowCount / chunkRows), offsets, widths };
}

/** Rows that a chunk has. */
export const rowsIn = ({ rowCount, chunkRows }: ChunkLayout, chunk: number): number =>
  Math.min(chunkRows, rowCount - chunk * chunkRows);

/** The bins of a column in a chunk, of its first `rowCount` rows. */
export function columnIn(bytes: Uint8Array, width: 1 | 2, rowCount: number): Uint8Array | Uint16Array {
  if (width === 1) return bytes.subarray(0, rowCount);
  // What a store gives may begin anywhere.
  const whole = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  return new Uint16Array(whole.buffer, whole.byteOffset, rowCount);
}
