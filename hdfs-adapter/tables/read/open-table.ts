import { type BatchSource, type ColumnBatch, type ColumnRequest, type StoredTable } from '#contracts';
import { sqlFile, type DuckDb } from '../duckdb.ts';
import { countedPieces, cutBatches, readersOf } from './batches.ts';
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

/**
 * A stored table as a re-iterable stream of batches, rows in registered file order.
 *
 * Nothing ends short or comes in another order unnoticed: before the first batch each file's size and (once per process) SHA-256 are compared with
 * the record, with each chunk the rows' numbers, and after the last one their count, because a failure in the middle of
 * a DuckDB stream looks like its end. Memory: one batch, and 2,048 rows of native vectors.
 */
export function openTable(table: StoredTable, options: OpenTableOptions): BatchSource {
  return {
    rowCount: table.rowCount,
    batches: (request, signal) => readBatches(table, request, options, signal),
  };
}

async function* readBatches(
  table: StoredTable,
  request: readonly ColumnRequest[],
  { duckdb, resolve, batchRows, verify }: OpenTableOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<ColumnBatch> {
  signal?.throwIfAborted();
  const wanted = readersOf(table, request, batchRows);
  const { readers } = wanted;
  const files: string[] = [];
  for (const file of table.files) {
    const local = await resolve(file.path);
    if (verify !== false) await verifyFile(file, local, signal);
    files.push(sqlFile(local));
  }
  if (table.rowCount === 0) return;
  const columns = [...readers.map((reader) => reader.sql), 'file_row_number::DOUBLE'].join(', ');
  const sql = `SELECT ${columns} FROM read_parquet([${files.join(', ')}], hive_partitioning = false, file_row_number = true)`;
  const what = `Table ${table.files.map((file) => file.path).join(', ')}`;
  const rowCounts = table.files.map((file) => file.rowCount);
  const pieces = countedPieces({ duckdb, sql, readers, rowCount: table.rowCount, rowCounts, what }, signal);
  yield* cutBatches(pieces, wanted, { from: 0, to: table.rowCount });
}
