import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  METRIC_FACTS,
  nullable,
  parse,
  strict,
  Type,
  type ChallengerResult,
  type Estimate,
  type MetricDifference,
  type PredictionSpread,
} from '#contracts';
import {
  comparePairs,
  spreadOf,
  type IntervalEstimate,
  type OutcomeSpread,
  type Pair,
  type PairComparison,
} from '#statistics';
import { listChallengers, readPairs, type DeploymentRecord, type PredictionPair, type Queryable } from '#store';
import { isoOf } from '../auth/authenticate.ts';
import type { MonitoringStore } from './monitoring-store.ts';

const Outcome = Type.Union([
  Type.Number(),
  strict({ classIndex: Type.Integer({ minimum: 0 }), probabilities: Type.Array(nullable(Type.Number())) }),
]);

/** What is compared: the model of a deployment, and what is predicted. */
export interface ComparedDeployment {
  readonly deployment: DeploymentRecord;
  /** Labels in class order; empty for regression. */
  readonly classes: readonly string[];
}

/** Each challenger of a deployment beside the model that it serves now, by what the monitoring store has of both. */
export async function compareChallengers(
  { database, monitoring }: { readonly database: Queryable; readonly monitoring: MonitoringStore },
  { deployment, classes }: ComparedDeployment,
): Promise<ChallengerResult[]> {
  const results: ChallengerResult[] = [];
  for (const { modelId } of await listChallengers(database, deployment.id)) {
    const key = { deploymentId: deployment.id, championId: deployment.modelId, challengerId: modelId };
    const found = (await monitoring.read((store) => readPairs(store, key))) ?? [];
    results.push(resultOf(modelId, found, classes));
    // Some hundred milliseconds each: others get their turn.
    await nextTurn();
  }
  return results;
}

/** @param found the newest first */
function resultOf(modelId: string, found: readonly PredictionPair[], classes: readonly string[]): ChallengerResult {
  const pairs = found.map(pairOf);
  const comparison = comparePairs(pairs, classes.length);
  const spread = (side: 'champion' | 'challenger'): PredictionSpread | null =>
    pairs.length === 0
      ? null
      : spreadView(
          spreadOf(
            pairs.map((pair) => pair[side]),
            classes.length,
          ),
          classes,
        );
  const [newest, oldest] = [found.at(0), found.at(-1)];
  return {
    modelId,
    pairCount: pairs.length,
    from: oldest === undefined ? null : isoOf(oldest.timeMs),
    to: newest === undefined ? null : isoOf(newest.timeMs),
    agreement: comparison === null ? null : agreementView(comparison),
    champion: spread('champion'),
    challenger: spread('challenger'),
    actualCount: comparison?.actualCount ?? 0,
    metrics: comparison?.metrics.map(metricView) ?? [],
  };
}

function pairOf({ champion, challenger }: PredictionPair): Pair {
  return { champion: outcomeOf(champion), challenger: outcomeOf(challenger), actual: null };
}

function outcomeOf(stored: unknown): Pair['champion'] {
  const outcome = parse(Outcome, stored, 'stored prediction');
  if (typeof outcome === 'number') return outcome;
  return { ...outcome, probabilities: outcome.probabilities.map((probability) => probability ?? NaN) };
}

const agreementView = ({ sameClass, meanDistance }: PairComparison): NonNullable<ChallengerResult['agreement']> => ({
  sameClass: sameClass === null ? null : estimateView(sameClass),
  meanDistance: Number.isFinite(meanDistance.value) ? estimateView(meanDistance) : null,
});

const estimateView = ({ value, interval }: IntervalEstimate): Estimate => ({
  value,
  lower: interval?.lower ?? null,
  upper: interval?.upper ?? null,
});

function spreadView({ classShares, meanProbability, mean, quantiles }: OutcomeSpread, classes: readonly string[]) {
  return {
    classShares:
      classShares === null
        ? null
        : Object.fromEntries(classShares.map((share, index) => [classes[index] ?? '', share])),
    meanProbability: finite(meanProbability),
    mean: finite(mean),
    quantiles: quantiles === null ? null : [...quantiles],
  };
}

const finite = (value: number | null): number | null => (value !== null && Number.isFinite(value) ? value : null);

function metricView({ metric, champion, challenger, difference }: PairComparison['metrics'][number]): MetricDifference {
  const { direction } = METRIC_FACTS[metric];
  return {
    metric,
    direction,
    champion,
    challenger,
    difference: estimateView(difference),
    better: betterOf(difference, direction),
  };
}

/** Whose metric is better, where the interval of the difference does not hold 0. */
function betterOf({ interval }: IntervalEstimate, direction: 'higher' | 'lower'): MetricDifference['better'] {
  if (interval === null || (interval.lower <= 0 && interval.upper >= 0)) return null;
  return interval.lower > 0 === (direction === 'higher') ? 'challenger' : 'champion';
}
