import { AppError } from '#contracts';
import type { CompiledModel } from './compile.ts';
import { CATEGORY_COLUMN, pointAt } from './column-points.ts';
import { checkLinear, type LinearArrays } from './linear-arrays.ts';
import type { RowEvaluator } from './tree-walk.ts';

/**
 * Compiles a linear model for a matrix. The one order of summation: the intercept, then the columns in the model's order.
 *
 * @param columnCount columns of the matrix
 * @param columns matrix column of each of the model's columns; the same by default
 * @throws ARTIFACT_INVALID see `checkLinear`
 */
export function compileLinear(linear: LinearArrays, columnCount: number, columns?: Int32Array): CompiledModel {
  const places = columns ?? Int32Array.from({ length: columnCount }, (_, column) => column);
  for (const place of places) {
    if (place < 0 || place >= columnCount)
      throw new AppError('ARTIFACT_INVALID', `linear model: column ${place} of ${columnCount}`);
  }
  checkLinear(linear, places.length);
  return { outputCount: linear.outputCount, score: evaluator(linear, places) };
}

/** Adds what a column adds where it is `x` to all outputs, `out[at]` and on. */
export type ColumnAdder = (column: number, x: number, out: Float64Array, at: number) => void;

function evaluator(linear: LinearArrays, places: Int32Array): RowEvaluator {
  const { outputCount, intercept } = linear;
  const add = columnAdder(linear);
  return (values, base, out, at) => {
    for (let output = 0; output < outputCount; output += 1) out[at + output] = intercept[output] ?? NaN;
    for (let column = 0; column < places.length; column += 1)
      add(column, values[base + (places[column] ?? 0)] ?? NaN, out, at);
  };
}

/** What functions of columns are. */
type ColumnFunctions = Pick<
  LinearArrays,
  'outputCount' | 'columnKind' | 'pointOffset' | 'knot' | 'value' | 'otherwise'
>;

/** @param linear checked, see `checkLinear` */
export function columnAdder(linear: ColumnFunctions): ColumnAdder {
  const { outputCount, columnKind, pointOffset, knot, value, otherwise } = linear;
  return (column, x, out, at) => {
    const from = pointOffset[column] ?? 0;
    const to = pointOffset[column + 1] ?? 0;
    const isCategory = columnKind[column] === CATEGORY_COLUMN;
    if (Number.isNaN(x) || (isCategory && !(x >= 0 && x < to - from))) {
      for (let output = 0; output < outputCount; output += 1)
        out[at + output] = (out[at + output] ?? NaN) + (otherwise[column * outputCount + output] ?? NaN);
      return;
    }
    if (from === to) return;
    const low = isCategory ? from + Math.trunc(x) : pointAt(knot, from, to, x);
    const first = knot[low] ?? NaN;
    const isBetween = !isCategory && low + 1 < to && x > first;
    const share = isBetween ? (x - first) / ((knot[low + 1] ?? NaN) - first) : 0;
    for (let output = 0; output < outputCount; output += 1) {
      const here = value[low * outputCount + output] ?? NaN;
      const added = isBetween ? here + ((value[(low + 1) * outputCount + output] ?? NaN) - here) * share : here;
      out[at + output] = (out[at + output] ?? NaN) + added;
    }
  };
}
