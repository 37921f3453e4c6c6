import { AppError } from '#contracts';
import { copyRow, type EncodedRows } from '../encoder.ts';
import { BLOCK_ROWS } from '../limits.ts';
import { binnerOf } from './bin-mapper.ts';
import { binValues } from './bin-values.ts';
import type { BinChunk, Bins } from './bin-chunks.ts';
import { columnIn, type ChunkLayout } from './chunk-layout.ts';
import type { ChunkSink } from './chunk-spool.ts';
import type { BinReference } from './dataset-file.ts';
import { readAhead } from './read-ahead.ts';

/** Columns of chunks, and chunks, that are read before they are needed. */
const COLUMNS_AHEAD = 7;
const CHUNKS_AHEAD = 1;

/** Rows of a matrix by the bins of their values, a byte or two each. As matrix they have a value of each bin: trees decide the same by it. */
export interface BinnedRows extends EncodedRows {
  /** The bins of a column (by its place in the reference), in row order, a chunk at a time. */
  bins(place: number): AsyncGenerator<Bins>;
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

/** Rows that a {@link rowBinner} put into bins. Memory: what is read ahead, beside what the chunks hold. */
export function binnedRows(reference: BinReference, columnCount: number, chunks: readonly BinChunk[]): BinnedRows {
  const rowCount = chunks.reduce((sum, chunk) => sum + chunk.rowCount, 0);
  const values = reference.columns.map(({ mapper }) => binValues(mapper));
  /** Something of each chunk, in order. */
  const ofEach = <T>(ahead: number, read: (chunk: BinChunk) => Promise<T>): AsyncGenerator<T> =>
    readAhead(chunks.length, ahead, (index) => {
      const chunk = chunks[index];
      if (chunk === undefined) throw new AppError('INTERNAL', `there are ${chunks.length} chunks, none is ${index}`);
      return read(chunk);
    });
  return {
    rowCount,
    columnCount,
    bins: (place) => ofEach(COLUMNS_AHEAD, (chunk) => chunk.column(place)),
    forEach: async (sink) => {
      const block = new Float64Array(BLOCK_ROWS * columnCount).fill(NaN);
      let first = 0;
      for await (const { count, columns } of ofEach(CHUNKS_AHEAD, async (chunk) => ({
        count: chunk.rowCount,
        columns: await chunk.columns(),
      }))) {
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
