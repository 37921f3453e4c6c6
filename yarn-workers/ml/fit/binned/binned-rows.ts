import { AppError } from '#contracts';
import type { Spool } from '../clock.ts';
import { copyRow, type EncodedRows } from '../encoder.ts';
import { BLOCK_ROWS } from '../limits.ts';
import { binnerOf } from './bin-mapper.ts';
import { binValues } from './bin-values.ts';
import type { BinReference } from './dataset-file.ts';

/** Rows of a chunk: an even number, as LightGBM keeps the bins of two rows in a byte where there are few. */
export const CHUNK_ROWS = 65_536;
const BYTE_BINS_MAX = 256;
const SHORT_BINS_MAX = 65_535;

/** Where chunks are kept, one after the other. */
export type ChunkStore = Omit<Spool, 'close'>;

/** Chunks in memory. */
export function chunksInMemory(): ChunkStore {
  const chunks: Uint8Array[] = [];
  let chunkBytes = 1;
  return {
    append: async (chunk) => {
      chunkBytes = chunk.length;
      chunks.push(chunk.slice());
    },
    read: async (at, length) => {
      const from = at % chunkBytes;
      return (chunks[Math.floor(at / chunkBytes)] ?? new Uint8Array(0)).subarray(from, from + length);
    },
  };
}

/** Rows of a matrix by the bins of their values, a byte or two each. As matrix they have a value of each bin: trees decide the same by it. */
export interface BinnedRows extends EncodedRows {
  /** The bins of a column (by its place in the reference), in row order, a chunk at a time. */
  bins(place: number): AsyncGenerator<Uint8Array | Uint16Array>;
}

/** Takes rows of a matrix, block by block. */
export interface RowBinner {
  /** Row `row` of a block that is as wide as the matrix. */
  add(values: Float64Array, row: number): Promise<void> | void;
  end(): Promise<BinnedRows>;
}

/** A chunk's columns, one after the other, each with room for CHUNK_ROWS rows. */
interface ChunkLayout {
  readonly offsets: readonly number[];
  readonly widths: readonly (1 | 2)[];
  readonly chunkBytes: number;
}

function layoutOf({ columns }: BinReference): ChunkLayout {
  const widths = columns.map(({ column, mapper: { binCount } }) => {
    if (binCount > SHORT_BINS_MAX) throw new AppError('INTERNAL', `column ${column} has ${binCount} bins`);
    return binCount <= BYTE_BINS_MAX ? 1 : 2;
  });
  let chunkBytes = 0;
  const offsets = widths.map((width) => (chunkBytes += width * CHUNK_ROWS) - width * CHUNK_ROWS);
  return { offsets, widths, chunkBytes };
}

/** The bins of a column in a chunk, of its first `rowCount` rows. */
function columnIn(bytes: Uint8Array, width: 1 | 2, rowCount: number): Uint8Array | Uint16Array {
  if (width === 1) return bytes.subarray(0, rowCount);
  // What a store gives may begin anywhere.
  const whole = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  return new Uint16Array(whole.buffer, whole.byteOffset, rowCount);
}

/**
 * Puts rows into bins. Memory: one chunk and what the store holds.
 *
 * @param columnCount of the matrix; columns that have one bin are not kept
 */
export function rowBinner(reference: BinReference, columnCount: number, store: ChunkStore): RowBinner {
  const layout = layoutOf(reference);
  const binners = reference.columns.map(({ mapper }) => binnerOf(mapper));
  const chunk = new Uint8Array(layout.chunkBytes);
  const columns = layout.offsets.map((offset, place) =>
    columnIn(chunk.subarray(offset), layout.widths[place] ?? 1, CHUNK_ROWS),
  );
  const staged = new Float64Array(BLOCK_ROWS * columnCount);
  let stagedCount = 0;
  let chunkRows = 0;
  let rowCount = 0;
  const binStaged = (): void => {
    for (const [place, { column }] of reference.columns.entries()) {
      const bins = columns[place];
      if (bins !== undefined) binners[place]?.(staged, column, columnCount, stagedCount, bins, chunkRows);
    }
    chunkRows += stagedCount;
    rowCount += stagedCount;
    stagedCount = 0;
  };
  const flush = async (): Promise<void> => {
    await store.append(chunk);
    chunkRows = 0;
  };
  return {
    add: (values, row) => {
      copyRow(values, row, staged, stagedCount, columnCount);
      stagedCount += 1;
      if (stagedCount < BLOCK_ROWS) return;
      binStaged();
      return chunkRows === CHUNK_ROWS ? flush() : undefined;
    },
    end: async () => {
      binStaged();
      if (chunkRows > 0) await flush();
      return binnedRows(reference, layout, rowCount, columnCount, store);
    },
  };
}

function binnedRows(
  reference: BinReference,
  { offsets, widths, chunkBytes }: ChunkLayout,
  rowCount: number,
  columnCount: number,
  store: ChunkStore,
): BinnedRows {
  const values = reference.columns.map(({ mapper }) => binValues(mapper));
  const rowsFrom = (first: number): number => Math.min(CHUNK_ROWS, rowCount - first);
  return {
    rowCount,
    columnCount,
    bins: async function* (place) {
      const width = widths[place] ?? 1;
      for (let first = 0, at = offsets[place] ?? 0; first < rowCount; first += CHUNK_ROWS, at += chunkBytes)
        yield columnIn(await store.read(at, width * rowsFrom(first)), width, rowsFrom(first));
    },
    forEach: async (sink) => {
      const block = new Float64Array(BLOCK_ROWS * columnCount).fill(NaN);
      for (let first = 0, at = 0; first < rowCount; first += CHUNK_ROWS, at += chunkBytes) {
        const chunk = await store.read(at, chunkBytes);
        const chunkRows = rowsFrom(first);
        const columns = offsets.map((offset, place) => columnIn(chunk.subarray(offset), widths[place] ?? 1, chunkRows));
        for (let from = 0; from < chunkRows; from += BLOCK_ROWS) {
          const count = Math.min(BLOCK_ROWS, chunkRows - from);
          for (const [place, { column }] of reference.columns.entries()) {
            const bins = columns[place];
            const valueOf = values[place];
            if (bins === undefined || valueOf === undefined) continue;
            for (let row = 0, to = column; row < count; row += 1, to += columnCount)
              block[to] = valueOf[bins[from + row] ?? 0] ?? NaN;
          }
          sink(block, count, first + from);
        }
      }
    },
  };
}
