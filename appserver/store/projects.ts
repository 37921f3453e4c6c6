import { AppError, type AutopilotRunState, type MetricName, type Partitioning, type TargetSpec } from '#contracts';
import { pageByCreation, type Page, type PageOptions } from './cursor.ts';
import { now, type Queryable } from './dialect.ts';
import { fromJsonOrNull, rowOf, rowsOf, toJson } from './records.ts';

/** What the first Autopilot of a project fixes. */
export interface FixedSettings {
  readonly target: TargetSpec;
  readonly metric: MetricName;
  readonly partitioning: Partitioning;
}

export interface ProjectRecord {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly datasetId: string;
  readonly fixed: FixedSettings | null;
  readonly holdoutUnlockedAt: number | null;
  readonly recommendedModelId: string | null;
  readonly recommendedReason: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly createdBy: string;
  readonly modelCount: number;
  /** Of the newest run of Autopilot; null before the first. */
  readonly runState: AutopilotRunState | null;
}

interface ProjectRow {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly dataset_id: string;
  readonly fixed_settings: string | null;
  readonly holdout_unlocked_at: number | null;
  readonly recommended_model_id: string | null;
  readonly recommended_reason: string | null;
  readonly created_at: number;
  readonly updated_at: number;
  readonly created_by: string;
  readonly model_count: number;
  readonly run_state: AutopilotRunState | null;
}

const toProject = (row: ProjectRow): ProjectRecord => ({
  id: row.id,
  name: row.name,
  description: row.description,
  datasetId: row.dataset_id,
  fixed: fromJsonOrNull<FixedSettings>(row.fixed_settings),
  holdoutUnlockedAt: row.holdout_unlocked_at,
  recommendedModelId: row.recommended_model_id,
  recommendedReason: row.recommended_reason,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  createdBy: row.created_by,
  modelCount: row.model_count,
  runState: row.run_state,
});

const projectRows = (db: Queryable) =>
  db
    .knex('projects')
    .select('projects.*')
    .select(
      db.knex.raw(
        "(select count(*) from models where models.project_id = projects.id and models.state = 'ready') as model_count",
      ),
      db.knex.raw(
        '(select state from autopilot_runs run where run.project_id = projects.id order by run.started_at desc, run.id desc limit 1) as run_state',
      ),
    );

export async function insertProject(
  db: Queryable,
  project: Pick<ProjectRecord, 'id' | 'name' | 'description' | 'datasetId' | 'createdBy'>,
): Promise<void> {
  await db.knex('projects').insert({
    id: project.id,
    name: project.name,
    description: project.description,
    dataset_id: project.datasetId,
    created_at: now(db),
    updated_at: now(db),
    created_by: project.createdBy,
  });
}

export async function findProject(db: Queryable, id: string): Promise<ProjectRecord | undefined> {
  const row = await rowOf<ProjectRow>(projectRows(db).where('projects.id', id));
  return row === undefined ? undefined : toProject(row);
}

/**
 * The project's row is this transaction's until its end: whoever starts a run or fits a model takes it first.
 *
 * @throws NOT_FOUND where it was deleted meanwhile
 */
export async function lockProject(db: Queryable, id: string): Promise<void> {
  const locked = await db
    .knex('projects')
    .where({ id })
    .update({ updated_at: now(db) });
  if (locked === 0) throw new AppError('NOT_FOUND', `project ${id}: there is none that you may read`);
}

/** Projects of one user, or of all, newest first. */
export async function listProjects(
  db: Queryable,
  createdBy: string | null,
  page: PageOptions,
): Promise<Page<ProjectRecord>> {
  const query = projectRows(db);
  if (createdBy !== null) void query.where('projects.created_by', createdBy);
  const { items, next } = await pageByCreation<ProjectRow>(query, 'projects', page);
  return { items: items.map(toProject), next };
}

export async function updateProject(
  db: Queryable,
  id: string,
  change: { readonly name?: string | undefined; readonly description?: string | undefined },
): Promise<void> {
  await db
    .knex('projects')
    .where({ id })
    .update({
      ...(change.name === undefined ? {} : { name: change.name }),
      ...(change.description === undefined ? {} : { description: change.description }),
      updated_at: now(db),
    });
}

export async function fixProject(db: Queryable, id: string, fixed: FixedSettings): Promise<void> {
  await db
    .knex('projects')
    .where({ id })
    .update({ fixed_settings: toJson(fixed), updated_at: now(db) });
}

export async function recommendModel(db: Queryable, id: string, modelId: string, reason: string): Promise<void> {
  await db
    .knex('projects')
    .where({ id })
    .update({ recommended_model_id: modelId, recommended_reason: reason, updated_at: now(db) });
}

/** @returns false when it was unlocked already */
export async function unlockHoldout(db: Queryable, id: string): Promise<boolean> {
  const changed: number = await db
    .knex('projects')
    .where({ id })
    .whereNull('holdout_unlocked_at')
    .update({ holdout_unlocked_at: now(db), updated_at: now(db) });
  return changed === 1;
}

/** Ids of a project's jobs that are not final, in their order. */
export async function openJobsOfProject(db: Queryable, id: string): Promise<string[]> {
  const query = db.knex('job').where({ project_id: id }).whereNull('finished_at').orderBy('id').select('id');
  return (await rowsOf<{ id: string }>(query)).map((row) => row.id);
}

/** Deletes a project with its runs, models and batch predictions; nothing may be deployed any more. */
export async function deleteProject(db: Queryable, id: string): Promise<void> {
  const jobs = db.knex('job').where({ project_id: id }).select('id');
  await db.knex('batch_predictions').whereIn('job_id', jobs).delete();
  await db.knex('models').where({ project_id: id }).delete();
  await db.knex('autopilot_runs').where({ project_id: id }).delete();
  await db.knex('projects').where({ id }).delete();
}

/** Ids that one statement asks for. */
const IDS_MAX = 200;

/** Those of the projects that exist. */
export async function existingProjects(db: Queryable, ids: readonly string[]): Promise<Set<string>> {
  const existing = new Set<string>();
  for (let start = 0; start < ids.length; start += IDS_MAX) {
    const query = db.knex('projects').whereIn('id', ids.slice(start, start + IDS_MAX));
    for (const { id } of await rowsOf<{ id: string }>(query.select('id'))) existing.add(id);
  }
  return existing;
}
