import { METRIC_FACTS, type MetricName, type TargetSpec } from '#contracts';
import { hash32, jackknifeError, rowHash } from '#statistics';
import { metricOf, type OutOfFold } from '../fit/out-of-fold.ts';
import { HOLDOUT } from '../partition/types.ts';
import { NOISE_GROUPS } from './limits.ts';

const GROUP_SALT = 0x5a17_0013;

/** By how much one model's score is better than another's on the same rows. */
export interface Comparison {
  /** In units of the metric, above 0 if the first is better; null where a score is undefined. */
  readonly gain: number | null;
  /** Standard error of the gain; null where it is undefined. */
  readonly noise: number | null;
}

/**
 * Compares two models by the rows that rank them (validation rows of all folds; of backtests the mean). The noise is the grouped jackknife of the paired
 * difference: the metric is computed again without each of {@link NOISE_GROUPS} groups of rows, dealt by hash(seed, row), which
 * works for every metric and takes as many computations of it. What both models have in common cancels out; that the folds'
 * training rows overlap is not seen.
 *
 * @see Efron and Tibshirani 1993, "An introduction to the bootstrap", equation 11.5, over groups as in section 11.5
 */
export function compareScores(
  first: OutOfFold,
  second: OutOfFold,
  target: TargetSpec,
  metric: MetricName,
  seed: number,
): Comparison {
  const groups = noiseGroups(first.rows, seed);
  const isHigher = METRIC_FACTS[metric].direction === 'higher';
  const gainWithout = (group: number | null): number | null => {
    const wanted = (partition: number, index: number): boolean => partition !== HOLDOUT && groups[index] !== group;
    const a = metricOf(metric, first, target, wanted);
    const b = metricOf(metric, second, target, wanted);
    if (a === null || b === null) return null;
    return isHigher ? a - b : b - a;
  };
  const gain = gainWithout(null);
  const without = Array.from({ length: NOISE_GROUPS }, (_, group) => gainWithout(group));
  return { gain, noise: gain === null ? null : jackknifeError(without) };
}

/** Rows whose score has a standard error of its own. */
export type ScoredRows = 'ranked' | 'holdout';

/**
 * Standard error of a model's score on the rows that rank it, or on those of the holdout, by the same grouped jackknife. What another
 * sample of training rows would change is not in it, and rows are taken as independent.
 *
 * @returns null where the score of all rows but one group is undefined
 */
export function scoreError(
  { isByDate, ...pooled }: OutOfFold,
  target: TargetSpec,
  metric: MetricName,
  seed: number,
  part: ScoredRows = 'ranked',
): number | null {
  const isRanked = part === 'ranked';
  const data = isRanked && isByDate === true ? { ...pooled, isByDate } : pooled;
  const groups = noiseGroups(data.rows, seed);
  const without = Array.from({ length: NOISE_GROUPS }, (_, group) =>
    metricOf(
      metric,
      data,
      target,
      (partition, index) => (partition !== HOLDOUT) === isRanked && groups[index] !== group,
    ),
  );
  return jackknifeError(without);
}

function noiseGroups(rows: Uint32Array, seed: number): Uint8Array {
  const salted = hash32(seed, GROUP_SALT);
  return Uint8Array.from(rows, (row) => rowHash(salted, row) % NOISE_GROUPS);
}
