import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  AppError,
  METRIC_FACTS,
  nullable,
  parse,
  strict,
  Type,
  type ChallengerResult,
  type Estimate,
  type MetricDifference,
  type PredictionSpread,
  type TargetSpec,
} from '#contracts';
import type { ObjectStore } from '#object-store';
import {
  comparePairs,
  spreadOf,
  type IntervalEstimate,
  type OutcomeSpread,
  type Pair,
  type PairComparison,
} from '#statistics';
import {
  associationKey,
  findActuals,
  listChallengers,
  newestResult,
  readPairs,
  type DeploymentRecord,
  type PredictionPair,
  type Queryable,
} from '#store';
import { isoOf } from '../auth/authenticate.ts';
import type { MonitoringStore } from './monitoring-store.ts';
import { replayedPairs } from './replayed-pairs.ts';

const Outcome = Type.Union([
  Type.Number(),
  strict({ classIndex: Type.Integer({ minimum: 0 }), probabilities: Type.Array(nullable(Type.Number())) }),
]);

/** What is compared: the model of a deployment, and what is predicted. */
export interface ComparedDeployment {
  readonly deployment: DeploymentRecord;
  readonly target: TargetSpec;
}

/** Each challenger of a deployment beside the model that it serves now, by what the monitoring store has of both. */
export async function compareChallengers(
  { database, monitoring }: { readonly database: Queryable; readonly monitoring: MonitoringStore },
  { deployment, target }: ComparedDeployment,
): Promise<ChallengerResult[]> {
  const results: ChallengerResult[] = [];
  for (const { modelId } of await listChallengers(database, deployment.id)) {
    const key = { deploymentId: deployment.id, championId: deployment.modelId, challengerId: modelId };
    const found = (await monitoring.read((store) => readPairs(store, key))) ?? [];
    const pairs = await withActuals(database, deployment.id, found, target);
    results.push(resultOf(modelId, pairs, target, timesOf(found)));
    // Some hundred milliseconds each: others get their turn.
    await nextTurn();
  }
  return results;
}

/**
 * The same by what both have predicted in batches of a dataset: the newest of each whose rows are kept here.
 *
 * @param createdBy whose batch predictions count; null: everybody's
 * @throws CONFLICT where the champion has predicted none
 */
export async function compareReplayed(
  { database, store }: { readonly database: Queryable; readonly store: ObjectStore },
  { deployment, target }: ComparedDeployment,
  { datasetId, createdBy }: { readonly datasetId: string; readonly createdBy: string | null },
  signal: AbortSignal,
): Promise<ChallengerResult[]> {
  const predictedBy = (modelId: string) => newestResult(database, { modelId, datasetId, createdBy });
  const champion = await predictedBy(deployment.modelId);
  if (champion === undefined)
    throw new AppError(
      'CONFLICT',
      `model ${deployment.modelId} has predicted no batch of dataset ${datasetId}: POST /batch-predictions for it and its challengers first, with the target ${JSON.stringify(target.name)} among passthroughColumns where it is known`,
    );
  const results: ChallengerResult[] = [];
  for (const { modelId } of await listChallengers(database, deployment.id)) {
    const challenger = await predictedBy(modelId);
    const replay = { champion, target, threshold: deployment.settings.threshold };
    const pairs = challenger === undefined ? [] : await replayedPairs(store, { ...replay, challenger }, signal);
    results.push(resultOf(modelId, pairs, target, NO_TIMES));
  }
  return results;
}

const NO_TIMES = { from: null, to: null };

/** @param found the newest first */
function timesOf(found: readonly PredictionPair[]): Pick<ChallengerResult, 'from' | 'to'> {
  const [newest, oldest] = [found.at(0), found.at(-1)];
  if (newest === undefined || oldest === undefined) return NO_TIMES;
  return { from: isoOf(oldest.timeMs), to: isoOf(newest.timeMs) };
}

function resultOf(
  modelId: string,
  pairs: readonly Pair[],
  target: TargetSpec,
  times: Pick<ChallengerResult, 'from' | 'to'>,
): ChallengerResult {
  const classes = target.classes.map(({ label }) => label);
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
  return {
    modelId,
    pairCount: pairs.length,
    ...times,
    agreement: comparison === null ? null : agreementView(comparison),
    champion: spread('champion'),
    challenger: spread('challenger'),
    actualCount: comparison?.actualCount ?? 0,
    metrics: comparison?.metrics.map(metricView) ?? [],
  };
}

/** Pairs with the outcomes that are known of their association ids now. */
async function withActuals(
  db: Queryable,
  deploymentId: string,
  found: readonly PredictionPair[],
  { classes }: TargetSpec,
): Promise<Pair[]> {
  const keys = found.map(({ associationId }) => (associationId === null ? null : associationKey(associationId)));
  const asked = [...new Set(keys.filter((key) => key !== null))];
  const known = await findActuals(db, deploymentId, asked);
  const classOf = new Map(classes.map(({ label }, index) => [label, index]));
  const valueOf = (text: string): number | null => (classes.length === 0 ? Number(text) : (classOf.get(text) ?? null));
  return found.map(({ champion, challenger }, index) => {
    const told = known.get(keys[index] ?? '');
    const actual = told === undefined ? null : valueOf(told.actual);
    return { champion: outcomeOf(champion), challenger: outcomeOf(challenger), actual };
  });
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
