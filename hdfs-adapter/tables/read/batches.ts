import { AppError, type ColumnBatch, type ColumnRequest, type StoredTable } from '#contracts';
import type { DuckDb } from '../duckdb.ts';
import { columnReader, type ColumnReader } from './column-reader.ts';

const BATCH_ROWS_MAX = 65_536;
const BATCH_ROWS_MIN = 2_048;
const BATCH_CELLS = 4 * 1024 * 1024;

/** Readers of the columns that are asked for, with room for one batch. */
export interface RequestReaders {
  readonly batchRows: number;
  readonly readers: readonly ColumnReader[];
}

/**
 * @param batchRows rows of a batch; by default by the number of columns
 * @throws COLUMN_UNKNOWN; INTERNAL for the number view of a category of texts
 */
export function readersOf(
  table: StoredTable,
  request: readonly ColumnRequest[],
  batchRows = batchRowsOf(request.length),
): RequestReaders {
  const byName = new Map(table.columns.map((column) => [column.name, column]));
  const rows = Math.max(1, batchRows);
  const readers = request.map((wanted) => {
    const stored = byName.get(wanted.name);
    if (stored === undefined)
      throw new AppError('COLUMN_UNKNOWN', `Table: there is no column ${JSON.stringify(wanted.name)}`);
    return columnReader(stored, wanted, Math.min(rows, Math.max(1, table.rowCount)));
  });
  return { batchRows: rows, readers };
}

/** Rows that are at hand. */
export interface Piece {
  readonly rowCount: number;
  /** Rows [from, from + count) become batch rows [at, at + count). */
  read(from: number, count: number, at: number): void;
}

/** A read of local Parquet files with what is expected of it. */
export interface CountedRead {
  readonly duckdb: DuckDb;
  /** Gives the readers' columns, then `file_row_number::DOUBLE`. */
  readonly sql: string;
  readonly readers: readonly ColumnReader[];
  readonly rowCount: number;
  /** Rows of each file up to the last one that is read, in the order in which they are read. */
  readonly rowCounts: readonly number[];
  /** Number of the first row in the first file. @default 0 */
  readonly firstRow?: number;
  /** What is read, for messages. */
  readonly what: string;
}

/** The chunks of a read, counted and in order. @throws DATA_READ_TRUNCATED */
export async function* countedPieces(
  { duckdb, sql, readers, rowCount: expected, rowCounts, firstRow = 0, what }: CountedRead,
  signal: AbortSignal | undefined,
): AsyncGenerator<Piece> {
  let seen = 0;
  const order = new RowOrder(rowCounts, firstRow);
  const failed = (cause?: unknown): AppError => {
    const facts = `expected ${expected} rows in order, found an end or another row after ${seen}`;
    return new AppError('DATA_READ_TRUNCATED', `${what}: ${facts}`, {
      ...(cause === undefined ? {} : { cause }),
      details: { expected, found: seen },
    });
  };
  try {
    for await (const chunk of duckdb.stream(sql, signal)) {
      seen += chunk.rowCount;
      if (seen > expected || !order.goesOn(chunk.column(readers.length).doubles)) throw failed();
      readers.forEach((reader, index) => reader.startChunk(chunk.column(index)));
      yield {
        rowCount: chunk.rowCount,
        read: (from, count, at) => {
          for (const reader of readers) reader.read(from, count, at);
        },
      };
    }
  } catch (err) {
    if (signal?.aborted === true || err instanceof AppError) throw err;
    throw failed(err);
  }
  signal?.throwIfAborted();
  if (seen !== expected) throw failed();
}

/** Follows the rows' numbers in their files: rows in another order are as wrong as missing ones. */
class RowOrder {
  readonly #lengths: readonly number[];
  #file = 0;
  #row: number;

  constructor(rowCounts: readonly number[], firstRow: number) {
    this.#lengths = rowCounts.filter((rowCount) => rowCount > 0);
    this.#row = firstRow;
  }

  goesOn(rowNumbers: Float64Array | null): boolean {
    for (const rowNumber of rowNumbers ?? []) {
      if (this.#row === this.#lengths[this.#file]) {
        this.#file += 1;
        this.#row = 0;
      }
      if (rowNumber !== this.#row) return false;
      this.#row += 1;
    }
    return rowNumbers !== null;
  }
}

/**
 * Cuts pieces into batches of `batchRows` rows. The last batch is given only when the count has been found right.
 *
 * @param rows numbers of the first one and of that after the last one
 */
export async function* cutBatches(
  pieces: AsyncIterable<Piece>,
  { readers, batchRows }: RequestReaders,
  rows: { readonly from: number; readonly to: number },
): AsyncGenerator<ColumnBatch> {
  let firstRow = rows.from;
  let used = 0;
  const take = (): ColumnBatch => {
    const batch = { firstRow, rowCount: used, columns: readers.map((reader) => reader.batch(used)) };
    firstRow += used;
    used = 0;
    return batch;
  };
  for await (const piece of pieces) {
    for (let from = 0; from < piece.rowCount;) {
      const count = Math.min(piece.rowCount - from, batchRows - used);
      piece.read(from, count, used);
      from += count;
      used += count;
      if (used === batchRows && firstRow + used < rows.to) yield take();
    }
  }
  if (used > 0) yield take();
}

/** Rows of a batch in which a row has so many cells. */
export function batchRowsOf(cellCount: number): number {
  return Math.min(BATCH_ROWS_MAX, Math.max(BATCH_ROWS_MIN, Math.floor(BATCH_CELLS / Math.max(1, cellCount))));
}
