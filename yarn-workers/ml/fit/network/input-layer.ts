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
        if (column.fixedCount > 0) readFixed(column, cells, chosen, out, width, places.input);
        if (column.fittedCount > 0)
          readFitted(column, fitted, cells, chosen, out, width, places.input + column.fixedCount);
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

/** Writes a column's fixed inputs of the chosen rows into `out`, rows x `width`, from input `first` on. */
function readFixed(
  { fixedCount, fixed, missing }: InputColumn,
  { points, shares, columnCount, column }: Cells,
  chosen: Uint32Array,
  out: Float32Array,
  width: number,
  first: number,
): void {
  for (let row = 0, to = first; row < chosen.length; row += 1, to += width) {
    const at = (chosen[row] ?? 0) * columnCount + column;
    const point = points[at] ?? 0;
    if (point === MISSING_POINT) {
      for (let input = 0; input < fixedCount; input += 1) out[to + input] = missing[input] ?? 0;
      continue;
    }
    const share = shares[at] ?? 0;
    for (let input = 0, from = point * fixedCount; input < fixedCount; input += 1, from += 1) {
      const here = fixed[from] ?? 0;
      out[to + input] = share === 0 ? here : here + ((fixed[from + fixedCount] ?? 0) - here) * share;
    }
  }
}

/** The same of its fitted inputs, whose values at the points are given. */
function readFitted(
  { fittedCount, median }: InputColumn,
  fitted: Float32Array,
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
    const share = isMissing ? median.share : (shares[at] ?? 0);
    for (
      let input = 0, from = (isMissing ? median.point : found) * fittedCount;
      input < fittedCount;
      input += 1, from += 1
    ) {
      const here = fitted[from] ?? 0;
      out[to + input] = share === 0 ? here : here + ((fitted[from + fittedCount] ?? 0) - here) * share;
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
