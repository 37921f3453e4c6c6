import type { Dataset, DatasetProfile, FeatureProfile, FeatureWarning, Problem, StoredTable } from '#contracts';
import { pageByCreation, type Page, type PageOptions } from './cursor.ts';
import { now, type Queryable } from './dialect.ts';
import { fromJson, fromJsonOrNull, rowOf, rowsOf, toJson } from './records.ts';

export interface DatasetRecord {
  readonly id: string;
  readonly name: string;
  readonly state: Dataset['state'];
  readonly rowCount: number | null;
  readonly featureCount: number | null;
  readonly sizeBytes: number | null;
  /** `{type: "upload", fileName, sizeBytes}` or the source that was given. */
  readonly source: unknown;
  /** Object of the upload; null for other sources. */
  readonly uploadPath: string | null;
  readonly warnings: readonly FeatureWarning[];
  readonly error: Problem | null;
  readonly jobId: string;
  readonly version: number;
  /** The first version, in whose folder the rows lie; null: this is it. */
  readonly rootId: string | null;
  /** The version that a feature got another type in; null of the first. */
  readonly basedOn: string | null;
  readonly createdAt: number;
  readonly createdBy: string;
}

interface DatasetRow {
  readonly id: string;
  readonly name: string;
  readonly state: Dataset['state'];
  readonly row_count: number | null;
  readonly feature_count: number | null;
  readonly size_bytes: number | null;
  readonly source: string;
  readonly upload_path: string | null;
  readonly warnings: string;
  readonly error: string | null;
  readonly job_id: string;
  readonly version: number;
  readonly root_id: string | null;
  readonly based_on: string | null;
  readonly created_at: number;
  readonly created_by: string;
}

/** Everything but `stored_table`, which may be large. */
const COLUMNS = [
  'id',
  'name',
  'state',
  'row_count',
  'feature_count',
  'size_bytes',
  'source',
  'upload_path',
  'warnings',
  'error',
  'job_id',
  'version',
  'root_id',
  'based_on',
  'created_at',
  'created_by',
].map((name) => `datasets.${name}`);

const toDataset = (row: DatasetRow): DatasetRecord => ({
  id: row.id,
  name: row.name,
  state: row.state,
  rowCount: row.row_count,
  featureCount: row.feature_count,
  sizeBytes: row.size_bytes,
  source: fromJson<unknown>(row.source),
  uploadPath: row.upload_path,
  warnings: fromJson<FeatureWarning[]>(row.warnings),
  error: fromJsonOrNull<Problem>(row.error),
  jobId: row.job_id,
  version: row.version,
  rootId: row.root_id,
  basedOn: row.based_on,
  createdAt: row.created_at,
  createdBy: row.created_by,
});

export async function insertDataset(
  db: Queryable,
  dataset: Pick<DatasetRecord, 'id' | 'name' | 'source' | 'uploadPath' | 'jobId' | 'createdBy'>,
): Promise<void> {
  await db.knex('datasets').insert({
    id: dataset.id,
    name: dataset.name,
    state: 'ingesting',
    source: toJson(dataset.source),
    upload_path: dataset.uploadPath,
    warnings: '[]',
    job_id: dataset.jobId,
    created_at: now(db),
    created_by: dataset.createdBy,
  });
}

export async function findDataset(db: Queryable, id: string): Promise<DatasetRecord | undefined> {
  const row = await rowOf<DatasetRow>(db.knex('datasets').where({ id }).select(COLUMNS));
  return row === undefined ? undefined : toDataset(row);
}

/** Datasets of one user, or of all, newest first. */
export async function listDatasets(
  db: Queryable,
  createdBy: string | null,
  page: PageOptions,
): Promise<Page<DatasetRecord>> {
  const query = db.knex('datasets').select(COLUMNS);
  if (createdBy !== null) void query.where({ created_by: createdBy });
  const { items, next } = await pageByCreation<DatasetRow>(query, 'datasets', page);
  return { items: items.map(toDataset), next };
}

/** The snapshot is there: table, profile and state in one go. */
export async function completeDataset(
  db: Queryable,
  id: string,
  result: {
    readonly table: StoredTable;
    readonly profile: DatasetProfile;
    readonly warnings: readonly FeatureWarning[];
    readonly sizeBytes: number;
  },
): Promise<void> {
  await db
    .knex('datasets')
    .where({ id })
    .update({
      state: 'ready',
      row_count: result.table.rowCount,
      feature_count: result.profile.features.length,
      size_bytes: result.sizeBytes,
      stored_table: toJson(result.table),
      warnings: toJson(result.warnings),
    });
  await db.knex('dataset_profiles').insert({ dataset_id: id, ...profileColumns(result.profile) });
}

/** A profile as its row has it. */
export const profileColumns = ({ features, distinctValues, timeCounts, sampleRows }: DatasetProfile) => ({
  features: toJson(features),
  distinct_values: toJson(distinctValues),
  time_counts: timeCounts === undefined ? null : toJson(timeCounts),
  sample_rows: toJson(sampleRows),
});

export async function failDataset(db: Queryable, id: string, problem: Problem): Promise<void> {
  await db
    .knex('datasets')
    .where({ id })
    .update({ state: 'failed', error: toJson(problem) });
}

export async function findStoredTable(db: Queryable, id: string): Promise<StoredTable | undefined> {
  const row = await rowOf<{ stored_table: string | null }>(db.knex('datasets').where({ id }).select('stored_table'));
  return fromJsonOrNull<StoredTable>(row?.stored_table ?? null) ?? undefined;
}

export async function findFeatures(db: Queryable, id: string): Promise<FeatureProfile[] | undefined> {
  const row = await rowOf<{ features: string }>(
    db.knex('dataset_profiles').where({ dataset_id: id }).select('features'),
  );
  return row === undefined ? undefined : fromJson<FeatureProfile[]>(row.features);
}

export async function findSampleRows(db: Queryable, id: string): Promise<DatasetProfile['sampleRows'] | undefined> {
  const row = await rowOf<{ sample_rows: string }>(
    db.knex('dataset_profiles').where({ dataset_id: id }).select('sample_rows'),
  );
  return row === undefined ? undefined : fromJson<DatasetProfile['sampleRows']>(row.sample_rows);
}

/** The whole profile, as planning needs it. */
export async function findProfile(db: Queryable, id: string): Promise<DatasetProfile | undefined> {
  const row = await rowOf<{
    features: string;
    distinct_values: string;
    time_counts: string | null;
    sample_rows: string;
  }>(db.knex('dataset_profiles').where({ dataset_id: id }));
  if (row === undefined) return undefined;
  const timeCounts = fromJsonOrNull<NonNullable<DatasetProfile['timeCounts']>>(row.time_counts);
  return {
    features: fromJson<DatasetProfile['features']>(row.features),
    distinctValues: fromJson<DatasetProfile['distinctValues']>(row.distinct_values),
    ...(timeCounts === null ? {} : { timeCounts }),
    sampleRows: fromJson<DatasetProfile['sampleRows']>(row.sample_rows),
  };
}

/** Ids of projects over a dataset, at most `limit`. */
export async function projectsOfDataset(db: Queryable, id: string, limit: number): Promise<string[]> {
  const query = db.knex('projects').where({ dataset_id: id }).orderBy('id').limit(limit).select('id');
  return (await rowsOf<{ id: string }>(query)).map((row) => row.id);
}

/** Ids of batch predictions that are being made of a dataset, at most `limit`. */
export async function batchPredictionsInWork(db: Queryable, id: string, limit: number): Promise<string[]> {
  const query = db
    .knex('batch_predictions')
    .join('job', 'job.id', 'batch_predictions.job_id')
    .where('batch_predictions.dataset_id', id)
    .whereNull('job.finished_at')
    .orderBy('batch_predictions.id')
    .limit(limit)
    .select('batch_predictions.id');
  return (await rowsOf<{ id: string }>(query)).map((row) => row.id);
}

export async function deleteDataset(db: Queryable, id: string): Promise<void> {
  await db.knex('dataset_profiles').where({ dataset_id: id }).delete();
  await db.knex('datasets').where({ id }).delete();
}
