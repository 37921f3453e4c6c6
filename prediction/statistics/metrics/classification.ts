import {
  addSums,
  addTerm,
  addTermAt,
  emptySum,
  emptySums,
  sumOf,
  sumsOf,
  type CompensatedSums,
} from '../numeric/compensated-sum.ts';
import { areaUnderRoc, tiedGroups } from './ranking.ts';
import { rareClassAuc } from './rare-class-auc.ts';
import { weightedMean, type BinaryInput, type MulticlassInput, type Rows } from './metric-input.ts';

/** Probabilities are clipped to [PROBABILITY_MIN, 1 - PROBABILITY_MIN] before their logarithm is taken. */
export const PROBABILITY_MIN = 1e-15;

const clip = (probability: number): number => Math.min(Math.max(probability, PROBABILITY_MIN), 1 - PROBABILITY_MIN);

/** Log loss of a row by the probability of the positive class. */
export function logLossTerm(probability: number, isPositive: boolean): number {
  const p = clip(probability);
  return isPositive ? -Math.log(p) : -Math.log(1 - p);
}

/** Mean negative natural logarithm of the probability given to the actual class. */
export function binaryLogLoss(input: BinaryInput, rows: Rows): number {
  const { actual, positiveClass, probability } = input;
  return weightedMean(rows, (i) => logLossTerm(probability[i] ?? 0, actual[i] === positiveClass));
}

/** As {@link binaryLogLoss}; rows are not made to sum to one. */
export function multiclassLogLoss({ actual, classCount, probabilities }: MulticlassInput, rows: Rows): number {
  return weightedMean(rows, (i) => logLossTerm(probabilities[i * classCount + (actual[i] ?? 0)] ?? 0, true));
}

/** Mean squared difference between the probability of the positive class and 0 or 1; in [0, 1]. */
export function binaryBrier({ actual, positiveClass, probability }: BinaryInput, rows: Rows): number {
  return weightedMean(rows, (i) => ((probability[i] ?? 0) - (actual[i] === positiveClass ? 1 : 0)) ** 2);
}

/**
 * Mean over rows of the squared differences summed over all classes; in [0, 2]. For two classes it is twice the binary one.
 * @see G. Brier, Verification of forecasts expressed in terms of probability, Monthly Weather Review 78 (1950)
 */
export function multiclassBrier(input: MulticlassInput, rows: Rows): number {
  return weightedMean(rows, (i) => brierTerm(input, i));
}

/** Squared differences of a row, summed over all classes. */
export function brierTerm({ actual, classCount, probabilities }: MulticlassInput, row: number): number {
  let sum = 0;
  for (let c = 0; c < classCount; c++)
    sum += ((probabilities[row * classCount + c] ?? 0) - (actual[row] === c ? 1 : 0)) ** 2;
  return sum;
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
  const sums = emptyConfusion(classCount);
  for (let i = 0; i < rows.rowCount; i++) {
    const w = rows.weight === undefined ? 1 : (rows.weight[i] ?? 0);
    if (w !== 0) addToConfusion(sums, actual[i] ?? 0, predict(i), w);
  }
  return confusionShares(sums, rows.totalWeight);
}

/** Sums of weights by class, of which a {@link Confusion} is the shares. */
export interface ConfusionSums {
  readonly actual: CompensatedSums;
  readonly predicted: CompensatedSums;
  readonly correct: CompensatedSums;
}

export const emptyConfusion = (classCount: number): ConfusionSums => ({
  actual: emptySums(classCount),
  predicted: emptySums(classCount),
  correct: emptySums(classCount),
});

/** @param weight above 0 */
export function addToConfusion(sums: ConfusionSums, actual: number, predicted: number, weight: number): void {
  addTermAt(sums.actual, actual, weight);
  addTermAt(sums.predicted, predicted, weight);
  if (actual === predicted) addTermAt(sums.correct, actual, weight);
}

export function mergeConfusions(sums: ConfusionSums, others: ConfusionSums): void {
  for (const name of ['actual', 'predicted', 'correct'] as const) addSums(sums[name], others[name]);
}

export function confusionShares({ actual, predicted, correct }: ConfusionSums, totalWeight: number): Confusion {
  const shares = (sums: CompensatedSums): Float64Array => sumsOf(sums).map((value) => value / totalWeight);
  return { actual: shares(actual), predicted: shares(predicted), correct: shares(correct) };
}

/** The class that is predicted for a row at the threshold. */
export const binaryDecision = ({ positiveClass, probability, threshold }: BinaryInput, row: number): number =>
  (probability[row] ?? 0) >= threshold ? positiveClass : 1 - positiveClass;

/** The class of the highest probability, ties to the first in class order. */
export function multiclassDecision({ classCount, probabilities }: MulticlassInput, row: number): number {
  let best = 0;
  for (let c = 1; c < classCount; c++) {
    if ((probabilities[row * classCount + c] ?? 0) > (probabilities[row * classCount + best] ?? 0)) best = c;
  }
  return best;
}

/** Confusion of a two-class target at its threshold. */
export const binaryConfusion = (input: BinaryInput, rows: Rows): Confusion =>
  confusionOf(input.actual, (row) => binaryDecision(input, row), 2, rows);

/** Confusion when the class of the highest probability is predicted. */
export const multiclassConfusion = (input: MulticlassInput, rows: Rows): Confusion =>
  confusionOf(input.actual, (row) => multiclassDecision(input, row), input.classCount, rows);

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
