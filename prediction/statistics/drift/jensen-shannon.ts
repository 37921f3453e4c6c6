import { addTerm, emptySum, sumOf } from '../numeric/compensated-sum.ts';
import { totalsOf } from './counts.ts';

/**
 * Jensen-Shannon divergence of two distributions over the same bins, in bits: the mean Kullback-Leibler divergence from their
 * mixture. In [0, 1]: 0 for equal shares, 1 where no bin is in both; finite with empty bins. Its square root is a metric.
 *
 * @returns null when either total is 0
 * @throws INTERNAL when the lengths differ or a count is negative or not finite
 * @see J. Lin, Divergence measures based on the Shannon entropy, IEEE Transactions on Information Theory 37 (1991), equation 4.1
 */
export function jensenShannonDivergence(
  expectedCounts: ArrayLike<number>,
  actualCounts: ArrayLike<number>,
): number | null {
  const totals = totalsOf('Jensen-Shannon', expectedCounts, actualCounts);
  if (totals.expected === 0 || totals.actual === 0) return null;
  const divergence = emptySum();
  for (let bin = 0; bin < expectedCounts.length; bin += 1) {
    const expected = (expectedCounts[bin] ?? 0) / totals.expected;
    const actual = (actualCounts[bin] ?? 0) / totals.actual;
    const middle = (expected + actual) / 2;
    if (expected > 0) addTerm(divergence, (expected / 2) * Math.log2(expected / middle));
    if (actual > 0) addTerm(divergence, (actual / 2) * Math.log2(actual / middle));
  }
  return Math.min(1, Math.max(0, sumOf(divergence)));
}
