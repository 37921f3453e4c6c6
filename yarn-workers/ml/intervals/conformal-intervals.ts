import type { IntervalRange } from '#contracts';
import { outcomesOf, type InsightRows } from '../insights/insight-rows.ts';
import { intervalEnds } from './interval-ends.ts';
import { predictionRanges } from './prediction-ranges.ts';
import { effectiveRows, weightSums } from './row-weights.ts';

/** Interval ends by range of the prediction, and what they rest on. */
export interface ConformalIntervals {
  /** By rising predictions; null where the rows are too few for the coverage. */
  readonly ranges: readonly IntervalRange[] | null;
  /** Rows in effect: fewer than there are where weights differ. */
  readonly effectiveRowCount: number;
}

/**
 * Prediction intervals by Mondrian conformal regression: rows are parted by their prediction, and each range has the conformal ends of its own
 * residuals, so that errors which grow with the prediction make longer intervals there. The residuals are out-of-fold, as in
 * cross-conformal prediction; intervals are put around the deployed model's one prediction, where the jackknife+ would take all
 * fold models'.
 *
 * @param rows of a regression, predicted by models that had not seen them
 * @see Boström, Johansson 2020, "Mondrian conformal regressors"; Barber, Candès, Ramdas, Tibshirani 2021, "Predictive inference with the
 *   jackknife+"
 */
export function conformalIntervals(rows: InsightRows, coverage: number): ConformalIntervals {
  const { predicted, actual, weights } = outcomesOf(rows, null);
  const effectiveRowCount = effectiveRows(weightSums(weights));
  const ranges: IntervalRange[] = [];
  for (const { places, upTo } of predictionRanges(predicted, weights)) {
    const residuals = Float64Array.from(places, (place) => (actual[place] ?? NaN) - (predicted[place] ?? NaN));
    const ownWeights = Float64Array.from(places, (place) => weights[place] ?? NaN);
    const ends = intervalEnds(residuals, ownWeights, coverage);
    if (ends === null) return { ranges: null, effectiveRowCount };
    ranges.push({ upTo, ...ends, rowCount: places.length });
  }
  return { ranges, effectiveRowCount };
}
