import { AppError, type DeploymentSegmentsAnswer, type SegmentsQuery, type Static } from '#contracts';
import { segmentKey, type FeatureBaseline } from '#statistics';
import { readClock, segmentedFeatures, type Database, type DeploymentRecord } from '#store';
import { accuracyStates, type AccuracyStates } from '../monitoring/accuracy.ts';
import { heldBackLevels } from '../monitoring/held-back.ts';
import { readSegmentSeries, readSegmentTotals, type AskedSegments } from '../monitoring/segment-totals.ts';
import { segmentEntries, type HeldBack, type SegmentAccuracy } from '../monitoring/segments.ts';
import { isoSpan, timeRange, type Span, type TimeRange } from '../monitoring/time-range.ts';
import { targetOf } from './insights.ts';
import { joinActuals, type JoinedGroup } from './join-actuals.ts';
import {
  askedOf,
  baselineOfModel,
  computedInsight,
  servedModel,
  type MonitoringSource,
  type ServedModel,
} from './monitoring.ts';

/**
 * Predictions of a model by the levels of a feature, beside those of the same levels before.
 *
 * @throws VALIDATION_FAILED for a range that cannot be, a model that was never served, a feature that predictions are not counted by, and more
 *   predictions with outcomes than one answer holds
 */
export async function segmentsOf(
  source: MonitoringSource,
  deployment: DeploymentRecord,
  { feature: wanted, ...query }: Static<typeof SegmentsQuery>,
  signal: AbortSignal,
): Promise<DeploymentSegmentsAnswer> {
  const { database, monitoring } = source;
  const range = timeRange(query, await readClock(database));
  const before = { from: Math.max(0, 2 * range.from - range.to), to: range.from };
  const served = await servedModel(database, deployment, query.modelId);
  const { model, project } = served;
  const metric = project.fixed?.metric;
  if (metric === undefined) throw new AppError('INTERNAL', `project ${project.id} has a model but no metric`);
  const target = targetOf(project);
  const counted = (await monitoring.read((store) => segmentedFeatures(store, deployment.id))) ?? [];
  const features = [...new Set([...(deployment.settings.segments ?? []), ...counted])];
  const feature = askedFeature(deployment.id, wanted, features);
  const data = feature === null ? [] : await entriesOf(source, deployment, served, { feature, range, before }, signal);
  return {
    ...{ ...askedOf(deployment, range), before: isoSpan(before) },
    ...{ modelId: model.id, targetType: target.targetType, metric, features, feature },
    ...{ eventCount: data.reduce((sum, { eventCount }) => sum + eventCount, 0), data },
  };
}

/** The feature that is asked about, and when. */
interface AskedFeature {
  readonly feature: string;
  readonly range: TimeRange;
  readonly before: Span;
}

async function entriesOf(
  source: MonitoringSource,
  { id, settings }: DeploymentRecord,
  { model, project }: ServedModel,
  { feature, range, before }: AskedFeature,
  signal: AbortSignal,
): Promise<DeploymentSegmentsAnswer['data']> {
  const { database, monitoring } = source;
  const target = targetOf(project);
  const asked = { deploymentId: id, modelId: model.id, feature };
  const insight = await computedInsight(source, model, 'segments', signal);
  const heldBack =
    insight?.kind === 'segments' ? heldBackLevels(insight, feature, target) : new Map<string, HeldBack>();
  const found = await monitoring.read(async (store) => {
    const baseline = await baselineOfModel(store, model);
    const training = baseline?.features.find(({ name }) => name === feature) ?? null;
    const make = accuracyStates(target, levelsOf(training), settings.threshold);
    return {
      training,
      series: await readSegmentSeries(store, asked, range),
      before: await readSegmentTotals(store, asked, before),
      accuracy: await accuracyByLevel({ database, store }, asked, range, make),
    };
  });
  return found === null ? [] : segmentEntries({ target, heldBack, buckets: range.buckets, ...found });
}

/** Null where the deployment has no segments, and none is asked for. */
function askedFeature(id: string, wanted: string | undefined, features: readonly string[]): string | null {
  if (wanted === undefined) return features[0] ?? null;
  if (features.includes(wanted)) return wanted;
  const known = features.map((name) => JSON.stringify(name)).join(', ');
  const message = `predictions of deployment ${id} are not counted by ${JSON.stringify(wanted)}; expected one of ${known === '' ? 'none' : known}, or name it by PATCH of settings.segments`;
  throw new AppError('VALIDATION_FAILED', `query: /feature ${message}`, { errors: [{ path: '/feature', message }] });
}

/** Levels that there can be: the frequent ones of training, all others, and none. */
const levelsOf = (training: FeatureBaseline | null): number => (training?.topValues?.length ?? 0) + 2;

/** Predictions with ids beside their outcomes, by `segmentKey` of the level that they count with. */
async function accuracyByLevel(
  databases: { readonly database: Database; readonly store: Database },
  { feature, ...asked }: AskedSegments,
  span: Span,
  make: () => AccuracyStates,
): Promise<ReadonlyMap<string, SegmentAccuracy>> {
  const groups = new Map<string, JoinedGroup>();
  await joinActuals(databases, asked, span, ({ levels }) => {
    const level = levels.find((one) => one.feature === feature);
    if (level === undefined) return undefined;
    const key = segmentKey(level);
    const known = groups.get(key) ?? { predictionCount: 0, actualCount: 0, states: make() };
    groups.set(key, known);
    return known;
  });
  return new Map(
    [...groups].map(([key, { predictionCount, actualCount, states }]) => [
      key,
      { predictionCount, actualCount, metrics: states.metrics() },
    ]),
  );
}
