import type { Transaction } from './database.ts';
import { now, rawRows, type Queryable } from './dialect.ts';
import { longestLossBackoff, type RetryPolicy } from './failure-policy.ts';
import { rowsOf } from './records.ts';

/** Result rows are looked at for so long after their commit; older ones were. */
const RECENT_MS = 24 * 3_600_000;
/** A leadership that ends later than this was taken before the database's clock was set back. */
const LEADER_AHEAD_MS = 120_000;
/** A lease, or a back-off, that lasts so many times as long as any is given was given before the clock was set back. */
const AHEAD_FACTOR = 2;
/** Yet never less: replicas may run with different configurations. */
const AHEAD_MS_MIN = 60_000;
/** A lease that ended so long ago should have been reaped. */
const UNREAPED_MS = 300_000;

const OPEN_TASK = 'select 1 from task where task.job_id = job.id and task.finished_at is null';

/**
 * States that no statement of this program leaves behind, each with the query that finds its objects: by a partial
 * index of what is open, or of the last day, however long the history. `now` stands for the database's time.
 */
const QUERIES = {
  /** A job without an open task that nobody will end: a run of Autopilot that goes on is `run-idle`. */
  'job-unsettled': `select job.id from job where job.finished_at is null and not exists (${OPEN_TASK})
     and not exists (select 1 from autopilot_runs run where run.job_id = job.id and run.finished_at is null)`,
  /** A run that goes on, without an open task and without a wake-up: nothing will ever advance it. */
  'run-idle': `select run.id from autopilot_runs run join job on job.id = run.job_id
     where run.finished_at is null and run.state in ('running', 'stopping') and job.finished_at is null
     and not exists (${OPEN_TASK}) and not exists (select 1 from wake_up where topic = 'autopilot' and key = job.id)`,
  /** A run that goes on although its job has ended. */
  'run-of-ended-job': `select run.id from autopilot_runs run join job on job.id = run.job_id
     where run.finished_at is null and job.finished_at is not null`,
  /** A dataset that is being read by a job that has ended. */
  'dataset-ingesting': `select datasets.id from datasets join job on job.id = datasets.job_id
     where datasets.state = 'ingesting' and job.finished_at is not null`,
  /** A model in training whose task has ended. */
  'model-training': `select models.id from models join task on task.id = models.task_id
     where models.state = 'training' and task.finished_at is not null`,
  /** A task that waits for nothing: not put aside, and all that it depends on has ended. */
  'task-waiting': `select task.id from task where task.state = 'WAITING' and task.held = 0 and not exists (
     select 1 from task_dependency dep join task needed on needed.id = dep.depends_on
     where dep.task_id = task.id and needed.finished_at is null)`,
  /** A lease that ended long ago: nobody reaps. */
  'lease-unreaped': `select id from task
     where state in ('LEASED', 'RUNNING', 'COMMITTING') and lease_until < :now - ${UNREAPED_MS}`,
  /** A lease that ends far in the future: its holder would be waited for so long. */
  'lease-ahead': `select id from task
     where state in ('LEASED', 'RUNNING', 'COMMITTING') and lease_until > :now + :leaseAhead`,
  /** A task that may be claimed only later than any back-off lets it be; one that never failed has the shortest. */
  'task-ahead': `select id from task where state = 'READY' and not_before > :now +
     case when charged = 0 and group_id is null then :lossAhead else :taskAhead end`,
  /** An attempt that goes on although its task is not held, or by another attempt. */
  'attempt-open': `select task.id from attempt join task on task.id = attempt.task_id where attempt.ended_at is null
     and (task.fence <> attempt.fence or task.state not in ('LEASED', 'RUNNING', 'COMMITTING'))`,
  /** A result whose task is gone, or has not succeeded under its fence. */
  'result-unowned': `select result.task_id as id from result left join task on task.id = result.task_id
     where result.committed_at > :now - ${RECENT_MS}
     and (task.id is null or task.state <> 'SUCCEEDED' or task.fence <> result.fence)`,
  /** A result that not exactly one attempt committed. */
  'result-twice': `select result.task_id as id from result where result.committed_at > :now - ${RECENT_MS}
     and 1 <> (select count(*) from attempt where attempt.task_id = result.task_id and attempt.ending = 'committed')`,
  /** A group that should have been dissolved long ago. */
  'group-forming': `select id from task_group where forming_until < :now - ${UNREAPED_MS}`,
  /** A duty whose leader's lease ends far in the future. */
  'leader-ahead': `select duty as id from leader where lease_until > :now + ${LEADER_AHEAD_MS}`,
} as const;

/** Names of the states that cannot be. */
export type InconsistencyKind = keyof typeof QUERIES;
export const INCONSISTENCY_KINDS = Object.keys(QUERIES) as InconsistencyKind[]; // the keys of a literal

/** What times of tasks are held against. */
export type LongestTimes = Pick<RetryPolicy, 'backoffMsMax'> & { readonly leaseMs: number };

const aheadOf = (longestMs: number): number => Math.max(AHEAD_FACTOR * longestMs, AHEAD_MS_MIN);

function queryOf({ dialect }: Queryable, kind: InconsistencyKind, longest: LongestTimes): string {
  return QUERIES[kind]
    .replaceAll(':now', dialect.now)
    .replaceAll(':leaseAhead', String(aheadOf(longest.leaseMs)))
    .replaceAll(':lossAhead', String(aheadOf(longestLossBackoff(longest))))
    .replaceAll(':taskAhead', String(aheadOf(longest.backoffMsMax)));
}

/** Ids of the objects in a state that cannot be, at most `limit`. */
export async function findInconsistencies(
  db: Queryable,
  kind: InconsistencyKind,
  longest: LongestTimes,
  limit: number,
): Promise<string[]> {
  const rows = await rawRows<{ id: string }>(db, `${queryOf(db, kind, longest)} limit ?`, [limit]);
  return rows.map(({ id }) => id);
}

/** Whether one object is in a state that cannot be. */
export async function isInconsistent(
  db: Queryable,
  kind: InconsistencyKind,
  longest: LongestTimes,
  id: string,
): Promise<boolean> {
  const found = queryOf(db, kind, longest);
  const rows = await rawRows(db, `select 1 as one from (${found}) as found where found.id = ? limit 1`, [id]);
  return rows.length > 0;
}

/** A task that waits for nothing may be claimed; no effect when something that it needs did not succeed. */
export async function releaseWaiting(trx: Transaction, taskId: string): Promise<void> {
  const changed = await rawRows(
    trx,
    `update task set state = 'READY' where id = ? and state = 'WAITING' and held = 0 and not exists (
       select 1 from task_dependency dep join task needed on needed.id = dep.depends_on
       where dep.task_id = task.id and needed.state <> 'SUCCEEDED') returning id`,
    [taskId],
  );
  if (changed.length > 0) trx.signal('task-ready', taskId);
}

/** The lease of a task that lies in the far future becomes one that a task gets now. */
export async function pullBackLease(trx: Transaction, taskId: string, leaseMs: number): Promise<void> {
  const later = trx.knex('task').where({ id: taskId }).where('lease_until', '>', now(trx, leaseMs));
  await later.update({ lease_until: now(trx, leaseMs) });
}

/** A task that may be claimed only in the far future may be claimed now. */
export async function pullBackTask(trx: Transaction, taskId: string): Promise<void> {
  const later = trx.knex('task').where({ id: taskId, state: 'READY' }).where('not_before', '>', now(trx));
  if ((await later.update({ not_before: now(trx) })) === 1) trx.signal('task-ready', taskId);
}

/** Ends the lease of a leader that took it before the clock was set back. */
export async function endLeadership(trx: Transaction, duty: string): Promise<void> {
  const later = trx.knex('leader').where({ duty }).where('lease_until', '>', now(trx, LEADER_AHEAD_MS));
  await later.update({ lease_until: 0 });
}

/** What is known of one kind, for all app servers. */
export interface InconsistencyCount {
  readonly kind: string;
  /** Found by the last look and not repaired. */
  readonly found: number;
  /** Repaired since the installation began. */
  readonly repaired: number;
}

/**
 * Takes down what a look found and repaired.
 *
 * @returns whether it is to be told: something was found, and nobody has told of this kind within `quietMs`
 */
export async function noteInconsistencies(
  trx: Transaction,
  kind: InconsistencyKind,
  { found, repaired, quietMs }: { readonly found: number; readonly repaired: number; readonly quietMs: number },
): Promise<boolean> {
  if (found + repaired === 0) {
    await trx.knex('inconsistency').where({ kind }).where('found', '>', 0).update({ found: 0 });
    return false;
  }
  await trx.knex('inconsistency').insert({ kind }).onConflict(['kind']).ignore();
  await trx.knex('inconsistency').where({ kind }).update({ found }).increment('repaired', repaired);
  const told = await trx
    .knex('inconsistency')
    .where({ kind })
    .where('logged_at', '<', now(trx, -quietMs))
    .update({ logged_at: now(trx) });
  return told === 1;
}

/** Kinds of which any were ever found. */
export async function countInconsistencies(db: Queryable): Promise<InconsistencyCount[]> {
  return rowsOf<InconsistencyCount>(db.knex('inconsistency').orderBy('kind').select('kind', 'found', 'repaired'));
}
