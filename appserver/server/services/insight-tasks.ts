import { AppError, type InsightTask, type TaskInsightKind } from '#contracts';
import { ENSEMBLE_BLUEPRINT_ID, forecastInsight, workerLimitFor } from '#ml';
import { newId } from '#runtime';
import {
  createJob,
  createTask,
  findInsight,
  findModel,
  getJob,
  getTask,
  insertInsight,
  isFinalJobState,
  keepRow,
  replaceInsightJob,
  type AutopilotRunRecord,
  type ModelRecord,
  type NewJob,
  type Queryable,
  type StoredJob,
  type Transaction,
} from '#store';
import type { Caller } from '../auth/caller.ts';
import type { Compute } from '../pools/index.ts';
import { readReadyModel } from './models.ts';

/** Those that are computed without being asked for: what is quick. */
const UNASKED_INSIGHTS = [
  'feature-impact',
  'feature-effects',
  'segments',
] as const satisfies readonly TaskInsightKind[];

/** Below 0: workers take such a task only when no other one waits in their pool, of whatever project. */
const INSIGHT_PRIORITY = -1;

/**
 * Queues the insights of the model that a run recommends, as jobs of their own: the run is over, and its time is not theirs. No effect
 * on those that there are already.
 */
export async function createInsightTasks(trx: Transaction, run: AutopilotRunRecord, modelId: string): Promise<void> {
  const model = await predictingModel(trx, modelId);
  const job = await getJob(trx, run.jobId);
  if (job === null) return;
  for (const kind of UNASKED_INSIGHTS) {
    const spec = await insightSpec(trx, model, kind);
    if (spec === null) continue;
    const jobId = newId('job');
    if (!(await insertInsight(trx, { modelId: model.id, kind, jobId }))) continue;
    await createJob(trx, { ...newJob(jobId, spec), userId: run.startedBy, pool: job.pool });
    await createInsightTask(trx, jobId, spec, run.startedBy);
  }
}

/**
 * The job that makes an insight, or has made it: a new one where there is none, or where the last one failed.
 *
 * @throws NOT_FOUND, MODEL_NOT_READY; VALIDATION_FAILED for the learning curve of an ensemble; CONFLICT when another request was faster
 */
export async function startInsight(
  trx: Transaction,
  compute: Compute,
  caller: Caller,
  modelId: string,
  kind: TaskInsightKind,
): Promise<StoredJob> {
  const owned = await readReadyModel(trx, caller, modelId);
  const model = await predictingModel(trx, owned.model.id);
  if (!(await keepRow(trx, 'projects', model.projectId)))
    throw new AppError('NOT_FOUND', `model ${modelId} was deleted meanwhile`);
  if (kind === 'learning-curve' && model.planned.blueprintId === ENSEMBLE_BLUEPRINT_ID) throw withoutCurve(model);
  const found = await findInsight(trx, model.id, kind);
  const before = found === undefined ? null : await getJob(trx, found.jobId);
  if (before !== null && (found?.result !== null || !isFinalJobState(before.state))) return before;
  const spec = await insightSpec(trx, model, kind);
  if (spec === null) throw new AppError('INTERNAL', `model ${model.id}: its task is gone`);
  const jobId = newId('job');
  const own = { modelId: model.id, kind };
  const isMine =
    found === undefined
      ? await insertInsight(trx, { ...own, jobId })
      : await replaceInsightJob(trx, { ...own, jobId: found.jobId }, jobId);
  if (!isMine) throw new AppError('CONFLICT', `model ${model.id}: ${kind} was asked for at the same time; ask again`);
  const pool = await compute.poolOf(trx, caller.userId);
  const job = await createJob(trx, { ...newJob(jobId, spec), userId: caller.userId, pool });
  await createInsightTask(trx, jobId, spec, caller.userId);
  return job;
}

function withoutCurve({ id }: ModelRecord): AppError {
  const message = `model ${id} is an ensemble, which has no learning curve of its own; ask for those of its members`;
  return new AppError('VALIDATION_FAILED', message, { errors: [{ path: '/kind', message }] });
}

/** Whose predictions an insight of this model is of: a refit has seen every row and shows those of its twin. */
export async function predictingModel(db: Queryable, modelId: string): Promise<ModelRecord> {
  const model = await findModel(db, modelId);
  const twinId = model?.planned.refitOf ?? null;
  const predicting = twinId === null ? model : await findModel(db, twinId);
  if (predicting === undefined) throw new AppError('INTERNAL', `model ${modelId} or its twin is gone`);
  return predicting;
}

const newJob = (id: string, { projectId, modelId, insight }: InsightTask): Omit<NewJob, 'userId' | 'pool'> => ({
  id,
  kind: 'insight',
  projectId,
  resource: `/api/v1/models/${modelId}/insights/${insight}`,
});

async function createInsightTask(trx: Transaction, jobId: string, spec: InsightTask, runAs: string): Promise<void> {
  const idempotencyKey = `insight:${jobId}`;
  const sizeBytes = (await findModel(trx, spec.modelId))?.trained?.sizeBytes ?? 0;
  const memoryBytes = workerLimitFor(forecastInsight(spec, sizeBytes).peakBytes);
  const task = { jobId, projectId: spec.projectId, runAs, idempotencyKey, priority: INSIGHT_PRIORITY };
  await createTask(trx, { ...task, memoryBytes, spec });
}

/** What a worker needs, from the model's own task; null where that is gone. */
async function insightSpec(
  db: Queryable,
  { id, taskId, trained }: ModelRecord,
  insight: TaskInsightKind,
): Promise<InsightTask | null> {
  const spec = (await getTask(db, taskId))?.spec;
  if (trained === null || (spec?.kind !== 'train' && spec?.kind !== 'ensemble')) return null;
  const { projectId, datasetId, table, target, metric, seed } = spec;
  const { artifactPath, manifestSha256 } = trained;
  return {
    ...{ kind: 'insight', insight, modelId: id, projectId, datasetId, table, target, metric },
    ...{ artifactPath, manifestSha256, seed },
    ...(insight === 'learning-curve' && spec.kind === 'train' ? { train: spec } : {}),
  };
}
