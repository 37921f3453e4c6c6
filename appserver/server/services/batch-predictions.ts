import { AppError, type BatchPrediction, type CreateBatchPredictionRequest, type StoredTable } from '#contracts';
import {
  createTask,
  findBatchPrediction,
  findStoredTable,
  getJob,
  getTask,
  insertBatchPrediction,
  keepRow,
  type BatchPredictionRecord,
  type Queryable,
  type StoredJob,
  type Transaction,
} from '#store';
import { newId } from '#runtime';
import { isoOf } from '../auth/authenticate.ts';
import { ownedBy, type Caller } from '../auth/caller.ts';
import type { Compute } from '../pools/index.ts';
import { readReadyDataset } from './datasets.ts';
import { readDeployment } from './deployments.ts';
import { publicProblem, startJob } from './jobs.ts';
import { readReadyModel, type OwnedModel } from './models.ts';

/** A batch prediction that the caller may see. @throws NOT_FOUND */
export async function readBatchPrediction(db: Queryable, caller: Caller, id: string): Promise<BatchPredictionRecord> {
  return ownedBy(caller, await findBatchPrediction(db, id), (entry) => entry.createdBy, `batch prediction ${id}`);
}

/** The job that makes a batch prediction. */
export async function jobOf(db: Queryable, entry: BatchPredictionRecord): Promise<StoredJob> {
  const job = await getJob(db, entry.jobId);
  if (job === null) throw new AppError('INTERNAL', `batch prediction ${entry.id}: its job is gone`);
  return job;
}

/** A batch prediction as the REST API shows it; state and cause are those of its job. */
export function batchPredictionView(entry: BatchPredictionRecord, job: StoredJob): BatchPrediction {
  return {
    id: entry.id,
    modelId: entry.modelId,
    deploymentId: entry.deploymentId,
    datasetId: entry.datasetId,
    jobId: entry.jobId,
    state: job.state,
    passthroughColumns: [...entry.passthroughColumns],
    rowCount: entry.rowCount,
    rowsPerSecond: entry.rowsPerSecond,
    warnings: [...entry.warnings],
    rows: entry.resultPath === null ? null : `/api/v1/batch-predictions/${entry.id}/rows`,
    error: publicProblem(job.error),
    createdAt: isoOf(entry.createdAt),
    finishedAt: job.finishedAt === null ? null : isoOf(job.finishedAt),
    createdBy: entry.createdBy,
  };
}

/** What a request asks for, checked. */
export interface ScoringPlan {
  readonly owned: OwnedModel;
  readonly artifactPath: string;
  readonly manifestSha256: string;
  readonly deploymentId: string | null;
  readonly datasetId: string;
  readonly table: StoredTable;
  readonly passthroughColumns: readonly string[];
  /** Columns of the result, in order. */
  readonly columns: readonly string[];
  readonly missingFeatures: readonly string[];
}

const invalid = (field: string, message: string) =>
  new AppError('VALIDATION_FAILED', `body: /${field} ${message}`, { errors: [{ path: `/${field}`, message }] });

/**
 * Checks a request and finds all that the task needs.
 *
 * @throws VALIDATION_FAILED, NOT_FOUND, DATASET_NOT_READY, MODEL_NOT_READY, COLUMN_UNKNOWN, PREDICTION_COLUMN_RESERVED,
 *   NOT_AVAILABLE
 */
export async function planScoring(
  db: Queryable,
  caller: Caller,
  request: CreateBatchPredictionRequest,
): Promise<ScoringPlan> {
  refuseUnbuilt(request);
  const { datasetId } = request.input;
  if ((request.modelId === undefined) === (request.deploymentId === undefined))
    throw invalid('modelId', 'or deploymentId is required, and not both');
  if (datasetId === undefined) throw invalid('input/datasetId', 'is required');
  const deployment = request.deploymentId === undefined ? null : await readDeployment(db, caller, request.deploymentId);
  const { trained, ...owned } = await readReadyModel(db, caller, deployment?.modelId ?? request.modelId ?? '');
  const dataset = await readReadyDataset(db, caller, datasetId);
  const table = await findStoredTable(db, dataset.id);
  if (table === undefined) throw new AppError('INTERNAL', `dataset ${dataset.id} has no stored table`);
  const passthroughColumns = request.passthroughColumns ?? [];
  const resultColumns = resultColumnsOf(owned);
  checkPassthrough(passthroughColumns, table, resultColumns);
  const names = new Set(table.columns.map((column) => column.name));
  return {
    owned,
    artifactPath: trained.artifactPath,
    manifestSha256: trained.manifestSha256,
    deploymentId: deployment?.id ?? null,
    datasetId: dataset.id,
    table,
    passthroughColumns,
    columns: [...passthroughColumns, ...resultColumns],
    missingFeatures: (await featuresOf(db, owned)).filter((name) => !names.has(name)),
  };
}

function refuseUnbuilt(request: CreateBatchPredictionRequest): void {
  const unbuilt = (field: string, instead: string) =>
    new AppError('NOT_AVAILABLE', `${field}: is not built yet; ${instead}`, {
      errors: [{ path: `/${field}`, message: 'is not built yet' }],
    });
  if (request.input.source !== undefined) throw unbuilt('input/source', 'make a dataset of it and name its id');
  if (request.output !== undefined && request.output.type !== 'download') throw unbuilt('output/type', 'download is');
  if (request.explanations !== undefined) throw unbuilt('explanations', 'leave it out');
  if (request.chunk !== undefined) throw unbuilt('chunk', 'leave it out');
}

function resultColumnsOf({ project }: OwnedModel): string[] {
  return ['prediction', ...(project.fixed?.target.classes ?? []).map((entry) => `probability_${entry.label}`)];
}

function checkPassthrough(asked: readonly string[], table: StoredTable, resultColumns: readonly string[]): void {
  const known = new Set(table.columns.map((column) => column.name));
  for (const [index, name] of asked.entries()) {
    const errors = (message: string) => ({ errors: [{ path: `/passthroughColumns/${index}`, message }] });
    const shown = JSON.stringify(name.slice(0, 100));
    if (!known.has(name))
      throw new AppError(
        'COLUMN_UNKNOWN',
        `passthroughColumns: the dataset has no column ${shown}`,
        errors('is unknown'),
      );
    if (resultColumns.includes(name)) {
      const message = `passthroughColumns: ${shown} is the name of a column of the result; rename it in the source`;
      throw new AppError('PREDICTION_COLUMN_RESERVED', message, errors('is the name of a column of the result'));
    }
  }
}

/** Input features of a model. */
async function featuresOf(db: Queryable, { model }: OwnedModel): Promise<string[]> {
  const task = await getTask(db, model.taskId);
  return task?.spec.kind === 'train' ? task.spec.features.map((feature) => feature.name) : [];
}

/** Queues a batch prediction. */
export async function startScoring(
  trx: Transaction,
  compute: Compute,
  caller: Caller,
  plan: ScoringPlan,
): Promise<StoredJob> {
  const id = newId('bp');
  const { projectId } = plan.owned.model;
  // Neither goes away before the job is there, which whoever deletes them asks for.
  if (!(await keepRow(trx, 'projects', projectId)) || !(await keepRow(trx, 'datasets', plan.datasetId)))
    throw new AppError('NOT_FOUND', `model ${plan.owned.model.id} or dataset ${plan.datasetId} was deleted meanwhile`);
  const job = await startJob(trx, compute, caller, {
    kind: 'batch-predict',
    projectId,
    resource: `/api/v1/batch-predictions/${id}`,
  });
  await insertBatchPrediction(trx, {
    id,
    modelId: plan.owned.model.id,
    deploymentId: plan.deploymentId,
    datasetId: plan.datasetId,
    jobId: job.id,
    passthroughColumns: plan.passthroughColumns,
    createdBy: caller.userId,
  });
  await createTask(trx, {
    jobId: job.id,
    projectId,
    runAs: caller.userId,
    idempotencyKey: `batch-predict:${id}`,
    spec: {
      kind: 'batch-predict',
      batchPredictionId: id,
      modelId: plan.owned.model.id,
      artifactPath: plan.artifactPath,
      manifestSha256: plan.manifestSha256,
      datasetId: plan.datasetId,
      table: plan.table,
      passthroughColumns: [...plan.passthroughColumns],
    },
  });
  return job;
}
