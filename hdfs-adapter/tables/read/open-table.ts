import {
  AppError,
  type BatchSource,
  type ColumnBatch,
  type ColumnRequest,
  type StoredColumn,
  type StoredTable,
} from '#contracts';
import { sqlFile, type DuckDb } from '../duckdb.ts';
import { columnReader, type ColumnReader } from './column-reader.ts';
import { verifyFile } from './verify.ts';

export interface OpenTableOptions {
  /** The local file of an object path, in a folder that `duckdb` may read. */
  readonly resolve: (objectPath: string) => string | Promise<string>;
  readonly duckdb: DuckDb;
  /** Rows of a batch, the last one may have fewer. @default by the number of columns: 65,536 at most */
  readonly batchRows?: number;
  /** Compare each file's SHA-256 once per process before it is read. @default true */
  readonly verify?: boolean;
}

const BATCH_ROWS_MAX = 65_536;
const BATCH_ROWS_MIN = 2_048;
const BATCH_CELLS = 4 * 1024 * 1024;

/**
 * A stored table as a re-iterable stream of batches, rows in registered file order.
 *
 * Nothing ends short or comes in another order unnoticed: before the first batch each file's size and (once per process) SHA-256 are compared with
 * the record, with each chunk the rows' numbers, and after the last one their count, because a failure in the middle of
 * a DuckDB stream looks like its end. Memory: one batch, and 2,048 rows of native vectors.
 */
export function openTable(table: StoredTable, options: OpenTableOptions): BatchSource {
  const byName = new Map<string, StoredColumn>(table.columns.map((column) => [column.name, column]));
  return {
    rowCount: table.rowCount,
    batches: (request, signal) => readBatches(table, byName, request, options, signal),
  };
}

async function* readBatches(
  table: StoredTable,
  byName: ReadonlyMap<string, StoredColumn>,
  request: readonly ColumnRequest[],
  options: OpenTableOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<ColumnBatch> {
  signal?.throwIfAborted();
  const batchRows = Math.max(1, options.batchRows ?? defaultBatchRows(request.length));
  const readers = request.map((wanted) => {
    const stored = byName.get(wanted.name);
    if (stored === undefined) {
      throw new AppError('COLUMN_UNKNOWN', `Table: there is no column ${JSON.stringify(wanted.name)}`);
    }
    return columnReader(stored, wanted, Math.min(batchRows, Math.max(1, table.rowCount)));
  });
  const files: string[] = [];
  for (const file of table.files) {
    const local = await options.resolve(file.path);
    if (options.verify !== false) await verifyFile(file, local, signal);
    files.push(sqlFile(local));
  }
  if (table.rowCount === 0) return;
  const columns = [...readers.map((reader) => reader.sql), 'file_row_number::DOUBLE'].join(', ');
  const sql = `SELECT ${columns} FROM read_parquet([${files.join(', ')}], hive_partitioning = false, file_row_number = true)`;
  yield* cut(readInto(options.duckdb, sql, readers, table, signal), readers, batchRows, table.rowCount);
}

interface Piece {
  readonly rowCount: number;
  read(from: number, count: number, at: number): void;
}

/** The chunks of a read, counted. @throws DATA_READ_TRUNCATED */
async function* readInto(
  duckdb: DuckDb,
  sql: string,
  readers: readonly ColumnReader[],
  table: StoredTable,
  signal: AbortSignal | undefined,
): AsyncGenerator<Piece> {
  let seen = 0;
  const order = new RowOrder(table);
  const failed = (cause?: unknown): AppError => {
    const paths = table.files.map((file) => file.path).join(', ');
    const facts = `expected ${table.rowCount} rows in order, found an end or another row after ${seen}`;
    return new AppError('DATA_READ_TRUNCATED', `Table ${paths}: ${facts}`, {
      ...(cause === undefined ? {} : { cause }),
      details: { expected: table.rowCount, found: seen },
    });
  };
  try {
    for await (const chunk of duckdb.stream(sql, signal)) {
      seen += chunk.rowCount;
      if (seen > table.rowCount || !order.goesOn(chunk.column(readers.length).doubles)) throw failed();
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
  if (seen !== table.rowCount) throw failed();
}

/** Follows the rows' numbers in their files: rows in another order are as wrong as missing ones. */
class RowOrder {
  readonly #lengths: readonly number[];
  #file = 0;
  #row = 0;

  constructor(table: StoredTable) {
    this.#lengths = table.files.map((file) => file.rowCount).filter((rowCount) => rowCount > 0);
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

/** Cuts pieces into batches of `batchRows` rows. The last batch is given only when the count has been found right. */
async function* cut(
  pieces: AsyncIterable<Piece>,
  readers: readonly ColumnReader[],
  batchRows: number,
  rowCount: number,
): AsyncGenerator<ColumnBatch> {
  let firstRow = 0;
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
      if (used === batchRows && firstRow + used < rowCount) yield take();
    }
  }
  if (used > 0) yield take();
}

function defaultBatchRows(columnCount: number): number {
  return Math.min(BATCH_ROWS_MAX, Math.max(BATCH_ROWS_MIN, Math.floor(BATCH_CELLS / Math.max(1, columnCount))));
}
