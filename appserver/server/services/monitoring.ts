import {
  AppError,
  DRIFT_FEATURES_DEFAULT,
  parse,
  type FeatureDrift,
  type FeatureDriftQuery,
  type PredictionsOverTime,
  type RangeQuery,
  type ServiceHealth,
  type Static,
  type StoredInsight,
  type TargetDrift,
  type TargetDriftQuery,
  type TaskInsightKind,
} from '#contracts';
import { Baseline } from '#statistics';
import {
  findInsight,
  findModel,
  findProject,
  readBaseline,
  readClock,
  readServiceHours,
  wasServed,
  type Database,
  type DeploymentRecord,
  type ModelRecord,
  type ProjectRecord,
} from '#store';
import type { AppContext } from '../context.ts';
import { featureDrifts } from '../monitoring/feature-drift.ts';
import { readFeatureSeries } from '../monitoring/feature-totals.ts';
import { NO_OUTCOMES, readOutcomeSeries, totalOutcomes } from '../monitoring/outcome-totals.ts';
import { modelPredictions } from '../monitoring/predictions-over-time.ts';
import { serviceHealth } from '../monitoring/service-health.ts';
import { driftFacts, predictionBins, probabilityBins, tellingBins } from '../monitoring/target-drift.ts';
import { isoSpan, isoTime, timeRange, type TimeRange } from '../monitoring/time-range.ts';
import { predictingModel } from './insight-tasks.ts';
import { readStoredInsight, targetOf } from './insights.ts';

/** Where what is told of deployments is read from. */
export type MonitoringSource = Pick<AppContext, 'database' | 'store' | 'monitoring'>;

type Asked = Pick<ServiceHealth, 'deploymentId' | 'from' | 'to' | 'bucket'>;

/** What was asked about, as answers have it. */
export const askedOf = ({ id }: DeploymentRecord, { from, to, bucket }: TimeRange): Asked => ({
  ...{ deploymentId: id, from: isoTime(from), to: isoTime(to), bucket },
});

/** @throws VALIDATION_FAILED for a range that cannot be */
export async function serviceHealthOf(
  { database, monitoring }: MonitoringSource,
  deployment: DeploymentRecord,
  query: RangeQuery,
): Promise<ServiceHealth> {
  const nowMs = await readClock(database);
  const range = timeRange(query, nowMs);
  const hours = (await monitoring.read((store) => readServiceHours(store, deployment.id, range))) ?? [];
  return { ...askedOf(deployment, range), ...serviceHealth(hours, range, nowMs) };
}

/** @throws VALIDATION_FAILED for a range that cannot be, and a model that the deployment never served */
export async function featureDriftOf(
  source: MonitoringSource,
  deployment: DeploymentRecord,
  { limit = DRIFT_FEATURES_DEFAULT, ...query }: Static<typeof FeatureDriftQuery>,
  signal: AbortSignal,
): Promise<FeatureDrift> {
  const range = timeRange(query, await readClock(source.database));
  const { model } = await servedModel(source.database, deployment, query.modelId);
  const found = await source.monitoring.read(async (store) => ({
    baseline: await baselineOfModel(store, model),
    series: await readFeatureSeries(store, deployment.id, model.id, range),
    outcomes: await readOutcomeSeries(store, deployment.id, range, model.id),
  }));
  const baseline = found?.baseline ?? { features: [] };
  const impacts = await impactsOf(source, model, signal);
  const entries = featureDrifts(baseline, found?.series ?? new Map(), impacts, range);
  return {
    ...askedOf(deployment, range),
    modelId: model.id,
    eventCount: totalOutcomes(found?.outcomes ?? [], model.id).eventCount,
    featureCount: entries.length,
    data: entries.slice(0, limit),
  };
}

/** @throws VALIDATION_FAILED for a range that cannot be, and a model that the deployment never served */
export async function targetDriftOf(
  { database, monitoring }: MonitoringSource,
  deployment: DeploymentRecord,
  query: Static<typeof TargetDriftQuery>,
): Promise<TargetDrift> {
  const range = timeRange(query, await readClock(database));
  const { model, project } = await servedModel(database, deployment, query.modelId);
  const found = await monitoring.read(async (store) => ({
    baseline: await baselineOfModel(store, model),
    series: await readOutcomeSeries(store, deployment.id, range, model.id),
  }));
  const target = targetOf(project);
  const spread = found?.baseline?.predictions ?? null;
  const baseline = { target, spread, threshold: deployment.settings.threshold };
  const { eventCount, state } = totalOutcomes(found?.series ?? [], model.id);
  const probabilities = probabilityBins(baseline, state);
  return {
    ...askedOf(deployment, range),
    ...{ modelId: model.id, targetType: target.targetType, eventCount },
    predictions: driftFacts(predictionBins(baseline, state)),
    probabilities: probabilities === null ? null : driftFacts(probabilities),
    overTime: range.buckets.map((span, index) => {
      const live = found?.series[index]?.get(model.id) ?? NO_OUTCOMES;
      const { liveCount, psi, psiByChance } = driftFacts(tellingBins(baseline, live.state));
      return { ...isoSpan(span), liveCount, psi, psiByChance };
    }),
  };
}

/** @throws VALIDATION_FAILED for a range that cannot be */
export async function predictionsOf(
  { database, monitoring }: MonitoringSource,
  deployment: DeploymentRecord,
  query: RangeQuery,
): Promise<PredictionsOverTime> {
  const range = timeRange(query, await readClock(database));
  const { project } = await servedModel(database, deployment, undefined);
  const target = targetOf(project);
  const series = (await monitoring.read((store) => readOutcomeSeries(store, deployment.id, range))) ?? [];
  const data = range.buckets.map((span, index) => {
    const models = [...(series[index] ?? [])].map(([modelId, totals]) => modelPredictions(modelId, totals, target));
    return { ...isoSpan(span), eventCount: models.reduce((sum, model) => sum + model.eventCount, 0), models };
  });
  return {
    ...askedOf(deployment, range),
    targetType: target.targetType,
    eventCount: data.reduce((sum, bucket) => sum + bucket.eventCount, 0),
    data,
  };
}

export interface ServedModel {
  readonly model: ModelRecord;
  readonly project: ProjectRecord;
}

/** The model that is served, or was. @throws VALIDATION_FAILED for one that never was */
export async function servedModel(
  database: Database,
  { id, modelId, projectId }: DeploymentRecord,
  asked: string | undefined,
): Promise<ServedModel> {
  if (asked !== undefined && asked !== modelId && !(await wasServed(database, id, asked))) {
    const message = `deployment ${id} has never served model ${asked}; its history says which ones it has`;
    throw new AppError('VALIDATION_FAILED', `query: /modelId: ${message}`, { errors: [{ path: '/modelId', message }] });
  }
  const model = await findModel(database, asked ?? modelId);
  const project = await findProject(database, projectId);
  if (model === undefined || project === undefined)
    throw new AppError('NOT_FOUND', `model ${asked ?? modelId} of deployment ${id} was deleted`);
  return { model, project };
}

/** What a model was trained on; null where no event of it was counted yet. */
export async function baselineOfModel(store: Database, { trained }: ModelRecord): Promise<Baseline | null> {
  const stored: unknown = trained === null ? null : await readBaseline(store, trained.manifestSha256);
  return stored === null ? null : parse(Baseline, stored, 'stored baseline');
}

/** Normalized impacts by feature; null where they are not computed. */
async function impactsOf(
  source: MonitoringSource,
  model: ModelRecord,
  signal: AbortSignal,
): Promise<Map<string, number> | null> {
  const insight = await computedInsight(source, model, 'feature-impact', signal);
  if (insight?.kind !== 'feature-impact') return null;
  return new Map(insight.features.map(({ feature, normalized }) => [feature, Math.max(0, normalized ?? 0)]));
}

/** What a task has computed of a model, of a refit of its twin; null where none has. */
export async function computedInsight(
  { database, store }: Pick<MonitoringSource, 'database' | 'store'>,
  { id }: ModelRecord,
  kind: TaskInsightKind,
  signal: AbortSignal,
): Promise<StoredInsight['insight'] | null> {
  const result = (await findInsight(database, (await predictingModel(database, id)).id, kind))?.result;
  if (result === undefined || result === null) return null;
  return (await readStoredInsight(store, id, result, signal)).insight;
}
