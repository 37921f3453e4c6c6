import { AppError, type BatchPrediction } from '#contracts';
import { findBatchPrediction, getJob, type BatchPredictionRecord, type Queryable, type StoredJob } from '#store';
import { isoOf } from '../auth/authenticate.ts';
import { ownedBy, type Caller } from '../auth/caller.ts';
import { publicProblem } from './jobs.ts';

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
    output: entry.output ?? { type: 'download' },
    rowCount: entry.rowCount,
    partCount: entry.partCount,
    rowsPerSecond: entry.rowsPerSecond,
    rowsPerCoreSecond: entry.rowsPerCoreSecond,
    warnings: [...entry.warnings],
    rows: entry.resultPath === null ? null : `/api/v1/batch-predictions/${entry.id}/rows`,
    error: publicProblem(job.error),
    createdAt: isoOf(entry.createdAt),
    finishedAt: job.finishedAt === null ? null : isoOf(job.finishedAt),
    createdBy: entry.createdBy,
  };
}
