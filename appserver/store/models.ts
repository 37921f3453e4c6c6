import type { Calibration, EnsembleFacts, Model, ModelScores, PlannedTask, Problem } from '#contracts';
import { now, type Queryable } from './dialect.ts';
import { fromJson, fromJsonOrNull, rowOf, rowsOf, toJson } from './records.ts';

/** What is known of a model once it is trained. */
export interface TrainedFacts {
  readonly rowCount: number;
  readonly iterations: number | null;
  /** Null for a model that is no ensemble. */
  readonly ensemble: EnsembleFacts | null;
  /** Null where raw scores are as the members blend them. */
  readonly calibration: Calibration | null;
  readonly scores: ModelScores;
  readonly fitMs: number;
  readonly predictMicrosPerRow: number;
  readonly sizeBytes: number;
  readonly peakMemoryBytes: number;
  readonly contentHash: string;
  readonly manifestSha256: string;
  /** Object store folder. */
  readonly artifactPath: string;
  /** Base64, Ed25519 over the canonical JSON of {modelId, manifestSha256}. */
  readonly signature: string;
}

export interface ModelRecord {
  readonly id: string;
  readonly projectId: string;
  /** Null: fitted by hand. */
  readonly runId: string | null;
  readonly jobId: string;
  readonly taskId: string;
  /** Order of creation in the run. */
  readonly position: number;
  readonly planned: PlannedTask;
  readonly name: string;
  readonly family: string;
  readonly state: Model['state'];
  readonly sampleFraction: number;
  readonly threadCount: number;
  /** What its task's process is predicted to take at most; null: nobody said. */
  readonly predictedMemoryBytes: number | null;
  readonly trained: TrainedFacts | null;
  readonly error: Problem | null;
  readonly starred: boolean;
  readonly tags: readonly string[];
  readonly description: string;
  readonly createdAt: number;
  readonly finishedAt: number | null;
}

interface ModelRow {
  readonly id: string;
  readonly project_id: string;
  readonly run_id: string | null;
  readonly job_id: string;
  readonly task_id: string;
  readonly position: number;
  readonly planned: string;
  readonly name: string;
  readonly family: string;
  readonly state: Model['state'];
  readonly sample_fraction: number;
  readonly thread_count: number;
  readonly predicted_memory_bytes: number | null;
  readonly row_count: number | null;
  readonly iterations: number | null;
  readonly ensemble: string | null;
  readonly calibration: string | null;
  readonly scores: string | null;
  readonly fit_ms: number | null;
  readonly predict_micros_per_row: number | null;
  readonly size_bytes: number | null;
  readonly peak_memory_bytes: number | null;
  readonly content_hash: string | null;
  readonly manifest_sha256: string | null;
  readonly artifact_path: string | null;
  readonly signature: string | null;
  readonly error: string | null;
  readonly starred: number;
  readonly tags: string;
  readonly description: string;
  readonly created_at: number;
  readonly finished_at: number | null;
}

function trainedOf(row: ModelRow): TrainedFacts | null {
  if (row.state !== 'ready') return null;
  const { content_hash, manifest_sha256, artifact_path, signature, scores } = row;
  if (content_hash === null || manifest_sha256 === null || artifact_path === null || signature === null) return null;
  return {
    rowCount: row.row_count ?? 0,
    iterations: row.iterations,
    ensemble: fromJsonOrNull<EnsembleFacts>(row.ensemble),
    calibration: fromJsonOrNull<Calibration>(row.calibration),
    scores:
      scores === null ? { validation: null, crossValidation: null, holdout: null } : fromJson<ModelScores>(scores),
    fitMs: row.fit_ms ?? 0,
    predictMicrosPerRow: row.predict_micros_per_row ?? 0,
    sizeBytes: row.size_bytes ?? 0,
    peakMemoryBytes: row.peak_memory_bytes ?? 0,
    contentHash: content_hash,
    manifestSha256: manifest_sha256,
    artifactPath: artifact_path,
    signature,
  };
}

const toModel = (row: ModelRow): ModelRecord => ({
  id: row.id,
  projectId: row.project_id,
  runId: row.run_id,
  jobId: row.job_id,
  taskId: row.task_id,
  position: row.position,
  planned: fromJson<PlannedTask>(row.planned),
  name: row.name,
  family: row.family,
  state: row.state,
  sampleFraction: row.sample_fraction,
  threadCount: row.thread_count,
  predictedMemoryBytes: row.predicted_memory_bytes,
  trained: trainedOf(row),
  error: fromJsonOrNull<Problem>(row.error),
  starred: row.starred === 1,
  tags: fromJson<string[]>(row.tags),
  description: row.description,
  createdAt: row.created_at,
  finishedAt: row.finished_at,
});

export async function insertModel(
  db: Queryable,
  model: Pick<
    ModelRecord,
    | 'id'
    | 'projectId'
    | 'runId'
    | 'jobId'
    | 'taskId'
    | 'position'
    | 'planned'
    | 'name'
    | 'family'
    | 'sampleFraction'
    | 'threadCount'
    | 'predictedMemoryBytes'
  >,
): Promise<void> {
  await db.knex('models').insert({
    id: model.id,
    project_id: model.projectId,
    run_id: model.runId,
    job_id: model.jobId,
    task_id: model.taskId,
    position: model.position,
    planned: toJson(model.planned),
    name: model.name,
    family: model.family,
    state: 'training',
    sample_fraction: model.sampleFraction,
    thread_count: model.threadCount,
    predicted_memory_bytes: model.predictedMemoryBytes,
    starred: 0,
    tags: '[]',
    description: '',
    created_at: now(db),
  });
}

export async function findModel(db: Queryable, id: string): Promise<ModelRecord | undefined> {
  const row = await rowOf<ModelRow>(db.knex('models').where({ id }));
  return row === undefined ? undefined : toModel(row);
}

/** All models of a run, in order of creation; bounded by the run's plan. */
export async function modelsOfRun(db: Queryable, runId: string): Promise<ModelRecord[]> {
  return (await rowsOf<ModelRow>(db.knex('models').where({ run_id: runId }).orderBy('position'))).map(toModel);
}

/** Most rows of a leaderboard that are read. */
export const LEADERBOARD_ROWS_MAX = 10_000;

/** Finished models of a project in order of creation; the newest where there are too many. */
export async function readyModels(db: Queryable, projectId: string): Promise<ModelRecord[]> {
  const rows = await rowsOf<ModelRow>(
    db
      .knex('models')
      .where({ project_id: projectId, state: 'ready' })
      .orderBy(['created_at', 'position', 'id'].map((column) => ({ column, order: 'desc' as const })))
      .limit(LEADERBOARD_ROWS_MAX),
  );
  return rows.reverse().map(toModel);
}

/** The model is trained, verified and signed. */
export async function completeModel(db: Queryable, id: string, trained: TrainedFacts): Promise<void> {
  await db
    .knex('models')
    .where({ id })
    .update({
      state: 'ready',
      row_count: trained.rowCount,
      iterations: trained.iterations,
      ensemble: trained.ensemble === null ? null : toJson(trained.ensemble),
      calibration: trained.calibration === null ? null : toJson(trained.calibration),
      scores: toJson(trained.scores),
      fit_ms: trained.fitMs,
      predict_micros_per_row: trained.predictMicrosPerRow,
      size_bytes: trained.sizeBytes,
      peak_memory_bytes: trained.peakMemoryBytes,
      content_hash: trained.contentHash,
      manifest_sha256: trained.manifestSha256,
      artifact_path: trained.artifactPath,
      signature: trained.signature,
      finished_at: now(db),
    });
}

/** The model will not come. */
export async function endModel(
  db: Queryable,
  id: string,
  state: 'failed' | 'cancelled',
  error: Problem | null,
): Promise<void> {
  await db
    .knex('models')
    .where({ id, state: 'training' })
    .update({ state, error: error === null ? null : toJson(error), finished_at: now(db) });
}

export async function updateModel(
  db: Queryable,
  id: string,
  change: {
    readonly starred?: boolean | undefined;
    readonly tags?: readonly string[] | undefined;
    readonly description?: string | undefined;
  },
): Promise<void> {
  const columns = {
    ...(change.starred === undefined ? {} : { starred: change.starred ? 1 : 0 }),
    ...(change.tags === undefined ? {} : { tags: toJson(change.tags) }),
    ...(change.description === undefined ? {} : { description: change.description }),
  };
  if (Object.keys(columns).length > 0) await db.knex('models').where({ id }).update(columns);
}
