import type { FeatureWarning, HdfsOutput } from '#contracts';
import { pageByCreation, type Page, type PageOptions } from './cursor.ts';
import { now, type Queryable } from './dialect.ts';
import { fromJson, fromJsonOrNull, rowOf, rowsOf, toJson } from './records.ts';

export interface BatchPredictionRecord {
  readonly id: string;
  readonly modelId: string;
  readonly deploymentId: string | null;
  /** Null: a source that is read once. */
  readonly datasetId: string | null;
  readonly jobId: string;
  readonly passthroughColumns: readonly string[];
  /** Null: kept for download. */
  readonly output: HdfsOutput | null;
  /** Folder in HDFS of rows that are not in place yet; null once it is known to be gone. */
  readonly stagingPath: string | null;
  /** Object store folder of the result's files; null until they are there. */
  readonly resultPath: string | null;
  readonly rowCount: number | null;
  readonly rowsPerSecond: number | null;
  /** For each second of the processors that predicted. */
  readonly rowsPerCoreSecond: number | null;
  /** Tasks that share its table's rows; 1: all are one task's. */
  readonly partCount: number;
  readonly warnings: readonly FeatureWarning[];
  readonly createdAt: number;
  readonly createdBy: string;
}

interface BatchPredictionRow {
  readonly id: string;
  readonly model_id: string;
  readonly deployment_id: string | null;
  readonly dataset_id: string;
  readonly job_id: string;
  readonly passthrough_columns: string;
  readonly output: string | null;
  readonly staging_path: string | null;
  readonly result_path: string | null;
  readonly row_count: number | null;
  readonly rows_per_second: number | null;
  readonly rows_per_core_second: number | null;
  readonly part_count: number;
  readonly warnings: string;
  readonly created_at: number;
  readonly created_by: string;
}

const toBatchPrediction = (row: BatchPredictionRow): BatchPredictionRecord => ({
  id: row.id,
  modelId: row.model_id,
  deploymentId: row.deployment_id,
  // The column takes no NULL; no dataset has an empty id.
  datasetId: row.dataset_id === '' ? null : row.dataset_id,
  jobId: row.job_id,
  passthroughColumns: fromJson<string[]>(row.passthrough_columns),
  output: fromJsonOrNull<HdfsOutput>(row.output),
  stagingPath: row.staging_path,
  resultPath: row.result_path,
  rowCount: row.row_count,
  rowsPerSecond: row.rows_per_second,
  rowsPerCoreSecond: row.rows_per_core_second,
  partCount: row.part_count,
  warnings: fromJson<FeatureWarning[]>(row.warnings),
  createdAt: row.created_at,
  createdBy: row.created_by,
});

export async function insertBatchPrediction(
  db: Queryable,
  entry: Pick<
    BatchPredictionRecord,
    'id' | 'modelId' | 'deploymentId' | 'datasetId' | 'jobId' | 'passthroughColumns' | 'createdBy'
  > &
    Partial<Pick<BatchPredictionRecord, 'output' | 'stagingPath' | 'partCount'>>,
): Promise<void> {
  const { output = null, stagingPath = null, partCount = 1 } = entry;
  await db.knex('batch_predictions').insert({
    id: entry.id,
    model_id: entry.modelId,
    deployment_id: entry.deploymentId,
    dataset_id: entry.datasetId ?? '',
    job_id: entry.jobId,
    passthrough_columns: toJson(entry.passthroughColumns),
    output: output === null ? null : toJson(output),
    staging_path: stagingPath,
    part_count: partCount,
    warnings: '[]',
    created_at: now(db),
    created_by: entry.createdBy,
  });
}

/** The newest batch prediction of a model over a dataset whose rows are kept here, of one user or of all. */
export async function newestResult(
  db: Queryable,
  {
    modelId,
    datasetId,
    createdBy,
  }: { readonly modelId: string; readonly datasetId: string; readonly createdBy: string | null },
): Promise<BatchPredictionRecord | undefined> {
  const query = db
    .knex('batch_predictions')
    .where({ model_id: modelId, dataset_id: datasetId })
    .whereNotNull('result_path')
    .whereNull('output')
    .orderBy([{ column: 'created_at', order: 'desc' }, { column: 'id' }])
    .limit(1);
  if (createdBy !== null) void query.where({ created_by: createdBy });
  const row = await rowOf<BatchPredictionRow>(query);
  return row === undefined ? undefined : toBatchPrediction(row);
}

export async function findBatchPrediction(db: Queryable, id: string): Promise<BatchPredictionRecord | undefined> {
  const row = await rowOf<BatchPredictionRow>(db.knex('batch_predictions').where({ id }));
  return row === undefined ? undefined : toBatchPrediction(row);
}

/** Batch predictions of one user, or of all, newest first. */
export async function listBatchPredictions(
  db: Queryable,
  createdBy: string | null,
  page: PageOptions,
): Promise<Page<BatchPredictionRecord>> {
  const query = db.knex('batch_predictions').select('batch_predictions.*');
  if (createdBy !== null) void query.where({ created_by: createdBy });
  const { items, next } = await pageByCreation<BatchPredictionRow>(query, 'batch_predictions', page);
  return { items: items.map(toBatchPrediction), next };
}

/** The result's files are there. */
export async function completeBatchPrediction(
  db: Queryable,
  id: string,
  result: {
    /** Null where the rows are not in the object store. */
    readonly resultPath: string | null;
    readonly rowCount: number;
    readonly rowsPerSecond: number;
    readonly rowsPerCoreSecond: number | null;
    readonly warnings: readonly FeatureWarning[];
  },
): Promise<void> {
  await db
    .knex('batch_predictions')
    .where({ id })
    .update({
      result_path: result.resultPath,
      row_count: result.rowCount,
      rows_per_second: result.rowsPerSecond,
      rows_per_core_second: result.rowsPerCoreSecond,
      warnings: toJson(result.warnings),
    });
}

/** Those whose job ended so long ago, on the database's clock, and whose staging folder may still be there. */
export async function endedStagings(
  db: Queryable,
  olderThanMs: number,
  limit: number,
): Promise<readonly BatchPredictionRecord[]> {
  const query = db
    .knex('batch_predictions')
    .join('job', 'job.id', 'batch_predictions.job_id')
    .whereNotNull('batch_predictions.staging_path')
    .where('job.finished_at', '<=', now(db, -olderThanMs))
    .orderBy('batch_predictions.id')
    .limit(limit)
    .select('batch_predictions.*');
  return (await rowsOf<BatchPredictionRow>(query)).map(toBatchPrediction);
}

/** The staging folder is gone. */
export async function forgetStaging(db: Queryable, id: string): Promise<void> {
  await db.knex('batch_predictions').where({ id }).update({ staging_path: null });
}

export async function deleteBatchPrediction(db: Queryable, id: string): Promise<void> {
  await db.knex('batch_predictions').where({ id }).delete();
}
