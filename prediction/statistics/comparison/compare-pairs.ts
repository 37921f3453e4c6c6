import { bootstrapIntervals, quantileOf, type BootstrapOptions, type Interval } from './bootstrap.ts';
import { pairMetrics, probabilityOf, type PairMetric, type PairOutcome } from './pair-losses.ts';
import { wilsonInterval } from './wilson.ts';

/** What two models predicted for one row. */
export interface Pair {
  readonly champion: PairOutcome;
  readonly challenger: PairOutcome;
  /** The value, or the index of the class; null where it is not known. */
  readonly actual: number | null;
}

/** A number and what holds it; null where too few rows say anything of it. */
export interface IntervalEstimate {
  readonly value: number;
  readonly interval: Interval | null;
}

/** A metric of both models on the rows whose actual is known. */
export interface ComparedMetric {
  readonly metric: PairMetric['metric'];
  readonly champion: number;
  readonly challenger: number;
  /** The challenger's less the champion's. */
  readonly difference: IntervalEstimate;
}

export interface PairComparison {
  /** Part of the rows of the same class; null for regression. */
  readonly sameClass: IntervalEstimate | null;
  /** Mean of |challenger - champion|; of two classes of the second's probability, of more of that of the champion's class; NaN where it is not told. */
  readonly meanDistance: IntervalEstimate;
  readonly actualCount: number;
  /** Empty where no actual is known. */
  readonly metrics: readonly ComparedMetric[];
}

/** Of the intervals, and the normal quantile that goes with it. */
export const COMPARISON_COVERAGE = 0.95;
const NORMAL_QUANTILE = 1.959963984540054;
const RESAMPLES = 1_000;
/** Rows below which no interval is told. */
const ROWS_MIN = 10;

/**
 * Compares two models by what they predicted for the same rows. Intervals of differences are paired: each resample has both
 * predictions of a row, so that what makes a row hard for both does not blur which one is better.
 *
 * @param classCount 0 for regression
 * @returns null without any pair
 */
export function comparePairs(pairs: readonly Pair[], classCount: number, seed = 1): PairComparison | null {
  if (pairs.length === 0) return null;
  const options = (rowCount: number): BootstrapOptions => ({
    ...{ rowCount, seed, resamples: rowCount < ROWS_MIN ? 0 : RESAMPLES, coverage: COMPARISON_COVERAGE },
  });
  const distances = Float64Array.from(pairs, (pair) => distanceOf(pair, classCount));
  const [distanceInterval = null] = bootstrapIntervals(options(pairs.length), (weights) => [
    weightedMean(distances, weights),
  ]);
  const known = pairs.filter(({ actual }) => actual !== null);
  return {
    sameClass: classCount === 0 ? null : sameClass(pairs),
    meanDistance: { value: weightedMean(distances, null), interval: distanceInterval },
    actualCount: known.length,
    metrics: known.length === 0 ? [] : comparedMetrics(known, pairMetrics(classCount), options(known.length)),
  };
}

function comparedMetrics(
  pairs: readonly Pair[],
  metrics: readonly PairMetric[],
  options: BootstrapOptions,
): ComparedMetric[] {
  const losses = metrics.map(({ loss }) => ({
    champion: Float64Array.from(pairs, ({ champion, actual }) => loss(champion, actual ?? NaN)),
    challenger: Float64Array.from(pairs, ({ challenger, actual }) => loss(challenger, actual ?? NaN)),
  }));
  const differences = (weights: Uint32Array | null): number[] =>
    metrics.map(({ finish }, index) => {
      const own = losses[index];
      if (own === undefined) return NaN;
      return finish(weightedMean(own.challenger, weights)) - finish(weightedMean(own.champion, weights));
    });
  const intervals = bootstrapIntervals(options, differences);
  return metrics.flatMap(({ metric, finish }, index) => {
    const own = losses[index];
    if (own === undefined) return [];
    const [champion, challenger] = [own.champion, own.challenger].map((values) => finish(weightedMean(values, null)));
    // Of many classes events tell too few probabilities for some metrics.
    if (champion === undefined || challenger === undefined || !Number.isFinite(challenger - champion)) return [];
    return [
      {
        metric,
        champion,
        challenger,
        difference: { value: challenger - champion, interval: intervals[index] ?? null },
      },
    ];
  });
}

/** In the order of the rows, so that it is the same number whenever it is asked for. */
function weightedMean(values: Float64Array, weights: Uint32Array | null): number {
  let [sum, total] = [0, 0];
  for (let row = 0; row < values.length; row += 1) {
    const weight = weights === null ? 1 : (weights[row] ?? 0);
    sum += weight * (values[row] ?? NaN);
    total += weight;
  }
  return sum / total;
}

function sameClass(pairs: readonly Pair[]): IntervalEstimate {
  const same = pairs.filter(({ champion, challenger }) => classOf(champion) === classOf(challenger)).length;
  return { value: same / pairs.length, interval: wilsonInterval(same, pairs.length, NORMAL_QUANTILE) };
}

const classOf = (outcome: PairOutcome): number => (typeof outcome === 'number' ? -1 : outcome.classIndex);

function distanceOf({ champion, challenger }: Pair, classCount: number): number {
  if (typeof champion === 'number' || typeof challenger === 'number')
    return Math.abs(Number(challenger) - Number(champion));
  const label = classCount === 2 ? 1 : champion.classIndex;
  return Math.abs(probabilityOf(challenger, label) - probabilityOf(champion, label));
}

/** Where the quantiles of predictions are told. */
export const SPREAD_QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95] as const;

/** What predictions of one model were. */
export interface OutcomeSpread {
  /** By class; null for regression. */
  readonly classShares: readonly number[] | null;
  /** Of the second of two classes, of more of the predicted one; null for regression. */
  readonly meanProbability: number | null;
  readonly mean: number | null;
  /** At {@link SPREAD_QUANTILES}; null for classes. */
  readonly quantiles: readonly number[] | null;
}

/** @param outcomes one at least */
export function spreadOf(outcomes: readonly PairOutcome[], classCount: number): OutcomeSpread {
  const numbers = Float64Array.from(outcomes, (outcome) => {
    if (typeof outcome === 'number') return outcome;
    return probabilityOf(outcome, classCount === 2 ? 1 : outcome.classIndex);
  });
  const mean = weightedMean(numbers, null);
  if (classCount === 0) {
    const sorted = [...numbers].sort((a, b) => a - b);
    const quantiles = SPREAD_QUANTILES.map((fraction) => quantileOf(sorted, fraction));
    return { classShares: null, meanProbability: null, mean, quantiles };
  }
  const counts = new Array<number>(classCount).fill(0);
  for (const outcome of outcomes) counts[classOf(outcome)] = (counts[classOf(outcome)] ?? 0) + 1;
  return {
    classShares: counts.map((count) => count / outcomes.length),
    meanProbability: mean,
    mean: null,
    quantiles: null,
  };
}
