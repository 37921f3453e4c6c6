import type { Knex } from 'knex';
import type { AppError, JobKind, JobState, Problem, TaskProgress } from '#contracts';
import { newId } from '#runtime';
import { pageByCreation, type Page, type PageOptions } from './cursor.ts';
import type { Transaction } from './database.ts';
import { now, type Queryable } from './dialect.ts';
import { DEFAULT_POOL } from './pool-names.ts';
import { problemOf, problemText } from './problems.ts';
import { rowsOf } from './records.ts';

/** A job as the store keeps it. Times are milliseconds since 1970 by the database's clock. */
export interface StoredJob {
  readonly id: string;
  readonly kind: JobKind;
  readonly state: JobState;
  readonly userId: string;
  readonly projectId: string | null;
  /** Path of what the job makes. */
  readonly resource: string | null;
  /** Pool whose workers do its tasks. */
  readonly pool: string;
  /** The task that the job ends with; null for jobs that their follow-ups end. */
  readonly taskId: string | null;
  readonly progress: { readonly fraction: number; readonly phase: string; readonly message: string };
  readonly cancelAsked: boolean;
  readonly error: Problem | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

export const isFinalJobState = (state: JobState): boolean =>
  state === 'succeeded' || state === 'failed' || state === 'cancelled';

/** Jobs that end as their one task ends; the others are ended by `finishJob`. */
export const endsWithItsTask = (kind: JobKind): boolean => kind !== 'autopilot';

export interface NewJob {
  /** @default a new id */
  readonly id?: string;
  readonly kind: JobKind;
  readonly userId: string;
  readonly projectId: string | null;
  readonly resource: string | null;
  /** Pool whose workers do its tasks. @default DEFAULT_POOL */
  readonly pool?: string;
}

interface JobRow {
  id: string;
  kind: JobKind;
  state: JobState;
  user_id: string;
  project_id: string | null;
  resource: string | null;
  pool: string;
  task_id: string | null;
  progress_fraction: number;
  progress_phase: string;
  progress_message: string;
  cancel_asked: number;
  error: string | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
  task_progress?: string | null;
  running_progress?: string | null;
}

function fromRow(row: JobRow): StoredJob {
  return {
    id: row.id,
    kind: row.kind,
    state: row.state,
    userId: row.user_id,
    projectId: row.project_id,
    resource: row.resource,
    pool: row.pool,
    taskId: row.task_id,
    progress: progressOf(row),
    cancelAsked: row.cancel_asked === 1,
    error: problemOf(row.error),
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  };
}

/** The progress of a job that ends with its task is its task's; that of others says what their first running task does. */
function progressOf(row: JobRow): StoredJob['progress'] {
  const own = { fraction: row.progress_fraction, phase: row.progress_phase, message: row.progress_message };
  const live = row.task_progress ?? row.running_progress ?? null;
  if (live === null || row.finished_at !== null) return own;
  const { fraction, phase, message } = JSON.parse(live) as TaskProgress; // written by beatTask
  if (live === row.task_progress) return { fraction, phase, message };
  const text = [own.message, message].filter((part) => part !== '').join('; ');
  return { ...own, message: text.slice(0, MESSAGE_CHARS_MAX) };
}

/** Characters of a message of progress at most. */
const MESSAGE_CHARS_MAX = 500;

const selectJobs = ({ knex }: Queryable): Knex.QueryBuilder =>
  knex('job')
    .leftJoin('task', 'task.id', 'job.task_id')
    .select('job.*', 'task.progress as task_progress', knex.raw(RUNNING_PROGRESS));

const RUNNING_PROGRESS = `(select running.progress from task running
  where running.job_id = job.id and running.state = 'RUNNING' and running.progress is not null
  order by running.job_position limit 1) as running_progress`;

/** Creates a queued job. Its tasks are created in the same transaction. */
export async function createJob(trx: Transaction, job: NewJob): Promise<StoredJob> {
  const id = job.id ?? newId('job');
  const rows = await rowsOf<JobRow>(
    trx
      .knex('job')
      .insert({
        id,
        kind: job.kind,
        state: 'queued',
        user_id: job.userId,
        project_id: job.projectId,
        resource: job.resource,
        pool: job.pool ?? DEFAULT_POOL,
        created_at: now(trx),
      })
      .returning('*'),
  );
  const row = rows[0];
  if (row === undefined) throw new Error('an inserted job is returned');
  return fromRow(row);
}

/** Null when there is no such job. */
export async function getJob(db: Queryable, id: string): Promise<StoredJob | null> {
  const rows = await rowsOf<JobRow>(selectJobs(db).where('job.id', id));
  return rows[0] === undefined ? null : fromRow(rows[0]);
}

export interface JobFilter extends PageOptions {
  readonly state?: JobState | undefined;
  readonly projectId?: string | undefined;
  /** Null or absent: of all users. */
  readonly userId?: string | null;
}

/** Jobs, newest first. */
export async function listJobs(db: Queryable, filter: JobFilter): Promise<Page<StoredJob>> {
  const query = selectJobs(db);
  if (filter.state !== undefined) void query.where('job.state', filter.state);
  if (filter.projectId !== undefined) void query.where('job.project_id', filter.projectId);
  if (filter.userId !== undefined && filter.userId !== null) void query.where('job.user_id', filter.userId);
  const { items, next } = await pageByCreation<JobRow>(query, 'job', filter);
  return { items: items.map(fromRow), next };
}

/**
 * Reads a job and keeps others from changing it, its tasks and what follows from them until the transaction ends.
 * Whoever locks a task locks its job first.
 */
export async function lockJob(trx: Transaction, id: string): Promise<StoredJob | null> {
  const query = trx.knex('job').where({ id });
  const rows = await rowsOf<JobRow>(trx.dialect.name === 'postgres' ? query.forUpdate() : query);
  return rows[0] === undefined ? null : fromRow(rows[0]);
}

/** A queued job begins to run; no effect on another. */
export async function startJob(db: Queryable, id: string): Promise<void> {
  await db
    .knex('job')
    .where({ id, state: 'queued' })
    .update({ state: 'running', started_at: now(db) });
}

/** Shows how far a job is that does not end with its task; no effect on a finished one. */
export async function updateJobProgress(
  db: Queryable,
  id: string,
  progress: { readonly fraction: number; readonly phase: string; readonly message: string },
): Promise<void> {
  await db
    .knex('job')
    .where({ id })
    .whereNull('finished_at')
    .update({
      progress_fraction: progress.fraction,
      progress_phase: progress.phase.slice(0, 100),
      progress_message: progress.message.slice(0, 500),
    });
}

/** Names what the job makes, when that is known only later. */
export async function setJobResource(db: Queryable, id: string, resource: string): Promise<void> {
  await db.knex('job').where({ id }).update({ resource });
}

/** The task that a job was to end with is not the last one after all: what follows from its tasks ends it. */
export async function leaveJobOpen(trx: Transaction, id: string): Promise<void> {
  await trx.knex('job').where({ id }).update({ task_id: null });
}

/** How a job ends. */
export type JobEnding =
  | { readonly state: 'succeeded' }
  | { readonly state: 'cancelled' }
  | { readonly state: 'failed'; readonly error: AppError };

/** Ends a job; false, and no effect, when it was finished already. */
export async function finishJob(trx: Transaction, id: string, ending: JobEnding): Promise<boolean> {
  const changed = await trx
    .knex('job')
    .where({ id })
    .whereNull('finished_at')
    .update({
      state: ending.state,
      finished_at: now(trx),
      started_at: trx.knex.raw(`coalesce(started_at, ${trx.dialect.now})`),
      error: ending.state === 'failed' ? problemText(ending.error) : null,
      ...(ending.state === 'succeeded' ? { progress_fraction: 1, progress_phase: 'done', progress_message: '' } : {}),
    });
  if (changed === 1) trx.signal('job-ended', id);
  return changed === 1;
}

/** Marks a job as to be cancelled; its tasks are `cancelJob`'s business in the app server. */
export async function markJobCancelAsked(trx: Transaction, id: string): Promise<void> {
  await trx.knex('job').where({ id }).update({ cancel_asked: 1 });
}
