import {
  AppError,
  INSIGHT_FILE,
  OUT_OF_FOLD_INSIGHTS,
  parse,
  StoredInsight,
  TASK_INSIGHTS,
  type Insight,
  type InsightKind,
  PROFIT_OUTCOMES,
  type InsightQuery,
  type TaskInsightKind,
} from '#contracts';
import { decodeOutOfFold, insightOf, insightRows } from '#ml';
import type { ObjectStore } from '#object-store';
import { findInsight, getJob, insightsOfModel, isFinalJobState, type Queryable, type StoredJob } from '#store';
import type { Caller } from '../auth/caller.ts';
import { parseJsonText } from '../http/json.ts';
import { INSIGHT_BYTES_MAX, OUT_OF_FOLD_BYTES_MAX } from '../verification/index.ts';
import { sha256Of } from './hashes.ts';
import { predictingModel } from './insight-tasks.ts';
import { readReadyModel, type OwnedModel } from './models.ts';

/** Where insights are read from. */
export interface InsightSource {
  readonly database: Queryable;
  readonly store: ObjectStore;
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

/** Insights that a model has, or that are computed at once. @throws NOT_FOUND, MODEL_NOT_READY */
export async function insightKinds(db: Queryable, caller: Caller, modelId: string): Promise<readonly InsightKind[]> {
  const { project } = await readReadyModel(db, caller, modelId);
  if (project.fixed === null) return [];
  const made = await insightsOfModel(db, (await predictingModel(db, modelId)).id);
  const ready = new Set(made.filter(({ result }) => result !== null).map(({ kind }) => kind));
  return [...TASK_INSIGHTS.filter((kind) => ready.has(kind)), ...OUT_OF_FOLD_INSIGHTS[project.fixed.target.targetType]];
}

/**
 * An insight. Those of out-of-fold predictions are computed now from what was stored and verified with the model; those that need the
 * data were computed by a task, or are being so. A refit has seen every row and shows those of its twin, as it carries its scores.
 *
 * @throws NOT_FOUND, MODEL_NOT_READY; NOT_AVAILABLE for kinds that are not built; VALIDATION_FAILED for what does not fit
 *   the target; CONFLICT for the holdout while it is locked, and for a task's insight that nobody has asked for or that failed
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
  if (!Object.values(OUT_OF_FOLD_INSIGHTS).some((kinds) => (kinds as readonly InsightKind[]).includes(kind)))
    throw new AppError('NOT_AVAILABLE', `insight ${kind} is not built yet`);
  return { insight: await computedInsight(source, caller, owned, asked, signal) };
}

async function computedInsight(
  { database, store }: InsightSource,
  caller: Caller,
  { model, project }: OwnedModel,
  { kind, query }: AskedInsight,
  signal: AbortSignal,
): Promise<Insight> {
  if (query.partition === 'holdout' && project.holdoutUnlockedAt === null)
    throw new AppError('CONFLICT', `project ${project.id}: its holdout is locked; unlock it first`);
  const target = project.fixed?.target;
  if (target === undefined) throw new AppError('INTERNAL', `project ${project.id} has a model but no target`);
  const predictedBy = model.planned.refitOf ?? model.id;
  const { trained } = await readReadyModel(database, caller, predictedBy);
  const path = `${trained.artifactPath}/out-of-fold.bin`;
  const data = decodeOutOfFold(await store.readAll(path, { maxBytes: OUT_OF_FOLD_BYTES_MAX, signal }));
  const rows = insightRows(data, target, query.partition);
  return {
    modelId: model.id,
    predictedBy,
    partition: rows.partition,
    rowCount: rows.chosen.length,
    isWeighted: data.weights !== null,
    insight: insightOf(kind, rows, query.label, query),
  };
}

async function readTaskInsight(
  { database, store }: InsightSource,
  { model }: OwnedModel,
  { kind, query }: { readonly kind: TaskInsightKind; readonly query: InsightQuery },
  signal: AbortSignal,
): Promise<InsightAnswer> {
  refuseQuery(kind, query);
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
  const { path, sha256 } = found.result;
  const bytes = await store.readAll(`${path}/${INSIGHT_FILE}`, { maxBytes: INSIGHT_BYTES_MAX, signal });
  if (sha256Of(bytes) !== sha256)
    throw new AppError('ARTIFACT_INVALID', `model ${model.id}: ${path}/${INSIGHT_FILE} is not what was committed`);
  const json = parseJsonText(Buffer.from(bytes).toString('utf8'), INSIGHT_FILE);
  const { formatVersion: _, ...stored } = parse(StoredInsight, json, INSIGHT_FILE, 'ARTIFACT_INVALID');
  return { insight: { modelId: model.id, ...stored } };
}

/** It is computed once: of the rows that rank models, all classes together. @throws VALIDATION_FAILED */
function refuseQuery(kind: TaskInsightKind, query: InsightQuery): void {
  for (const name of ['partition', 'label', ...PROFIT_OUTCOMES] as const) {
    if (query[name] === undefined) continue;
    const message = `is not asked for by ${kind}`;
    throw new AppError('VALIDATION_FAILED', `query: /${name} ${message}`, { errors: [{ path: `/${name}`, message }] });
  }
}
