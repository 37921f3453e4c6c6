import {
  AppError,
  planParts,
  type BatchPredictTask,
  type CreateBatchPredictionRequest,
  type PlannedPart,
  type PredictionIntervals,
  type StoredTable,
  type TaskInput,
} from '#contracts';
import { newId, type Config } from '#runtime';
import { forecastScoring, offsetColumns, workerLimitFor } from '#ml';
import { explanationColumns, INTERVAL_COLUMNS } from '#scoring';
import {
  createTask,
  findStoredTable,
  getTask,
  insertBatchPrediction,
  keepRow,
  type Queryable,
  type StoredJob,
  type Transaction,
} from '#store';
import type { Caller } from '../auth/caller.ts';
import type { AppContext } from '../context.ts';
import type { Compute } from '../pools/index.ts';
import { checkSource } from './dataset-sources.ts';
import { readReadyDataset } from './datasets.ts';
import { readDeployment } from './deployments.ts';
import { checkOutput, refuseOwnInput, stagingPathOf, type CheckedOutput } from './hdfs-outputs.ts';
import { startJob } from './jobs.ts';
import { readReadyModel, type OwnedModel } from './models.ts';

/** What a request asks for, checked. */
export interface ScoringPlan {
  readonly owned: OwnedModel;
  readonly artifactPath: string;
  readonly manifestSha256: string;
  /** Of the artefact. */
  readonly sizeBytes: number;
  readonly deploymentId: string | null;
  readonly datasetId: string | null;
  /** Null for a source: its columns are known when it is read. */
  readonly table: StoredTable | null;
  readonly passthroughColumns: readonly string[];
  /** Of the deployment; undefined: the model’s own. */
  readonly threshold: number | undefined;
  /** Of the deployment; null: predictions have none. */
  readonly intervals: PredictionIntervals | null;
  /** Features that explain each prediction; 0 for none. */
  readonly explanationsTop: number;
  /** Columns of the result, in order. */
  readonly columns: readonly string[];
  readonly missingFeatures: readonly string[] | null;
  /** Each a task's work; empty: all is one task's. */
  readonly parts: readonly PlannedPart[];
  /** What was looked up outside of the transaction. */
  readonly places: ScoringPlaces;
}

/** Where rows come from and go to, as far as others than the database know it. */
export interface ScoringPlaces {
  /** Read once, instead of a dataset; null: a dataset is named. */
  readonly source: TaskInput | null;
  /** Null: for download. */
  readonly output: CheckedOutput | null;
}

/**
 * Looks up source and output of a request where they lie, as the caller.
 *
 * @throws NOT_AVAILABLE, VALIDATION_FAILED, what `checkSource` and `checkOutput` throw
 */
export async function findPlaces(
  app: Pick<AppContext, 'config' | 'hdfsAs'>,
  caller: Caller,
  request: CreateBatchPredictionRequest,
): Promise<ScoringPlaces> {
  refuseUnbuilt(request);
  const { datasetId, source } = request.input;
  if ((datasetId === undefined) === (source === undefined))
    throw invalid('input/datasetId', 'or source is required, and not both');
  // A snapshot of what is read once would be work for nothing.
  const reading = { pointer: '/input/source', hdfsSnapshotBytesMax: 0 };
  const input = source === undefined ? null : (await checkSource(source, app, caller, reading)).input;
  const output = request.output?.type === 'hdfs' ? await checkOutput(request.output, app, caller) : null;
  if (input?.type === 'hdfs' && output !== null) refuseOwnInput(output, input.files);
  return { source: input, output };
}

const invalid = (field: string, message: string) =>
  new AppError('VALIDATION_FAILED', `body: /${field} ${message}`, { errors: [{ path: `/${field}`, message }] });

/**
 * Checks a request and finds all that the task needs.
 *
 * @throws VALIDATION_FAILED, NOT_FOUND, DATASET_NOT_READY, MODEL_NOT_READY, COLUMN_UNKNOWN, OFFSET_INVALID, PREDICTION_COLUMN_RESERVED,
 *   NOT_AVAILABLE
 */
export async function planScoring(
  db: Queryable,
  caller: Caller,
  request: CreateBatchPredictionRequest,
  places: ScoringPlaces,
  limits: Config['parts'],
): Promise<ScoringPlan> {
  if ((request.modelId === undefined) === (request.deploymentId === undefined))
    throw invalid('modelId', 'or deploymentId is required, and not both');
  const deployment = request.deploymentId === undefined ? null : await readDeployment(db, caller, request.deploymentId);
  const { trained, ...owned } = await readReadyModel(db, caller, deployment?.modelId ?? request.modelId ?? '');
  const { datasetId } = request.input;
  const table = datasetId === undefined ? null : await tableOf(db, caller, datasetId);
  if (places.output !== null) refuseOwnInput(places.output, table?.inPlaceFiles ?? []);
  const passthroughColumns = request.passthroughColumns ?? [];
  const explanationsTop = request.explanations?.top ?? 0;
  const intervals = deployment?.intervals ?? null;
  const resultColumns = resultColumnsOf(owned, intervals, explanationsTop);
  checkPassthrough(passthroughColumns, table, resultColumns);
  const names = table === null ? null : new Set(table.columns.map((column) => column.name));
  if (names !== null) checkOffsets(owned, names);
  const features = await featuresOf(db, owned);
  const columns = [...passthroughColumns, ...resultColumns];
  const rowCells = features.length + columns.length;
  return {
    owned,
    artifactPath: trained.artifactPath,
    manifestSha256: trained.manifestSha256,
    sizeBytes: trained.sizeBytes,
    deploymentId: deployment?.id ?? null,
    datasetId: datasetId ?? null,
    table,
    passthroughColumns,
    explanationsTop,
    threshold: deployment?.settings.threshold,
    intervals,
    columns,
    missingFeatures: names === null ? null : features.filter((name) => !names.has(name)),
    // Rows that are kept for download become one file.
    parts: table === null || places.output === null ? [] : planParts(table, { ...limits, rowCells }),
    places,
  };
}

/** What no row can do without. @throws OFFSET_INVALID */
function checkOffsets({ project }: OwnedModel, names: ReadonlySet<string>): void {
  const target = project.fixed?.target;
  const missing = (target === undefined ? [] : offsetColumns(target)).filter(({ name }) => !names.has(name));
  if (missing.length === 0) return;
  const lacks = missing
    .map(({ kind, name }) => `column ${JSON.stringify(name)}, the ${kind} of each row`)
    .join(', and ');
  const message = `lacks ${lacks}, without which the model predicts nothing; use a dataset that has it`;
  throw new AppError('OFFSET_INVALID', `body: /input/datasetId ${message}`, {
    errors: [{ path: '/input/datasetId', message }],
  });
}

async function tableOf(db: Queryable, caller: Caller, datasetId: string): Promise<StoredTable> {
  const dataset = await readReadyDataset(db, caller, datasetId);
  const table = await findStoredTable(db, dataset.id);
  if (table === undefined) throw new AppError('INTERNAL', `dataset ${dataset.id} has no stored table`);
  return table;
}

function refuseUnbuilt(request: CreateBatchPredictionRequest): void {
  const unbuilt = (field: string, instead: string) =>
    new AppError('NOT_AVAILABLE', `${field}: is not built yet; ${instead}`, {
      errors: [{ path: `/${field}`, message: 'is not built yet' }],
    });
  const output = request.output?.type ?? 'download';
  if (output !== 'download' && output !== 'hdfs') throw unbuilt('output/type', 'download and hdfs are');
  if (request.chunk !== undefined) throw unbuilt('chunk', 'leave it out');
}

function resultColumnsOf(
  { project }: OwnedModel,
  intervals: PredictionIntervals | null,
  explanationsTop: number,
): string[] {
  const labels = (project.fixed?.target.classes ?? []).map((entry) => entry.label);
  const explained = explanationsTop === 0 ? [] : explanationColumns(explanationsTop).map(({ name }) => name);
  const ends = intervals === null ? [] : INTERVAL_COLUMNS;
  return ['prediction', ...ends, ...labels.map((label) => `probability_${label}`), ...explained];
}

function checkPassthrough(asked: readonly string[], table: StoredTable | null, resultColumns: readonly string[]): void {
  const known = table === null ? null : new Set(table.columns.map((column) => column.name));
  for (const [index, name] of asked.entries()) {
    const errors = (message: string) => ({ errors: [{ path: `/passthroughColumns/${index}`, message }] });
    const shown = JSON.stringify(name.slice(0, 100));
    if (known?.has(name) === false)
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
  return task?.spec.kind === 'train' || task?.spec.kind === 'ensemble'
    ? task.spec.features.map((feature) => feature.name)
    : [];
}

/** Queues a batch prediction: one task, or one for each part of its table. */
export async function startScoring(
  trx: Transaction,
  compute: Compute,
  caller: Caller,
  plan: ScoringPlan,
): Promise<StoredJob> {
  const id = newId('bp');
  const { projectId } = plan.owned.model;
  // Neither goes away before the job is there, which whoever deletes them asks for.
  const { datasetId } = plan;
  if (
    !(await keepRow(trx, 'projects', projectId)) ||
    (datasetId !== null && !(await keepRow(trx, 'datasets', datasetId)))
  )
    throw new AppError('NOT_FOUND', `model ${plan.owned.model.id} or its input was deleted meanwhile`);
  const { output } = plan.places;
  const stagingPath = output === null ? null : stagingPathOf(output.output.path, id);
  const job = await startJob(trx, compute, caller, {
    kind: 'batch-predict',
    projectId,
    resource: `/api/v1/batch-predictions/${id}`,
  });
  await insertBatchPrediction(trx, {
    id,
    modelId: plan.owned.model.id,
    deploymentId: plan.deploymentId,
    datasetId,
    jobId: job.id,
    passthroughColumns: plan.passthroughColumns,
    output: output?.output ?? null,
    stagingPath,
    partCount: partCountOf(plan),
    createdBy: caller.userId,
  });
  const spec = specOf(id, plan, stagingPath);
  const memoryBytes = workerLimitFor(forecastScoring(plan.sizeBytes).peakBytes);
  const task = { jobId: job.id, projectId, runAs: caller.userId, memoryBytes };
  if (plan.parts.length === 0) await createTask(trx, { ...task, spec, idempotencyKey: `batch-predict:${id}` });
  // The job ends with what gathers the files of all parts: a task that the last of them makes.
  for (const { table, part } of plan.parts)
    await createTask(trx, {
      ...task,
      spec: { ...spec, table, part },
      idempotencyKey: `batch-predict:${id}:${part.index}`,
      endsJob: false,
    });
  return job;
}

/** Tasks that a plan's rows are the work of. */
export const partCountOf = ({ parts }: ScoringPlan): number => Math.max(1, parts.length);

function specOf(batchPredictionId: string, plan: ScoringPlan, stagingPath: string | null): BatchPredictTask {
  const { source, output } = plan.places;
  return {
    kind: 'batch-predict',
    batchPredictionId,
    modelId: plan.owned.model.id,
    artifactPath: plan.artifactPath,
    manifestSha256: plan.manifestSha256,
    datasetId: plan.datasetId,
    table: plan.table,
    ...(source === null ? {} : { source }),
    passthroughColumns: [...plan.passthroughColumns],
    ...(plan.explanationsTop === 0 ? {} : { explanations: { top: plan.explanationsTop } }),
    ...(plan.threshold === undefined ? {} : { threshold: plan.threshold }),
    ...(plan.intervals === null ? {} : { intervals: plan.intervals }),
    ...(output === null || stagingPath === null
      ? {}
      : { output: { format: output.output.format ?? 'parquet', stagingPath } }),
  };
}
