import { AppError } from '#contracts';
import type { Spool } from '../clock.ts';
import { copyRow, type EncodedRows } from '../encoder.ts';
import { BLOCK_ROWS } from '../limits.ts';
import { binnerOf } from './bin-mapper.ts';
import { binValues } from './bin-values.ts';
import { columnIn, rowsIn, type ChunkLayout } from './chunk-layout.ts';
import type { BinReference } from './dataset-file.ts';
import { readAhead } from './read-ahead.ts';

/** Columns of chunks, and chunks, that are read before they are needed. */
const COLUMNS_AHEAD = 7;
const CHUNKS_AHEAD = 1;

/** Takes chunks, one after the other; the array may be used again when it is done. */
export type ChunkSink = Pick<Spool, 'append'>;

/** Chunks as if they lay one after the other. */
export type ChunkSource = Pick<Spool, 'read'>;

/** Chunks in memory. */
export function chunksInMemory(): ChunkSink & ChunkSource {
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

/** Takes rows of a matrix. */
export interface RowBinner {
  /** Row `row` of a block that is as wide as the matrix. */
  add(values: Float64Array, row: number): Promise<void> | void;
  /** @throws INTERNAL unless as many rows came as the layout has */
  end(): Promise<void>;
}

/**
 * Puts rows into bins. Memory: one chunk, and what the sink holds.
 *
 * @param columnCount of the matrix; columns that have one bin are not kept
 */
export function rowBinner(
  reference: BinReference,
  columnCount: number,
  layout: ChunkLayout,
  sink: ChunkSink,
): RowBinner {
  const { chunkRows, chunkBytes, offsets, widths } = layout;
  const binners = reference.columns.map(({ mapper }) => binnerOf(mapper));
  const chunk = new Uint8Array(chunkBytes);
  const columns = offsets.map((offset, place) => columnIn(chunk.subarray(offset), widths[place] ?? 1, chunkRows));
  const staged = new Float64Array(BLOCK_ROWS * columnCount);
  let stagedCount = 0;
  let filledRows = 0;
  let rowCount = 0;
  const binStaged = (): void => {
    for (const [place, { column }] of reference.columns.entries()) {
      const bins = columns[place];
      if (bins !== undefined) binners[place]?.(staged, column, columnCount, stagedCount, bins, filledRows);
    }
    filledRows += stagedCount;
    rowCount += stagedCount;
    stagedCount = 0;
  };
  const flush = async (): Promise<void> => {
    await sink.append(chunk);
    filledRows = 0;
  };
  return {
    add: (values, row) => {
      copyRow(values, row, staged, stagedCount, columnCount);
      stagedCount += 1;
      if (stagedCount < BLOCK_ROWS) return;
      binStaged();
      return filledRows === chunkRows ? flush() : undefined;
    },
    end: async () => {
      binStaged();
      if (rowCount !== layout.rowCount)
        throw new AppError('INTERNAL', `${rowCount} rows were put into bins, expected ${layout.rowCount}`);
      if (filledRows === 0) return;
      for (const bins of columns) bins.fill(0, filledRows);
      await flush();
    },
  };
}

/** Rows that a {@link rowBinner} put into bins. Memory: what is read ahead, beside what the source holds. */
export function binnedRows(
  reference: BinReference,
  columnCount: number,
  layout: ChunkLayout,
  source: ChunkSource,
): BinnedRows {
  const { rowCount, chunkRows, chunkBytes, chunkCount, offsets, widths } = layout;
  const values = reference.columns.map(({ mapper }) => binValues(mapper));
  return {
    rowCount,
    columnCount,
    bins: async function* (place) {
      const width = widths[place] ?? 1;
      const pieceOf = (chunk: number): Promise<Uint8Array> =>
        source.read(chunk * chunkBytes + (offsets[place] ?? 0), width * chunkRows);
      let chunk = 0;
      for await (const piece of readAhead(chunkCount, COLUMNS_AHEAD, pieceOf)) {
        yield columnIn(piece, width, rowsIn(layout, chunk));
        chunk += 1;
      }
    },
    forEach: async (sink) => {
      const block = new Float64Array(BLOCK_ROWS * columnCount).fill(NaN);
      let first = 0;
      for await (const chunk of readAhead(chunkCount, CHUNKS_AHEAD, (index) =>
        source.read(index * chunkBytes, chunkBytes),
      )) {
        const count = Math.min(chunkRows, rowCount - first);
        const columns = offsets.map((offset, place) => columnIn(chunk.subarray(offset), widths[place] ?? 1, count));
        for (let from = 0; from < count; from += BLOCK_ROWS) {
          const blockRows = Math.min(BLOCK_ROWS, count - from);
          for (const [place, { column }] of reference.columns.entries()) {
            const bins = columns[place];
            const valueOf = values[place];
            if (bins === undefined || valueOf === undefined) continue;
            for (let row = 0, to = column; row < blockRows; row += 1, to += columnCount)
              block[to] = valueOf[bins[from + row] ?? 0] ?? NaN;
          }
          sink(block, blockRows, first + from);
        }
        first += count;
      }
    },
  };
}
