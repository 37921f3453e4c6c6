import { METRIC_FACTS, type MetricName, type TargetSpec } from '#contracts';
import { jackknifeError } from '#statistics';
import { GroupedScores, noiseGroups } from '../fit/grouped-scores.ts';
import type { OutOfFoldFacts } from '../fit/out-of-fold-file.ts';
import { blocksTogether, Collected, isSmall, type OutOfFoldSource } from '../fit/out-of-fold-source.ts';
import { metricOf, type OutOfFold } from '../fit/out-of-fold.ts';
import { HOLDOUT } from '../partition/types.ts';
import { NOISE_GROUPS } from './limits.ts';

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
  return comparisonOf(gainWithout);
}

function comparisonOf(gainWithout: (group: number | null) => number | null): Comparison {
  const gain = gainWithout(null);
  const without = Array.from({ length: NOISE_GROUPS }, (_, group) => gainWithout(group));
  return { gain, noise: gain === null ? null : jackknifeError(without) };
}

/** What is compared. */
export interface ComparedScores {
  readonly target: TargetSpec;
  readonly metric: MetricName;
  /** Of the hash that deals rows to groups. */
  readonly seed: number;
}

/** Compares predictions that come in blocks, as {@link compareScores} does those in memory. */
export interface ScoreComparison {
  /** Of the same rows. */
  add(first: OutOfFold, second: OutOfFold): void;
  /** When all have come. */
  result(): Comparison;
}

/** Keeps few predictions until all have come, of many only sums. */
export function scoreComparison(facts: OutOfFoldFacts, { target, metric, seed }: ComparedScores): ScoreComparison {
  if (!isSmall(facts)) return groupedComparison(facts, { target, metric, seed });
  const [first, second] = [new Collected(facts), new Collected(facts)];
  return {
    add: (one, other) => {
      first.add(one);
      second.add(other);
    },
    result: () => compareScores(first.data, second.data, target, metric, seed),
  };
}

/** Of many rows. @see GroupedScores */
export function groupedComparison(
  facts: Pick<OutOfFoldFacts, 'foldCount' | 'isByDate'>,
  { target, metric, seed }: ComparedScores,
): ScoreComparison {
  const first = new GroupedScores(facts, target, metric, seed);
  const second = new GroupedScores(facts, target, metric, seed);
  const isHigher = METRIC_FACTS[metric].direction === 'higher';
  return {
    add: (one, other) => {
      first.add(one);
      second.add(other);
    },
    result: () =>
      comparisonOf((group) => {
        const [a, b] = [first.ranked(group), second.ranked(group)];
        if (a === null || b === null) return null;
        return isHigher ? a - b : b - a;
      }),
  };
}

/** A model's score by partition, with its error. */
export interface PartitionScores {
  readonly rowCount: (partition: number) => number;
  /** Null where it is undefined. */
  readonly ofPartition: (partition: number) => number | null;
  /** Standard error of the score; see {@link scoreError}. */
  readonly error: (part: ScoredRows) => number | null;
}

/** Of few predictions from all of them at once, of many block by block. */
export async function partitionScores(
  source: OutOfFoldSource,
  target: TargetSpec,
  { metric, seed }: Pick<ComparedScores, 'metric' | 'seed'>,
): Promise<PartitionScores> {
  if (!isSmall(source.facts)) {
    const scores = new GroupedScores(source.facts, target, metric, seed);
    for await (const block of source.blocks()) scores.add(block);
    return groupedPartitions(scores);
  }
  const data = await source.whole();
  const { isByDate: _, ...pooled } = data;
  return {
    rowCount: (partition) => data.partitions.reduce((count, other) => count + Number(other === partition), 0),
    ofPartition: (partition) => metricOf(metric, pooled, target, (other) => other === partition),
    error: (part) => scoreError(data, target, metric, seed, part),
  };
}

const groupedPartitions = (scores: GroupedScores): PartitionScores => ({
  rowCount: (partition) => scores.rowCount(partition),
  ofPartition: (partition) => scores.ofPartition(partition, null),
  error: (part) =>
    jackknifeError(
      Array.from({ length: NOISE_GROUPS }, (_, group) =>
        part === 'ranked' ? scores.ranked(group) : scores.ofPartition(HOLDOUT, group),
      ),
    ),
});

/** Compares two models by the same rows; see {@link compareScores}. */
export async function compareSources(
  first: OutOfFoldSource,
  second: OutOfFoldSource,
  compared: ComparedScores,
): Promise<Comparison> {
  const comparison = scoreComparison(first.facts, compared);
  for await (const [one, other] of blocksTogether([first, second]))
    if (one !== undefined && other !== undefined) comparison.add(one, other);
  return comparison.result();
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
