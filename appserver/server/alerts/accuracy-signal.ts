import type { MetricValues, TargetSpec } from '#contracts';
import { addAllToMoments, chiSquareAbove, createMoments, meanOf, varianceOf, type Moments } from '#statistics';
import type { Outcome } from '../monitoring/accuracy.ts';
import type { Signal } from './signals.ts';

/** Outcomes without which nothing is said. */
const OUTCOMES_MIN = 100;
/** How many more of a hundred predicted classes are wrong than in training, from which on it matters. */
const MORE_WRONG_MIN = 0.05;
/** By how much the root of the mean squared error is larger than in training, from which on it matters. */
const LARGER_ERROR_MIN = 0.2;
/** Of two classes, as scores of training have it; deployments may have another one. */
const THRESHOLD = 0.5;

/** Errors of predictions: 1 of a wrong class, the squared one of a number. */
export interface ErrorTotals {
  add(outcomes: readonly Outcome[]): void;
  /**
   * How much worse predictions are than in training; of few outcomes none. The test is that of a mean, by the normal distribution.
   * @param training scores of rows that the model had not seen
   */
  signal(training: MetricValues): Signal | null;
}

export function errorTotals(target: TargetSpec): ErrorTotals {
  const losses = createMoments();
  const lossOf = target.targetType === 'regression' ? squaredError : wrongness(target);
  return {
    add: (outcomes) => addAllToMoments(losses, Float64Array.from(outcomes, lossOf)),
    signal: (training) => {
      const mean = meanOf(losses);
      if (mean === null || losses.count < OUTCOMES_MIN) return null;
      const { count } = losses;
      const { rmse, accuracy } = training;
      if (target.targetType === 'regression') {
        if (rmse === undefined || !(rmse > 0)) return null;
        const live = Math.sqrt(mean);
        const excess = Math.max(0, live / rmse - 1) / LARGER_ERROR_MIN;
        return signalOf(excess, aboveMean(losses, rmse ** 2), { training: rmse, live, count });
      }
      if (accuracy === undefined) return null;
      const wrong = 1 - accuracy;
      const excess = Math.max(0, mean - wrong) / MORE_WRONG_MIN;
      return signalOf(excess, aboveMean(losses, wrong), { training: wrong, live: mean, count });
    },
  };
}

const squaredError = ({ prediction: { value }, actual }: Outcome): number =>
  value === null ? NaN : (value - Number(actual)) ** 2;

/** 1 where the class was wrong, 0 where it was right; NaN of what is no class. */
function wrongness({ targetType, classes, ...target }: TargetSpec): (outcome: Outcome) => number {
  const positiveClass = target.positiveClass ?? 1;
  const indexOf = new Map(classes.map(({ label }, index) => [label, index]));
  return ({ prediction: { classIndex, probabilities }, actual }) => {
    const index = indexOf.get(actual);
    if (index === undefined) return NaN;
    if (targetType !== 'binary') return Number(index !== classIndex);
    const isPositive = (probabilities[positiveClass] ?? NaN) >= THRESHOLD;
    return Number((index === positiveClass) !== isPositive);
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
