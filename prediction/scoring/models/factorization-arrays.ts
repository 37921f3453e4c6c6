import { AppError } from '#contracts';
import { SCORE_MAX } from './limits.ts';
import { checkLinear, type LinearArrays } from './linear-arrays.ts';

/**
 * A factorization machine of order two, the form that artefacts store: a linear model in which every column adds a vector of `rank`
 * numbers to its field too, beside its number to the raw score. Columns of one field are made of one feature. With u_f, the sum of the
 * vectors of field f, an output's raw score is
 *
 *     intercept + sum over the columns of their numbers + sum over the pairs of different fields of <u_f, u_g>
 *
 * Numbers and vectors are functions of a column as those of {@link LinearArrays} are: interpolated between the knots of a number, one a
 * code of a category. A point has `1 + rank` numbers an output: what it adds to the raw score, then its vector.
 *
 * @see Rendle 2010, "Factorization machines", equation 1; Pan et al. 2018, "Field-weighted factorization machines" (fields)
 */
export interface FactorizationArrays {
  readonly outputCount: number;
  /** Numbers of a vector. */
  readonly rank: number;
  readonly columnCount: number;
  /** outputs */
  readonly intercept: Float64Array;
  /** one a column: its field, 0 to columnCount - 1 */
  readonly columnField: Int32Array;
  /** See {@link LinearArrays}. */
  readonly columnKind: Uint8Array;
  readonly pointOffset: Int32Array;
  readonly knot: Float64Array;
  /** points x outputs x (1 + rank) */
  readonly value: Float64Array;
  /** columns x outputs x (1 + rank) */
  readonly otherwise: Float64Array;
  /** columns x outputs x (1 + rank): weighted mean over the rows that trained. Explanations need it, no prediction does. */
  readonly mean: Float64Array;
}

/** Magnitude of the numbers of a vector at most: products of two, and sums of many such, are of a size that a score can have. */
export const VECTOR_MAX = 1e45;
/** Numbers of a vector at most; real models have a tenth of it. */
export const RANK_MAX = 64;

/** What the columns add, numbers and vectors alike, as one linear model of outputs x (1 + rank) outputs without intercepts. */
export function termsOf(model: FactorizationArrays): LinearArrays {
  const width = model.outputCount * (1 + model.rank);
  return { ...model, outputCount: width, intercept: new Float64Array(width) };
}

/**
 * Proves that evaluation cannot leave the arrays and cannot give anything but a finite sum.
 *
 * @param columnCount columns that the model's steps make
 * @throws ARTIFACT_INVALID naming the first thing that is wrong
 */
export function checkFactorization(model: FactorizationArrays, columnCount: number): void {
  const { outputCount, rank, intercept, columnField } = model;
  if (!Number.isSafeInteger(outputCount) || outputCount < 1) fail(`outputCount is ${outputCount}`);
  if (!Number.isSafeInteger(rank) || rank < 1 || rank > RANK_MAX) fail(`rank is ${rank}, expected 1 to ${RANK_MAX}`);
  if (intercept.length !== outputCount) fail(`intercept has ${intercept.length} elements, expected ${outputCount}`);
  if (columnField.length !== columnCount)
    fail(`columnField has ${columnField.length} elements, expected ${columnCount}`);
  for (const [column, field] of columnField.entries())
    if (field < 0 || field >= columnCount) fail(`column ${column} is of field ${field} of ${columnCount}`);
  const unsound = intercept.findIndex((value) => !(Math.abs(value) <= SCORE_MAX));
  if (unsound >= 0) fail(`intercept ${unsound} is ${intercept[unsound] ?? 'nothing'}`);
  for (const name of ['value', 'otherwise', 'mean'] as const) {
    const at = model[name].findIndex((value, index) => index % (1 + rank) !== 0 && !(Math.abs(value) <= VECTOR_MAX));
    if (at >= 0) fail(`${name} ${at} is ${model[name][at] ?? 'nothing'}`);
  }
  checkLinear(termsOf(model), columnCount);
}

function fail(what: string): never {
  throw new AppError('ARTIFACT_INVALID', `factorization machine: ${what}`);
}
