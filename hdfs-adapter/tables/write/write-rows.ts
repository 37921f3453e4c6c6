import { rm } from 'node:fs/promises';
import { AppError } from '#contracts';
import { sqlFile, type DuckDb } from '../duckdb.ts';
import { renameColumns } from '../parquet/rename-columns.ts';
import { rowGroupRows } from '../parquet/row-groups.ts';
import { csvCell, jsonCell, type Cell } from './row-text.ts';
import { TextFile } from './text-file.ts';

/** A column of rows that are written: exact texts, or numbers in shortest round-trip form. */
export interface RowColumn {
  readonly name: string;
  readonly kind: 'text' | 'number';
}

/**
 * Some rows in order, column by column: texts (null is NULL) or numbers (NaN is NULL). Valid until the next batch is
 * asked for.
 */
export interface RowBatch {
  readonly rowCount: number;
  readonly columns: readonly (readonly (string | null)[] | Float64Array)[];
}

export interface WriteRowsOptions {
  readonly columns: readonly RowColumn[];
  readonly batches: AsyncIterable<RowBatch>;
  /** Local files that do not exist yet. CSV is always written: Parquet is made of it. */
  readonly files: { readonly csv: string; readonly ndjson?: string; readonly parquet?: string };
  /** Must be allowed to read and write the files' folder. */
  readonly duckdb: DuckDb;
  readonly signal?: AbortSignal;
}

const EOL = '\r\n';
/** A row group is held in memory beside the texts that it is made of, 60 bytes a cell where columns are many. */
const ROW_GROUP_CELLS = 2 * 1024 * 1024;
/** Longest line that DuckDB takes without being told. */
const LINE_BYTES_MIN = 2 * 1024 * 1024;
const LINE_SLACK_BYTES = 1024;
/** Bytes of UTF-8 in one UTF-16 unit, at most. */
const BYTES_PER_UNIT_MAX = 3;

/**
 * Writes the same rows as CSV (RFC 4180 with header; NULL is an empty cell, an empty text is `""`) and, where asked for, NDJSON
 * and Parquet (zstd; texts as VARCHAR, numbers as DOUBLE), one row for each row, in order. Memory is bounded by a batch and a row
 * group. On error or abort none of the files is left.
 *
 * @returns the number of rows
 * @throws DISK_FULL; DATA_READ_TRUNCATED if the Parquet file has other than the rows written
 */
export async function writeRows(options: WriteRowsOptions): Promise<number> {
  const { files } = options;
  // A NULL of the only column is a blank line of CSV, which readers leave out: Parquet is made of a copy with a second.
  const source = options.columns.length === 1 && files.parquet !== undefined ? `${files.parquet}.csv` : null;
  try {
    const { rowCount, lineChars } = await writeText(options, source);
    if (files.parquet === undefined) return rowCount;
    await writeParquet(options, source ?? files.csv, files.parquet, lineChars);
    await renameColumns(
      files.parquet,
      options.columns.map(({ name }) => name),
    );
    await checkParquet(options, files.parquet, rowCount);
    return rowCount;
  } catch (err) {
    for (const file of [files.csv, files.ndjson, files.parquet])
      if (file !== undefined) await rm(file, { force: true });
    throw err;
  } finally {
    if (source !== null) await rm(source, { force: true });
  }
}

async function writeText(
  { columns, batches, files, signal }: WriteRowsOptions,
  source: string | null,
): Promise<{ rowCount: number; lineChars: number }> {
  const csv = await TextFile.create(files.csv);
  const ndjson = files.ndjson === undefined ? null : await TextFile.create(files.ndjson);
  const padded = source === null ? null : await TextFile.create(source);
  const all = [csv, ndjson, padded].filter((file) => file !== null);
  const keys = columns.map(({ name }, index) => `${index === 0 ? '{' : ','}${JSON.stringify(name)}:`);
  let rowCount = 0;
  let lineChars = 0;
  try {
    const header = columns.map(({ name }) => csvCell(name)).join(',');
    csv.add(`${header}${EOL}`);
    padded?.add(`${header},${EOL}`);
    for await (const batch of batches) {
      signal?.throwIfAborted();
      for (let row = 0; row < batch.rowCount; row += 1) {
        let line = '';
        let object = '';
        for (let index = 0; index < columns.length; index += 1) {
          const cell: Cell = batch.columns[index]?.[row] ?? null;
          line += index === 0 ? csvCell(cell) : `,${csvCell(cell)}`;
          object += `${keys[index] ?? ''}${jsonCell(cell)}`;
        }
        csv.add(`${line}${EOL}`);
        ndjson?.add(`${object}}\n`);
        padded?.add(`${line},0${EOL}`);
        if (line.length > lineChars) lineChars = line.length;
        for (const file of all) if (file.isFull) await file.flush();
      }
      rowCount += batch.rowCount;
    }
    for (const file of all) await file.flush();
    return { rowCount, lineChars };
  } finally {
    for (const file of all) await file.close();
  }
}

/**
 * Makes Parquet of the CSV: its quoting tells NULL from an empty text, its numbers round-trip. Columns are `c<n>`.
 * (With `strict_mode` named besides CRLF, DuckDB 1.5.6 finds no rows.)
 */
async function writeParquet(options: WriteRowsOptions, csv: string, parquet: string, lineChars: number): Promise<void> {
  const { columns, duckdb, signal } = options;
  const names = columns.map((_, index) => `c${index}`);
  const types = [...names, ...(names.length === 1 ? ['pad'] : [])].map((name) => `'${name}': 'VARCHAR'`);
  const values = columns.map(({ kind }, index) => (kind === 'number' ? `c${index}::DOUBLE AS c${index}` : `c${index}`));
  const lineBytes = Math.max(LINE_BYTES_MIN, BYTES_PER_UNIT_MAX * lineChars + LINE_SLACK_BYTES);
  const read =
    `read_csv(${sqlFile(csv)}, auto_detect = false, header = true, columns = {${types.join(', ')}}, delim = ',', ` +
    `quote = '"', escape = '"', new_line = '\\r\\n', nullstr = '', allow_quoted_nulls = false, ` +
    `max_line_size = ${lineBytes}, parallel = false)`;
  await duckdb.execute(
    `COPY (SELECT ${values.join(', ')} FROM ${read}) TO ${sqlFile(parquet)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${rowGroupRows(columns.length, ROW_GROUP_CELLS)})`,
    signal,
  );
}

async function checkParquet({ duckdb, signal }: WriteRowsOptions, parquet: string, rowCount: number): Promise<void> {
  const [row = []] = await duckdb.rows(`SELECT count(*) FROM read_parquet(${sqlFile(parquet)})`, signal);
  if (Number(row[0]) === rowCount) return;
  throw new AppError('DATA_READ_TRUNCATED', `Result: expected ${rowCount} rows, found ${Number(row[0])}`);
}
