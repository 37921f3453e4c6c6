import { totalsOf } from './counts.ts';

/**
 * Kolmogorov-Smirnov distance of two distributions, as far as their bins show it: the largest difference of their cumulative
 * shares at an edge. In [0, 1]. Never above that of the values themselves, and below it by at most the largest share of
 * a bin: a change within one bin is not seen.
 *
 * @param expectedCounts by bin, in the order of the values
 * @returns null when either total is 0
 * @throws INTERNAL when the lengths differ or a count is negative or not finite
 * @see N. Smirnov, Table for estimating the goodness of fit of empirical distributions, Annals of Mathematical Statistics 19 (1948)
 */
export function binnedKolmogorovSmirnov(
  expectedCounts: ArrayLike<number>,
  actualCounts: ArrayLike<number>,
): number | null {
  const totals = totalsOf('Kolmogorov-Smirnov', expectedCounts, actualCounts);
  if (totals.expected === 0 || totals.actual === 0) return null;
  let [expected, actual, largest] = [0, 0, 0];
  for (let bin = 0; bin < expectedCounts.length; bin += 1) {
    expected += expectedCounts[bin] ?? 0;
    actual += actualCounts[bin] ?? 0;
    largest = Math.max(largest, Math.abs(expected / totals.expected - actual / totals.actual));
  }
  return largest;
}
