import { addTerm, emptySum, sumOf } from '../numeric/compensated-sum.ts';
import { chiSquareAbove } from '../numeric/chi-square.ts';
import { totalsOf } from './counts.ts';

/** Least count that either sample is expected to have in a bin; smaller bins are put together. */
export const EXPECTED_COUNT_MIN = 5;

/** Whether two samples can be of one distribution. */
export interface Homogeneity {
  readonly statistic: number;
  /** Bins after small ones were put together, less one; 0: too few events to tell anything. */
  readonly degrees: number;
  /** Probability of a statistic as large, if they are; 1 where there are no degrees. */
  readonly pValue: number;
}

/**
 * Pearson's chi-squared test of two samples over the same bins. Bins in which one of the samples is expected to have fewer than
 * {@link EXPECTED_COUNT_MIN} are put together, smallest first: by the sum of both samples, on which the test is conditional, so
 * that the choice does not favour either answer.
 *
 * @returns null when either total is 0
 * @throws INTERNAL when the lengths differ or a count is negative or not finite
 * @see K. Pearson, On the probability that two independent distributions of frequency are really samples from the same population,
 * Biometrika 8 (1911); W. Cochran, Some methods for strengthening the common chi-squared tests, Biometrics 10 (1954) on small counts
 */
export function testHomogeneity(
  expectedCounts: ArrayLike<number>,
  actualCounts: ArrayLike<number>,
): Homogeneity | null {
  const totals = totalsOf('homogeneity', expectedCounts, actualCounts);
  if (totals.expected === 0 || totals.actual === 0) return null;
  const total = totals.expected + totals.actual;
  const least = (EXPECTED_COUNT_MIN * total) / Math.min(totals.expected, totals.actual);
  const pools = pooled(expectedCounts, actualCounts, least);
  const degrees = pools.length - 1;
  if (degrees < 1) return { statistic: 0, degrees: 0, pValue: 1 };
  const statistic = emptySum();
  for (const { expected, actual } of pools) {
    const both = expected + actual;
    const likely = (both * totals.expected) / total;
    const likelyActual = (both * totals.actual) / total;
    addTerm(statistic, (expected - likely) ** 2 / likely + (actual - likelyActual) ** 2 / likelyActual);
  }
  const sum = sumOf(statistic);
  return { statistic: sum, degrees, pValue: chiSquareAbove(sum, degrees) };
}

interface Pool {
  expected: number;
  actual: number;
}

/** Bins of at least `least` in both together; what is left over goes to the smallest. */
function pooled(expectedCounts: ArrayLike<number>, actualCounts: ArrayLike<number>, least: number): Pool[] {
  const bins = Array.from(expectedCounts, (expected, bin) => ({ expected, actual: actualCounts[bin] ?? 0 }))
    .filter(({ expected, actual }) => expected + actual > 0)
    .sort((a, b) => a.expected + a.actual - (b.expected + b.actual));
  const pools: Pool[] = [];
  let open: Pool = { expected: 0, actual: 0 };
  for (const { expected, actual } of bins) {
    open = { expected: open.expected + expected, actual: open.actual + actual };
    if (open.expected + open.actual < least) continue;
    pools.push(open);
    open = { expected: 0, actual: 0 };
  }
  const [smallest] = pools;
  if (smallest !== undefined) {
    smallest.expected += open.expected;
    smallest.actual += open.actual;
  }
  return pools;
}
