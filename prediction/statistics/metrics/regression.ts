import { addTerm, emptySum, sumOf } from '../numeric/compensated-sum.ts';
import { ascendingOrder } from '../numeric/order.ts';
import { TWEEDIE_POWER, everyRow, weightedMean, type RegressionInput, type Rows } from './metric-input.ts';

/** Half of the weight counts as reached exactly within this share of it, which is rounding. */
const HALF_TOLERANCE = 1e-15;

const at = (values: Float64Array, index: number): number => values[index] ?? 0;

export function rmse({ actual, predicted }: RegressionInput, rows: Rows): number {
  return Math.sqrt(weightedMean(rows, (i) => (at(actual, i) - at(predicted, i)) ** 2));
}

export function mae({ actual, predicted }: RegressionInput, rows: Rows): number {
  return weightedMean(rows, (i) => Math.abs(at(actual, i) - at(predicted, i)));
}

/** Loss of predicting a quantile: `quantile` x (actual - predicted) where the prediction is too low, else (1 - quantile) x the excess. */
export function pinballLoss(actual: number, predicted: number, quantile: number): number {
  return actual >= predicted ? quantile * (actual - predicted) : (1 - quantile) * (predicted - actual);
}

/**
 * Mean pinball loss of a quantile; undefined where none is given.
 * @see R. Koenker, G. Bassett, Regression quantiles, Econometrica 46 (1978), equation 2.2
 */
export function quantileLoss({ actual, predicted, quantile }: RegressionInput, rows: Rows): number | undefined {
  if (quantile === undefined) return undefined;
  return weightedMean(rows, (i) => pinballLoss(at(actual, i), at(predicted, i), quantile));
}

/** What a row adds to a metric, and whether a row is such that it leaves the metric defined. */
export interface RowTerm {
  readonly isDefined: (actual: number, predicted: number) => boolean;
  readonly term: (actual: number, predicted: number) => number;
}

/** Squared difference of log(1 + y). */
export const squaredLogError: RowTerm = {
  isDefined: (y, f) => y > -1 && f > -1,
  term: (y, f) => (Math.log1p(y) - Math.log1p(f)) ** 2,
};

/** Undefined when an actual or predicted value is -1 or less, where scikit-learn raises an error. */
export function rmsle(input: RegressionInput, rows: Rows): number | undefined {
  const mean = meanOf(squaredLogError, input, rows);
  return mean === undefined ? undefined : Math.sqrt(mean);
}

function meanOf({ isDefined, term }: RowTerm, { actual, predicted }: RegressionInput, rows: Rows): number | undefined {
  if (!everyRow(rows, (i) => isDefined(at(actual, i), at(predicted, i)))) return undefined;
  return weightedMean(rows, (i) => term(at(actual, i), at(predicted, i)));
}

/** Absolute error as a share of the actual value. */
export const absoluteShare: RowTerm = {
  isDefined: (y) => y !== 0,
  term: (y, f) => Math.abs(y - f) / Math.abs(y),
};

/**
 * Mean of |actual - predicted| / |actual|, a fraction. Undefined when an actual value is 0: scikit-learn divides by
 * 2.2e-16 instead, and the result says nothing but that.
 */
export function mape(input: RegressionInput, rows: Rows): number | undefined {
  return meanOf(absoluteShare, input, rows);
}

/**
 * Coefficient of determination: 1 - squared error / squared error of the mean; in (-infinity, 1]. Undefined when all
 * actual values are equal (scikit-learn: 1 if all predictions are right, else 0).
 */
export function r2({ actual, predicted }: RegressionInput, rows: Rows): number | undefined {
  const first = actual.findIndex((_, i) => rows.weight === undefined || at(rows.weight, i) > 0);
  if (everyRow(rows, (i) => at(actual, i) === at(actual, first))) return undefined;
  const mean = weightedMean(rows, (i) => at(actual, i));
  const total = weightedMean(rows, (i) => (at(actual, i) - mean) ** 2);
  return 1 - weightedMean(rows, (i) => (at(actual, i) - at(predicted, i)) ** 2) / total;
}

/**
 * Weighted median of |actual - predicted|: the value at which half of the weight is reached; the mean of it and the next
 * when exactly half is (the usual median of an even number of rows), as scikit-learn does.
 * @see R. Hyndman, Y. Fan, Sample quantiles in statistical packages, The American Statistician 50 (1996), definition 2
 */
export function medianAbsoluteError({ actual, predicted }: RegressionInput, { weight, totalWeight }: Rows): number {
  const errors = actual.map((value, i) => Math.abs(value - at(predicted, i)));
  const half = totalWeight / 2;
  const reached = emptySum();
  let lower: number | undefined;
  let last = NaN;
  for (const row of ascendingOrder(errors)) {
    const w = weight === undefined ? 1 : at(weight, row);
    if (w === 0) continue;
    last = at(errors, row);
    if (lower !== undefined) return lower + (last - lower) / 2;
    addTerm(reached, w);
    const excess = sumOf(reached) - half;
    if (Math.abs(excess) <= HALF_TOLERANCE * totalWeight) lower = last;
    else if (excess > 0) return last;
  }
  return last;
}

/** Poisson deviance of a row, 2 (y ln(y / f) - y + f). */
export const poissonTerm: RowTerm = {
  isDefined: (y, f) => y >= 0 && f > 0,
  term: (y, f) => 2 * ((y === 0 ? 0 : y * Math.log(y / f)) - y + f),
};

/**
 * Mean Poisson deviance 2 (y ln(y / f) - y + f). Undefined when an actual value is negative or a prediction is not
 * positive, where scikit-learn raises an error.
 */
export function poissonDeviance(input: RegressionInput, rows: Rows): number | undefined {
  return meanOf(poissonTerm, input, rows);
}

/** Gamma deviance of a row, 2 (ln(f / y) + y / f - 1). */
export const gammaTerm: RowTerm = {
  isDefined: (y, f) => y > 0 && f > 0,
  term: (y, f) => 2 * (Math.log(f / y) + y / f - 1),
};

/** Mean gamma deviance 2 (ln(f / y) + y / f - 1). Undefined when an actual value or a prediction is not positive. */
export function gammaDeviance(input: RegressionInput, rows: Rows): number | undefined {
  return meanOf(gammaTerm, input, rows);
}

/** Tweedie deviance of a row, of a power p in (1, 2). */
export const tweedieTerm = (p: number): RowTerm => ({
  isDefined: poissonTerm.isDefined,
  term: (y, f) => 2 * (y ** (2 - p) / ((1 - p) * (2 - p)) - (y * f ** (1 - p)) / (1 - p) + f ** (2 - p) / (2 - p)),
});

/**
 * Mean Tweedie deviance of a power p in (1, 2), the compound Poisson-gamma family. Undefined as the Poisson one is.
 * @see B. Jorgensen, Exponential dispersion models, Journal of the Royal Statistical Society B 49 (1987)
 */
export function tweedieDeviance(input: RegressionInput, rows: Rows): number | undefined {
  return meanOf(tweedieTerm(input.tweediePower ?? TWEEDIE_POWER), input, rows);
}
