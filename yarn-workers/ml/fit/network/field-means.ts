import { evenlySpaced } from '../../evenly-spaced.ts';
import type { InputColumn, PlacedRows } from './input-columns.ts';
import { MEAN_ROWS_MAX } from './limits.ts';
import type { Network } from './network.ts';
import type { ParameterLayout } from './parameters.ts';

/**
 * Weighted means of cosine and sine of what each field adds to the angles: fields x 2 x units. Of more than MEAN_ROWS_MAX rows over evenly
 * spaced ones.
 *
 * @param fieldOf field of each column: 0, 1, ...
 */
export function fieldMeans(
  network: Network,
  columns: readonly InputColumn[],
  layout: ParameterLayout,
  fieldOf: readonly number[],
  rows: PlacedRows,
  weights: Float64Array,
  batchRows: number,
): Float64Array {
  const { unitCount } = layout;
  const fieldCount = Math.max(-1, ...fieldOf) + 1;
  const means = new Float64Array(fieldCount * 2 * unitCount);
  const chosen = evenlySpaced(rows.rowCount, MEAN_ROWS_MAX);
  let total = 0;
  for (const row of chosen) total += weights[row] ?? 0;
  const ranges = fieldRanges(columns, layout, fieldOf, fieldCount);
  for (let from = 0; from < chosen.length; from += batchRows) {
    const batch = chosen.subarray(from, from + batchRows);
    const shares = Float64Array.from(batch, (row) => (weights[row] ?? 0) / total);
    for (const [field, { first, count }] of ranges.entries())
      network.addMeans(
        rows,
        batch,
        shares,
        first,
        count,
        means.subarray(2 * field * unitCount, 2 * (field + 1) * unitCount),
      );
  }
  return means;
}

/** The inputs of each field, which stand next to each other. */
function fieldRanges(
  columns: readonly InputColumn[],
  layout: ParameterLayout,
  fieldOf: readonly number[],
  fieldCount: number,
): { readonly first: number; readonly count: number }[] {
  const ranges = Array.from({ length: fieldCount }, () => ({ first: Infinity, count: 0 }));
  for (const [index, { fixedCount, fittedCount }] of columns.entries()) {
    const range = ranges[fieldOf[index] ?? 0];
    if (range === undefined) continue;
    range.first = Math.min(range.first, layout.columns[index]?.input ?? 0);
    range.count += fixedCount + fittedCount;
  }
  return ranges;
}
