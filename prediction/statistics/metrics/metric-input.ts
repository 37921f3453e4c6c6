import { AppError } from '#contracts';
import { addTerm, emptySum, sumOf } from '../numeric/compensated-sum.ts';

/** Rows of a two-class target. */
export interface BinaryInput {
  readonly targetType: 'binary';
  /** Class index of each row, 0 or 1. */
  readonly actual: Int32Array;
  /** Index of the positive class, 0 or 1. */
  readonly positiveClass: number;
  /** Probability of the positive class, in [0, 1]. */
  readonly probability: Float64Array;
  /** A row is predicted positive if its probability >= threshold. */
  readonly threshold: number;
  /** Weight of each row, finite, >= 0; all 1 when absent. A row of weight 0 counts as absent in every respect. */
  readonly weight?: Float64Array;
}

/** Rows of a target with several classes. */
export interface MulticlassInput {
  readonly targetType: 'multiclass';
  /** Class index of each row, in [0, classCount). */
  readonly actual: Int32Array;
  readonly classCount: number;
  /** rows x classes, row-major, in [0, 1]. */
  readonly probabilities: Float64Array;
  readonly weight?: Float64Array;
}

/** Rows of a numeric target. */
export interface RegressionInput {
  readonly targetType: 'regression';
  /** Finite. */
  readonly actual: Float64Array;
  /** May be infinite (then the metrics that become so are left out), never NaN. */
  readonly predicted: Float64Array;
  readonly weight?: Float64Array;
  /** Variance power of the Tweedie deviance, in (1, 2). @default TWEEDIE_POWER */
  readonly tweediePower?: number;
  /** Level of the quantile loss, in (0, 1); without it there is none. */
  readonly quantile?: number;
}

export type MetricInput = BinaryInput | MulticlassInput | RegressionInput;

/** Variance power of `tweedieDeviance` unless another is given: halfway between Poisson (1) and gamma (2). */
export const TWEEDIE_POWER = 1.5;

/** Weights whose sum lies outside [this, its inverse] lose digits when multiplied; they are refused. */
const WEIGHT_SUM_MIN = 1e-200;

/** What all metrics of a set of rows share. */
export interface Rows {
  readonly rowCount: number;
  readonly weight: Float64Array | undefined;
  /** Compensated sum of the weights; the number of rows without weights. */
  readonly totalWeight: number;
}

/**
 * Checks an input's shape and values.
 * @throws INTERNAL naming the first row that breaks what {@link MetricInput} promises
 */
export function checkedRows(input: MetricInput): Rows {
  const rowCount = input.actual.length;
  switch (input.targetType) {
    case 'binary':
      checkLength('probability', input.probability.length, rowCount);
      checkClass('positiveClass', input.positiveClass, 2, null);
      checkEach('actual', input.actual, (value) => value === 0 || value === 1);
      checkEach('probability', input.probability, (value) => value >= 0 && value <= 1);
      if (Number.isNaN(input.threshold)) throw new AppError('INTERNAL', 'metrics: threshold is NaN');
      break;
    case 'multiclass':
      checkClass('classCount', input.classCount - 1, Number.MAX_SAFE_INTEGER, null);
      checkLength('probabilities', input.probabilities.length, rowCount * input.classCount);
      input.actual.forEach((value, row) => checkClass('actual', value, input.classCount, row));
      checkEach('probabilities', input.probabilities, (value) => value >= 0 && value <= 1);
      break;
    case 'regression': {
      const power = input.tweediePower ?? TWEEDIE_POWER;
      checkLength('predicted', input.predicted.length, rowCount);
      checkEach('actual', input.actual, Number.isFinite);
      checkEach('predicted', input.predicted, (value) => !Number.isNaN(value));
      const { quantile } = input;
      if (quantile !== undefined && !(quantile > 0 && quantile < 1))
        throw new AppError('INTERNAL', `metrics: quantile ${quantile} is not in (0, 1)`);
      if (!(power > 1 && power < 2)) throw new AppError('INTERNAL', `metrics: tweediePower ${power} is not in (1, 2)`);
      break;
    }
  }
  return { rowCount, weight: input.weight, totalWeight: checkedWeight(input.weight, rowCount) };
}

function checkedWeight(weight: Float64Array | undefined, rowCount: number): number {
  if (weight === undefined) return rowCount;
  checkLength('weight', weight.length, rowCount);
  checkEach('weight', weight, (value) => value >= 0 && value < Infinity);
  const total = emptySum();
  for (const value of weight) addTerm(total, value);
  const sum = sumOf(total);
  if (sum !== 0 && !(sum >= WEIGHT_SUM_MIN && sum <= 1 / WEIGHT_SUM_MIN)) {
    throw new AppError('INTERNAL', `metrics: the sum of the weights, ${sum}, is not in [1e-200, 1e200]`);
  }
  return sum;
}

function checkLength(name: string, found: number, expected: number): void {
  if (found !== expected) throw new AppError('INTERNAL', `metrics: ${name} has ${found} values, expected ${expected}`);
}

function checkClass(name: string, index: number, classCount: number, row: number | null): void {
  if (Number.isInteger(index) && index >= 0 && index < classCount) return;
  throw new AppError('INTERNAL', `metrics: ${name}${row === null ? '' : ` of row ${row}`} is out of range`, {
    details: { row },
  });
}

function checkEach(name: string, values: Float64Array | Int32Array, isGood: (value: number) => boolean): void {
  for (let i = 0; i < values.length; i++) {
    if (!isGood(values[i] ?? 0))
      throw new AppError('INTERNAL', `metrics: ${name} at position ${i} is out of range`, { details: { position: i } });
  }
}

/** Weighted mean of a term over the rows, compensated; rows of weight 0 are not asked for their term. */
export function weightedMean({ rowCount, weight, totalWeight }: Rows, term: (row: number) => number): number {
  const total = emptySum();
  if (weight === undefined) {
    for (let i = 0; i < rowCount; i++) addTerm(total, term(i));
  } else {
    for (let i = 0; i < rowCount; i++) {
      const w = weight[i] ?? 0;
      if (w > 0) addTerm(total, w * term(i));
    }
  }
  return sumOf(total) / totalWeight;
}

/** True if the condition holds for every row of positive weight. */
export function everyRow({ rowCount, weight }: Rows, holds: (row: number) => boolean): boolean {
  for (let i = 0; i < rowCount; i++) {
    if ((weight === undefined || (weight[i] ?? 0) > 0) && !holds(i)) return false;
  }
  return true;
}
