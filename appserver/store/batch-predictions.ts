import type { FeatureWarning } from '#contracts';
import { pageByCreation, type Page, type PageOptions } from './cursor.ts';
import { now, type Queryable } from './dialect.ts';
import { fromJson, rowOf, toJson } from './records.ts';

export interface BatchPredictionRecord {
  readonly id: string;
  readonly modelId: string;
  readonly deploymentId: string | null;
  readonly datasetId: string;
  readonly jobId: string;
  readonly passthroughColumns: readonly string[];
  /** Object store folder of the result's files; null until they are there. */
  readonly resultPath: string | null;
  readonly rowCount: number | null;
  readonly rowsPerSecond: number | null;
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
  readonly result_path: string | null;
  readonly row_count: number | null;
  readonly rows_per_second: number | null;
  readonly warnings: string;
  readonly created_at: number;
  readonly created_by: string;
}

const toBatchPrediction = (row: BatchPredictionRow): BatchPredictionRecord => ({
  id: row.id,
  modelId: row.model_id,
  deploymentId: row.deployment_id,
  datasetId: row.dataset_id,
  jobId: row.job_id,
  passthroughColumns: fromJson<string[]>(row.passthrough_columns),
  resultPath: row.result_path,
  rowCount: row.row_count,
  rowsPerSecond: row.rows_per_second,
  warnings: fromJson<FeatureWarning[]>(row.warnings),
  createdAt: row.created_at,
  createdBy: row.created_by,
});

export async function insertBatchPrediction(
  db: Queryable,
  entry: Pick<
    BatchPredictionRecord,
    'id' | 'modelId' | 'deploymentId' | 'datasetId' | 'jobId' | 'passthroughColumns' | 'createdBy'
  >,
): Promise<void> {
  await db.knex('batch_predictions').insert({
    id: entry.id,
    model_id: entry.modelId,
    deployment_id: entry.deploymentId,
    dataset_id: entry.datasetId,
    job_id: entry.jobId,
    passthrough_columns: toJson(entry.passthroughColumns),
    warnings: '[]',
    created_at: now(db),
    created_by: entry.createdBy,
  });
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
    readonly resultPath: string;
    readonly rowCount: number;
    readonly rowsPerSecond: number;
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
      warnings: toJson(result.warnings),
    });
}

export async function deleteBatchPrediction(db: Queryable, id: string): Promise<void> {
  await db.knex('batch_predictions').where({ id }).delete();
}
