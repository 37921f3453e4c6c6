import type { ManifestContent } from '#contracts';

/** What `finish` needs to know of a model's answer. */
export type Answer = Pick<ManifestContent, 'targetType' | 'classes' | 'positiveClass' | 'threshold' | 'link'>;

/** The threshold of a binary model that has none. */
export const DEFAULT_THRESHOLD = 0.5;

/** Raw scores a row: 1 for binary and regression, else one a class. */
export function outputCountOf({
  targetType,
  classes,
}: Pick<Answer, 'targetType'> & { readonly classes: readonly unknown[] }): number {
  return targetType === 'multiclass' ? classes.length : 1;
}

/**
 * From `outputCount` raw scores at `raw[at]` to probabilities in class order at `probabilities[to]`.
 * - `logit`: p = 1 / (1 + exp(-raw)) is the positive class, 1 - p the other.
 * - `softmax`: exp(raw - max) / sum, summed in class order.
 *
 * Regression (`identity`, `log`) has no probabilities.
 */
export function writeProbabilities(
  answer: Answer,
  raw: Float64Array,
  at: number,
  probabilities: Float64Array,
  to: number,
): void {
  if (answer.targetType === 'binary') {
    const positive = answer.positiveClass ?? 1;
    const probability = 1 / (1 + Math.exp(-(raw[at] ?? NaN)));
    probabilities[to + positive] = probability;
    probabilities[to + 1 - positive] = 1 - probability;
    return;
  }
  const count = answer.classes.length;
  let max = -Infinity;
  for (let i = 0; i < count; i += 1) max = Math.max(max, raw[at + i] ?? NaN);
  let sum = 0;
  for (let i = 0; i < count; i += 1) {
    const weight = Math.exp((raw[at + i] ?? NaN) - max);
    probabilities[to + i] = weight;
    sum += weight;
  }
  for (let i = 0; i < count; i += 1) probabilities[to + i] = (probabilities[to + i] ?? NaN) / sum;
}

/** Regression's value: the raw score, or its exponential (at most the largest double) under the log link. */
export function regressionValue(answer: Pick<Answer, 'link'>, raw: number): number {
  return answer.link === 'log' ? Math.min(Math.exp(raw), Number.MAX_VALUE) : raw;
}

/**
 * Index of the predicted class: binary, the positive class if its probability >= the threshold; multiclass, the highest
 * probability, of equals the first in class order.
 */
export function predictedClass(answer: Answer, probabilities: Float64Array, from: number): number {
  if (answer.targetType === 'binary') {
    const positive = answer.positiveClass ?? 1;
    return (probabilities[from + positive] ?? NaN) >= (answer.threshold ?? DEFAULT_THRESHOLD) ? positive : 1 - positive;
  }
  let best = 0;
  for (let i = 1; i < answer.classes.length; i += 1) {
    if ((probabilities[from + i] ?? NaN) > (probabilities[from + best] ?? NaN)) best = i;
  }
  return best;
}
