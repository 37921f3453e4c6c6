import {
  AppError,
  parse,
  TaskSpec,
  type Checkpoint,
  type Problem,
  type TaskKind,
  type TaskProgress,
  type TaskSpec as TaskSpecOf,
  type TaskState,
} from '#contracts';
import { newId } from '#runtime';
import { pageByCreation, type Page, type PageOptions } from './cursor.ts';
import type { Transaction } from './database.ts';
import { addDependencies, mustWaitFor, NOTHING_OPEN } from './dependencies.ts';
import { insertOrIgnore, now, rawRows, type Queryable } from './dialect.ts';
import { lockJob, type StoredJob } from './jobs.ts';
import { problemOf } from './problems.ts';
import { fromJsonOrNull, rowsOf } from './records.ts';

type SpecByKind = { readonly [K in TaskKind]: Extract<TaskSpecOf, { kind: K }> };

/** A task as the store keeps it. Times are milliseconds since 1970 by the database's clock. */
export interface Task<K extends TaskKind = TaskKind> {
  readonly id: string;
  readonly jobId: string;
  readonly projectId: string | null;
  readonly datasetId: string | null;
  /** Whose workers do it. */
  readonly pool: string;
  /** Id of the user in whose name it runs. */
  readonly runAs: string;
  readonly kind: K;
  readonly spec: SpecByKind[K];
  readonly idempotencyKey: string;
  /** Higher goes first among the tasks of one project; below 0 after the tasks of all projects. */
  readonly priority: number;
  readonly state: TaskState;
  /** Counts the claims; 0 before the first. */
  readonly fence: number;
  readonly workerId: string | null;
  readonly leaseUntil: number | null;
  readonly notBefore: number;
  readonly deadlineAt: number | null;
  /** Attempts that failed by the task's own fault. */
  readonly charged: number;
  /** Attempts that ended otherwise: the worker vanished, gave up, or had too little memory. */
  readonly losses: number;
  readonly cancelAsked: boolean;
  readonly progress: TaskProgress | null;
  /** Limit that its worker should have, bytes; null: nobody said. */
  readonly memoryBytes: number | null;
  /** From which the next attempt may go on. */
  readonly checkpoint: Checkpoint | null;
  /** Tasks that run at the same time or not at all; null: on its own. */
  readonly groupId: string | null;
  readonly groupRank: number | null;
  /** Of the last failed attempt, or of the task's end. */
  readonly problem: Problem | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

export interface TaskRow {
  id: string;
  job_id: string;
  project_id: string | null;
  dataset_id: string | null;
  pool: string;
  run_as: string;
  kind: TaskKind;
  spec: string;
  idempotency_key: string;
  priority: number;
  state: TaskState;
  fence: number;
  worker_id: string | null;
  lease_until: number | null;
  not_before: number;
  deadline_at: number | null;
  charged: number;
  losses: number;
  cancel_asked: number;
  progress: string | null;
  memory_bytes: number | null;
  checkpoint: string | null;
  group_id: string | null;
  group_rank: number | null;
  problem: string | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
}

/** The held states: a worker has the lease, or had it when it sealed. */
export const HELD_STATES = ['LEASED', 'RUNNING', 'COMMITTING'] as const satisfies readonly TaskState[];
export const isHeld = (state: TaskState): boolean => (HELD_STATES as readonly TaskState[]).includes(state);
export const isFinalTaskState = (state: TaskState): boolean =>
  state === 'SUCCEEDED' || state === 'FAILED' || state === 'CANCELLED';

export function taskFromRow(row: TaskRow): Task {
  return {
    id: row.id,
    jobId: row.job_id,
    projectId: row.project_id,
    datasetId: row.dataset_id,
    pool: row.pool,
    runAs: row.run_as,
    kind: row.kind,
    spec: JSON.parse(row.spec) as TaskSpecOf, // checked by createTask
    idempotencyKey: row.idempotency_key,
    priority: row.priority,
    state: row.state,
    fence: row.fence,
    workerId: row.worker_id,
    leaseUntil: row.lease_until,
    notBefore: row.not_before,
    deadlineAt: row.deadline_at,
    charged: row.charged,
    losses: row.losses,
    cancelAsked: row.cancel_asked === 1,
    progress: row.progress === null ? null : (JSON.parse(row.progress) as TaskProgress), // written by beatTask
    memoryBytes: row.memory_bytes,
    checkpoint: fromJsonOrNull<Checkpoint>(row.checkpoint),
    groupId: row.group_id,
    groupRank: row.group_rank,
    problem: problemOf(row.problem),
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  };
}

export interface NewTask {
  /** @default a new id */
  readonly id?: string;
  readonly jobId: string;
  /** Tasks without a project share as one group per user. */
  readonly projectId: string | null;
  readonly runAs: string;
  readonly spec: TaskSpecOf;
  /** Unique over all tasks: hash or name of job and purpose. */
  readonly idempotencyKey: string;
  /** @default 0 */
  readonly priority?: number;
  /** Database time by which the result must be sealed; null or absent: none. */
  readonly deadlineAt?: number | null;
  /** Created WAITING and put aside: not given to workers before `releaseTasks`. @default false */
  readonly waiting?: boolean;
  /** Tasks of the same job that must succeed first. @default none */
  readonly dependsOn?: readonly string[];
  /** What it counts for in its project's share while it is held. @default threads of a training, else 1 */
  readonly cost?: number;
  /** Limit that its worker should have, bytes; null or absent: any will do. */
  readonly memoryBytes?: number | null;
  /** Whether its job ends as it ends: of the first such task of a job. @default true */
  readonly endsJob?: boolean;
  /** Membership of a group: `createGroup`. */
  readonly group?: { readonly id: string; readonly rank: number };
}

/**
 * Creates a task, or finds the one with the same idempotency key. It is READY unless it is put aside or has to wait for
 * another one.
 *
 * @throws JOB_CANCELLED, JOB_FINISHED when the job takes no more tasks; DEPENDENCY_FAILED
 */
export async function createTask(trx: Transaction, task: NewTask): Promise<{ task: Task; created: boolean }> {
  const job = await lockJob(trx, task.jobId);
  if (job === null) throw new AppError('INTERNAL', `task of job ${task.jobId}, which does not exist`);
  const spec = parse(TaskSpec, task.spec, 'task spec', 'INTERNAL');
  const id = task.id ?? newId('task');
  const existing = await findByKey(trx, task.idempotencyKey);
  if (existing !== null) return { task: existing, created: false };
  refuseMoreTasks(job);
  const { waiting = false, dependsOn = [] } = task;
  const state = (await mustWaitFor(trx, job.id, dependsOn)) || waiting ? 'WAITING' : 'READY';
  const created = await insertOrIgnore(
    trx,
    'task',
    {
      id,
      job_id: task.jobId,
      // The job is locked: tasks of one job keep their order even within one millisecond.
      job_position: trx.knex('task').where({ job_id: task.jobId }).count('*'),
      project_id: task.projectId,
      dataset_id: spec.datasetId,
      pool: job.pool,
      share_key: task.projectId ?? `user:${task.runAs}`,
      run_as: task.runAs,
      kind: spec.kind,
      spec: JSON.stringify(spec),
      idempotency_key: task.idempotencyKey,
      priority: task.priority ?? 0,
      state,
      held: waiting ? 1 : 0,
      cost: task.cost ?? costOf(spec),
      memory_bytes: task.memoryBytes ?? null,
      group_id: task.group?.id ?? null,
      group_rank: task.group?.rank ?? null,
      not_before: now(trx),
      deadline_at: task.deadlineAt ?? null,
      created_at: now(trx),
    },
    ['idempotency_key'],
  );
  const found = await findByKey(trx, task.idempotencyKey);
  if (found === null) throw new AppError('INTERNAL', 'a created task is found by its key');
  if (created) {
    await addDependencies(trx, id, dependsOn);
    if (task.endsJob !== false)
      await trx.knex('job').where({ id: task.jobId }).whereNot('kind', 'autopilot').whereNull('task_id').update({
        task_id: id,
      });
    if (state === 'READY') trx.signal('task-ready', id);
  }
  return { task: found, created };
}

/** Threads that a task keeps busy. */
function costOf(spec: TaskSpecOf): number {
  if (spec.kind === 'train-part') return spec.train.threadCount;
  return spec.kind === 'train' ? spec.threadCount : 1;
}

function refuseMoreTasks(job: StoredJob): void {
  if (job.cancelAsked) throw new AppError('JOB_CANCELLED', `job ${job.id} takes no more tasks: it is being cancelled`);
  if (job.finishedAt !== null) throw new AppError('JOB_FINISHED', `job ${job.id} takes no more tasks: it is finished`);
}

async function findByKey(db: Queryable, idempotencyKey: string): Promise<Task | null> {
  const rows = await rowsOf<TaskRow>(db.knex('task').where({ idempotency_key: idempotencyKey }));
  return rows[0] === undefined ? null : taskFromRow(rows[0]);
}

/** Null when there is no such task. */
export async function getTask(db: Queryable, id: string): Promise<Task | null> {
  const rows = await rowsOf<TaskRow>(db.knex('task').where({ id }));
  return rows[0] === undefined ? null : taskFromRow(rows[0]);
}

/** Locks a task's job, then the task, until the transaction ends. Null when there is no such task. */
export async function lockTask(trx: Transaction, id: string): Promise<Task | null> {
  const found = await rowsOf<{ job_id: string }>(trx.knex('task').where({ id }).select('job_id'));
  if (found[0] === undefined) return null;
  await lockJob(trx, found[0].job_id);
  const query = trx.knex('task').where({ id });
  const rows = await rowsOf<TaskRow>(trx.dialect.name === 'postgres' ? query.forUpdate() : query);
  return rows[0] === undefined ? null : taskFromRow(rows[0]);
}

/** Tasks of a job in order of creation. */
export async function tasksOfJob(db: Queryable, jobId: string): Promise<Task[]> {
  const rows = await rowsOf<TaskRow>(db.knex('task').where({ job_id: jobId }).orderBy('job_position'));
  return rows.map(taskFromRow);
}

/** Tasks that are not final, newest first: what operators see as the queue. */
export async function listQueue(db: Queryable, options: PageOptions): Promise<Page<Task>> {
  const query = db.knex('task').select('task.*').whereNull('finished_at');
  const { items, next } = await pageByCreation<TaskRow>(query, 'task', options);
  return { items: items.map(taskFromRow), next };
}

/** Another priority for a task that is not final; false when there is none. */
export async function setTaskPriority(db: Queryable, id: string, priority: number): Promise<boolean> {
  return (await db.knex('task').where({ id }).whereNull('finished_at').update({ priority })) === 1;
}

/** Tasks of a job that nobody has claimed yet stand aside, those that wait for others too; returns how many. */
export async function holdTasks(trx: Transaction, jobId: string): Promise<number> {
  const free = trx.knex('task').where({ job_id: jobId, held: 0 }).whereIn('state', ['READY', 'WAITING']);
  return free.update({ state: 'WAITING', held: 1 });
}

/** Tasks of a job that were put aside become READY, unless they depend on one that is open; returns how many. */
export async function releaseTasks(trx: Transaction, jobId: string): Promise<number> {
  await trx.knex('task').where({ job_id: jobId, state: 'WAITING' }).update({ held: 0 });
  const ready = await rawRows(
    trx,
    `update task set state = 'READY' where job_id = ? and state = 'WAITING' and ${NOTHING_OPEN} returning id`,
    [jobId],
  );
  if (ready.length > 0) trx.signal('task-ready', jobId);
  return ready.length;
}

/** Another deadline for the tasks of a job that are not final: after a pause. */
export async function shiftDeadlines(trx: Transaction, jobId: string, byMs: number): Promise<void> {
  await trx
    .knex('task')
    .where({ job_id: jobId })
    .whereNull('finished_at')
    .whereNotNull('deadline_at')
    .increment('deadline_at', Math.round(byMs));
}
