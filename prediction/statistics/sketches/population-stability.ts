import { AppError } from '#contracts';
import { addTerm, emptySum, neumaierSum, sumOf } from '../numeric/compensated-sum.ts';

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
  if (expectedCounts.length !== actualCounts.length) {
    throw new AppError(
      'INTERNAL',
      `population stability: ${expectedCounts.length} expected bins, ${actualCounts.length} actual ones`,
    );
  }
  const expectedTotal = totalOf(expectedCounts);
  const actualTotal = totalOf(actualCounts);
  if (expectedTotal === 0 || actualTotal === 0) return null;
  const index = emptySum();
  for (let bin = 0; bin < expectedCounts.length; bin++) {
    const expected = Math.max((expectedCounts[bin] ?? 0) / expectedTotal, PSI_SHARE_MIN);
    const actual = Math.max((actualCounts[bin] ?? 0) / actualTotal, PSI_SHARE_MIN);
    addTerm(index, (actual - expected) * Math.log(actual / expected));
  }
  return sumOf(index);
}

function totalOf(counts: ArrayLike<number>): number {
  for (let bin = 0; bin < counts.length; bin++) {
    const count = counts[bin] ?? 0;
    if (!(count >= 0 && count < Infinity))
      throw new AppError('INTERNAL', `population stability: count ${count} of bin ${bin}`);
  }
  return neumaierSum(counts);
}
