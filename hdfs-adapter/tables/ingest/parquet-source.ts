import { open } from 'node:fs/promises';
import { AppError } from '#contracts';
import { dateValue } from '../cell-sql.ts';
import { sqlFile, type DuckDb } from '../duckdb.ts';
import { columnForm } from '../parquet/column-types.ts';
import { columnNames, type ColumnNames } from './column-names.ts';
import type { IngestLimits } from './limits.ts';
import { refuseNoRows, refuseTooWide } from './scan-text.ts';
import type { ColumnPlan } from './stored.ts';

export interface ParquetSource extends ColumnNames {
  readonly rowCount: number;
  /** SQL of a relation with the typed columns `c<position>` and `file_row_number`. */
  readonly relation: string;
  readonly plans: readonly ColumnPlan[];
}

export interface ParquetSourceOptions {
  readonly duckdb: DuckDb;
  readonly inputPath: string;
  readonly fileName: string;
  readonly limits: IngestLimits;
  readonly nullMarkers: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

const MAGIC = 'PAR1';
/** Magic, one byte of footer, footer length, magic. */
const SMALLEST_FILE_BYTES = 13;

/**
 * Opens a Parquet file and plans how each of its columns is kept: typed, nested values as JSON text.
 *
 * @throws DATASET_UNREADABLE for a damaged or truncated file; DATASET_EMPTY without columns; DATASET_NO_ROWS;
 * DATASET_TOO_WIDE; DATASET_CELL_TOO_LARGE
 */
export async function openParquet(options: ParquetSourceOptions): Promise<ParquetSource> {
  const { duckdb, fileName, signal } = options;
  await refuseTruncated(options);
  const file = sqlFile(options.inputPath);
  return unreadable(fileName, async () => {
    const [counts = []] = await duckdb.rows(`SELECT num_rows FROM parquet_file_metadata(${file})`, signal);
    const rowCount = Number(counts[0] ?? 0);
    const rootNames = await rootColumnNames(file, options);
    if (rootNames.length === 0) throw new AppError('DATASET_EMPTY', `File ${fileName}: expected columns, found none`);
    refuseTooWide(rootNames.length, options);
    refuseReserved(rootNames, fileName);
    refuseNoRows(rowCount, fileName);
    const aliases = [...rootNames.map((_, position) => `c${position}`), ROW_NUMBER].join(', ');
    const relation = `read_parquet(${file}, hive_partitioning = false, file_row_number = true) AS t(${aliases})`;
    const types = await duckdb.rows(`SELECT column_type FROM (DESCRIBE SELECT * FROM ${relation})`, signal);
    const named = columnNames(rootNames);
    const plans: ColumnPlan[] = [];
    for (const [position, [type]] of types.slice(0, rootNames.length).entries()) {
      plans.push(await planColumn(position, String(type), relation, options));
    }
    await refuseLargeCells(plans, named.names, relation, options);
    return { ...named, rowCount, relation, plans };
  });
}

/** Rows are numbered by DuckDB under a name that it refuses to share with a column. */
const ROW_NUMBER = 'file_row_number';

function refuseReserved(names: readonly string[], fileName: string): void {
  const found = names.find((name) => name.toLowerCase() === ROW_NUMBER);
  if (found === undefined) return;
  throw new AppError(
    'DATASET_UNREADABLE',
    `File ${fileName}: the column name ${JSON.stringify(found)} is reserved in Parquet files. Rename the column.`,
  );
}

/** What DuckDB says about the file's content as `DATASET_UNREADABLE`; limits, aborts and full disks as they are. */
export async function unreadable<T>(fileName: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (err) {
    if (err instanceof AppError || !(err instanceof Error) || err.name === 'AbortError') throw err;
    throw new AppError('DATASET_UNREADABLE', `File ${fileName}: expected a whole Parquet file, found damage`, {
      cause: err,
    });
  }
}

async function refuseTruncated(options: ParquetSourceOptions): Promise<void> {
  const handle = await open(options.inputPath, 'r');
  try {
    const { size } = await handle.stat();
    const tail = Buffer.alloc(8);
    if (size >= SMALLEST_FILE_BYTES) await handle.read(tail, 0, tail.length, size - tail.length);
    if (tail.toString('latin1', 4) === MAGIC && tail.readUInt32LE(0) <= size - 12) return;
    throw new AppError(
      'DATASET_UNREADABLE',
      `File ${options.fileName}: expected Parquet to end in a footer, found none: the file (${size} bytes) was cut off`,
    );
  } finally {
    await handle.close();
  }
}

/** Names of the top-level columns as they are in the file (DuckDB makes names that differ by case only different). */
async function rootColumnNames(file: string, options: ParquetSourceOptions): Promise<readonly string[]> {
  const rows = await options.duckdb.rows(`SELECT name, num_children FROM parquet_schema(${file})`, options.signal);
  const names: string[] = [];
  let at = 1;
  const skip = (): void => {
    let open = 1;
    for (; open > 0 && at < rows.length; at += 1) open += Number(rows[at]?.[1] ?? 0) - 1;
  };
  while (at < rows.length) {
    names.push(String(rows[at]?.[0] ?? ''));
    skip();
  }
  return names;
}

async function planColumn(
  position: number,
  type: string,
  relation: string,
  options: ParquetSourceOptions,
): Promise<ColumnPlan> {
  const column = `c${position}`;
  const ask = async (sql: string): Promise<boolean> => {
    const [row = []] = await options.duckdb.rows(`SELECT ${sql} FROM ${relation}`, options.signal);
    return row[0] === true;
  };
  const form = columnForm(type, column, options.nullMarkers);
  if (type === 'UBIGINT' && (await ask(`count(*) FILTER (${column} > 9223372036854775807) = 0`)))
    return { ...form, position, storage: 'int64', value: `${column}::BIGINT`, twin: null };
  if (type === 'TIMESTAMP_NS') {
    if (await ask(`count(*) FILTER (epoch_ns(${column}) % 1000 <> 0) = 0`))
      return { ...form, position, storage: 'timestamp', value: `${column}::TIMESTAMP`, twin: null };
    return { ...form, position, twin: dateValue(`(${form.value})`, 'iso-datetime') };
  }
  return { ...form, position, twin: null };
}

async function refuseLargeCells(
  plans: readonly ColumnPlan[],
  names: readonly string[],
  relation: string,
  options: ParquetSourceOptions,
): Promise<void> {
  const limit = options.limits.cellBytesMax;
  for (const { position, storage, value } of plans) {
    if (storage !== 'string') continue;
    const sql = `SELECT max(strlen(${value})) FROM ${relation}`;
    const [row = []] = await options.duckdb.rows(sql, options.signal);
    const found = Number(row[0] ?? 0);
    if (found <= limit) continue;
    throw new AppError(
      'DATASET_CELL_TOO_LARGE',
      `File ${options.fileName}: expected cells of at most ${limit} bytes, found ${found} in column ${JSON.stringify(names[position])}`,
      { details: { limit, found } },
    );
  }
}
