import { ascendingOrder } from '#statistics';
import { weightSums } from './row-weights.ts';

/** Coverages have few digits; what their doubles are off by must not cost a row. */
const ROUNDING = 1e-9;

/**
 * Rows, in effect, that the ends of an interval need at least: below that the outermost quantile is beyond all of them.
 *
 * @param coverage above 0 and below 1
 */
export const rowsForCoverage = (coverage: number): number => Math.ceil(2 / (1 - coverage) - 1 - ROUNDING);

/** The most that so many rows, in effect, can promise, to two digits; below 0 where they can promise nothing. */
export const coverageOfRows = (rowCount: number): number => Math.floor(100 * (1 - 2 / (rowCount + 1)) + ROUNDING) / 100;

/** What is added to a prediction. */
export interface IntervalEnds {
  readonly lower: number;
  readonly upper: number;
}

/**
 * The ends of split conformal prediction, half of what may lie outside on each side: of n rows the k-th least and the k-th greatest residual,
 * k = floor((n + 1) (1 - coverage) / 2). A further row that is exchangeable with these lies between them with at least this
 * probability. With weights it is the quantile of their distribution with the further row at the far end, which counts as a row drawn by weight
 * does on average (sum of squares / sum): of n equal weights one of n + 1.
 *
 * @param residuals actual - predicted of rows that the predicting models had not seen
 * @param weights by row, each above 0
 * @param coverage above 0 and below 1; the ends of a greater one are never nearer
 * @returns null where the rows are fewer than {@link rowsForCoverage}
 * @see Vovk, Gammerman, Shafer 2005, "Algorithmic learning in a random world", section 2.3; Lei et al. 2018, "Distribution-free predictive
 *   inference for regression", section 2.2; of weights Tibshirani, Barber, Candès, Ramdas 2019, "Conformal prediction under covariate
 *   shift", lemma 3
 */
export function intervalEnds(residuals: Float64Array, weights: Float64Array, coverage: number): IntervalEnds | null {
  const order = ascendingOrder(residuals);
  const { sum, squares } = weightSums(weights);
  const further = squares / sum;
  const outside = ((sum + further) * (1 - coverage) * (1 + ROUNDING)) / 2;
  const lower = innermost(order, weights, outside - further);
  const upper = innermost(order.toReversed(), weights, outside - further);
  if (lower === null || upper === null) return null;
  return { lower: residuals[lower] ?? NaN, upper: residuals[upper] ?? NaN };
}

/** The last place that has no more than `weight` before it; null where that is below 0. */
function innermost(order: Uint32Array, weights: Float64Array, weight: number): number | null {
  let before = 0;
  let found: number | null = null;
  for (const place of order) {
    if (before > weight) break;
    found = place;
    before += weights[place] ?? NaN;
  }
  return found;
}
