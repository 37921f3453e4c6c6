import { expect } from 'chai';
import type { Queryable } from '#store';
import { findInconsistencies, INCONSISTENCY_KINDS, isFinalTaskState, rawRows } from '#store';
import { QUEUE_CONFIG, type World } from './world.ts';

const countOf = async (db: Queryable, sql: string): Promise<number> => Number((await rawRows(db, sql))[0]?.['n']);

/** What holds after every statement, whatever happened before. Each is a query that must find nothing. */
export const ALWAYS: Readonly<Record<string, string>> = {
  'I2 a result without a succeeded task': `select count(*) as n from result join task on task.id = result.task_id where task.state <> 'SUCCEEDED'`,
  'I2 a succeeded task without a result': `select count(*) as n from task where state = 'SUCCEEDED'
     and not exists (select 1 from result where result.task_id = task.id)`,
  'I3 a result of another fence than the last':
    'select count(*) as n from result join task on task.id = result.task_id where task.fence <> result.fence',
  'I3 a result that was not sealed under its fence': `select count(*) as n from result where not exists (
     select 1 from task_seal s where s.task_id = result.task_id and s.fence = result.fence)`,
  'I7 a success after the cancellation was acknowledged': `select count(*) as n from task where state = 'SUCCEEDED' and cancel_asked = 1`,
  'I8 charges that are not the attempts whose fault was the task’s': `select count(*) as n from task where charged <> (
     select count(*) from attempt where attempt.task_id = task.id and attempt.blame = 'task')`,
  'I8 losses that are not the other ended attempts': `select count(*) as n from task where losses <> (
     select count(*) from attempt where attempt.task_id = task.id and attempt.blame in ('worker', 'unknown', 'memory'))`,
  'I9 a task tried after three charges': `select count(*) as n from task where charged >= 3 and state <> 'FAILED'`,
  'an open attempt of a task that nobody holds': `select count(*) as n from attempt join task on task.id = attempt.task_id
     where attempt.ended_at is null and (task.state not in ('LEASED', 'RUNNING', 'COMMITTING') or task.fence <> attempt.fence)`,
  'a held task without an open attempt': `select count(*) as n from task
     where state in ('LEASED', 'RUNNING', 'COMMITTING') and not exists (select 1 from attempt
       where attempt.task_id = task.id and attempt.fence = task.fence and attempt.ended_at is null)`,
  'a held task without a lease': `select count(*) as n from task
     where (lease_until is null) = (case when state in ('LEASED', 'RUNNING', 'COMMITTING') then 1 = 1 else 1 = 0 end)`,
  'attempts that are not the fences': `select count(*) as n from task where fence <> (
     select count(*) from attempt where attempt.task_id = task.id)`,
  'a task that waits for nothing': `select count(*) as n from task where state = 'WAITING' and held = 0 and not exists (
     select 1 from task_dependency join task needed on needed.id = depends_on
     where task_dependency.task_id = task.id and needed.state <> 'SUCCEEDED')`,
  'a task that was given out before what it needs': `select count(*) as n from task
     join task_dependency on task_dependency.task_id = task.id join task needed on needed.id = depends_on
     where task.fence > 0 and needed.state <> 'SUCCEEDED'`,
  'a task that goes on without what it needs': `select count(*) as n from task
     join task_dependency on task_dependency.task_id = task.id join task needed on needed.id = depends_on
     where task.finished_at is null and needed.state in ('FAILED', 'CANCELLED')`,
  'a member of a group that began alone': `select count(*) as n from task
     join task_group on task_group.id = task.group_id
     where task.state in ('RUNNING', 'COMMITTING') and formed_at is null and sealed_at is null`,
  'a member of a begun group that nobody holds': `select count(*) as n from task
     join task_group on task_group.id = task.group_id
     where task.state in ('READY', 'WAITING') and formed_at is not null`,
  'a group of which a part has succeeded before all had sealed': `select count(*) as n from task
     join task_group on task_group.id = task.group_id where task.state = 'SUCCEEDED' and sealed_at is null`,
  'a group of which a member goes on after another has failed': `select count(*) as n from task
     join task ended on ended.group_id = task.group_id
     where task.finished_at is null and ended.state = 'FAILED'`,
  'two groups of a pool that are forming': `select count(*) - count(distinct pool) as n from task_group
     where forming_until is not null and formed_at is null`,
  'a task of another pool than its worker’s': `select count(*) as n from task join worker on worker.id = task.worker_id
     where task.pool <> worker.pool`,
  'a checkpoint of a final task': `select count(*) as n from task
     where checkpoint is not null and finished_at is not null`,
  'a final task without its one event': `select count(*) as n from task where finished_at is not null and 1 <> (
     select count(*) from outbox where outbox.key = task.id)`,
  'a final task without its one follow-up': `select count(*) as n from task where finished_at is not null and 1 <> (
     select count(*) from note where note.task_id = task.id and note.what = task.state)`,
  'a follow-up of a task that is not final': `select count(*) as n from note join task on task.id = note.task_id
     where task.finished_at is null`,
  'a finished task of another job state': `select count(*) as n from task join job on job.task_id = task.id
     where (task.finished_at is null) <> (job.finished_at is null) or (task.finished_at is not null
       and lower(task.state) <> job.state)`,
};

export async function checkAlways(world: World): Promise<void> {
  for (const [name, sql] of Object.entries(ALWAYS)) expect(await countOf(world.database, sql), name).to.equal(0);
  for (const kind of INCONSISTENCY_KINDS) {
    const found = await findInconsistencies(world.database, kind, QUEUE_CONFIG, world.openJobs.size + 1);
    expect(
      found.filter((id) => !world.openJobs.has(id)),
      `the reconciler’s ${kind}`,
    ).to.deep.equal([]);
  }
}

/** I1: none has vanished, each has ended. */
export async function checkEnded(world: World, taskIds: readonly string[]): Promise<void> {
  for (const id of taskIds) expect(isFinalTaskState((await world.task(id)).state), `I1 ${id}`).to.be.true;
}
