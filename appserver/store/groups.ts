import { AppError, type Checkpoint } from '#contracts';
import { newId } from '#runtime';
import { endTask, returnTask, type Transition } from './attempt-ends.ts';
import type { Transaction } from './database.ts';
import { now, rawRows, readClock, type Queryable } from './dialect.ts';
import { lossBackoff, type RetryPolicy } from './failure-policy.ts';
import { forgetRanks } from './group-ranks.ts';
import { lockJob } from './jobs.ts';
import { fromJsonOrNull, rowOf, rowsOf } from './records.ts';
import { createTask, isHeld, taskFromRow, type NewTask, type Task, type TaskRow } from './tasks.ts';

/** Tasks of one job that run at the same time or not at all. Times by the database's clock. */
export interface TaskGroup {
  readonly id: string;
  readonly jobId: string;
  readonly size: number;
  /** Counts how often all members were there. */
  readonly epoch: number;
  /** By when all members must be held; null: none is, or all are. */
  readonly formingUntil: number | null;
  readonly formedAt: number | null;
  /** When all members had sealed: from then on none of them waits for the others any more. */
  readonly sealedAt: number | null;
  /** How often members were given back because others were missing, since the last checkpoint of one of them. */
  readonly dissolved: number;
}

interface GroupRow {
  id: string;
  job_id: string;
  size: number;
  epoch: number;
  forming_until: number | null;
  formed_at: number | null;
  sealed_at: number | null;
  dissolved: number;
}

/** Most members of a group. */
export const GROUP_SIZE_MAX = 256;

/** What a member of a group is made from. */
export type NewMember = Omit<NewTask, 'jobId' | 'group' | 'waiting'>;

/**
 * Creates the tasks of a group, or finds those with the same idempotency keys; their ranks are their places.
 *
 * @throws JOB_CANCELLED, JOB_FINISHED when the job takes no more tasks
 */
export async function createGroup(
  trx: Transaction,
  jobId: string,
  members: readonly NewMember[],
): Promise<{ readonly groupId: string; readonly tasks: readonly Task[] }> {
  if (members.length === 0 || members.length > GROUP_SIZE_MAX) {
    throw new AppError('INTERNAL', `a group has 1 to ${GROUP_SIZE_MAX} members, not ${members.length}`);
  }
  const job = await lockJob(trx, jobId);
  const groupId = newId('group');
  const tasks: Task[] = [];
  for (const [rank, member] of members.entries()) {
    const { task } = await createTask(trx, { ...member, jobId, group: { id: groupId, rank } });
    tasks.push(task);
  }
  const [first] = tasks;
  if (first?.groupId === groupId) {
    const row = { id: groupId, job_id: jobId, size: members.length, ...(job === null ? {} : { pool: job.pool }) };
    await trx.knex('task_group').insert({ ...row, not_before: now(trx), created_at: now(trx) });
  }
  const found = new Set(tasks.map((task) => task.groupId));
  if (found.size !== 1) throw new AppError('INTERNAL', 'members of a group were made apart from each other');
  return { groupId: first?.groupId ?? groupId, tasks };
}

/** Null when there is no such group. */
export async function getGroup(db: Queryable, id: string): Promise<TaskGroup | null> {
  const row = await rowOf<GroupRow>(db.knex('task_group').where({ id }));
  if (row === undefined) return null;
  return {
    id: row.id,
    jobId: row.job_id,
    size: row.size,
    epoch: row.epoch,
    formingUntil: row.forming_until,
    formedAt: row.formed_at,
    sealedAt: row.sealed_at,
    dissolved: row.dissolved,
  };
}

/**
 * Lets a group begin if all its members are held or have succeeded; true when it has begun, now or before. The caller has
 * locked the job, so that no member is lost meanwhile.
 */
export async function formGroup(trx: Transaction, groupId: string): Promise<boolean> {
  const formed = await rawRows(
    trx,
    `update task_group set formed_at = ${trx.dialect.now}, forming_until = null, epoch = epoch + 1
     where id = ? and formed_at is null and not exists (
       select 1 from task where task.group_id = task_group.id
         and task.state not in ('LEASED', 'RUNNING', 'COMMITTING', 'SUCCEEDED')) returning id`,
    [groupId],
  );
  return formed.length === 1 || (await getGroup(trx, groupId))?.formedAt !== null;
}

/** What the first member of a group has left to go on from. */
export async function checkpointOfGroup(db: Queryable, groupId: string): Promise<Checkpoint | null> {
  const row = await rowOf<{ checkpoint: string | null }>(
    db.knex('task').where({ group_id: groupId, group_rank: 0 }).select('checkpoint'),
  );
  return fromJsonOrNull<Checkpoint>(row?.checkpoint ?? null);
}

/** A member has sealed: takes down when it was the last one, so that all may commit. */
export async function noteSealedMember(trx: Transaction, groupId: string): Promise<void> {
  await rawRows(
    trx,
    `update task_group set sealed_at = ${trx.dialect.now} where id = ? and sealed_at is null and not exists (
       select 1 from task where task.group_id = task_group.id and task.state not in ('COMMITTING', 'SUCCEEDED'))
     returning id`,
    [groupId],
  );
}

/** Groups whose members were not all there in time. */
export async function overdueGroups(db: Queryable, limit: number): Promise<string[]> {
  return rowsOf<string>(
    db
      .knex('task_group')
      .where('forming_until', '<=', now(db))
      .whereNull('formed_at')
      .orderBy('forming_until')
      .limit(limit)
      .pluck('id'),
  );
}

/** Gives the members of a group back that were not all there in time; none when it has begun meanwhile. */
export async function dissolveOverdueGroup(
  trx: Transaction,
  groupId: string,
  policy: RetryPolicy,
): Promise<Transition[]> {
  const group = await getGroup(trx, groupId);
  if (group === null) return [];
  await lockJob(trx, group.jobId);
  const isOverdue = await rowOf(
    trx.knex('task_group').where({ id: groupId }).whereNull('formed_at').where('forming_until', '<=', now(trx)),
  );
  return isOverdue === undefined ? [] : dissolveGroup(trx, groupId, policy);
}

/**
 * Gives back every member that a worker holds: uncharged, all to be claimed again after the same back-off. What is sealed
 * stays when all members had sealed. The caller has locked the job, and runs what follows from the transitions.
 */
export async function dissolveGroup(trx: Transaction, groupId: string, policy: RetryPolicy): Promise<Transition[]> {
  const group = await getGroup(trx, groupId);
  if (group === null) throw new AppError('INTERNAL', `group ${groupId} does not exist`);
  const members = await lockMembers(trx, groupId);
  const delayMs = lossBackoff(group.dissolved, { taskId: groupId, fence: group.dissolved }, policy);
  const ready = members.filter(({ state }) => state === 'READY').map(({ notBefore }) => notBefore);
  const notBefore = Math.max((await readClock(trx)) + delayMs, ...ready);
  // What parts of a fit have sealed is worth nothing without the model.
  const staysSealed = group.sealedAt !== null && !members.some(({ kind }) => kind === 'train-part');
  const transitions: Transition[] = [];
  for (const member of members) {
    if (!isHeld(member.state) || (member.state === 'COMMITTING' && staysSealed)) continue;
    const end = { ending: member.cancelAsked ? 'cancelled' : 'group' } as const;
    if (member.cancelAsked) transitions.push(await endTask(trx, member, 'CANCELLED', end));
    else await returnTask(trx, member, end, { notBefore });
  }
  await trx.knex('task').where({ group_id: groupId, state: 'READY' }).update({ not_before: notBefore });
  await trx
    .knex('task_group')
    .where({ id: groupId })
    .update({
      ...{ forming_until: null, formed_at: null, dissolved: group.dissolved + 1, not_before: notBefore },
      ...(staysSealed ? {} : { sealed_at: null }),
    });
  await forgetRanks(trx, groupId);
  return transitions;
}

/** Members that have not ended, by rank. */
export async function lockMembers(trx: Transaction, groupId: string): Promise<Task[]> {
  const rows = await rawRows<TaskRow>(
    trx,
    `select * from task where group_id = ? and finished_at is null order by group_rank ${trx.dialect.forUpdate}`,
    [groupId],
  );
  return rows.map(taskFromRow);
}

/** The last member has ended: others need not wait any longer for a group that was forming. */
export async function closeGroup(trx: Transaction, groupId: string): Promise<void> {
  await trx.knex('task_group').where({ id: groupId }).update({ forming_until: null });
  await forgetRanks(trx, groupId);
}

/** Other members that have not ended, by rank. */
export async function openMembers(db: Queryable, { id, groupId }: Task): Promise<string[]> {
  if (groupId === null) return [];
  return rowsOf<string>(
    db
      .knex('task')
      .where({ group_id: groupId })
      .whereNot({ id })
      .whereNull('finished_at')
      .orderBy('group_rank')
      .pluck('id'),
  );
}
