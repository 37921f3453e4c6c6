import { AppError } from '#contracts';
import { emptySum, addTerm, sumOf } from '../numeric/compensated-sum.ts';
import type { TiedGroups } from './ranking.ts';
import type { ScoreGrid } from './score-grid.ts';

/**
 * Weight of the positive and of the negative rows by bucket of their score. Sums of whole weights are exact up to 2^53; of others each addition
 * rounds by 1e-16.
 */
export interface ScoreHistogram {
  readonly grid: ScoreGrid;
  readonly positive: Float64Array;
  readonly negative: Float64Array;
}

export function emptyHistogram(grid: ScoreGrid): ScoreHistogram {
  return {
    grid,
    positive: new Float64Array(grid.bucketCount),
    negative: new Float64Array(grid.bucketCount),
  };
}

export function addScore(
  { grid, positive, negative }: ScoreHistogram,
  score: number,
  isPositive: boolean,
  weight: number,
): void {
  const bucket = grid.bucketOf(score);
  const side = isPositive ? positive : negative;
  side[bucket] = (side[bucket] ?? 0) + weight;
}

/** Adds another part of the same rows to `histogram`. @throws INTERNAL for one of another grid */
export function mergeHistograms(histogram: ScoreHistogram, other: ScoreHistogram): void {
  if (other.grid.bucketCount !== histogram.grid.bucketCount)
    throw new AppError('INTERNAL', 'metrics: histograms of two grids cannot be merged');
  addAll(histogram.positive, other.positive);
  addAll(histogram.negative, other.negative);
}

export function addAll(sums: Float64Array, others: Float64Array): void {
  for (let bucket = 0; bucket < sums.length; bucket += 1) {
    const other = others[bucket] ?? 0;
    if (other !== 0) sums[bucket] = (sums[bucket] ?? 0) + other;
  }
}

/** What ranking metrics are functions of: the rows of a bucket count as tied. */
export function groupsOf({ positive, negative }: ScoreHistogram): TiedGroups {
  let count = 0;
  const isFull = (bucket: number): boolean => (positive[bucket] ?? 0) > 0 || (negative[bucket] ?? 0) > 0;
  for (let bucket = 0; bucket < positive.length; bucket += 1) if (isFull(bucket)) count += 1;
  const groups = { positive: new Float64Array(count), negative: new Float64Array(count) };
  const [positives, negatives] = [emptySum(), emptySum()];
  let next = 0;
  for (let bucket = 0; next < count; bucket += 1) {
    if (!isFull(bucket)) continue;
    groups.positive[next] = positive[bucket] ?? 0;
    groups.negative[next] = negative[bucket] ?? 0;
    addTerm(positives, positive[bucket] ?? 0);
    addTerm(negatives, negative[bucket] ?? 0);
    next += 1;
  }
  return { ...groups, positiveTotal: sumOf(positives), negativeTotal: sumOf(negatives) };
}
