import { AppError } from '#contracts';
import { checkLengths, checkMagnitudes, checkPoints, type ColumnPoints } from './column-points.ts';
import { SCORE_MAX } from './limits.ts';

/**
 * A model that is an intercept plus one function of each matrix column, the form that artefacts store. A generalised
 * linear model is one: a number adds a straight line (two knots) or a broken one, a category adds its level's coefficient.
 *
 * The function of a number is interpolated between its knots and constant beyond them; that of a category has a value for each code. A
 * column without points adds 0 where it is not missing. NaN, and a code without a point, add `otherwise`.
 */
export interface LinearArrays extends ColumnPoints {
  readonly outputCount: number;
  readonly columnCount: number;
  /** outputCount */
  readonly intercept: Float64Array;
  /** points x outputs: what a column adds there, on the link scale */
  readonly value: Float64Array;
  /** columns x outputs */
  readonly otherwise: Float64Array;
  /** columns x outputs: weighted mean of what the column adds to the rows that trained. Explanations need it, no prediction does. */
  readonly mean: Float64Array;
}

/**
 * Proves that evaluation cannot leave the arrays and cannot give anything but a finite sum.
 *
 * @param columnCount columns that the model's steps make
 * @throws ARTIFACT_INVALID naming the first thing that is wrong
 */
export function checkLinear(linear: LinearArrays, columnCount: number): void {
  const { outputCount, knot } = linear;
  if (!Number.isSafeInteger(outputCount) || outputCount < 1) fail(`outputCount is ${outputCount}`);
  if (linear.columnCount !== columnCount) fail(`has ${linear.columnCount} columns, expected ${columnCount}`);
  checkLengths(
    linear,
    [
      ['intercept', outputCount],
      ['value', knot.length * outputCount],
      ['otherwise', columnCount * outputCount],
      ['mean', columnCount * outputCount],
    ],
    fail,
  );
  checkMagnitudes(linear, ['intercept', 'value', 'otherwise', 'mean'], SCORE_MAX, fail);
  checkPoints(linear, columnCount, fail);
}

function fail(what: string): never {
  throw new AppError('ARTIFACT_INVALID', `linear model: ${what}`);
}
