import { rm } from 'node:fs/promises';
import path from 'node:path';
import { AppError, type InPlaceFile, type StoredColumn } from '#contracts';
import { writeThrift } from '#parquet';
import { sqlFile } from '../duckdb.ts';
import { columnNames, type ColumnNames } from '../ingest/column-names.ts';
import { nullMarkersOf } from '../ingest/null-markers.ts';
import { makeScratchFolder } from '../ingest/scratch.ts';
import { columnForm } from '../parquet/column-types.ts';
import { readLayout, type ParquetLayout } from '../parquet/layout.ts';
import { writeMiniFile } from '../parquet/mini-file.ts';
import type { RegisterOptions } from './register.ts';
import { registeredTable, requireColumnCount, type RegisteredTable } from './registered-table.ts';

/** Columns of one file in the order of the file. */
interface FileColumns extends ColumnNames {
  readonly path: string;
  /** Names of DuckDB's types. */
  readonly types: readonly string[];
}

/**
 * What is recorded of Parquet files that stay where they are: their columns, which must be the same in all of them (in any
 * order), and their rows, by the footers. No page is read.
 *
 * @throws DATASET_CHANGED, DATASET_UNREADABLE, DATASET_SCHEMAS_DIFFER, DATASET_EMPTY without columns, DATASET_NO_ROWS,
 *   DATASET_TOO_WIDE, UNSUPPORTED_FORMAT; each names the file
 */
export async function registerParquet(options: RegisterOptions): Promise<RegisteredTable> {
  const { registered, files, signal } = options;
  await files.check(registered, signal);
  const folder = await makeScratchFolder(options.scratchDirectory, 'schemas-');
  try {
    const found: InPlaceFile[] = [];
    let first: FileColumns | null = null;
    let seen = '';
    for (const [index, entry] of registered.entries()) {
      options.onProgress?.(index / registered.length);
      const file = await files.open(entry, signal);
      const layout = await readLayout(file, signal);
      found.push({ ...entry, rowCount: layout.rowCount });
      // Most datasets are files of one program with one schema, down to the byte.
      const fingerprint = schemaFingerprint(layout);
      if (fingerprint === seen) continue;
      seen = fingerprint;
      const columns = await columnsOf(layout, entry.path, path.join(folder, `${index}.parquet`), options);
      if (first === null) first = columns;
      else requireSame(first, columns);
    }
    if (first === null) throw new AppError('DATASET_EMPTY', 'Dataset: expected at least one file, found none');
    return tableOf(first, found, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function tableOf(first: FileColumns, files: InPlaceFile[], { options, limits }: RegisterOptions): RegisteredTable {
  const nullMarkers = nullMarkersOf(options);
  const columns = first.names.map((name, position): StoredColumn => {
    const { storage, parse } = columnForm(first.types[position] ?? '', `c${position}`, nullMarkers);
    return { name, position, storage, hasTwin: false, parse };
  });
  const { columnsMax } = limits;
  return { table: registeredTable({ columns, files, nullMarkers, columnsMax }), warnings: first.warnings };
}

/** The schema as it stands in the footer. */
function schemaFingerprint({ columns }: ParquetLayout): string {
  return Buffer.concat(columns.flatMap(({ schema }) => schema.map(writeThrift))).toString('latin1');
}

/** DuckDB says the types, of a file with the schema and no rows. */
async function columnsOf(
  layout: ParquetLayout,
  file: string,
  target: string,
  { duckdb, limits, signal }: RegisterOptions,
): Promise<FileColumns> {
  const count = layout.columns.length;
  if (count === 0) throw new AppError('DATASET_EMPTY', `File ${file}: expected columns, found none`);
  requireColumnCount(count, file, limits.columnsMax);
  const columns = layout.columns.map((column, position) => ({ column, name: `c${position}` }));
  const nothing = { path: file, sizeBytes: 0, read: () => noBytes() };
  await writeMiniFile({ file: nothing, layout, groups: [], columns, target, signal });
  const rows = await duckdb
    .rows(`SELECT column_type FROM (DESCRIBE SELECT * FROM read_parquet(${sqlFile(target)}))`, signal)
    .catch((err: unknown) => {
      if (err instanceof AppError || signal?.aborted === true) throw err;
      throw new AppError('DATASET_UNREADABLE', `File ${file}: expected a Parquet schema, found damage`, { cause: err });
    });
  await rm(target, { force: true });
  const types = rows.map(([type]) => String(type));
  return { path: file, types, ...columnNames(layout.columns.map(({ name }) => name)) };
}

async function* noBytes(): AsyncGenerator<Uint8Array> {}

/** @throws DATASET_SCHEMAS_DIFFER naming both files and the first column that differs */
function requireSame(first: FileColumns, other: FileColumns): void {
  const expected = formsOf(first);
  const found = formsOf(other);
  const differ = (message: string): AppError =>
    new AppError('DATASET_SCHEMAS_DIFFER', `File ${other.path}: ${message}`, {
      details: { path: other.path, first: first.path },
    });
  for (const [name, form] of expected) {
    const shown = JSON.stringify(name);
    const has = found.get(name);
    if (has === undefined) throw differ(`expected column ${shown} as in file ${first.path}, found none`);
    if (has.key !== form.key)
      throw differ(`column ${shown}: expected ${form.type} as in file ${first.path}, found ${has.type}`);
  }
  for (const name of found.keys())
    if (!expected.has(name)) throw differ(`found column ${JSON.stringify(name)}, which file ${first.path} has not`);
}

/** Integers and floating-point numbers of any width are read as one type; of all others the very type counts. */
function formsOf({ names, types }: FileColumns): Map<string, { readonly type: string; readonly key: string }> {
  return new Map(
    names.map((name, index) => {
      const type = types[index] ?? '';
      const { storage, value } = columnForm(type, 'c', []);
      const isWidened = storage === 'int64' || storage === 'float64' || storage === 'timestamp';
      return [name, { type, key: isWidened ? value : `${type} ${value}` }];
    }),
  );
}
