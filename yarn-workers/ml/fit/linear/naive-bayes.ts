import type { NaiveBayesVariant } from '../../blueprints/linear-settings.ts';
import type { Coefficients, SparseColumns } from './design.ts';

/** Rows to learn from: how much of each term they have, and their classes. */
export interface NaiveBayesRows {
  /** Terms in sparse columns, a block a text and analysis; no value is below 0. */
  readonly blocks: readonly SparseColumns[];
  /** Class index of each row. */
  readonly labels: Float64Array;
  /** Of each row; a row of weight 2 counts as two. */
  readonly weights: Float64Array;
  readonly classCount: number;
}

/** What a class without rows is counted as, so that nothing is impossible. */
const CLASS_WEIGHT_MIN = 0.5;

/**
 * Naive Bayes of counts, as the linear function that it is: the sum over all terms of a row's value times the log of the term's share
 * in the texts of a class, and the log of the class's share of the rows. `complement` takes a term's share in the texts of all
 * other classes instead, with the opposite sign and without the classes' shares: it favours large classes less.
 *
 * Of two classes there is one output, the log odds of the second; of more one a class, each term's coefficients less their mean, which no
 * probability depends on.
 *
 * @returns the coefficients by a smoothing, which is added to each term's count in each class. Above 0
 * @see Rennie, Shih, Teevan, Karger 2003, "Tackling the poor assumptions of naive Bayes text classifiers", section 3.1 (complement);
 * scikit-learn 1.9, `MultinomialNB` and `ComplementNB`
 */
export function naiveBayes(variant: NaiveBayesVariant, rows: NaiveBayesRows): (smoothing: number) => Coefficients[] {
  const { classCount } = rows;
  const counts = rows.blocks.map((block) => countsOf(block, rows));
  const priors = variant === 'multinomial' ? logPriors(rows) : new Float64Array(classCount);
  return (smoothing) => {
    const logs = logShares(variant, counts, classCount, smoothing);
    if (classCount === 2) return [contrast(logs, priors)];
    const centred = logs.map((block) => withoutMeans(block, classCount));
    return Array.from({ length: classCount }, (_, own) => ({
      intercept: priors[own] ?? 0,
      blocks: centred.map((block) => block.filter((_, at) => at % classCount === own)),
    }));
  };
}

/** How much of each term the rows of each class have: terms x classes. */
function countsOf(
  { offsets, rows, values }: SparseColumns,
  { labels, weights, classCount }: NaiveBayesRows,
): Float64Array {
  const termCount = offsets.length - 1;
  const counts = new Float64Array(termCount * classCount);
  for (let term = 0; term < termCount; term += 1)
    for (let entry = offsets[term] ?? 0; entry < (offsets[term + 1] ?? 0); entry += 1) {
      const row = rows[entry] ?? 0;
      const at = term * classCount + (labels[row] ?? 0);
      counts[at] = (counts[at] ?? 0) + (weights[row] ?? 0) * (values[entry] ?? 0);
    }
  return counts;
}

function logPriors({ labels, weights, classCount }: NaiveBayesRows): Float64Array {
  const classWeights = new Float64Array(classCount);
  for (const [row, label] of labels.entries()) classWeights[label] = (classWeights[label] ?? 0) + (weights[row] ?? 0);
  const total = classWeights.reduce((sum, weight) => sum + weight, 0);
  return classWeights.map((weight) => Math.log(Math.max(CLASS_WEIGHT_MIN, weight)) - Math.log(total));
}

/** What a term says for each class: terms x classes, a block as the counts are. */
function logShares(
  variant: NaiveBayesVariant,
  counts: readonly Float64Array[],
  classCount: number,
  smoothing: number,
): Float64Array[] {
  const isComplement = variant === 'complement';
  const smoothed = counts.map((block) => {
    const sums = isComplement ? termSums(block, classCount) : null;
    return block.map((count, at) =>
      sums === null ? count + smoothing : (sums[Math.floor(at / classCount)] ?? NaN) + smoothing - count,
    );
  });
  const totals = new Float64Array(classCount);
  for (const block of smoothed)
    for (const [at, count] of block.entries()) totals[at % classCount] = (totals[at % classCount] ?? 0) + count;
  const sign = isComplement ? -1 : 1;
  return smoothed.map((block) =>
    block.map((count, at) => sign * (Math.log(count) - Math.log(totals[at % classCount] ?? NaN))),
  );
}

/** Sum over the classes of each term. */
function termSums(block: Float64Array, classCount: number): Float64Array {
  const sums = new Float64Array(block.length / classCount);
  for (const [at, value] of block.entries()) {
    const term = Math.floor(at / classCount);
    sums[term] = (sums[term] ?? 0) + value;
  }
  return sums;
}

/** What is said for the second of two classes more than for the first. */
const contrast = (logs: readonly Float64Array[], priors: Float64Array): Coefficients => ({
  intercept: (priors[1] ?? NaN) - (priors[0] ?? NaN),
  blocks: logs.map((block) =>
    Float64Array.from(
      { length: block.length / 2 },
      (_, term) => (block[2 * term + 1] ?? NaN) - (block[2 * term] ?? NaN),
    ),
  ),
});

function withoutMeans(block: Float64Array, classCount: number): Float64Array {
  const sums = termSums(block, classCount);
  return block.map((value, at) => value - (sums[Math.floor(at / classCount)] ?? NaN) / classCount);
}
