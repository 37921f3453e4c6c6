import { copyRow } from './encoder.ts';
import { countRows } from './row-roles.ts';

/** Rows of a matrix that stay in memory, row-major. */
export interface KeptRows {
  readonly values: Float64Array;
  readonly rowCount: number;
  /** Takes those rows of a block that are wanted. */
  readonly add: (block: Float64Array, count: number, firstRow: number) => void;
  /** The same of a block whose rows have these numbers, which ascend. */
  readonly addNumbered: (block: Float64Array, count: number, rowAt: (index: number) => number) => void;
}

/** @param rowCount of the table */
export function keepRows(wanted: (row: number) => boolean, rowCount: number, columnCount: number): KeptRows {
  const keptCount = countRows(rowCount, wanted);
  const values = new Float64Array(keptCount * columnCount);
  let kept = 0;
  const addNumbered: KeptRows['addNumbered'] = (block, count, rowAt) => {
    for (let row = 0; row < count; row += 1) {
      if (!wanted(rowAt(row))) continue;
      copyRow(block, row, values, kept, columnCount);
      kept += 1;
    }
  };
  return {
    values,
    rowCount: keptCount,
    add: (block, count, firstRow) => addNumbered(block, count, (row) => firstRow + row),
    addNumbered,
  };
}
