/** Rows of a Parquet row group where columns are few; a multiple of DuckDB's vector. */
const ROW_GROUP_ROWS_MAX = 122_880;
const ROW_GROUP_ROWS_STEP = 2_048;
/** A row group is buffered before it is written: some 20 bytes a cell. */
const ROW_GROUP_CELLS = 8 * 1024 * 1024;

/**
 * Rows of a row group for so many columns written at a time.
 *
 * @param cellsMax of a group, but for its least number of rows
 */
export function rowGroupRows(columnCount: number, cellsMax = ROW_GROUP_CELLS): number {
  const steps = Math.floor(cellsMax / Math.max(1, columnCount) / ROW_GROUP_ROWS_STEP);
  return Math.min(ROW_GROUP_ROWS_MAX, Math.max(1, steps) * ROW_GROUP_ROWS_STEP);
}
