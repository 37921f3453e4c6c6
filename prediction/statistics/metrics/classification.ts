import { addTerm, addTermAt, emptySum, emptySums, sumOf, sumsOf } from '../numeric/compensated-sum.ts';
import { areaUnderRoc, tiedGroups } from './ranking.ts';
import { rareClassAuc } from './rare-class-auc.ts';
import { weightedMean, type BinaryInput, type MulticlassInput, type Rows } from './metric-input.ts';

/** Probabilities are clipped to [PROBABILITY_MIN, 1 - PROBABILITY_MIN] before their logarithm is taken. */
export const PROBABILITY_MIN = 1e-15;

const clip = (probability: number): number => Math.min(Math.max(probability, PROBABILITY_MIN), 1 - PROBABILITY_MIN);

/** Mean negative natural logarithm of the probability given to the actual class. */
export function binaryLogLoss(input: BinaryInput, rows: Rows): number {
  const { actual, positiveClass, probability } = input;
  return weightedMean(rows, (i) => {
    const p = clip(probability[i] ?? 0);
    return actual[i] === positiveClass ? -Math.log(p) : -Math.log(1 - p);
  });
}

/** As {@link binaryLogLoss}; rows are not made to sum to one. */
export function multiclassLogLoss({ actual, classCount, probabilities }: MulticlassInput, rows: Rows): number {
  return weightedMean(rows, (i) => -Math.log(clip(probabilities[i * classCount + (actual[i] ?? 0)] ?? 0)));
}

/** Mean squared difference between the probability of the positive class and 0 or 1; in [0, 1]. */
export function binaryBrier({ actual, positiveClass, probability }: BinaryInput, rows: Rows): number {
  return weightedMean(rows, (i) => ((probability[i] ?? 0) - (actual[i] === positiveClass ? 1 : 0)) ** 2);
}

/**
 * Mean over rows of the squared differences summed over all classes; in [0, 2]. For two classes it is twice the binary one.
 * @see G. Brier, Verification of forecasts expressed in terms of probability, Monthly Weather Review 78 (1950)
 */
export function multiclassBrier({ actual, classCount, probabilities }: MulticlassInput, rows: Rows): number {
  return weightedMean(rows, (i) => {
    let sum = 0;
    for (let c = 0; c < classCount; c++)
      sum += ((probabilities[i * classCount + c] ?? 0) - (actual[i] === c ? 1 : 0)) ** 2;
    return sum;
  });
}

/** Of more classes nearly all are rare, and sorting all rows once a class takes seconds. Below, last digits stay as they were. */
const SORTED_CLASSES_MAX = 100;

/**
 * Mean over the classes of each one's auc against all others, unweighted (macro). Classes that are absent from the rows
 * have none and are passed over (scikit-learn: NaN); undefined when fewer than two classes are present.
 * @see F. Provost, P. Domingos, Well-trained PETs, CeDER working paper IS-00-04 (2000)
 */
export function multiclassAuc({ actual, classCount, probabilities, weight }: MulticlassInput): number | undefined {
  const score = new Float64Array(actual.length);
  const sum = emptySum();
  let defined = 0;
  for (let c = 0; c < classCount; c++) {
    if (!actual.includes(c)) continue;
    for (let i = 0; i < score.length; i++) score[i] = probabilities[i * classCount + c] ?? 0;
    const isPositive = (row: number): boolean => actual[row] === c;
    const auc =
      classCount > SORTED_CLASSES_MAX
        ? rareClassAuc(score, isPositive, weight)
        : areaUnderRoc(tiedGroups(score, isPositive, weight));
    if (auc === undefined) continue;
    addTerm(sum, auc);
    defined++;
  }
  return defined === 0 ? undefined : sumOf(sum) / defined;
}

/** Shares of the total weight by class: who is in it, who was predicted to be, and who was rightly so. */
export interface Confusion {
  readonly actual: Float64Array;
  readonly predicted: Float64Array;
  readonly correct: Float64Array;
}

/** @param predict class index predicted for a row */
export function confusionOf(
  actual: Int32Array,
  predict: (row: number) => number,
  classCount: number,
  rows: Rows,
): Confusion {
  const actualSums = emptySums(classCount);
  const predictedSums = emptySums(classCount);
  const correctSums = emptySums(classCount);
  for (let i = 0; i < rows.rowCount; i++) {
    const w = rows.weight === undefined ? 1 : (rows.weight[i] ?? 0);
    if (w === 0) continue;
    const a = actual[i] ?? 0;
    const p = predict(i);
    addTermAt(actualSums, a, w);
    addTermAt(predictedSums, p, w);
    if (a === p) addTermAt(correctSums, a, w);
  }
  const share = (value: number): number => value / rows.totalWeight;
  return {
    actual: sumsOf(actualSums).map(share),
    predicted: sumsOf(predictedSums).map(share),
    correct: sumsOf(correctSums).map(share),
  };
}

/** Confusion of a two-class target at its threshold. */
export function binaryConfusion({ actual, positiveClass, probability, threshold }: BinaryInput, rows: Rows): Confusion {
  const predict = (i: number): number => ((probability[i] ?? 0) >= threshold ? positiveClass : 1 - positiveClass);
  return confusionOf(actual, predict, 2, rows);
}

/** Confusion when the class of the highest probability is predicted, ties to the first in class order. */
export function multiclassConfusion({ actual, classCount, probabilities }: MulticlassInput, rows: Rows): Confusion {
  const predict = (i: number): number => {
    let best = 0;
    for (let c = 1; c < classCount; c++) {
      if ((probabilities[i * classCount + c] ?? 0) > (probabilities[i * classCount + best] ?? 0)) best = c;
    }
    return best;
  };
  return confusionOf(actual, predict, classCount, rows);
}

const sumOver = (values: Float64Array, term: (value: number, index: number) => number): number => {
  const sum = emptySum();
  values.forEach((value, index) => addTerm(sum, term(value, index)));
  return sumOf(sum);
};

/** Share of the weight that was predicted rightly; in [0, 1]. */
export function accuracy({ correct }: Confusion): number {
  return Math.min(
    1,
    sumOver(correct, (value) => value),
  );
}

/** Mean of the recall of the classes present in the rows; classes without rows are passed over, as in scikit-learn. */
export function balancedAccuracy({ actual, correct }: Confusion): number {
  const present = actual.reduce((count, value) => (value > 0 ? count + 1 : count), 0);
  return sumOver(actual, (value, c) => (value > 0 ? (correct[c] ?? 0) / value : 0)) / present;
}

/**
 * Matthews' correlation coefficient, for two classes or more; in [-1, 1]. 0 when one class only is predicted (as in
 * scikit-learn: such a model knows nothing); undefined when one class only is present (scikit-learn: 0).
 * @see J. Gorodkin, Comparing two K-category assignments by a K-category correlation coefficient, Comput. Biol. Chem. 28
 * (2004), equation 8
 */
export function matthewsCorrelation({ actual, predicted, correct }: Confusion): number | undefined {
  const isOneClass = (shares: Float64Array): boolean =>
    shares.reduce((count, value) => (value > 0 ? count + 1 : count), 0) < 2;
  if (isOneClass(actual)) return undefined;
  if (isOneClass(predicted)) return 0;
  const covariance = sumOver(correct, (value, c) => value - (actual[c] ?? 0) * (predicted[c] ?? 0));
  const spread = (value: number): number => value * (1 - value);
  const correlation = covariance / Math.sqrt(sumOver(actual, spread) * sumOver(predicted, spread));
  return Math.min(1, Math.max(-1, correlation));
}
