import { AppError } from '#contracts';
import type { QuantileSketch } from './quantile-sketch.ts';

/** Kept values in ascending order, each with the number of values up to and including those it stands for. */
interface SortedView {
  readonly values: Float64Array;
  readonly upTo: Float64Array;
}

function sortedView(sketch: QuantileSketch): SortedView {
  const entries: { value: number; weight: number }[] = [];
  sketch.levels.forEach((level, h) => {
    for (const value of level.items.subarray(0, level.size)) entries.push({ value, weight: 2 ** h });
  });
  entries.sort((a, b) => a.value - b.value);
  let reached = 0;
  return {
    values: Float64Array.from(entries, (entry) => entry.value),
    upTo: Float64Array.from(entries, (entry) => (reached += entry.weight)),
  };
}

/** First index whose `upTo` exceeds `rank`. */
function indexOfRank(upTo: Float64Array, rank: number): number {
  let from = 0;
  let to = upTo.length - 1;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((upTo[middle] ?? 0) > rank) to = middle;
    else from = middle + 1;
  }
  return from;
}

/**
 * Quantiles at the given fractions in [0, 1], linear between the two neighbouring order statistics at fraction * (n - 1),
 * as NumPy and pandas have it by default; 0 and 1 are the exact extremes.
 *
 * @returns null when there are no values
 * @see R. Hyndman, Y. Fan, Sample quantiles in statistical packages, The American Statistician 50 (1996), definition 7
 */
export function quantilesOf(sketch: QuantileSketch, fractions: readonly number[]): number[] | null {
  if (sketch.count === 0) return null;
  const { values, upTo } = sortedView(sketch);
  return fractions.map((fraction) => {
    if (!(fraction >= 0 && fraction <= 1))
      throw new AppError('INTERNAL', `quantile sketch: fraction ${fraction} is not in [0, 1]`);
    if (fraction === 0) return sketch.min;
    if (fraction === 1) return sketch.max;
    const position = fraction * (sketch.count - 1);
    const rank = Math.floor(position);
    const at = indexOfRank(upTo, rank);
    const low = values[at] ?? 0;
    const high = (upTo[at] ?? 0) > rank + 1 ? low : (values[at + 1] ?? low);
    const share = position - rank;
    return low === high ? low : Math.min(high, Math.max(low, low * (1 - share) + high * share));
  });
}

/** Share of the values that are <= value; null when there are none. */
export function rankOf(sketch: QuantileSketch, value: number): number | null {
  if (sketch.count === 0) return null;
  let reached = 0;
  sketch.levels.forEach((level, h) => {
    for (const item of level.items.subarray(0, level.size)) if (item <= value) reached += 2 ** h;
  });
  return reached / sketch.count;
}
