import type { ParseRule, StorageType } from '#contracts';

/** How one column is written: SQL over the source's column, and what is recorded about it. */
export interface ColumnPlan {
  readonly position: number;
  readonly storage: StorageType;
  readonly parse: ParseRule;
  /** SQL of `c<position>`. */
  readonly value: string;
  /** SQL of the float64 twin `v<position>`, or null. */
  readonly twin: string | null;
}

/** Rows of a Parquet row group where columns are few; a multiple of DuckDB's vector. */
const ROW_GROUP_ROWS_MAX = 122_880;
const ROW_GROUP_ROWS_STEP = 2_048;
/** A row group is buffered before it is written: some 20 bytes a cell. */
const ROW_GROUP_CELLS = 8 * 1024 * 1024;

/** Rows of a row group for so many columns written at a time. */
export function rowGroupRows(columnCount: number): number {
  const steps = Math.floor(ROW_GROUP_CELLS / Math.max(1, columnCount) / ROW_GROUP_ROWS_STEP);
  return Math.min(ROW_GROUP_ROWS_MAX, Math.max(1, steps) * ROW_GROUP_ROWS_STEP);
}
