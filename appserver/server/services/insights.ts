import {
  AppError,
  ARTIFACT_INSIGHTS,
  INSIGHT_FILE,
  OUT_OF_FOLD_INSIGHTS,
  parse,
  StoredInsight,
  TASK_INSIGHTS,
  type ArtifactInsightKind,
  type Insight,
  type InsightKind,
  PROFIT_OUTCOMES,
  type InsightQuery,
  type TargetSpec,
  type TaskInsightKind,
} from '#contracts';
import { readingOf } from '#ml';
import type { ObjectStore } from '#object-store';
import {
  findFeatures,
  findInsight,
  getJob,
  getTask,
  insightsOfModel,
  isFinalJobState,
  type InsightRecord,
  type Queryable,
  type StoredJob,
  type TrainedFacts,
} from '#store';
import type { Caller } from '../auth/caller.ts';
import { parseJsonText } from '../http/json.ts';
import { INSIGHT_BYTES_MAX, type CommittedFiles, type Verifier } from '../verification/index.ts';
import { sha256Of } from './hashes.ts';
import { predictingModel } from './insight-tasks.ts';
import { readReadyModel, type OwnedModel } from './models.ts';

/** Where insights are read from. */
export interface InsightSource {
  readonly database: Queryable;
  readonly store: ObjectStore;
  readonly verifier: Verifier;
}

/** Which insight of which model is asked for. */
export interface AskedInsight {
  readonly modelId: string;
  readonly kind: InsightKind;
  readonly query: InsightQuery;
}

/** The insight, or the job that is making it. */
export type InsightAnswer = { readonly insight: Insight } | { readonly job: StoredJob };

export const isTaskInsight = (kind: InsightKind): kind is TaskInsightKind =>
  (TASK_INSIGHTS as readonly InsightKind[]).includes(kind);

const isArtifactInsight = (kind: InsightKind): kind is ArtifactInsightKind =>
  (ARTIFACT_INSIGHTS as readonly InsightKind[]).includes(kind);

/** Insights that a model has, or that are computed at once. @throws NOT_FOUND, MODEL_NOT_READY */
export async function insightKinds(db: Queryable, caller: Caller, modelId: string): Promise<readonly InsightKind[]> {
  const { model, project } = await readReadyModel(db, caller, modelId);
  if (project.fixed === null) return [];
  const made = await insightsOfModel(db, (await predictingModel(db, modelId)).id);
  const ready = new Set(made.filter(({ result }) => result !== null).map(({ kind }) => kind));
  return [
    ...TASK_INSIGHTS.filter((kind) => ready.has(kind)),
    ...OUT_OF_FOLD_INSIGHTS[project.fixed.target.targetType],
    ...(await artifactKinds(db, model)),
  ];
}

/** By what the model's task says of it, without opening it. An ensemble is not listed: it has them if its members do. */
async function artifactKinds(db: Queryable, { family, taskId }: OwnedModel['model']): Promise<ArtifactInsightKind[]> {
  const spec = (await getTask(db, taskId))?.spec;
  if (spec?.kind !== 'train') return [];
  const hasTexts = spec.features.some(({ type }) => type === 'text');
  const readsTexts = hasTexts && readingOf(spec).analyses.length > 0;
  return [
    ...(family === 'linear' ? (['coefficients'] as const) : []),
    ...(readsTexts ? (['word-cloud'] as const) : []),
  ];
}

/**
 * An insight. Those of out-of-fold predictions are computed now from what was stored and verified with the model; those that need the
 * data were computed by a task, or are being so. A refit has seen every row and shows those of its twin, as it carries its scores.
 *
 * @throws NOT_FOUND, MODEL_NOT_READY; VALIDATION_FAILED for what does not fit the target; CONFLICT for the holdout while it is
 *   locked, and for a task's insight that nobody has asked for or that failed
 */
export async function readInsight(
  source: InsightSource,
  caller: Caller,
  asked: AskedInsight,
  signal: AbortSignal,
): Promise<InsightAnswer> {
  const owned = await readReadyModel(source.database, caller, asked.modelId);
  const { kind, query } = asked;
  if (isTaskInsight(kind)) return readTaskInsight(source, owned, { kind, query }, signal);
  return { insight: await computedInsight(source, caller, owned, asked) };
}

/** Of out-of-fold predictions those of the twin, where the model is a refit; of the artefact its own. */
async function computedInsight(
  source: InsightSource,
  caller: Caller,
  { model, project }: OwnedModel,
  { kind, query }: AskedInsight,
): Promise<Insight> {
  const { database, store, verifier } = source;
  if (query.feature !== undefined) throw unasked(kind, 'feature');
  if (query.partition === 'holdout' && project.holdoutUnlockedAt === null)
    throw new AppError('CONFLICT', `project ${project.id}: its holdout is locked; unlock it first`);
  const target = targetOf(project);
  if (isArtifactInsight(kind)) {
    if (query.partition !== undefined) throw unasked(kind, 'partition');
    const { trained } = await readReadyModel(database, caller, model.id);
    const features = (await findFeatures(database, project.datasetId)) ?? [];
    const deviations = Object.fromEntries(features.map(({ name, std }) => [name, std]));
    const question = {
      kind: 'artifact',
      files: filesOf(trained),
      target,
      insight: kind,
      label: query.label,
      deviations,
    } as const;
    return { modelId: model.id, predictedBy: model.id, ...(await verifier.answer(question, trained.sizeBytes, store)) };
  }
  const predictedBy = model.planned.refitOf ?? model.id;
  const { trained } = await readReadyModel(database, caller, predictedBy);
  const files = filesOf(trained);
  const question = { kind: 'out-of-fold', files, target, insight: kind, query } as const;
  return {
    modelId: model.id,
    predictedBy,
    ...(await verifier.answer(question, await outOfFoldBytes(store, files), store)),
  };
}

/** Where the files of a committed model are. */
export const filesOf = ({ artifactPath, manifestSha256 }: TrainedFacts): CommittedFiles => ({
  path: artifactPath,
  manifestSha256,
});

/** Bytes of the predictions of a model; 0 where the file is gone, which reading it will say. */
export async function outOfFoldBytes(store: ObjectStore, { path }: CommittedFiles): Promise<number> {
  return (await store.stat(`${path}/out-of-fold.bin`))?.sizeBytes ?? 0;
}

/** The target of a project that has a model. */
export function targetOf({ id, fixed }: OwnedModel['project']): TargetSpec {
  if (fixed === null) throw new AppError('INTERNAL', `project ${id} has a model but no target`);
  return fixed.target;
}

async function readTaskInsight(
  { database, store }: InsightSource,
  { model }: OwnedModel,
  { kind, query }: { readonly kind: TaskInsightKind; readonly query: InsightQuery },
  signal: AbortSignal,
): Promise<InsightAnswer> {
  refuseQuery(kind, query);
  const { feature } = query;
  const found = await findInsight(database, (await predictingModel(database, model.id)).id, kind);
  const ask = `POST /api/v1/models/${model.id}/insights/${kind}`;
  if (found === undefined)
    throw new AppError('CONFLICT', `model ${model.id}: ${kind} has not been computed; ask for it by ${ask}`);
  if (found.result === null) {
    const job = await getJob(database, found.jobId);
    if (job !== null && !isFinalJobState(job.state)) return { job };
    const why = job?.error?.detail ?? job?.state ?? 'its job is gone';
    throw new AppError(
      'CONFLICT',
      `model ${model.id}: ${kind} was not computed (job ${found.jobId}: ${why}); ask again by ${ask}`,
    );
  }
  const { formatVersion: _, ...stored } = await readStoredInsight(store, model.id, found.result, signal);
  const insight = feature === undefined ? stored.insight : ofFeature(stored.insight, feature);
  return { insight: { modelId: model.id, ...stored, insight } };
}

/** What a task has computed of a model. @throws ARTIFACT_INVALID where the file is not what was committed */
export async function readStoredInsight(
  store: ObjectStore,
  modelId: string,
  { path, sha256 }: NonNullable<InsightRecord['result']>,
  signal: AbortSignal,
): Promise<StoredInsight> {
  const bytes = await store.readAll(`${path}/${INSIGHT_FILE}`, { maxBytes: INSIGHT_BYTES_MAX, signal });
  if (sha256Of(bytes) !== sha256)
    throw new AppError('ARTIFACT_INVALID', `model ${modelId}: ${path}/${INSIGHT_FILE} is not what was committed`);
  const json = parseJsonText(Buffer.from(bytes).toString('utf8'), INSIGHT_FILE);
  return parse(StoredInsight, json, INSIGHT_FILE, 'ARTIFACT_INVALID');
}

/** Segments of one column alone. @throws VALIDATION_FAILED where there are none of it */
function ofFeature(insight: StoredInsight['insight'], name: string): StoredInsight['insight'] {
  if (insight.kind !== 'segments') throw unasked(insight.kind, 'feature');
  const found = insight.features.filter(({ feature }) => feature === name);
  if (found.length > 0)
    return { ...insight, features: found, notable: insight.notable.filter(({ feature }) => feature === name) };
  const names = insight.features.slice(0, NAMES_SHOWN_MAX).map(({ feature }) => JSON.stringify(feature));
  const message = `has no segments, expected one of ${names.join(', ')}`;
  throw new AppError('VALIDATION_FAILED', `query: /feature ${message}`, { errors: [{ path: '/feature', message }] });
}

/** Names that a message lists at most. */
const NAMES_SHOWN_MAX = 20;

/** It is computed once: of the rows that rank models, all classes together. @throws VALIDATION_FAILED */
function refuseQuery(kind: TaskInsightKind, query: InsightQuery): void {
  for (const name of ['partition', 'label', 'feature', ...PROFIT_OUTCOMES] as const) {
    if (query[name] === undefined || (name === 'feature' && kind === 'segments')) continue;
    throw unasked(kind, name);
  }
}

function unasked(kind: InsightKind, name: string): AppError {
  const message = `is not asked for by ${kind}`;
  return new AppError('VALIDATION_FAILED', `query: /${name} ${message}`, { errors: [{ path: `/${name}`, message }] });
}
