import { PROBABILITY_MIN } from '../metrics/classification.ts';

/** A prediction of one row: the value of a regression, or the class with all probabilities in class order (of many classes that of the class alone). */
export type PairOutcome = number | { readonly classIndex: number; readonly probabilities: readonly number[] };

/** A metric that is a mean over rows, or a function of one. */
export interface PairMetric {
  readonly metric: 'logLoss' | 'brier' | 'accuracy' | 'rmse' | 'mae';
  /** Of one row. @param actual the value, or the index of the class */
  readonly loss: (outcome: PairOutcome, actual: number) => number;
  /** From the mean of the losses to the metric. */
  readonly finish: (mean: number) => number;
}

const identity = (mean: number): number => mean;

/** Of a class; of many classes only the predicted one's is known. */
export function probabilityOf(outcome: PairOutcome, label: number): number {
  if (typeof outcome === 'number') return NaN;
  const { classIndex, probabilities } = outcome;
  if (probabilities.length === 1) return label === classIndex ? (probabilities[0] ?? NaN) : NaN;
  return probabilities[label] ?? NaN;
}

const errorOf = (outcome: PairOutcome, actual: number): number =>
  typeof outcome === 'number' ? outcome - actual : NaN;

const LOG_LOSS: PairMetric = {
  metric: 'logLoss',
  loss: (outcome, actual) =>
    -Math.log(Math.min(Math.max(probabilityOf(outcome, actual), PROBABILITY_MIN), 1 - PROBABILITY_MIN)),
  finish: identity,
};
const ACCURACY: PairMetric = {
  metric: 'accuracy',
  loss: (outcome, actual) => (typeof outcome !== 'number' && outcome.classIndex === actual ? 1 : 0),
  finish: identity,
};
const BRIER: PairMetric = {
  metric: 'brier',
  loss: (outcome, actual) => (probabilityOf(outcome, 1) - (actual === 1 ? 1 : 0)) ** 2,
  finish: identity,
};
const RMSE: PairMetric = {
  metric: 'rmse',
  loss: (outcome, actual) => errorOf(outcome, actual) ** 2,
  finish: Math.sqrt,
};
const MAE: PairMetric = {
  metric: 'mae',
  loss: (outcome, actual) => Math.abs(errorOf(outcome, actual)),
  finish: identity,
};

/** Metrics by which a pair of models of a target is compared, the first one first. @param classCount 0 for regression */
export function pairMetrics(classCount: number): readonly PairMetric[] {
  if (classCount === 0) return [RMSE, MAE];
  return classCount === 2 ? [LOG_LOSS, BRIER, ACCURACY] : [LOG_LOSS, ACCURACY];
}
