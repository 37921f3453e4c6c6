import type {
  ChallengerAssignment,
  Deployment,
  DeploymentSegments,
  HumilityRules,
  PredictionIntervals,
  PredictionServerStatus,
  TelemetrySettings,
} from '#contracts';
import { pageByCreation, type Page, type PageOptions } from './cursor.ts';
import { now, type Queryable } from './dialect.ts';
import { fromJson, rowOf, rowsOf, toJson } from './records.ts';

export interface DeploymentRecord {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly modelId: string;
  readonly projectId: string;
  readonly groupName: string;
  readonly settings: Deployment['settings'];
  /** Of its model, for the `interval` of its settings; null without the setting. */
  readonly intervals: PredictionIntervals | null;
  /** Rises with every change that prediction servers must know. */
  readonly sequence: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly createdBy: string;
}

interface DeploymentRow {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly model_id: string;
  readonly project_id: string;
  readonly group_name: string;
  readonly settings: string;
  readonly intervals: string | null;
  readonly telemetry: string | null;
  readonly humility: string | null;
  readonly segments: string | null;
  readonly sequence: number;
  readonly created_at: number;
  readonly updated_at: number;
  readonly created_by: string;
}

function toDeployment(row: DeploymentRow): DeploymentRecord {
  const intervals = intervalsOf(row);
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    modelId: row.model_id,
    projectId: row.project_id,
    groupName: row.group_name,
    settings: {
      ...fromJson<StoredSettings>(row.settings),
      ...(intervals === null ? {} : { interval: intervals.coverage }),
      ...(row.telemetry === null ? {} : { telemetry: fromJson<TelemetrySettings>(row.telemetry) }),
      ...(row.humility === null ? {} : { humility: fromJson<HumilityRules>(row.humility) }),
      ...(row.segments === null ? {} : { segments: fromJson<DeploymentSegments>(row.segments) }),
    },
    intervals,
    sequence: row.sequence,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    createdBy: row.created_by,
  };
}

/** Where a program that knows no intervals has changed the model, there are none any more. */
function intervalsOf(row: DeploymentRow): PredictionIntervals | null {
  const intervals = row.intervals === null ? null : fromJson<PredictionIntervals>(row.intervals);
  return intervals?.modelId === row.model_id ? intervals : null;
}

/** Settings without those of later programs, which have columns of their own: programs that know none of them read the others as ever. */
type StoredSettings = Omit<Deployment['settings'], 'interval' | 'telemetry' | 'humility' | 'segments'>;

function settingsColumns({ interval: _, telemetry, humility, segments, ...settings }: Deployment['settings']): {
  readonly settings: string;
  readonly telemetry: string | null;
  readonly humility: string | null;
  readonly segments: string | null;
} {
  return {
    settings: toJson(settings satisfies StoredSettings),
    telemetry: telemetry === undefined ? null : toJson(telemetry),
    humility: humility === undefined ? null : toJson(humility),
    segments: segments === undefined ? null : toJson(segments),
  };
}

const intervalsJson = (intervals: PredictionIntervals | null): string | null =>
  intervals === null ? null : toJson(intervals);

/** A change of the model of a deployment. */
export interface DeploymentChange {
  readonly modelId: string;
  readonly reason: string;
  readonly at: number;
  readonly by: string;
  readonly sequence: number;
}

type NewDeployment = Pick<
  DeploymentRecord,
  'id' | 'name' | 'description' | 'modelId' | 'projectId' | 'groupName' | 'settings' | 'intervals' | 'createdBy'
>;

export async function insertDeployment(db: Queryable, deployment: NewDeployment, reason: string): Promise<void> {
  await db.knex('deployments').insert({
    id: deployment.id,
    name: deployment.name,
    description: deployment.description,
    model_id: deployment.modelId,
    project_id: deployment.projectId,
    group_name: deployment.groupName,
    ...settingsColumns(deployment.settings),
    intervals: intervalsJson(deployment.intervals),
    sequence: 1,
    created_at: now(db),
    updated_at: now(db),
    created_by: deployment.createdBy,
  });
  await insertChange(db, deployment.id, 1, deployment.modelId, reason, deployment.createdBy);
  await bumpFeed(db);
}

async function insertChange(
  db: Queryable,
  deploymentId: string,
  sequence: number,
  modelId: string,
  reason: string,
  by: string,
): Promise<void> {
  await db
    .knex('deployment_history')
    .insert({ deployment_id: deploymentId, sequence, model_id: modelId, reason, at: now(db), by });
}

export async function findDeployment(db: Queryable, id: string): Promise<DeploymentRecord | undefined> {
  const row = await rowOf<DeploymentRow>(db.knex('deployments').where({ id }));
  return row === undefined ? undefined : toDeployment(row);
}

/** Deployments of one user, or of all, newest first. */
export async function listDeployments(
  db: Queryable,
  createdBy: string | null,
  page: PageOptions,
): Promise<Page<DeploymentRecord>> {
  const query = db.knex('deployments').select('deployments.*');
  if (createdBy !== null) void query.where({ created_by: createdBy });
  const { items, next } = await pageByCreation<DeploymentRow>(query, 'deployments', page);
  return { items: items.map(toDeployment), next };
}

/** Ids of all deployments. */
export async function listDeploymentIds(db: Queryable): Promise<string[]> {
  return (await rowsOf<{ id: string }>(db.knex('deployments').orderBy('id').select('id'))).map(({ id }) => id);
}

/** Ids of the deployments of a project's models, at most `limit`. */
export async function deploymentsOfProject(db: Queryable, projectId: string, limit: number): Promise<string[]> {
  const query = db.knex('deployments').where({ project_id: projectId }).orderBy('id').limit(limit).select('id');
  return (await rowsOf<{ id: string }>(query)).map((row) => row.id);
}

/** Changes name, description or settings with the intervals that go with them; the sequence rises, so that prediction servers hear of it. */
export async function updateDeployment(
  db: Queryable,
  id: string,
  change: {
    readonly name?: string | undefined;
    readonly description?: string | undefined;
    readonly settings?: Deployment['settings'] | undefined;
    readonly intervals?: PredictionIntervals | null | undefined;
  },
): Promise<void> {
  await db
    .knex('deployments')
    .where({ id })
    .update({
      ...(change.name === undefined ? {} : { name: change.name }),
      ...(change.description === undefined ? {} : { description: change.description }),
      ...(change.settings === undefined ? {} : settingsColumns(change.settings)),
      ...(change.intervals === undefined ? {} : { intervals: intervalsJson(change.intervals) }),
      updated_at: now(db),
    })
    .increment('sequence', 1);
  await bumpFeed(db);
}

/** Serves another model from now on; the history keeps the reason. */
export async function replaceModel(
  db: Queryable,
  id: string,
  change: {
    readonly modelId: string;
    readonly intervals: PredictionIntervals | null;
    readonly reason: string;
    readonly by: string;
  },
): Promise<void> {
  const changed = await db
    .knex('deployments')
    .where({ id })
    .whereNot({ model_id: change.modelId })
    .update({ model_id: change.modelId, intervals: intervalsJson(change.intervals), updated_at: now(db) })
    .increment('sequence', 1);
  if (changed === 0) return;
  // What serves does not challenge itself.
  await db.knex('deployment_challengers').where({ deployment_id: id, model_id: change.modelId }).delete();
  const deployment = await findDeployment(db, id);
  if (deployment !== undefined)
    await insertChange(db, id, deployment.sequence, change.modelId, change.reason, change.by);
  await bumpFeed(db);
}

export async function deleteDeployment(db: Queryable, id: string): Promise<void> {
  await db.knex('deployment_challengers').where({ deployment_id: id }).delete();
  await db.knex('deployment_history').where({ deployment_id: id }).delete();
  await db.knex('deployments').where({ id }).delete();
  await bumpFeed(db);
}

/** Changes of the model, newest first, behind `beforeSequence`. */
export async function listChanges(
  db: Queryable,
  id: string,
  options: { readonly limit: number; readonly beforeSequence: number | null },
): Promise<DeploymentChange[]> {
  const query = db
    .knex('deployment_history')
    .where({ deployment_id: id })
    .orderBy('sequence', 'desc')
    .limit(options.limit)
    .select('model_id as modelId', 'reason', 'at', 'by', 'sequence');
  if (options.beforeSequence !== null) void query.where('sequence', '<', options.beforeSequence);
  return rowsOf<DeploymentChange>(query);
}

/** Whether a deployment serves a model, or once did. */
export async function wasServed({ knex }: Queryable, id: string, modelId: string): Promise<boolean> {
  const query = knex('deployment_history').where({ deployment_id: id, model_id: modelId }).select('sequence');
  return (await rowOf(query)) !== undefined;
}

/** A deployment with what a prediction server needs of its model. */
export interface Assignment {
  readonly deployment: DeploymentRecord;
  readonly manifestSha256: string;
  /** Models that predict beside it. */
  readonly challengers: readonly ChallengerAssignment[];
}

/** Challengers of all deployments with what a prediction server needs of their models, by deployment. */
async function assignedChallengers(db: Queryable): Promise<ReadonlyMap<string, readonly ChallengerAssignment[]>> {
  const rows = await rowsOf<ChallengerAssignment & { deploymentId: string }>(
    db
      .knex('deployment_challengers')
      .join('models', 'models.id', 'deployment_challengers.model_id')
      .orderBy(['deployment_id', 'added_at', 'model_id'])
      .select(
        'deployment_challengers.deployment_id as deploymentId',
        'deployment_challengers.model_id as modelId',
        'models.manifest_sha256 as manifestSha256',
        'deployment_challengers.sample_fraction as sampleFraction',
      ),
  );
  const byDeployment = new Map<string, ChallengerAssignment[]>();
  for (const { deploymentId, ...challenger } of rows)
    byDeployment.set(deploymentId, [...(byDeployment.get(deploymentId) ?? []), challenger]);
  return byDeployment;
}

/** All deployments, for the assignment feed. */
export async function listAssignments(db: Queryable): Promise<Assignment[]> {
  const rows = await rowsOf<DeploymentRow & { manifest_sha256: string }>(
    db
      .knex('deployments')
      .join('models', 'models.id', 'deployments.model_id')
      .orderBy('deployments.id')
      .select('deployments.*', 'models.manifest_sha256'),
  );
  const challengers = await assignedChallengers(db);
  return rows.map((row) => ({
    deployment: toDeployment(row),
    manifestSha256: row.manifest_sha256,
    challengers: challengers.get(row.id) ?? [],
  }));
}

/** Number of the assignment feed's last change. */
export async function feedSequence(db: Queryable): Promise<number> {
  const row = await rowOf<{ sequence: number }>(db.knex('assignment_feed').where({ id: 1 }));
  return row?.sequence ?? 0;
}

/** Something that prediction servers must know has changed. */
export async function bumpFeed(db: Queryable): Promise<void> {
  await db.knex('assignment_feed').where({ id: 1 }).increment('sequence', 1);
}

export interface PredictionServerRecord {
  readonly id: string;
  readonly url: string;
  readonly programVersion: string;
  readonly feedSequence: number;
  readonly deployments: PredictionServerStatus['deployments'];
  readonly lastSeenAt: number;
  /** Whether it has reported within the last `liveMs`. */
  readonly live: boolean;
}

export async function saveServerStatus(db: Queryable, id: string, status: PredictionServerStatus): Promise<void> {
  await db
    .knex('prediction_servers')
    .insert({
      id,
      url: status.url,
      program_version: status.programVersion,
      feed_sequence: status.feedSequence,
      deployments: toJson(status.deployments),
      last_seen_at: now(db),
    })
    .onConflict('id')
    .merge();
}

/** Prediction servers that ever reported are kept up to this many. */
export const PREDICTION_SERVERS_MAX = 1_000;

/** Prediction servers, the last to report first. */
export async function listPredictionServers(db: Queryable, liveMs: number): Promise<PredictionServerRecord[]> {
  const rows = await rowsOf<{
    id: string;
    url: string;
    program_version: string;
    feed_sequence: number;
    deployments: string;
    last_seen_at: number;
    live: number;
  }>(
    db
      .knex('prediction_servers')
      .select('prediction_servers.*')
      .select(db.knex.raw('case when last_seen_at > ? then 1 else 0 end as live', [now(db, -liveMs)]))
      .orderBy([{ column: 'last_seen_at', order: 'desc' }, { column: 'id' }])
      .limit(PREDICTION_SERVERS_MAX),
  );
  return rows.map((row) => ({
    id: row.id,
    url: row.url,
    programVersion: row.program_version,
    feedSequence: row.feed_sequence,
    deployments: fromJson<PredictionServerStatus['deployments']>(row.deployments),
    lastSeenAt: row.last_seen_at,
    live: row.live === 1,
  }));
}
