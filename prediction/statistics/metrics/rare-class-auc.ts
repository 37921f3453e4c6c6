import { addTerm, emptySum, neumaierSum, sumOf } from '../numeric/compensated-sum.ts';

/**
 * Area under the ROC curve by pairs: the weight of pairs in which the positive row scores above the negative one, a tie counting half.
 * Sorts the positive rows only, so that a rare class of n rows costs n log(positives) and not n log n. Undefined when either class is
 * absent.
 *
 * @param score of every row
 * @param isPositive asked for each row of positive weight
 * @see Mann, Whitney, On a test of whether one of two random variables is stochastically larger than the other, Ann. Math. Stat. 18 (1947)
 */
export function rareClassAuc(
  score: Float64Array,
  isPositive: (row: number) => boolean,
  weight: Float64Array | undefined,
): number | undefined {
  const weightOf = (row: number): number => (weight === undefined ? 1 : (weight[row] ?? 0));
  const positives: number[] = [];
  for (let row = 0; row < score.length; row += 1) if (weightOf(row) > 0 && isPositive(row)) positives.push(row);
  positives.sort((a, b) => (score[a] ?? 0) - (score[b] ?? 0) || a - b);
  const scores = Float64Array.from(positives, (row) => score[row] ?? 0);
  // above[i]: weight of the positive rows from place i on.
  const above = new Float64Array(positives.length + 1);
  for (let place = positives.length - 1; place >= 0; place -= 1)
    above[place] = (above[place + 1] ?? 0) + weightOf(positives[place] ?? -1);
  const pairs = emptySum();
  const negatives = emptySum();
  for (let row = 0; row < score.length; row += 1) {
    const own = weightOf(row);
    if (own === 0 || isPositive(row)) continue;
    const value = score[row] ?? 0;
    const atLeast = above[firstFrom(scores, (other) => other >= value)] ?? 0;
    const larger = above[firstFrom(scores, (other) => other > value)] ?? 0;
    addTerm(pairs, own * (larger + (atLeast - larger) / 2));
    addTerm(negatives, own);
  }
  const total = neumaierSum(positives.map(weightOf)) * sumOf(negatives);
  return total === 0 ? undefined : sumOf(pairs) / total;
}

/** First place from which on a condition holds, of ascending values; their number where it never does. */
function firstFrom(values: Float64Array, holds: (value: number) => boolean): number {
  let low = 0;
  for (let high = values.length; low < high;) {
    const middle = (low + high) >>> 1;
    if (holds(values[middle] ?? 0)) high = middle;
    else low = middle + 1;
  }
  return low;
}
