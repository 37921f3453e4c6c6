import { AppError, DatasetProfile, parse, toProblem, type StoredTable } from '#contracts';
import {
  completeBatchPrediction,
  completeDataset,
  completeModel,
  failDataset,
  findModel,
  type Task,
  type TrainedFacts,
  type Transaction,
} from '#store';
import type { SealedAttempt, TaskFollowUp, TaskQueue } from '../queue/index.ts';
import { advanceRun, endModelOfTask } from './autopilot-run.ts';
import type { Signer } from './signing.ts';
import { verifyModel } from './verify-model.ts';

/** What the ends of tasks mean to datasets, models and batch predictions. */
export function registerFollowUps(queue: TaskQueue, signer: Signer): void {
  queue.followUps.register('ingest', ingestFollowUp);
  queue.followUps.register('train', trainFollowUp(queue, signer));
  queue.followUps.register('batch-predict', batchPredictFollowUp);
}

const cancelled = () => new AppError('JOB_CANCELLED', 'the job was cancelled');

const ingestFollowUp: TaskFollowUp<'ingest', null> = {
  async verify(_task, sealed) {
    const { table, profile } = sealed.outcome;
    checkFiles(table, sealed);
    parse(DatasetProfile, profile, 'profile', 'RESULT_MISMATCH');
    const names = table.columns.map((column) => column.name);
    if (profile.features.length !== names.length || profile.features.some((entry, at) => entry.name !== names[at]))
      throw new AppError('RESULT_MISMATCH', 'profile: its features are not the columns of the table');
    return null;
  },
  committed: (trx, task, { outcome }) =>
    completeDataset(trx, task.spec.datasetId, { ...outcome, sizeBytes: sizeOf(outcome.table.files) }),
  failed: (trx, task, problem) => failDataset(trx, task.spec.datasetId, toProblem(problem, null, true)),
  cancelled: (trx, task) => failDataset(trx, task.spec.datasetId, toProblem(cancelled(), null)),
};

/** Of files whose sizes were read, whatever the worker says of their sum. */
const sizeOf = (files: readonly { readonly sizeBytes: number }[]): number =>
  files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

/** Every file of the table is one that was sealed, with the same size and hash; row counts add up. */
function checkFiles(table: StoredTable, sealed: SealedAttempt<'ingest'>): void {
  const files = new Map(sealed.files.map((file) => [`${sealed.attemptPath}/${file.name}`, file]));
  let rowCount = 0;
  for (const { path, sizeBytes, sha256, rowCount: count } of table.files) {
    const file = files.get(path);
    if (file?.sizeBytes !== sizeBytes || file.sha256 !== sha256)
      throw new AppError('RESULT_MISMATCH', `table: ${path} is not a file that was sealed`);
    rowCount += count;
  }
  if (rowCount !== table.rowCount)
    throw new AppError('RESULT_MISMATCH', `table: expected ${table.rowCount} rows; its files have ${rowCount}`);
}

/** What is known of a verified artefact. */
type Verified = Pick<TrainedFacts, 'manifestSha256' | 'signature'>;

function trainFollowUp(queue: TaskQueue, signer: Signer): TaskFollowUp<'train', Verified> {
  const advance = async (trx: Transaction, task: Task<'train'>): Promise<void> => {
    const model = await findModel(trx, task.spec.modelId);
    if (model !== undefined && model.runId !== null) await advanceRun(trx, queue, model.runId);
  };
  return {
    async verify(task, sealed, store) {
      const manifestSha256 = await verifyModel(task.spec, sealed, store);
      return { manifestSha256, signature: signer.sign({ modelId: task.spec.modelId, manifestSha256 }) };
    },
    async committed(trx, task, { outcome, attemptPath, files }, verified) {
      const { modelId, refit } = task.spec;
      // A refit has no rows left to be measured on: it shows its twin's scores.
      const twin = refit === null ? undefined : await findModel(trx, refit.of);
      const scores = outcome.scores ?? twin?.trained?.scores ?? NO_SCORES;
      await completeModel(trx, modelId, {
        rowCount: outcome.rowCount,
        iterations: outcome.iterations,
        scores,
        fitMs: outcome.fitMs,
        predictMicrosPerRow: outcome.predictMicrosPerRow,
        sizeBytes: sizeOf(files.filter(({ name }) => name === 'manifest.json' || name === 'blob')),
        peakMemoryBytes: outcome.peakMemoryBytes,
        contentHash: outcome.contentHash,
        artifactPath: attemptPath,
        ...verified,
      });
      await advance(trx, task);
    },
    async failed(trx, task, problem) {
      await endModelOfTask(trx, task.spec.modelId, 'failed', problem);
      await advance(trx, task);
    },
    async cancelled(trx, task) {
      await endModelOfTask(trx, task.spec.modelId, 'cancelled', null);
      await advance(trx, task);
    },
  };
}

const NO_SCORES = { validation: null, crossValidation: null, holdout: null };

/** Result files of a batch prediction by media type; the first is the default. */
export const RESULT_FILES = {
  'text/csv': 'rows.csv',
  'application/x-ndjson': 'rows.ndjson',
  'application/vnd.apache.parquet': 'rows.parquet',
  'application/x-parquet': 'rows.parquet',
} as const;

const batchPredictFollowUp: TaskFollowUp<'batch-predict', null> = {
  async verify(task, { files, outcome }) {
    const names = new Set(files.map((file) => file.name));
    for (const name of Object.values(RESULT_FILES))
      if (!names.has(name)) throw new AppError('RESULT_MISMATCH', `batch prediction: ${name} was not sealed`);
    const expected = task.spec.table.rowCount;
    if (outcome.rowCount !== expected)
      throw new AppError('RESULT_MISMATCH', `batch prediction: expected ${expected} rows; found ${outcome.rowCount}`);
    return null;
  },
  committed: (trx, task, { attemptPath, outcome }) =>
    completeBatchPrediction(trx, task.spec.batchPredictionId, {
      resultPath: attemptPath,
      rowCount: outcome.rowCount,
      rowsPerSecond: outcome.rowsPerSecond,
      warnings: outcome.warnings,
    }),
  // State and cause are those of the job.
  failed: async () => undefined,
  cancelled: async () => undefined,
};
