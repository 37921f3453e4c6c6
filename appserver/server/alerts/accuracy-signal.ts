import type { MetricValues, Static, TargetSpec } from '#contracts';
import { addAllToMoments, chiSquareAbove, createMoments, meanOf, varianceOf, type Moments } from '#statistics';
import type { JoinedPrediction } from '../services/joined-outcomes.ts';
import type { Signal } from './signals.ts';

/** Outcomes without which nothing is said. */
const OUTCOMES_MIN = 100;
/** How many more of a hundred predicted classes are wrong than in training, from which on it matters. */
const MORE_WRONG_MIN = 0.05;
/** By how much the root of the mean squared error is larger than in training, from which on it matters. */
const LARGER_ERROR_MIN = 0.2;

/** Errors of predictions: 1 of a wrong class, the squared one of a number. */
export interface ErrorTotals {
  add(predictions: readonly JoinedPrediction[]): void;
  /**
   * How much worse predictions are than in training; of few outcomes none. The test is that of a mean, by the normal distribution.
   * @param training scores of rows that the model had not seen
   */
  signal(training: Static<typeof MetricValues>): Signal | null;
}

export function errorTotals({ targetType, classes }: TargetSpec): ErrorTotals {
  const losses = createMoments();
  const indexOf = new Map(classes.map(({ label }, index) => [label, index]));
  const lossOf = ({ prediction, actual }: JoinedPrediction): number => {
    if (actual === null) return NaN;
    if (targetType === 'regression') return prediction.value === null ? NaN : (prediction.value - Number(actual)) ** 2;
    const index = indexOf.get(actual);
    return index === undefined ? NaN : Number(index !== prediction.classIndex);
  };
  return {
    add: (predictions) => addAllToMoments(losses, Float64Array.from(predictions, lossOf)),
    signal: (training) => {
      const mean = meanOf(losses);
      if (mean === null || losses.count < OUTCOMES_MIN) return null;
      const { count } = losses;
      if (targetType === 'regression') {
        const { rmse } = training;
        if (rmse === undefined || !(rmse > 0)) return null;
        const live = Math.sqrt(mean);
        const excess = Math.max(0, live / rmse - 1) / LARGER_ERROR_MIN;
        return signalOf(excess, aboveMean(losses, rmse ** 2), { training: rmse, live, count });
      }
      if (training.accuracy === undefined) return null;
      const wrong = 1 - training.accuracy;
      const excess = Math.max(0, mean - wrong) / MORE_WRONG_MIN;
      return signalOf(excess, aboveMean(losses, wrong), { training: wrong, live: mean, count });
    },
  };
}

const signalOf = (excess: number, pValue: number, error: NonNullable<Signal['facts']['error']>): Signal => ({
  ...{ kind: 'accuracy', feature: null, excess, pValue, facts: { error } },
});

/** Probability of a mean as large, were the true one `expected`. */
function aboveMean(losses: Moments, expected: number): number {
  const difference = (meanOf(losses) ?? NaN) - expected;
  const variance = (varianceOf(losses) ?? NaN) / losses.count;
  if (!(difference > 0)) return 1;
  return variance > 0 ? chiSquareAbove(difference ** 2 / variance, 1) / 2 : 0;
}
