import type { BatchSource, ColumnBatch, ColumnRequest, RowSpan, StoredTable } from '#contracts';
import { sqlFile, type DuckDb } from '../duckdb.ts';
import { countedPieces, cutBatches, readersOf, type Piece } from './batches.ts';
import type { ColumnReader } from './column-reader.ts';
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
    batches: (request, signal, wanted) => readBatches(table, request, wanted, options, signal),
  };
}

async function* readBatches(
  table: StoredTable,
  request: readonly ColumnRequest[],
  looked: RowSpan | undefined,
  { duckdb, resolve, batchRows, verify }: OpenTableOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<ColumnBatch> {
  signal?.throwIfAborted();
  const wanted = readersOf(table, request, batchRows);
  const { readers } = wanted;
  const local: string[] = [];
  for (const file of table.files) {
    const found = await resolve(file.path);
    if (verify !== false) await verifyFile(file, found, signal);
    local.push(found);
  }
  const all = { from: 0, to: table.rowCount };
  const cut = looked !== undefined && (looked.from > 0 || looked.to < table.rowCount) ? looked : null;
  const rows = cut ?? all;
  if (rows.from >= rows.to) return;
  yield* cutBatches(piecesOf(table, local, cut, { duckdb, readers }, signal), wanted, rows);
}

interface Reading {
  readonly duckdb: DuckDb;
  readonly readers: readonly ColumnReader[];
}

/** The rows of a span, or as many as the table has: whole files in one read, those that are cut each in one of its own. */
async function* piecesOf(
  table: StoredTable,
  local: readonly string[],
  rows: RowSpan | null,
  { duckdb, readers }: Reading,
  signal: AbortSignal | undefined,
): AsyncGenerator<Piece> {
  const columns = [...readers.map((reader) => reader.sql), 'file_row_number::DOUBLE'].join(', ');
  for (const files of readsOf(table, local, rows ?? { from: 0, to: Infinity })) {
    const [{ from, to }] = files;
    const names = files.map((file) => sqlFile(file.local)).join(', ');
    const parquet = `read_parquet([${names}], hive_partitioning = false, file_row_number = true)`;
    const isCut = files.some((file) => file.to - file.from < file.rowCount);
    const where = isCut ? ` WHERE file_row_number >= ${from} AND file_row_number < ${to}` : '';
    const rowCounts = files.map((file) => file.to);
    const read = {
      ...{ duckdb, readers, rowCounts, firstRow: from },
      sql: `SELECT ${columns} FROM ${parquet}${where}`,
      rowCount: rows === null ? table.rowCount : files.reduce((sum, file) => sum + file.to - file.from, 0),
      what: `Table ${files.map(({ path }) => path).join(', ')}`,
    };
    yield* countedPieces(read, signal);
  }
}

/** Rows of a file that are read. */
interface FileRows extends RowSpan {
  readonly path: string;
  readonly local: string;
  readonly rowCount: number;
}

/** Files with rows of a span, grouped by what one read can give: those that are whole beside each other. */
function readsOf({ files }: StoredTable, local: readonly string[], { from, to }: RowSpan): [FileRows, ...FileRows[]][] {
  const reads: [FileRows, ...FileRows[]][] = [];
  const isWhole = (file: FileRows): boolean => file.to - file.from === file.rowCount;
  let firstRow = 0;
  for (const [index, { path, rowCount }] of files.entries()) {
    const span = { from: Math.max(0, from - firstRow), to: Math.min(rowCount, to - firstRow) };
    firstRow += rowCount;
    if (span.from >= span.to) continue;
    const file: FileRows = { path, rowCount, local: local[index] ?? '', ...span };
    const last = reads.at(-1);
    if (last !== undefined && isWhole(file) && last.every(isWhole)) last.push(file);
    else reads.push([file]);
  }
  return reads;
}
