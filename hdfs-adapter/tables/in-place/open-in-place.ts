import { rm } from 'node:fs/promises';
import type { BatchSource, ColumnBatch, ColumnRequest, RowSpan, StoredColumn, StoredTable } from '#contracts';
import { makeScratchFolder } from '../ingest/scratch.ts';
import { countedPieces, cutBatches, readersOf, type Piece } from '../read/batches.ts';
import { oneAhead } from './one-ahead.ts';
import { parquetPieces } from './parquet-pieces.ts';
import type { PieceOptions, WantedColumns } from './pieces.ts';
import { unitsOver } from './row-span.ts';
import { textPieces } from './text-pieces.ts';

export interface OpenInPlaceOptions extends PieceOptions {
  /** For pieces, two of which are there at a time; in a folder that `duckdb` may read. */
  readonly scratchDirectory: string;
  /** @default by the number of columns: 65,536 at most */
  readonly batchRows?: number;
  /** Rows of whole units, see {@link spanOfUnits}; nothing of others is read. @default all */
  readonly rows?: RowSpan;
}

/**
 * A table whose files stay where they are, as a re-iterable stream of batches, rows in registered order.
 *
 * The wanted columns of some rows at a time become a small local file ({@link parquetPieces}, {@link textPieces}); while one is
 * decoded the next is fetched, and no further one. Before the first batch all files are compared with their registration, each
 * again after its last byte, and every piece must give the rows that it has, in order. Of rows that nobody looks at whole units are left out.
 * Memory: one batch, 2,048 rows of native vectors, and what pieces are made with. Disk: two pieces.
 */
export function openInPlace(table: StoredTable, options: OpenInPlaceOptions): BatchSource {
  const { rows = { from: 0, to: table.rowCount } } = options;
  return {
    rowCount: rows.to - rows.from,
    batches: (request, signal, wanted) => readBatches(table, rows, wanted, request, options, signal),
  };
}

async function* readBatches(
  table: StoredTable,
  opened: RowSpan,
  looked: RowSpan | undefined,
  request: readonly ColumnRequest[],
  options: OpenInPlaceOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<ColumnBatch> {
  const files = table.inPlaceFiles ?? [];
  const wanted = readersOf(table, request, options.batchRows);
  await options.files.check(files, signal);
  const rows = await unitsWithin(table, opened, looked ?? opened, options, signal);
  if (rows.from === rows.to) return;
  const folder = await makeScratchFolder(options.scratchDirectory, 'in-place-');
  const stop = new AbortController();
  const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const columns = columnsOf(table, request);
  const text = table.inPlaceText;
  const local = oneAhead(
    text === undefined
      ? parquetPieces(table, rows, columns, folder, options, either)
      : textPieces(table, text, rows, columns, folder, options, either),
  );
  try {
    yield* cutBatches(pieces(), wanted, rows);
  } finally {
    stop.abort();
    await local.return(undefined);
    await rm(folder, { recursive: true, force: true });
  }

  async function* pieces(): AsyncGenerator<Piece> {
    const { readers } = wanted;
    const selected = [...readers.map((reader) => reader.sql), 'file_row_number::DOUBLE'].join(', ');
    for await (const { local: file, rowCount, registered, relation } of local) {
      const sql = `SELECT ${selected} FROM ${await relation()}`;
      const what = `File ${registered.path}`;
      const read = { duckdb: options.duckdb, sql, readers, rowCount, rowCounts: [rowCount], what };
      yield* countedPieces(read, signal);
      await rm(file, { force: true });
    }
  }
}

/** What of the opened rows is read for those that are looked at. */
async function unitsWithin(
  table: StoredTable,
  opened: RowSpan,
  { from, to }: RowSpan,
  { files }: OpenInPlaceOptions,
  signal: AbortSignal | undefined,
): Promise<RowSpan> {
  if (from <= opened.from && to >= opened.to) return opened;
  const inside = { from: Math.max(from, opened.from), to: Math.min(to, opened.to) };
  return unitsOver(table, inside, files, signal);
}

function columnsOf(table: StoredTable, request: readonly ColumnRequest[]): WantedColumns {
  const names = new Set(request.map(({ name }) => name));
  const isWanted = ({ name }: StoredColumn): boolean => names.has(name);
  const ofFiles = table.columns.filter(({ isPartition }) => isPartition !== true);
  const found = ofFiles.filter(isWanted);
  return {
    stored: found.length > 0 ? found : ofFiles.slice(0, 1),
    partitions: table.columns.filter(({ isPartition }) => isPartition === true).filter(isWanted),
  };
}
