import type { FeatureValues } from '#scoring';
import { averageRanks } from '#statistics';
import { binsOf } from './feature-bins.ts';
import { ASSOCIATION_BINS, ASSOCIATION_LEVELS } from './limits.ts';

/** A feature prepared for comparisons. */
interface Comparable {
  /** Ranks of numbers, equal ones with the mean of theirs, NaN where missing; null for categories. */
  readonly ranks: Float64Array | null;
  readonly levels: Uint16Array;
  readonly levelCount: number;
}

/** Pairs of rows in which both numbers are there, at least: half of them. */
const PRESENT_MIN = 0.5;

/**
 * How much each of two features says of the other, from 0 to 1: of two numbers (or dates) the absolute rank correlation over rows where
 * both are there, of other pairs Cramér's V without correction, numbers in ten bins of as many rows, missing cells a level.
 *
 * @returns association of features a and b of the list
 * @see C. Spearman, The proof and measurement of association between two things (1904)
 * @see H. Cramér, Mathematical methods of statistics (1946), 21.9
 */
export function associations(features: readonly FeatureValues[]): (a: number, b: number) => number {
  const prepared = features.map(comparable);
  return (a, b) => {
    const [first, second] = [prepared[a], prepared[b]];
    if (first === undefined || second === undefined) return 0;
    return first.ranks !== null && second.ranks !== null
      ? Math.abs(correlation(first.ranks, second.ranks))
      : cramersV(first, second);
  };
}

function comparable(values: FeatureValues): Comparable {
  const bins = binsOf(values, values.kind === 'number' ? ASSOCIATION_BINS : ASSOCIATION_LEVELS);
  const levels = Uint16Array.from(bins.binOf);
  return { ranks: values.kind === 'number' ? averageRanks(values.values) : null, levels, levelCount: bins.bins.length };
}

/** Pearson's, over rows where both are numbers; 0 where one does not vary. */
function correlation(a: Float64Array, b: Float64Array): number {
  let [count, sumA, sumB] = [0, 0, 0];
  const isThere = (row: number): boolean => !Number.isNaN(a[row]) && !Number.isNaN(b[row]);
  for (let row = 0; row < a.length; row += 1) {
    if (!isThere(row)) continue;
    count += 1;
    sumA += a[row] ?? 0;
    sumB += b[row] ?? 0;
  }
  if (count < PRESENT_MIN * a.length) return 0;
  const [meanA, meanB] = [sumA / count, sumB / count];
  let [product, squareA, squareB] = [0, 0, 0];
  for (let row = 0; row < a.length; row += 1) {
    if (!isThere(row)) continue;
    const [x, y] = [(a[row] ?? 0) - meanA, (b[row] ?? 0) - meanB];
    product += x * y;
    squareA += x * x;
    squareB += y * y;
  }
  return squareA > 0 && squareB > 0 ? product / Math.sqrt(squareA * squareB) : 0;
}

function cramersV(a: Comparable, b: Comparable): number {
  const rowCount = a.levels.length;
  const table = new Float64Array(a.levelCount * b.levelCount);
  const [sumsA, sumsB] = [new Float64Array(a.levelCount), new Float64Array(b.levelCount)];
  for (let row = 0; row < rowCount; row += 1) {
    const [i, j] = [a.levels[row] ?? 0, b.levels[row] ?? 0];
    table[i * b.levelCount + j] = (table[i * b.levelCount + j] ?? 0) + 1;
    sumsA[i] = (sumsA[i] ?? 0) + 1;
    sumsB[j] = (sumsB[j] ?? 0) + 1;
  }
  const degrees = Math.min(a.levelCount, b.levelCount) - 1;
  if (degrees < 1) return 0;
  // chi2 / n is the sum over cells of count^2 / (row sum x column sum), less 1.
  let sum = 0;
  for (let i = 0; i < a.levelCount; i += 1)
    for (let j = 0; j < b.levelCount; j += 1)
      sum += (table[i * b.levelCount + j] ?? 0) ** 2 / ((sumsA[i] ?? NaN) * (sumsB[j] ?? NaN));
  return Math.sqrt(Math.max(0, sum - 1) / degrees);
}

/** A group of features that pairs at or above `least` link, in order, and the least of these pairs. */
export interface Linked {
  readonly members: readonly number[];
  readonly association: number;
}

/** Groups of two and more, by their first members. */
export function linkedGroups(count: number, association: (a: number, b: number) => number, least: number): Linked[] {
  const groupOf = Array.from({ length: count }, (_, index) => index);
  const weakest = new Array<number>(count).fill(1);
  for (let a = 0; a < count; a += 1)
    for (let b = a + 1; b < count; b += 1) {
      const found = association(a, b);
      if (found < least) continue;
      const [first = a, second = b] = [groupOf[a], groupOf[b]].map(Number).toSorted((x, y) => x - y);
      weakest[first] = Math.min(weakest[first] ?? 1, weakest[second] ?? 1, found);
      for (const [index, group] of groupOf.entries()) if (group === second) groupOf[index] = first;
    }
  return [...Map.groupBy(groupOf.keys(), (index) => groupOf[index] ?? index)]
    .filter(([, members]) => members.length > 1)
    .map(([first, members]) => ({ members, association: weakest[first] ?? 1 }));
}
