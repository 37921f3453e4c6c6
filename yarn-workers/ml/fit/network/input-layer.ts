import { MISSING_POINT, type InputColumn, type PlacedRows } from './input-columns.ts';
import { fittedPoints, pointGradients, type ParameterLayout } from './parameters.ts';

/** The inputs of rows, and what is fitted of them. */
export interface InputLayer {
  /** Writes the inputs of the chosen rows, rows x `width`; those of rows that are not there are 0. */
  read(rows: PlacedRows, chosen: Uint32Array, out: Float32Array): void;
  /** Writes the gradients of what is fitted of the columns, from those of the inputs. */
  back(rows: PlacedRows, chosen: Uint32Array, inputGradients: Float32Array, gradients: Float32Array): void;
}

/** @param parameters of the whole network; they are read again with every call */
export function inputLayer(
  columns: readonly InputColumn[],
  layout: ParameterLayout,
  parameters: Float32Array,
): InputLayer {
  const { width } = layout;
  const parts = columns.flatMap((column, index) => {
    const places = layout.columns[index];
    const size = column.pointCount * column.fittedCount;
    return places === undefined
      ? []
      : [{ column, index, places, fitted: new Float32Array(size), slopes: new Float32Array(size) }];
  });
  return {
    read: (rows, chosen, out) => {
      out.fill(0);
      for (const { column, index, places, fitted } of parts) {
        fittedPoints(column, places, parameters, fitted);
        const cells = { ...rows, columnCount: columns.length, column: index };
        const { fixed, fixedCount, fittedCount, missing } = column;
        const { input } = places;
        if (fixedCount > 0) readPart(fixed, fixedCount, missing, column, cells, chosen, out, width, input);
        if (fittedCount > 0) readPart(fitted, fittedCount, null, column, cells, chosen, out, width, input + fixedCount);
      }
    },
    back: (rows, chosen, inputGradients, gradients) => {
      for (const { column, index, places, slopes } of parts) {
        if (column.fittedCount === 0) continue;
        slopes.fill(0);
        const cells = { ...rows, columnCount: columns.length, column: index };
        addSlopes(column, slopes, cells, chosen, inputGradients, width, places.input + column.fixedCount);
        pointGradients(column, places, slopes, gradients);
      }
    },
  };
}

/** A column of placed rows. */
interface Cells extends PlacedRows {
  readonly columnCount: number;
  readonly column: number;
}

/**
 * Writes some inputs of a column, which are linear between its points, of the chosen rows into `out`, rows x `width`, from input `first` on.
 *
 * @param values points x `count`
 * @param missing of a row that misses the value; null: it stands at the median
 */
function readPart(
  values: Float32Array,
  count: number,
  missing: Float32Array | null,
  { median }: InputColumn,
  { points, shares, columnCount, column }: Cells,
  chosen: Uint32Array,
  out: Float32Array,
  width: number,
  first: number,
): void {
  for (let row = 0, to = first; row < chosen.length; row += 1, to += width) {
    const at = (chosen[row] ?? 0) * columnCount + column;
    const found = points[at] ?? 0;
    const isMissing = found === MISSING_POINT;
    if (isMissing && missing !== null) {
      for (let input = 0; input < count; input += 1) out[to + input] = missing[input] ?? 0;
      continue;
    }
    const share = isMissing ? median.share : (shares[at] ?? 0);
    for (let input = 0, from = (isMissing ? median.point : found) * count; input < count; input += 1, from += 1) {
      const here = values[from] ?? 0;
      out[to + input] = share === 0 ? here : here + ((values[from + count] ?? 0) - here) * share;
    }
  }
}

/** Adds the gradients of a column's fitted inputs, from input `first` on, to those of its points. */
function addSlopes(
  { fittedCount, median }: InputColumn,
  slopes: Float32Array,
  { points, shares, columnCount, column }: Cells,
  chosen: Uint32Array,
  gradients: Float32Array,
  width: number,
  first: number,
): void {
  for (let row = 0, from = first; row < chosen.length; row += 1, from += width) {
    const at = (chosen[row] ?? 0) * columnCount + column;
    const found = points[at] ?? 0;
    const isMissing = found === MISSING_POINT;
    const to = (isMissing ? median.point : found) * fittedCount;
    const share = isMissing ? median.share : (shares[at] ?? 0);
    for (let input = 0; input < fittedCount; input += 1) {
      const slope = gradients[from + input] ?? 0;
      slopes[to + input] = (slopes[to + input] ?? 0) + slope * (1 - share);
      if (share !== 0) slopes[to + fittedCount + input] = (slopes[to + fittedCount + input] ?? 0) + slope * share;
    }
  }
}
