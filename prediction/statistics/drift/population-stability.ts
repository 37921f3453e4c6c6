import { addTerm, emptySum, sumOf } from '../numeric/compensated-sum.ts';
import { totalsOf } from './counts.ts';

/** A bin's share counts as at least this, lest an empty bin make the index infinite. */
export const PSI_SHARE_MIN = 1e-4;

/**
 * Population stability index of two distributions over the same bins: sum of (a - e) ln(a / e) over their shares, natural
 * logarithm; 0 for equal shares, whatever the totals. By custom above 0.1 is a shift to look at, above 0.25 a large one.
 * Shares below {@link PSI_SHARE_MIN} count as that; no share is scaled to make up for it. A bin for missing values is a
 * bin like others.
 *
 * @returns null when either total is 0
 * @throws INTERNAL when the lengths differ or a count is negative or not finite
 * @see S. Kullback, R. Leibler, On information and sufficiency, Annals of Mathematical Statistics 22 (1951): their
 * symmetric divergence J; B. Yurdakul, Statistical properties of population stability index, dissertation, Western
 * Michigan University (2018)
 */
export function populationStabilityIndex(
  expectedCounts: ArrayLike<number>,
  actualCounts: ArrayLike<number>,
): number | null {
  const totals = totalsOf('population stability', expectedCounts, actualCounts);
  if (totals.expected === 0 || totals.actual === 0) return null;
  const index = emptySum();
  for (let bin = 0; bin < expectedCounts.length; bin++) {
    const expected = Math.max((expectedCounts[bin] ?? 0) / totals.expected, PSI_SHARE_MIN);
    const actual = Math.max((actualCounts[bin] ?? 0) / totals.actual, PSI_SHARE_MIN);
    addTerm(index, (actual - expected) * Math.log(actual / expected));
  }
  return sumOf(index);
}

/**
 * What the index of two samples of one distribution is on average: (bins - 1) (1 / n + 1 / m), 0.5 for 20 events in 11 bins.
 * An index near it says nothing.
 *
 * @param binCount bins that are not empty in both, at least 1
 * @see B. Yurdakul (2018), theorem 3: the index over (1 / n + 1 / m) is chi-squared with bins - 1 degrees of freedom
 */
export function indexByChance(binCount: number, expectedTotal: number, actualTotal: number): number {
  return (binCount - 1) * (1 / expectedTotal + 1 / actualTotal);
}
