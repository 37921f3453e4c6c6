import { AppError, type RankAddress } from '#contracts';
import type { Holder } from './attempt-ends.ts';
import type { Transaction } from './database.ts';
import type { Queryable } from './dialect.ts';
import { getGroup, type TaskGroup } from './groups.ts';
import { refusal } from './lease-refusal.ts';
import { rowsOf } from './records.ts';
import { lockTask } from './tasks.ts';

/** What a rank of a group that runs is told. */
export interface RankMeeting {
  readonly epoch: number;
  /** As {@link meetRanks} was given it. */
  readonly secret: string;
  /** In rank order; null while some are missing. */
  readonly addresses: readonly RankAddress[] | null;
}

interface RankRow {
  rank: number;
  epoch: number;
  secret: string;
  host: string | null;
  port: number | null;
}

/**
 * A member of a group that has begun says where it listens, if it does, and learns what the others have said. The first one that asks after
 * the group has begun makes the secrets of all.
 *
 * @param issue secrets of the ranks, in rank order, fit to be kept
 * @throws TASK_FENCED, TASK_CANCELLED unless it holds its task and the group has begun; CONFLICT of a task of no group
 */
export async function meetRanks(
  trx: Transaction,
  { taskId, fence }: Holder,
  address: RankAddress | null,
  issue: (group: TaskGroup) => readonly string[],
): Promise<RankMeeting> {
  const task = await lockTask(trx, taskId);
  if (task?.fence !== fence || task.state !== 'RUNNING') throw await refusal(trx, taskId, fence);
  const group = task.groupId === null ? null : await getGroup(trx, task.groupId);
  if (group === null || group.formedAt === null)
    throw new AppError('CONFLICT', `task ${taskId} is of no group that has begun`);
  const { id: group_id, epoch } = group;
  // The job is locked: no other member is here.
  if ((await rankRows(trx, group)).length !== group.size) {
    await forgetRanks(trx, group_id);
    const rows = issue(group).map((secret, rank) => ({ group_id, rank, epoch, secret }));
    await trx.knex('group_rank').insert(rows);
  }
  const own = { group_id, rank: task.groupRank ?? 0 };
  if (address !== null) await trx.knex('group_rank').where(own).update(address);
  const rows = await rankRows(trx, group);
  const known = rows.flatMap(({ host, port }) => (host === null || port === null ? [] : [{ host, port }]));
  return {
    epoch,
    secret: rows[own.rank]?.secret ?? '',
    addresses: known.length === group.size ? known : null,
  };
}

/** Of the time that the group runs now, by rank. */
const rankRows = ({ knex }: Queryable, { id, epoch }: TaskGroup): Promise<RankRow[]> =>
  rowsOf<RankRow>(knex('group_rank').where({ group_id: id, epoch }).orderBy('rank'));

/** What ranks were given is of no use any more: the group does not run. */
export async function forgetRanks({ knex }: Queryable, groupId: string): Promise<void> {
  await knex('group_rank').where({ group_id: groupId }).delete();
}
