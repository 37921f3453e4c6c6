import path from 'node:path';
import {
  AppError,
  GATHERED_FOLDER,
  stagedFolder,
  type BatchGatherTask,
  type BatchPredictOutcome,
  type BatchPredictTask,
  type StagedFiles,
  type TablePart,
} from '#contracts';
import { levelWarnings, mergeUnseenLevels } from '#scoring';
import {
  completeBatchPrediction,
  createTask,
  findBatchPrediction,
  findUser,
  finishJob,
  getJob,
  openTasksOfJob,
  readClock,
  resultsOfJob,
  updateJobProgress,
  type Database,
  type Queryable,
  type Task,
  type Transaction,
} from '#store';
import type { HdfsAs } from '../pools/index.ts';
import type { SealedAttempt, TaskFollowUp, TaskQueue } from '../queue/index.ts';
import { publishOutput } from './publish-output.ts';

/** Result files of a batch prediction by media type; the first is the default. */
export const RESULT_FILES = {
  'text/csv': 'rows.csv',
  'application/x-ndjson': 'rows.ndjson',
  'application/vnd.apache.parquet': 'rows.parquet',
  'application/x-parquet': 'rows.parquet',
} as const;

/** Part of a job's progress that its parts are; the rest is gathering their files. */
const PARTS_SHARE = 0.95;

/** A batch prediction that is one task's work ends with it. Of several parts the last one makes the task that gathers their files. */
export function batchPredictFollowUp(
  queue: TaskQueue,
  database: Database,
  hdfsAs: HdfsAs | null,
): TaskFollowUp<'batch-predict', null> {
  return {
    async verify({ spec, runAs }, sealed) {
      const { attemptPath, outcome } = sealed;
      if (spec.part === undefined && spec.table !== null) requireRows(outcome.rowCount, spec.table.rowCount);
      if (spec.output === undefined) {
        checkResultFiles(sealed);
        return null;
      }
      const attemptName = path.posix.basename(attemptPath);
      const staged = requireStaged(outcome, stagedFolder(spec.output, attemptName, spec.part));
      if (spec.part === undefined) await publish(database, hdfsAs, { spec, runAs, staged, folderName: attemptName });
      return null;
    },
    async committed(trx, task, { attemptPath, outcome }) {
      const { spec } = task;
      if (spec.part !== undefined) return advance(trx, task, spec.part);
      await completeBatchPrediction(trx, spec.batchPredictionId, {
        resultPath: spec.output === undefined ? attemptPath : null,
        rowCount: outcome.rowCount,
        rowsPerSecond: outcome.rowsPerSecond,
        rowsPerCoreSecond: rowsPerCoreSecond([outcome]),
        warnings: outcome.warnings,
      });
    },
    // State and cause are those of the job.
    async failed(trx, { jobId, spec }, problem) {
      if (spec.part === undefined) return;
      await finishJob(trx, jobId, { state: 'failed', error: problem });
      for (const taskId of await openTasksOfJob(trx, jobId)) await queue.cancelTask(trx, taskId);
    },
    cancelled: async () => undefined,
  };
}

/** Puts the gathered files in place. */
export function batchGatherFollowUp(database: Database, hdfsAs: HdfsAs | null): TaskFollowUp<'batch-gather', null> {
  return {
    async verify({ spec, runAs }, { outcome: { staged } }) {
      requireRows(rowsOf(staged), spec.rowCount);
      await publish(database, hdfsAs, { spec, runAs, staged, folderName: GATHERED_FOLDER });
      return null;
    },
    async committed(trx, { jobId, spec }) {
      const parts = await partsOf(trx, jobId);
      const startedAt = (await getJob(trx, jobId))?.startedAt ?? null;
      const seconds = startedAt === null ? 0 : ((await readClock(trx)) - startedAt) / 1_000;
      await completeBatchPrediction(trx, spec.batchPredictionId, {
        resultPath: null,
        rowCount: spec.rowCount,
        rowsPerSecond: spec.rowCount / Math.max(seconds, Number.EPSILON),
        rowsPerCoreSecond: rowsPerCoreSecond(parts),
        warnings: [
          // Of columns, which all parts have alike.
          ...(parts[0]?.warnings ?? []),
          ...levelWarnings(mergeUnseenLevels(parts.map(({ unseenLevels }) => unseenLevels ?? []))),
        ],
      });
    },
    failed: async () => undefined,
    cancelled: async () => undefined,
  };
}

/** A part is done: shows how many are, or, after the last one, has their files gathered. */
async function advance(
  trx: Transaction,
  { jobId, projectId, runAs, spec }: Task<'batch-predict'>,
  { count, tableRows }: TablePart,
): Promise<void> {
  const parts = await partsOf(trx, jobId);
  const rowCount = parts.reduce((sum, part) => sum + part.rowCount, 0);
  await updateJobProgress(trx, jobId, {
    fraction: (PARTS_SHARE * parts.length) / count,
    phase: 'predicting',
    message: `${parts.length} of ${count} parts, ${rowCount} rows`,
  });
  const entry = await findBatchPrediction(trx, spec.batchPredictionId);
  // Deleted meanwhile: its job is being cancelled.
  if (parts.length < count || spec.output === undefined || entry === undefined) return;
  await createTask(trx, {
    ...{ jobId, projectId, runAs },
    idempotencyKey: `batch-gather:${spec.batchPredictionId}`,
    spec: {
      kind: 'batch-gather',
      batchPredictionId: spec.batchPredictionId,
      datasetId: spec.datasetId,
      output: spec.output,
      rowCount: tableRows,
      parts: parts.flatMap(({ staged }) => staged ?? []),
    },
  });
}

/** What committed attempts at parts have made, in the order of the parts. */
async function partsOf(db: Queryable, jobId: string): Promise<BatchPredictOutcome[]> {
  return (await resultsOfJob(db, jobId, 'batch-predict')).flatMap(({ outcome }) =>
    outcome.kind === 'batch-predict' ? outcome : [],
  );
}

/** Null where a worker did not say what it took. */
function rowsPerCoreSecond(outcomes: readonly BatchPredictOutcome[]): number | null {
  let rowCount = 0;
  let seconds = 0;
  for (const outcome of outcomes) {
    if (outcome.processorSeconds === undefined) return null;
    rowCount += outcome.rowCount;
    seconds += outcome.processorSeconds;
  }
  return rowCount / Math.max(seconds, Number.EPSILON);
}

function checkResultFiles({ files }: SealedAttempt<'batch-predict'>): void {
  const names = new Set(files.map((file) => file.name));
  for (const name of Object.values(RESULT_FILES))
    if (!names.has(name)) throw new AppError('RESULT_MISMATCH', `batch prediction: ${name} was not sealed`);
}

const rowsOf = ({ files }: StagedFiles): number => files.reduce((sum, file) => sum + file.rowCount, 0);

function requireRows(found: number, expected: number): void {
  if (found === expected) return;
  throw new AppError('RESULT_MISMATCH', `batch prediction: expected ${expected} rows; found ${found}`);
}

/** The files that an attempt says it wrote. @throws RESULT_MISMATCH when they have other rows, or lie elsewhere */
function requireStaged({ staged, rowCount }: BatchPredictOutcome, folder: string): StagedFiles {
  const found = staged === undefined ? 'none' : rowsOf(staged);
  if (staged === undefined || found !== rowCount)
    throw new AppError('RESULT_MISMATCH', `batch prediction: expected ${rowCount} rows in HDFS; found ${found}`);
  if (staged.path !== folder)
    throw new AppError('RESULT_MISMATCH', `batch prediction: expected files in ${folder}; found ${staged.path}`);
  return staged;
}

interface Publishing {
  readonly spec: Pick<BatchPredictTask | BatchGatherTask, 'batchPredictionId'>;
  readonly runAs: string;
  readonly staged: StagedFiles;
  readonly folderName: string;
}

/** Puts rows in HDFS in their place, in the name of the user whose they are. */
async function publish(
  database: Database,
  hdfsAs: HdfsAs | null,
  { spec: { batchPredictionId }, runAs, staged, folderName }: Publishing,
): Promise<void> {
  const entry = await findBatchPrediction(database, batchPredictionId);
  const user = await findUser(database, runAs);
  if (hdfsAs === null || user === undefined)
    throw new AppError('HDFS_OUTPUT_REFUSED', `batch prediction ${batchPredictionId}: its user or the cluster is gone`);
  // Deleted meanwhile: its job is being cancelled.
  if (entry === undefined || entry.output === null || entry.stagingPath === null) return;
  const { output, stagingPath } = entry;
  await publishOutput(hdfsAs(user.name), { batchPredictionId, output, stagingPath, staged, folderName });
}
