import { AppError } from '#contracts';
import { SCORE_MAX } from './tree-arrays.ts';

/** Values of {@link LinearArrays.columnKind}. */
export const NUMBER_COLUMN = 0;
export const CATEGORY_COLUMN = 1;

/**
 * A model that is an intercept plus one function of each matrix column, the form that artefacts store. A generalised
 * linear model is one: a number adds a straight line (two knots) or a broken one, a category adds its level's coefficient.
 *
 * Column j has the points pointOffset[j] up to pointOffset[j + 1] (exclusive). Of a number they are knots, between which
 * is interpolated and beyond which the function is constant; of a category they are its codes 0, 1, ... A column without
 * points adds 0 where it is not missing. NaN, and a code without a point, add `otherwise`.
 */
export interface LinearArrays {
  readonly outputCount: number;
  readonly columnCount: number;
  /** outputCount */
  readonly intercept: Float64Array;
  /** one a column: NUMBER_COLUMN or CATEGORY_COLUMN */
  readonly columnKind: Uint8Array;
  /** columnCount + 1 */
  readonly pointOffset: Int32Array;
  /** place of each point: strictly ascending within a number; within a category the code */
  readonly knot: Float64Array;
  /** points x outputs: what a column adds there, on the link scale */
  readonly value: Float64Array;
  /** columns x outputs */
  readonly otherwise: Float64Array;
  /** columns x outputs: weighted mean of what the column adds to the rows that trained. Explanations need it, no prediction does. */
  readonly mean: Float64Array;
}

/** Columns, points and members of real models are far fewer; so no sum of values can overflow. */
const POINTS_MAX = 2 ** 31 - 1;

/**
 * Proves that evaluation cannot leave the arrays and cannot give anything but a finite sum.
 *
 * @param columnCount columns that the model's steps make
 * @throws ARTIFACT_INVALID naming the first thing that is wrong
 */
export function checkLinear(linear: LinearArrays, columnCount: number): void {
  const { outputCount, pointOffset, knot } = linear;
  if (!Number.isSafeInteger(outputCount) || outputCount < 1) fail(`outputCount is ${outputCount}`);
  if (linear.columnCount !== columnCount) fail(`has ${linear.columnCount} columns, expected ${columnCount}`);
  const pointCount = knot.length;
  if (pointCount > POINTS_MAX) fail(`has ${pointCount} points`);
  for (const [name, expected] of [
    ['intercept', outputCount],
    ['columnKind', columnCount],
    ['pointOffset', columnCount + 1],
    ['value', pointCount * outputCount],
    ['otherwise', columnCount * outputCount],
    ['mean', columnCount * outputCount],
  ] as const) {
    if (linear[name].length !== expected) fail(`${name} has ${linear[name].length} elements, expected ${expected}`);
  }
  for (const name of ['intercept', 'knot', 'value', 'otherwise', 'mean'] as const) {
    const at = linear[name].findIndex((value) => !(Math.abs(value) <= SCORE_MAX));
    if (at >= 0) fail(`${name} ${at} is ${linear[name][at] ?? 'nothing'}`);
  }
  if (pointOffset[0] !== 0) fail(`pointOffset starts at ${pointOffset[0] ?? 'nothing'}, expected 0`);
  if (pointOffset[columnCount] !== pointCount)
    fail(`pointOffset ends at ${pointOffset[columnCount] ?? 'nothing'}, expected ${pointCount}`);
  for (let column = 0; column < columnCount; column += 1) checkColumn(linear, column);
}

function checkColumn({ columnKind, pointOffset, knot }: LinearArrays, column: number): void {
  const kind = columnKind[column] ?? 255;
  const from = pointOffset[column] ?? 0;
  const to = pointOffset[column + 1] ?? 0;
  if (kind !== NUMBER_COLUMN && kind !== CATEGORY_COLUMN) fail(`column ${column} is of kind ${kind}`);
  if (to < from) fail(`pointOffset falls at column ${column}`);
  for (let point = from; point < to; point += 1) {
    const place = knot[point] ?? NaN;
    if (kind === CATEGORY_COLUMN && place !== point - from) fail(`point ${point} is code ${place}`);
    if (kind === NUMBER_COLUMN && point > from && !(place > (knot[point - 1] ?? NaN)))
      fail(`knot ${point} of column ${column} does not rise`);
  }
}

function fail(what: string): never {
  throw new AppError('ARTIFACT_INVALID', `linear model: ${what}`);
}
