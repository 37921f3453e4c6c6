import { AppError, type RegisteredFile, type StoredColumn } from '#contracts';
import { sqlText } from '../duckdb.ts';
import { columnForm } from '../parquet/column-types.ts';

/** DuckDB's names of the types that a key may have. */
const TYPES = ['BIGINT', 'DATE', 'VARCHAR'] as const;

/** A key of partition folders, as a column. */
export interface PartitionColumn {
  readonly name: string;
  /** That all its values have. */
  readonly type: (typeof TYPES)[number];
}

const INTEGER = /^(0|-?[1-9]\d{0,18})$/;
const DATE = /^\d{4}-\d\d-\d\d$/;
const INT64_MAX = 2n ** 63n - 1n;

/**
 * The columns that partition folders give: numbers where all values of a key are integers as they are written (`7`, not `07`), dates where all are
 * dates (`2026-11-30`), otherwise texts. NULL fits any.
 *
 * @param files with the same keys
 */
export function partitionColumns(files: readonly RegisteredFile[]): PartitionColumn[] {
  return Object.keys(files[0]?.partition ?? {}).map((name) => {
    const values = [...new Set(files.map(({ partition }) => partition?.[name] ?? null))].filter(
      (value) => value !== null,
    );
    const type =
      values.length === 0 ? 'VARCHAR' : values.every(isInteger) ? 'BIGINT' : values.every(isDate) ? 'DATE' : 'VARCHAR';
    return { name, type };
  });
}

/** SQL of the columns that a file's folders give, each called `c<position>`. @throws as {@link partitionValue} */
export function partitionValues(file: RegisteredFile, columns: readonly StoredColumn[]): string[] {
  return columns.map((column) => `${partitionValue(file, column)} AS c${column.position}`);
}

/** SQL of the value that all rows of a file have. @throws DATASET_CHANGED where the file lies in no folder of that key */
function partitionValue(
  { path, partition }: RegisteredFile,
  { name, storage }: Pick<StoredColumn, 'name' | 'storage'>,
): string {
  const value = partition?.[name];
  if (value === undefined)
    throw new AppError(
      'DATASET_CHANGED',
      `File ${path}: expected a folder of the key ${JSON.stringify(name)}, found none`,
      { details: { path } },
    );
  const type = TYPES.find((one) => columnForm(one, '', []).storage === storage) ?? 'VARCHAR';
  return `${value === null ? 'NULL' : sqlText(value)}::${type}`;
}

function isInteger(value: string): boolean {
  if (!INTEGER.test(value)) return false;
  const number = BigInt(value);
  return number <= INT64_MAX && number >= -INT64_MAX;
}

function isDate(value: string): boolean {
  const time = Date.parse(`${value}T00:00:00Z`);
  return DATE.test(value) && !Number.isNaN(time) && new Date(time).toISOString().startsWith(value);
}
