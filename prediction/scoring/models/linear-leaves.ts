import { AppError } from '#contracts';
import { SCORE_MAX, ZERO_THRESHOLD } from './limits.ts';

/**
 * What leaves are where they are linear functions of numeric columns (LightGBM's `linear_tree`). Leaf l of all leaves has the
 * terms termOffset[l] up to termOffset[l + 1] (exclusive): its value for a row is `constant[l]` plus each term's coefficient
 * times the row's number in its column, in this order. Where one of these numbers is missing it is the leaf's `leafValue`, as
 * for any other tree.
 */
export interface LinearLeaves {
  /** one a leaf */
  readonly constant: Float64Array;
  /** leaves + 1 */
  readonly termOffset: Int32Array;
  /** matrix column of a term */
  readonly termColumn: Int32Array;
  readonly coefficient: Float64Array;
  /** Mean of a term's column over the leaf's training rows that miss none of its terms. Explanations need it, no prediction does. */
  readonly termMean: Float64Array;
}

/** Value of a leaf, numbered through all trees, for the row of `values` that begins at `base`. */
export type LeafFunction = (leaf: number, values: Float64Array, base: number) => number;

/**
 * Compiles linear leaves: bit-equal to LightGBM 4.7 wherever its own score is of a size that a score can have. A sum that is not
 * finite or beyond `SCORE_MAX` (an infinite number in a row, one of 1e200) is the leaf's constant value instead, so that no row,
 * whatever is in it, lacks a prediction. |x| <= 1e-35f counts as 0, as LightGBM drops such values.
 *
 * @param linear checked, see {@link checkLinearLeaves}
 * @param columns matrix column of each of the model's columns
 * @see Shi, Li, Li 2019, "Gradient boosting with piece-wise linear regression trees"; LightGBM 4.7.0, tree.h (Tree::Predict)
 */
export function compileLinearLeaves(linear: LinearLeaves, leafValue: Float64Array, columns: Int32Array): LeafFunction {
  const { constant, termOffset, coefficient } = linear;
  const termColumn = linear.termColumn.map((column) => columns[column] ?? 0);
  return (leaf, values, base) => {
    let sum = constant[leaf] ?? NaN;
    for (let term = termOffset[leaf] ?? 0; term < (termOffset[leaf + 1] ?? 0); term += 1) {
      const x = values[base + (termColumn[term] ?? 0)] ?? NaN;
      sum += (coefficient[term] ?? NaN) * (x >= -ZERO_THRESHOLD && x <= ZERO_THRESHOLD ? 0 : x);
    }
    return Math.abs(sum) <= SCORE_MAX ? sum : (leafValue[leaf] ?? NaN);
  };
}

/**
 * Proves that evaluation cannot leave the arrays.
 *
 * @param columnCount columns of the matrix that terms may read
 * @throws ARTIFACT_INVALID naming the first thing that is wrong
 */
export function checkLinearLeaves(linear: LinearLeaves, leafCount: number, columnCount: number): void {
  const { constant, termOffset, termColumn, coefficient, termMean } = linear;
  const termCount = coefficient.length;
  for (const [name, length, expected] of [
    ['constant', constant.length, leafCount],
    ['termOffset', termOffset.length, leafCount + 1],
    ['termColumn', termColumn.length, termCount],
    ['termMean', termMean.length, termCount],
  ] as const)
    if (length !== expected) fail(`${name} has ${length} elements, expected ${expected}`);
  if (termOffset[0] !== 0) fail(`termOffset starts at ${termOffset[0] ?? 'nothing'}, expected 0`);
  if (termOffset[leafCount] !== termCount)
    fail(`termOffset ends at ${termOffset[leafCount] ?? 'nothing'}, expected ${termCount}`);
  for (let leaf = 0; leaf < leafCount; leaf += 1)
    if ((termOffset[leaf + 1] ?? 0) < (termOffset[leaf] ?? 0)) fail(`termOffset falls at leaf ${leaf}`);
  for (const [term, column] of termColumn.entries())
    if (column < 0 || column >= columnCount) fail(`term ${term} reads column ${column} of ${columnCount}`);
  for (const [name, numbers] of [
    ['constant', constant],
    ['coefficient', coefficient],
    ['termMean', termMean],
  ] as const) {
    const at = numbers.findIndex((value) => !(Math.abs(value) <= SCORE_MAX));
    if (at >= 0) fail(`${name} ${at} is ${numbers[at] ?? 'nothing'}`);
  }
}

function fail(what: string): never {
  throw new AppError('ARTIFACT_INVALID', `linear leaves: ${what}`);
}
