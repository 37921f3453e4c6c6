import {
  AppError,
  type Accuracy,
  type ActualsRequest,
  type ActualsTaken,
  type ModelScores,
  type Static,
  type TargetDriftQuery,
} from '#contracts';
import {
  findActuals,
  findProject,
  predictedKeys,
  readClock,
  saveActuals,
  type Actual,
  type DeploymentRecord,
  type Transaction,
} from '#store';
import type { AppContext } from '../context.ts';
import { accuracyStates, estimatedAccuracy } from '../monitoring/accuracy.ts';
import { mergeActuals } from '../monitoring/merge-actuals.ts';
import { readOutcomeSeries, totalOutcomes } from '../monitoring/outcome-totals.ts';
import { readActuals } from '../monitoring/read-actuals.ts';
import { bucketIndex, isoSpan, isoTime, timeRange } from '../monitoring/time-range.ts';
import { targetOf } from './insights.ts';
import { joinActuals, type JoinedGroup } from './join-actuals.ts';
import { servedModel } from './monitoring.ts';

type Source = Pick<AppContext, 'database' | 'monitoring'>;

/** Ids that an answer names. */
const UNMATCHED_SHOWN_MAX = 20;
/** Ids that the monitoring store is asked for at a time. */
const KEYS_AT_ONCE = 500;

/** Keeps outcomes of a deployment. @throws VALIDATION_FAILED for rows that are none; nothing is taken then */
export async function takeActuals(
  { monitoring }: Source,
  trx: Transaction,
  { id, projectId }: DeploymentRecord,
  rows: ActualsRequest,
): Promise<ActualsTaken> {
  const project = await findProject(trx, projectId);
  if (project === undefined) throw new AppError('NOT_FOUND', `deployment ${id}: its project was deleted`);
  const actuals = readActuals(rows, targetOf(project), await readClock(trx));
  const keys = [...new Set(actuals.map(({ key }) => key))];
  const { kept, ...counts } = mergeActuals(await findActuals(trx, id, keys), actuals);
  await saveActuals(trx, id, kept);
  const unmatched = await withoutPrediction({ monitoring }, id, actuals, keys);
  return {
    ...{ deploymentId: id, received: actuals.length, ...counts },
    unmatched: unmatched.length,
    unmatchedIds: unmatched.slice(0, UNMATCHED_SHOWN_MAX),
  };
}

async function withoutPrediction(
  { monitoring }: Pick<Source, 'monitoring'>,
  deploymentId: string,
  actuals: readonly Actual[],
  keys: readonly string[],
): Promise<string[]> {
  const known = new Set<string>();
  await monitoring.read(async (store) => {
    for (let from = 0; from < keys.length; from += KEYS_AT_ONCE)
      for (const key of await predictedKeys(store, deploymentId, keys.slice(from, from + KEYS_AT_ONCE))) known.add(key);
  });
  const idOf = new Map(actuals.map(({ key, associationId }) => [key, associationId]));
  return keys.filter((key) => !known.has(key)).map((key) => idOf.get(key) ?? '');
}

/** @throws VALIDATION_FAILED for a range that cannot be, a model that was never served, and more predictions than one answer holds */
export async function accuracyOf(
  { database, monitoring }: Source,
  deployment: DeploymentRecord,
  query: Static<typeof TargetDriftQuery>,
): Promise<Accuracy> {
  const range = timeRange(query, await readClock(database));
  const { model, project } = await servedModel(database, deployment, query.modelId);
  const target = targetOf(project);
  const make = accuracyStates(target, range.buckets.length + 1, deployment.settings.threshold);
  const joined: JoinedGroup[] = range.buckets.map(() => ({ predictionCount: 0, actualCount: 0, states: make() }));
  const series = await monitoring.read(async (store) => {
    const asked = { deploymentId: deployment.id, modelId: model.id };
    await joinActuals({ database, store }, asked, range, ({ timeMs }) => joined[bucketIndex(range, timeMs)]);
    return readOutcomeSeries(store, deployment.id, range, model.id);
  });
  const all: JoinedGroup = { predictionCount: 0, actualCount: 0, states: make() };
  for (const one of joined) {
    all.predictionCount += one.predictionCount;
    all.actualCount += one.actualCount;
    all.states.merge(one.states);
  }
  const metric = project.fixed?.metric;
  if (metric === undefined) throw new AppError('INTERNAL', `project ${project.id} has a model but no metric`);
  const counts = ({ predictionCount, actualCount, states }: JoinedGroup) => ({
    ...{ predictionCount, actualCount, metrics: states.metrics() },
  });
  return {
    ...{ deploymentId: deployment.id, from: isoTime(range.from), to: isoTime(range.to), bucket: range.bucket },
    ...{ modelId: model.id, targetType: target.targetType, metric },
    ...counts(all),
    estimated: estimatedAccuracy(totalOutcomes(series ?? [], model.id).state?.confidence),
    training: model.trained === null ? null : rankedScores(model.trained.scores),
    data: range.buckets.map((span, index) => ({
      ...isoSpan(span),
      ...counts(joined[index] ?? { predictionCount: 0, actualCount: 0, states: make() }),
      estimated: estimatedAccuracy(series?.[index]?.get(model.id)?.state?.confidence),
    })),
  };
}

/** Scores of the rows that rank models: all folds where there are several. */
export function rankedScores({ validation, crossValidation }: ModelScores): Accuracy['training'] {
  if (crossValidation !== null) return { partition: 'crossValidation', metrics: crossValidation };
  return validation === null ? null : { partition: 'validation', metrics: validation };
}
