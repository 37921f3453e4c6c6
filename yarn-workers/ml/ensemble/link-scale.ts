import type { TargetSpec } from '#contracts';
import { outputCountOf, regressionValue, writeProbabilities } from '#scoring';
import type { Objective } from '../blueprints/objective.ts';

/** The largest double below 1: what a probability of 1 counts as. */
const BELOW_ONE = 1 - 2 ** -53;

/** Between predictions as they are stored and raw scores, on which models are blended. */
export interface LinkScale {
  /** Numbers a row, of predictions as of raw scores. */
  readonly outputCount: number;
  /**
   * Raw scores of `rowCount` rows of predictions from row `from` on, into `out[0...]`. Predictions that have reached an end of
   * their range (probabilities of 0 or 1, a value of 0 under the log link) count as the nearest double inside. The logarithm of
   * a probability stands for a class's raw score: softmax makes the same of both.
   */
  toRaw(predictions: Float64Array, from: number, rowCount: number, out: Float64Array): void;
  /** Predictions of all rows of raw scores: the code that serves. */
  toPredictions(raw: Float64Array): Float64Array;
}

/** @param objective whose link it is */
export function linkScale(target: TargetSpec, objective: Pick<Objective, 'link'>): LinkScale {
  const { link } = objective;
  const outputCount = outputCountOf(target);
  const rawOf = rawFunction(link);
  return {
    outputCount,
    toRaw: (predictions, from, rowCount, out) => {
      const first = from * outputCount;
      for (let at = 0; at < rowCount * outputCount; at += 1) out[at] = rawOf(predictions[first + at] ?? NaN);
    },
    toPredictions: (raw) => predictionsOf(raw, target, link, outputCount),
  };
}

const inside = (probability: number): number => Math.min(Math.max(probability, Number.MIN_VALUE), BELOW_ONE);

function rawFunction(link: Objective['link']): (prediction: number) => number {
  switch (link) {
    case 'identity':
      return (value) => value;
    case 'log':
      return (value) => Math.log(Math.max(value, Number.MIN_VALUE));
    case 'logit':
      return (probability) => {
        const p = inside(probability);
        return Math.log(p) - Math.log1p(-p);
      };
    case 'softmax':
      return (probability) => Math.log(inside(probability));
  }
}

function predictionsOf(
  raw: Float64Array,
  target: TargetSpec,
  link: Objective['link'],
  outputCount: number,
): Float64Array {
  if (target.targetType === 'regression') return raw.map((score) => regressionValue({ link }, score));
  const classes = target.classes.map(({ label }) => label);
  const { targetType, positiveClass } = target;
  const answer = { targetType, classes, positiveClass, threshold: null, link };
  const out = new Float64Array(raw.length);
  if (targetType === 'multiclass') {
    for (let at = 0; at < raw.length; at += outputCount) writeProbabilities(answer, raw, at, out, at);
    return out;
  }
  const both = new Float64Array(2);
  for (let row = 0; row < raw.length; row += 1) {
    writeProbabilities(answer, raw, row, both, 0);
    out[row] = both[positiveClass ?? 1] ?? NaN;
  }
  return out;
}
