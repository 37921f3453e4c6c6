import { addTerm, addTermAt, emptySum, emptySums, neumaierSum, sumOf, sumsOf } from '../numeric/compensated-sum.ts';
import { ascendingOrder } from '../numeric/order.ts';

/** Rows of equal score: the weight of the positive ones among them and of the negative ones. */
export interface TiedGroups {
  /** One per distinct score of positive weight, by ascending score. */
  readonly positive: Float64Array;
  readonly negative: Float64Array;
  readonly positiveTotal: number;
  readonly negativeTotal: number;
}

/** One part in so many of the weight is what `topDecileLift` looks at. */
const TOP_PARTS = 10;

/**
 * Groups rows by score. All ranking metrics are functions of the groups alone, so that the order of tied rows never
 * matters.
 * @param isPositive asked for each row of positive weight
 */
export function tiedGroups(
  score: Float64Array,
  isPositive: (row: number) => boolean,
  weight: Float64Array | undefined,
): TiedGroups {
  const order = ascendingOrder(score);
  const positive = emptySums(order.length);
  const negative = emptySums(order.length);
  let last = -1;
  let lastScore = NaN;
  for (const row of order) {
    const w = weight === undefined ? 1 : (weight[row] ?? 0);
    if (w === 0) continue;
    const s = score[row] ?? 0;
    if (s !== lastScore) {
      last++;
      lastScore = s;
    }
    addTermAt(isPositive(row) ? positive : negative, last, w);
  }
  const positives = sumsOf(positive).subarray(0, last + 1);
  const negatives = sumsOf(negative).subarray(0, last + 1);
  return {
    positive: positives,
    negative: negatives,
    positiveTotal: neumaierSum(positives),
    negativeTotal: neumaierSum(negatives),
  };
}

/**
 * Area under the ROC curve: the probability that a positive row scores above a negative one, a tie counting half.
 * Undefined when either class is absent (scikit-learn: NaN with a warning).
 * @see J. Hanley, B. McNeil, The meaning and use of the area under a ROC curve, Radiology 143 (1982)
 */
export function areaUnderRoc({ positive, negative, positiveTotal, negativeTotal }: TiedGroups): number | undefined {
  if (positiveTotal === 0 || negativeTotal === 0) return undefined;
  const area = emptySum();
  const below = emptySum();
  for (let g = 0; g < positive.length; g++) {
    const negatives = negative[g] ?? 0;
    addTerm(area, ((positive[g] ?? 0) / positiveTotal) * ((sumOf(below) + negatives / 2) / negativeTotal));
    addTerm(below, negatives);
  }
  return sumOf(area);
}

/**
 * Average precision: the sum over distinct scores, from the top, of precision times the step in recall; no interpolation.
 * Undefined without positive rows (scikit-learn: 0 with a warning); 1 without negative rows.
 */
export function averagePrecision({ positive, negative, positiveTotal }: TiedGroups): number | undefined {
  if (positiveTotal === 0) return undefined;
  const area = emptySum();
  const positives = emptySum();
  const all = emptySum();
  for (let g = positive.length - 1; g >= 0; g--) {
    const hits = positive[g] ?? 0;
    addTerm(positives, hits);
    addTerm(all, hits);
    addTerm(all, negative[g] ?? 0);
    if (hits > 0) addTerm(area, (hits / positiveTotal) * (sumOf(positives) / sumOf(all)));
  }
  return sumOf(area);
}

/**
 * Rate of positives among the tenth of the weight with the highest scores, divided by their rate among all. The tenth is
 * exact: a row may lie in it in part, and rows tied at its edge lie in it in equal parts, which is the expected value
 * over all orders of the tied rows (equal scores give 1). In [0, 10]. Undefined without positive rows.
 */
export function topDecileLift({ positive, negative, positiveTotal, negativeTotal }: TiedGroups): number | undefined {
  if (positiveTotal === 0) return undefined;
  const wanted = (positiveTotal + negativeTotal) / TOP_PARTS;
  const taken = emptySum();
  const hits = emptySum();
  for (let g = positive.length - 1; g >= 0; g--) {
    const weight = (positive[g] ?? 0) + (negative[g] ?? 0);
    const share = Math.min(1, (wanted - sumOf(taken)) / weight);
    if (share <= 0) break;
    addTerm(taken, share * weight);
    addTerm(hits, share * (positive[g] ?? 0));
  }
  return (sumOf(hits) / positiveTotal) * TOP_PARTS;
}

/**
 * By how much the area under the ROC curve can be off at most where rows of one group are not tied but could not be told apart: half of the
 * pairs of a positive and a negative row within one group. 0 where either class is absent.
 */
export function areaUnderRocError({ positive, negative, positiveTotal, negativeTotal }: TiedGroups): number {
  if (positiveTotal === 0 || negativeTotal === 0) return 0;
  const pairs = emptySum();
  for (let g = 0; g < positive.length; g++)
    addTerm(pairs, ((positive[g] ?? 0) / positiveTotal) * ((negative[g] ?? 0) / negativeTotal));
  return sumOf(pairs) / 2;
}

/**
 * The same of the average precision: the positive rows of a group may all come before its negative ones, or all after. 0 without positive
 * rows.
 */
export function averagePrecisionError({ positive, negative, positiveTotal }: TiedGroups): number {
  if (positiveTotal === 0) return 0;
  const [tooLow, tooHigh] = [emptySum(), emptySum()];
  let [positives, negatives] = [0, 0];
  for (let g = positive.length - 1; g >= 0; g--) {
    const hits = positive[g] ?? 0;
    const misses = negative[g] ?? 0;
    const told = (positives + hits) / (positives + hits + negatives + misses);
    // Precision grows from the first positive row of a group to its last where no negative one lies between.
    const best = (positives + hits) / (positives + hits + negatives);
    const worst = positives / (positives + negatives + misses);
    if (hits > 0 && misses > 0) {
      addTerm(tooLow, (hits / positiveTotal) * (best - told));
      addTerm(tooHigh, (hits / positiveTotal) * (told - worst));
    } else if (hits > 0) {
      // Tied rows count as one step of the curve, and rows in a row as many, each of a precision between its ends.
      const first = positives === 0 && negatives === 0 ? told : positives / (positives + negatives);
      addTerm(tooHigh, (hits / positiveTotal) * (told - first));
    }
    positives += hits;
    negatives += misses;
  }
  return Math.max(sumOf(tooLow), sumOf(tooHigh));
}

/** The same of the lift of the top decile: rows of the group at its edge may be those that it takes, or not. 0 without positive rows. */
export function topDecileLiftError({ positive, negative, positiveTotal, negativeTotal }: TiedGroups): number {
  if (positiveTotal === 0) return 0;
  let left = (positiveTotal + negativeTotal) / TOP_PARTS;
  for (let g = positive.length - 1; g >= 0; g--) {
    const hits = positive[g] ?? 0;
    const weight = hits + (negative[g] ?? 0);
    if (weight <= left) {
      left -= weight;
      continue;
    }
    const told = (left / weight) * hits;
    const most = Math.min(hits, left);
    const least = Math.max(0, left - (weight - hits));
    return (Math.max(most - told, told - least) / positiveTotal) * TOP_PARTS;
  }
  return 0;
}

export const giniOf = (auc: number | undefined): number | undefined => (auc === undefined ? undefined : 2 * auc - 1);
