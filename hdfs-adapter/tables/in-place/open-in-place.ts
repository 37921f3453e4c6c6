import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import {
  AppError,
  type BatchSource,
  type ColumnBatch,
  type ColumnRequest,
  type InPlaceFile,
  type StoredColumn,
  type StoredTable,
} from '#contracts';
import { storeError } from '#object-store';
import { sqlFile, type DuckDb } from '../duckdb.ts';
import { columnNames } from '../ingest/column-names.ts';
import { columnForm } from '../parquet/column-types.ts';
import { readLayout, type ParquetLayout } from '../parquet/layout.ts';
import { groupBytes, writeMiniFile, type MiniColumn } from '../parquet/mini-file.ts';
import { countedPieces, cutBatches, readersOf, type Piece } from '../read/batches.ts';
import type { InPlaceFiles } from './in-place-files.ts';
import { oneAhead } from './one-ahead.ts';
import { partitionValue } from './partition-columns.ts';

export interface OpenInPlaceOptions {
  readonly files: InPlaceFiles;
  readonly duckdb: DuckDb;
  /** For mini files; in a folder that `duckdb` may read. */
  readonly scratchDirectory: string;
  /** Bytes of one mini file, unless a single row group has more. Two are there at a time. */
  readonly miniFileBytes: number;
  /** @default by the number of columns: 65,536 at most */
  readonly batchRows?: number;
}

/** Some row groups of a file, with the wanted columns, as a local file. */
interface MiniFile {
  readonly local: string;
  readonly rowCount: number;
  /** The file that it is of. */
  readonly registered: InPlaceFile;
}

/**
 * A table whose Parquet files stay where they are, as a re-iterable stream of batches, rows in registered order.
 *
 * Of each file the footer is read and then, by ranges, the wanted columns of a few row groups at a time, which become a
 * small local Parquet file; while one is decoded the next is fetched. Before the first batch all files are compared with
 * their registration, each again after its last byte, and every mini file must give the rows that the footer promised.
 * Memory: one batch, 2,048 rows of native vectors, one footer. Disk: two mini files.
 *
 * @see docs/adr/0016-parquet-in-place.md
 */
export function openInPlace(table: StoredTable, options: OpenInPlaceOptions): BatchSource {
  return {
    rowCount: table.rowCount,
    batches: (request, signal) => readBatches(table, request, options, signal),
  };
}

async function* readBatches(
  table: StoredTable,
  request: readonly ColumnRequest[],
  options: OpenInPlaceOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<ColumnBatch> {
  const files = table.inPlaceFiles ?? [];
  const wanted = readersOf(table, request, options.batchRows);
  await options.files.check(files, signal);
  if (table.rowCount === 0) return;
  const folder = await mkdtemp(path.join(options.scratchDirectory, 'in-place-')).catch((err: unknown) => {
    throw storeError(err, 'Making a scratch folder', options.scratchDirectory);
  });
  const stop = new AbortController();
  const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const columns = columnsOf(table, request);
  const minis = oneAhead(miniFiles(files, columns.stored, folder, options, either));
  try {
    yield* cutBatches(pieces(), wanted, table.rowCount);
  } finally {
    stop.abort();
    await minis.return(undefined);
    await rm(folder, { recursive: true, force: true });
  }

  async function* pieces(): AsyncGenerator<Piece> {
    for await (const mini of minis) {
      const relation = await storedRelation(mini, columns, options.duckdb, signal);
      const selected = [...wanted.readers.map((reader) => reader.sql), 'file_row_number::DOUBLE'].join(', ');
      const sql = `SELECT ${selected} FROM ${relation}`;
      const { readers } = wanted;
      const { rowCount } = mini;
      const read = {
        duckdb: options.duckdb,
        sql,
        readers,
        rowCount,
        rowCounts: [rowCount],
        what: `File ${mini.registered.path}`,
      };
      yield* countedPieces(read, signal);
      await rm(mini.local, { force: true });
    }
  }
}

/** Columns that are wanted. */
interface WantedColumns {
  /** Each once, of those that the files have; at least one, so that rows can be counted. */
  readonly stored: readonly StoredColumn[];
  /** Those that partition folders give. */
  readonly partitions: readonly StoredColumn[];
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

/** The mini files of all files, in order. Each is the reader's from then on. */
async function* miniFiles(
  files: readonly InPlaceFile[],
  columns: readonly StoredColumn[],
  folder: string,
  options: OpenInPlaceOptions,
  signal: AbortSignal,
): AsyncGenerator<MiniFile> {
  let count = 0;
  for (const registered of files) {
    if (registered.rowCount === 0) continue;
    const file = await options.files.open(registered, signal);
    const layout = await readLayout(file, signal);
    if (layout.rowCount !== registered.rowCount)
      throw differs(registered.path, `${registered.rowCount} rows`, String(layout.rowCount));
    const taken = miniColumns(registered.path, layout, columns);
    const units = unitsOf(layout, taken, options.miniFileBytes);
    for (const [index, groups] of units.entries()) {
      const local = path.join(folder, `${count}.parquet`);
      count += 1;
      await writeMiniFile({ file, layout, groups, columns: taken, target: local, signal });
      if (index === units.length - 1) await file.confirm(signal);
      const rowCount = groups.reduce((sum, group) => sum + (layout.groups[group]?.rowCount ?? 0), 0);
      yield { local, rowCount, registered };
    }
  }
}

/** Row groups that go into one mini file each: as many as fit, and at least one. */
export function unitsOf(layout: ParquetLayout, columns: readonly MiniColumn[], bytesMax: number): number[][] {
  const units: number[][] = [];
  let bytes = 0;
  for (const [index, group] of layout.groups.entries()) {
    if (group.rowCount === 0) continue;
    const more = groupBytes(layout, index, columns);
    const last = units.at(-1);
    if (last !== undefined && bytes + more <= bytesMax) {
      last.push(index);
      bytes += more;
    } else {
      units.push([index]);
      bytes = more;
    }
  }
  return units;
}

/** The file's own columns of the table's columns, called `c<position>`. */
function miniColumns(file: string, layout: ParquetLayout, columns: readonly StoredColumn[]): MiniColumn[] {
  const { names } = columnNames(layout.columns.map(({ name }) => name));
  const byName = new Map(names.map((name, index) => [name, layout.columns[index]]));
  return columns.map(({ name, position }) => {
    const column = byName.get(name);
    if (column === undefined) throw differs(file, `column ${JSON.stringify(name)}`, 'none');
    return { column, name: `c${position}` };
  });
}

/** SQL of a mini file's rows with its columns in the form that the table says, and `file_row_number`. */
async function storedRelation(
  { local, registered }: MiniFile,
  { stored, partitions }: WantedColumns,
  duckdb: DuckDb,
  signal: AbortSignal | undefined,
): Promise<string> {
  const parquet = `read_parquet(${sqlFile(local)}, hive_partitioning = false, file_row_number = true)`;
  const types = await duckdb.rows(`SELECT column_type FROM (DESCRIBE SELECT * FROM ${parquet})`, signal);
  const values = stored.map(({ name, position, storage, parse }, index) => {
    const type = String(types[index]?.[0]);
    const form = columnForm(type, `c${position}`, parse.nullMarkers);
    if (form.storage !== storage) throw differs(registered.path, `column ${JSON.stringify(name)} as ${storage}`, type);
    return `${form.value} AS c${position}`;
  });
  const constants = partitions.map((column) => `${partitionValue(registered, column)} AS c${column.position}`);
  return `(SELECT ${[...values, ...constants, 'file_row_number'].join(', ')} FROM ${parquet})`;
}

function differs(file: string, expected: string, found: string): AppError {
  return new AppError(
    'DATASET_CHANGED',
    `File ${file} is not the one that was registered: expected ${expected}, found ${found}`,
    { details: { path: file } },
  );
}
