import { EVENT_CLASSES_MAX, type Accuracy, type TargetSpec } from '#contracts';
import { statesMaker } from '#ml';
import type { MetricInput, MetricResults, MetricStates, MomentsData } from '#statistics';
import type { AssociatedPrediction } from '#store';

/** A prediction with its outcome. */
export interface Outcome {
  readonly prediction: AssociatedPrediction;
  /** Text of a class label, or of a number. */
  readonly actual: string;
}

/** Metrics of predictions that come in blocks. */
export interface AccuracyStates {
  /** @returns of which the outcome could be read */
  add(outcomes: readonly Outcome[]): number;
  merge(other: AccuracyStates): void;
  metrics(): MetricResults;
  readonly states: MetricStates;
}

/** Metrics that follow from the predicted class alone. */
const OF_PREDICTED_CLASS = ['accuracy', 'balancedAccuracy', 'mcc'] as const;

/**
 * Makes states of all metrics that have a meaning for the target, of which there will be `count` at a time. Of more than
 * {@link EVENT_CLASSES_MAX} classes events have the probability of the predicted one alone, and only what follows from that class is told.
 *
 * @param threshold of two classes
 */
export function accuracyStates(target: TargetSpec, count: number, threshold?: number): () => AccuracyStates {
  const make = statesMaker(target, count, threshold);
  const isOfClassAlone = target.classes.length > EVENT_CLASSES_MAX;
  const indexOf = new Map(target.classes.map(({ label }, index) => [label, index]));
  return () => {
    const states = make();
    return {
      states,
      add: (outcomes) => {
        const readable = outcomes.filter(({ prediction, actual }) =>
          target.targetType === 'regression' ? prediction.value !== null : indexOf.has(actual),
        );
        if (readable.length > 0) states.add(inputOf(readable, target, indexOf, threshold));
        return readable.length;
      },
      merge: (other) => states.merge(other.states),
      metrics: () => {
        const found = states.results();
        if (!isOfClassAlone) return found;
        return Object.fromEntries(
          OF_PREDICTED_CLASS.flatMap((name) => (found[name] === undefined ? [] : [[name, found[name]]])),
        );
      },
    };
  };
}

/** Where no threshold is set. */
const THRESHOLD = 0.5;

function inputOf(
  outcomes: readonly Outcome[],
  target: TargetSpec,
  indexOf: ReadonlyMap<string, number>,
  threshold = THRESHOLD,
): MetricInput {
  if (target.targetType === 'regression')
    return {
      targetType: 'regression',
      actual: Float64Array.from(outcomes, ({ actual }) => Number(actual)),
      predicted: Float64Array.from(outcomes, ({ prediction }) => prediction.value ?? NaN),
      ...(target.quantile === undefined ? {} : { quantile: target.quantile }),
    };
  const actual = Int32Array.from(outcomes, (one) => indexOf.get(one.actual) ?? 0);
  if (target.targetType === 'binary') {
    const positiveClass = target.positiveClass ?? 1;
    const probability = Float64Array.from(outcomes, ({ prediction }) => prediction.probabilities[positiveClass] ?? 0);
    return { targetType: 'binary', actual, positiveClass, probability, threshold };
  }
  const classCount = target.classes.length;
  const probabilities = new Float64Array(outcomes.length * classCount);
  outcomes.forEach(({ prediction }, row) => {
    if (prediction.probabilities.length === classCount) probabilities.set(prediction.probabilities, row * classCount);
    else probabilities[row * classCount + prediction.classIndex] = prediction.probabilities[0] ?? 1;
  });
  return { targetType: 'multiclass', actual, classCount, probabilities };
}

/**
 * Accuracy without outcomes: the mean probability of the predicted class, which is the share of right ones if the probabilities are right
 * for the rows that come (a shift of the features that does not change what follows from them). A change of what follows from them is not seen.
 *
 * @param confidence probabilities of predicted classes
 * @see D. Hendrycks, K. Gimpel, A baseline for detecting misclassified and out-of-distribution examples, ICLR 2017; D. Guillory et al.,
 * Predicting with confidence on unseen distributions, ICCV 2021, section 3 (average confidence)
 */
export function estimatedAccuracy(confidence: MomentsData | null | undefined): Accuracy['estimated'] {
  if (confidence === null || confidence === undefined || confidence.count === 0) return null;
  const { count, mean, m2 } = confidence;
  // Sum of p (1 - p) over predictions is n mean (1 - mean) less the sum of squared differences from the mean.
  const variance = Math.max(0, count * mean * (1 - mean) - (m2 ?? 0));
  return { accuracy: Math.min(1, Math.max(0, mean)), standardError: Math.sqrt(variance) / count, eventCount: count };
}
