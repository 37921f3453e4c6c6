import { AppError } from '#contracts';
import { checkLengths, checkMagnitudes, checkPoints, type ColumnPoints } from './column-points.ts';
import { SCORE_MAX } from './limits.ts';

/**
 * A network of one hidden layer of cosines, the form that artefacts store. Each matrix column is turned into `columnSize[j]` inputs, by a
 * function of the column alone; a unit's angle is a weighted sum of all inputs, and an output a weighted sum of the units' cosines:
 *
 *     angle(u) = phase(u) + sum over the inputs i of input(i) x inputWeight(i, u)
 *     raw(o)   = intercept(o) + sum over the units u of cos(angle(u)) x outputWeight(u, o)
 *
 * The inputs of a number are interpolated between its knots and constant beyond them, those of a category are one vector a code. NaN, and a
 * code without a point, have the inputs `otherwise`; a column without points has them always. Weights are of single precision, as they were
 * fitted; what is evaluated is of double precision.
 *
 * Columns of one feature are one field. Since an angle is a sum over fields, the cosine is the real part of a product over fields, which
 * is what its exact explanation rests on.
 *
 * @see Rahimi and Recht 2007, "Random features for large-scale kernel machines" (cosines of random projections; these are fitted)
 */
export interface NetworkArrays extends ColumnPoints {
  readonly outputCount: number;
  readonly unitCount: number;
  readonly columnCount: number;
  /** outputs */
  readonly intercept: Float64Array;
  /** units, in radians */
  readonly phase: Float32Array;
  /** inputs x units */
  readonly inputWeight: Float32Array;
  /** units x outputs */
  readonly outputWeight: Float32Array;
  /** one a column: its field; all of 0, 1, ... are there */
  readonly columnField: Int32Array;
  /** one a column: how many inputs it becomes, 1 or more; the inputs of all columns stand one after the other */
  readonly columnSize: Int32Array;
  /** for each column, one after the other: its points x its inputs */
  readonly value: Float32Array;
  /** inputs */
  readonly otherwise: Float32Array;
  /**
   * fields x units: weighted mean over the rows that trained of the cosine of what the field adds to the angle, and of the sine. Explanations
   * need them, no prediction does.
   */
  readonly meanCosine: Float32Array;
  readonly meanSine: Float32Array;
}

/** The largest number of single precision: sums of products of two such are far from where double precision ends, and so is any angle. */
const SINGLE_MAX = 2 ** 128 - 2 ** 104;
/** What a mean of numbers on the unit circle may be away from the centre, rounded to single precision. */
const MEAN_MAX = 1 + 1e-6;

/**
 * Proves that evaluation and explanation cannot leave the arrays, and that a score cannot be anything but finite.
 *
 * @param columnCount columns that the model's steps make
 * @throws ARTIFACT_INVALID naming the first thing that is wrong
 */
export function checkNetwork(model: NetworkArrays, columnCount: number): void {
  const { outputCount, unitCount, columnSize, pointOffset } = model;
  for (const name of ['outputCount', 'unitCount'] as const)
    if (!Number.isSafeInteger(model[name]) || model[name] < 1) fail(`${name} is ${model[name]}`);
  if (model.columnCount !== columnCount) fail(`has ${model.columnCount} columns, expected ${columnCount}`);
  checkLengths(
    model,
    [
      ['columnField', columnCount],
      ['columnSize', columnCount],
    ],
    fail,
  );
  checkPoints(model, columnCount, fail);
  const fieldCount = countFields(model.columnField);
  let inputCount = 0;
  let valueCount = 0;
  for (const [column, size] of columnSize.entries()) {
    if (size < 1) fail(`column ${column} becomes ${size} inputs, expected 1 or more`);
    inputCount += size;
    valueCount += size * ((pointOffset[column + 1] ?? 0) - (pointOffset[column] ?? 0));
  }
  checkLengths(
    model,
    [
      ['intercept', outputCount],
      ['phase', unitCount],
      ['inputWeight', inputCount * unitCount],
      ['outputWeight', unitCount * outputCount],
      ['value', valueCount],
      ['otherwise', inputCount],
      ['meanCosine', fieldCount * unitCount],
      ['meanSine', fieldCount * unitCount],
    ],
    fail,
  );
  checkMagnitudes(model, ['intercept'], SCORE_MAX, fail);
  checkMagnitudes(model, ['phase', 'inputWeight', 'outputWeight', 'value', 'otherwise'], SINGLE_MAX, fail);
  checkMeans(model);
}

/** How many fields columns are of. @throws ARTIFACT_INVALID where one is left out */
export function countFields(columnField: Int32Array): number {
  const columnCount = columnField.length;
  const isThere = new Uint8Array(columnCount);
  let count = 0;
  for (const [column, field] of columnField.entries()) {
    if (field < 0 || field >= columnCount) fail(`column ${column} is of field ${field} of ${columnCount}`);
    isThere[field] = 1;
    count = Math.max(count, field + 1);
  }
  const absent = isThere.subarray(0, count).indexOf(0);
  if (absent >= 0) fail(`field ${absent} of ${count} has no column`);
  return count;
}

/** Products of means must not grow, however many fields there are. */
function checkMeans({ meanCosine, meanSine }: NetworkArrays): void {
  for (let at = 0; at < meanCosine.length; at += 1) {
    const [cosine, sine] = [meanCosine[at] ?? NaN, meanSine[at] ?? NaN];
    if (!(Math.hypot(cosine, sine) <= MEAN_MAX))
      fail(`mean ${at} is at (${cosine}, ${sine}), expected within the unit circle`);
  }
}

function fail(what: string): never {
  throw new AppError('ARTIFACT_INVALID', `network: ${what}`);
}
