import type { Candidate } from './claim-plan.ts';
import { rawRows, type Dialect, type Queryable } from './dialect.ts';
import { HELD_SQL } from './leases.ts';

/** Shares and tasks per share looked at beyond what is needed, so that there is a choice by cached dataset. */
const LOOK_AHEAD = 16;

/** The order within a share; that of the index `task_ready_of_pool`. */
const ORDER = 'priority desc, created_at, job_position, id';

/**
 * SQL of whether a task is to delay no other: of priority below 0, unless others of its group are held already and wait for it.
 */
const isBackground = (isForming: string): string => `case when priority < 0 and ${isForming} = 0 then 1 else 0 end`;

/** SQL of the conditions under which a READY task may be given out; `task_ready_of_pool` serves them. */
export const claimable = ({ now }: Dialect): string =>
  `task.state = 'READY' and task.not_before <= ${now} and (task.deadline_at is null or task.deadline_at > ${now})`;

/** SQL of the pool whose tasks are looked at, from the statement's own table: bound once, wherever it is needed. */
const POOL_SQL = '(select wanted.name from wanted)';

/** A group some of whose members are held and wait for the others. */
export const FORMING_SQL = 'forming_until is not null and formed_at is null';

/** A group may be begun while none of its pool is forming, and when none of its members waits for something else. */
const mayBegin = ({ now }: Dialect): string => `exists (
  select 1 from task_group where task_group.id = task.group_id and forming_until is null and formed_at is null
    and not_before <= ${now} and not exists (select 1 from task_group where pool = ${POOL_SQL} and ${FORMING_SQL})
    and not exists (select 1 from task member where member.group_id = task_group.id and member.state = 'WAITING'))`;

export interface Look {
  /** Only tasks of this pool. */
  readonly pool: string;
  /** Tasks wanted. */
  readonly count: number;
  /** Whether members of groups are looked for, ensembles and insights: a worker of version 1 knows none of them. */
  readonly withGroups: boolean;
  /** Tasks that are predicted to need more are not looked at; Infinity: all are. */
  readonly capacityBytes: number;
  /** Ids of tasks that somebody else has taken, although they still seem READY. */
  readonly without: readonly string[];
}

/**
 * The tasks that the next `count` claims would get, and some more for a choice, in the order in which they would if none
 * had a dataset cached. The order between shares is the running cost at which a task's turn comes: what the share's held
 * tasks cost and its tasks before it; tasks of priority below 0 come after those of all shares. Steps from share to share and takes the first tasks of each in the index
 * `task_ready_of_pool`, so that it costs by the number of shares and claims, whatever the number of tasks.
 *
 * @see Goyal, Vin, Cheng: Start-time fair queueing (1996), whose start tag that running cost is
 */
export async function findCandidates(
  db: Queryable,
  { pool, count, withGroups, capacityBytes, without }: Look,
): Promise<Candidate[]> {
  const { dialect } = db;
  const taken = without.length === 0 ? '' : `and task.id not in (${without.map(() => '?').join(', ')})`;
  const fits = Number.isFinite(capacityBytes) ? 'and coalesce(task.memory_bytes, 0) <= ?' : '';
  const other = `${taken} ${fits}`;
  const otherValues = [...without, ...(fits === '' ? [] : [capacityBytes])];
  const free = `task.pool = ${POOL_SQL} and ${claimable(dialect)} ${other} and (task.group_id is null ${withGroups ? `or ${mayBegin(dialect)}` : "and task.kind not in ('ensemble', 'insight', 'feature-type', 'batch-gather', 'profile-part', 'profile-merge')"})`;
  const first = (limit: string) => joinFirst(dialect, `${free} and task.share_key = share.share_key`, limit);
  const rows = await rawRows<CandidateRow>(
    db,
    `with recursive wanted(name) as (
       select cast(? as varchar(100))
     ), share(share_key) as (
       select min(share_key) from task where state = 'READY' and pool = ${POOL_SQL}
       union all
       select (select min(task.share_key) from task
               where task.state = 'READY' and task.pool = ${POOL_SQL} and task.share_key > share.share_key)
       from share where share.share_key is not null
     ), held as (
       select share_key, sum(cost) as cost from task where state in ${HELD_SQL} and pool = ${POOL_SQL} group by share_key
     ), next as (
       select share.share_key, coalesce(held.cost, 0) as running, ${isBackground('0')} as is_background
       from share left join held on held.share_key = share.share_key ${first('1')}
       order by is_background, running, ${ORDER} limit ?
     ), found as (
       select ${columns('share.running', 0)} from next share ${first('?')}
       ${withGroups ? `union all ${formingMembers(dialect, other)}` : ''}
     )
     select found.*, ${isBackground('is_forming')} as is_background, running - cost + sum(cost) over (
       partition by share_key order by is_forming desc, ${ORDER} rows unbounded preceding) as turn
     from found order by is_background, turn, is_forming desc, ${ORDER} limit ?`,
    [
      pool,
      ...otherValues,
      count + LOOK_AHEAD,
      ...otherValues,
      count + LOOK_AHEAD,
      ...(withGroups ? otherValues : []),
      4 * count + 2 * LOOK_AHEAD,
    ],
  );
  return rows.map(candidateFromRow);
}

interface CandidateRow {
  id: string;
  share_key: string;
  running: number | string;
  cost: number;
  priority: number;
  created_at: number;
  job_position: number;
  dataset_id: string | null;
  memory_bytes: number | null;
  group_id: string | null;
  is_forming: number;
}

const candidateFromRow = (row: CandidateRow): Candidate => ({
  id: row.id,
  shareKey: row.share_key,
  running: Number(row.running), // PostgreSQL's sum of integers is a bigint
  cost: row.cost,
  priority: row.priority,
  createdAt: row.created_at,
  jobPosition: row.job_position,
  datasetId: row.dataset_id,
  memoryBytes: row.memory_bytes ?? 0,
  groupId: row.group_id,
  isForming: row.is_forming === 1,
});

const columns = (running: string, isForming: 0 | 1): string =>
  `task.id, task.share_key, ${running} as running, task.cost, task.priority, task.created_at, task.job_position,
   task.dataset_id, task.memory_bytes, task.group_id, ${isForming} as is_forming`;

/** Members of the group that is forming, wherever they stand in their share. */
const formingMembers = (dialect: Dialect, other: string): string =>
  `select ${columns('coalesce((select held.cost from held where held.share_key = task.share_key), 0)', 1)}
   from task_group cross join task where task.group_id = task_group.id and task_group.pool = ${POOL_SQL}
     and ${FORMING_SQL} and forming_until > ${dialect.now} and ${claimable(dialect)} ${other}`;

/** Joins the first tasks of each share that meet a condition; a plain join would look at all of them. */
const joinFirst = ({ name }: Dialect, condition: string, limit: string): string => {
  const select = (what: string) => `select ${what} from task where ${condition} order by ${ORDER} limit ${limit}`;
  return name === 'postgres'
    ? `cross join lateral (${select('*')}) as task`
    : `cross join task on task.rowid in (${select('rowid')})`;
};
