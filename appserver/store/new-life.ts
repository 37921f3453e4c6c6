import type { Transaction } from './database.ts';
import { now, rawRows, readClock, type Queryable } from './dialect.ts';
import { HELD_SQL } from './leases.ts';
import { rowsOf } from './records.ts';

/** 2026-01-01, in seconds since 1970. */
const FLOOR_EPOCH_S = 1_767_225_600;

/**
 * A number that rises with time and no counter reaches by counting: seconds since 2026, which fit a 32-bit column until
 * 2094. A counter that is raised to it is above all that any former life has given out, also when one backup is restored
 * twice, unless it counted more often than once a second on average.
 */
const floorOf = ({ dialect }: Queryable): string => `(${dialect.now} / 1000 - ${FLOOR_EPOCH_S})`;

/** SQL that raises a counter to the floor, and by one at least. */
const raised = (db: Queryable, column: string): string =>
  `case when ${column} >= ${floorOf(db)} then ${column} + 1 else ${floorOf(db)} end`;

/** What a restored database had to leave behind. */
export interface NewLife {
  /** Tasks that a worker held when the backup was taken; they are READY again. */
  readonly heldCount: number;
  /** Time between backup and restore, which is taken out of budgets and deadlines. */
  readonly pauseMs: number;
}

/**
 * Makes a database that was written from a backup the only living one: nothing that was given out in its former life
 * (leases, fences, sequences of signed records) is good for anything any more. The rules, and why:
 *
 * - Every unfinished task gets a fence that no former worker holds; open attempts end as expired, and their tasks are
 *   READY. Only a task that was being cancelled keeps its holder: whatever that one says cancels it, and so does the reaper.
 * - Groups that were forming or formed begin anew.
 * - Deployments and the assignment feed get higher sequences: prediction servers know those of the former life, and
 *   take a record with a lower one for a replay.
 * - Counters of rows go on above those that readers of the outbox may have seen.
 * - The time since the backup is a pause: budgets, deadlines and wake-ups move on by it.
 *
 * Sessions, recorded answers, leaders and workers are not in a backup at all.
 *
 * @param takenAtMs database time of the backup's snapshot
 */
export async function beginNewLife(trx: Transaction, takenAtMs: number): Promise<NewLife> {
  const pauseMs = Math.max(0, (await readClock(trx)) - takenAtMs);
  await pauseTime(trx, pauseMs);
  const heldCount = await freeTasks(trx);
  await trx.knex('deployments').update({ sequence: trx.knex.raw(raised(trx, 'sequence')) });
  await trx.knex('assignment_feed').update({ sequence: trx.knex.raw(raised(trx, 'sequence')) });
  await raiseRowCounters(trx);
  return { heldCount, pauseMs };
}

/** Runs that are paused already count this time themselves when they go on. */
async function pauseTime(trx: Transaction, pauseMs: number): Promise<void> {
  const pausedJobs = trx.knex('autopilot_runs').where({ state: 'paused' }).select('job_id');
  await trx
    .knex('task')
    .whereNull('finished_at')
    .whereNotNull('deadline_at')
    .whereNotIn('job_id', pausedJobs)
    .increment('deadline_at', pauseMs);
  await trx
    .knex('autopilot_runs')
    .whereNull('finished_at')
    .whereNot({ state: 'paused' })
    .increment('paused_ms', pauseMs);
  await trx.knex('wake_up').increment('due_at', pauseMs);
}

async function freeTasks(trx: Transaction): Promise<number> {
  const isFree = `finished_at is null and not (cancel_asked = 1 and state in ${HELD_SQL})`;
  const free = trx.knex('task').whereRaw(isFree);
  await trx
    .knex('attempt')
    .whereNull('ended_at')
    .whereIn('task_id', free.clone().select('id'))
    .update({ ended_at: now(trx), ending: 'expired', end_state: 'READY', blame: 'unknown' });
  await free.clone().update({ fence: trx.knex.raw(raised(trx, 'fence')) });
  const groups = free.clone().whereNotNull('group_id').select('group_id');
  await trx
    .knex('task_group')
    .whereIn('id', groups)
    .update({ forming_until: null, formed_at: null, sealed_at: null, not_before: now(trx) });
  return free
    .clone()
    .whereRaw(`state in ${HELD_SQL}`)
    .update({ state: 'READY', worker_id: null, lease_until: null, not_before: now(trx) });
}

/** Rows that were written with their numbers do not move the counters that number new rows. */
async function raiseRowCounters(trx: Transaction): Promise<void> {
  await trx.knex('counter').update({ value: trx.knex.raw(raised(trx, 'value')) });
  if (trx.dialect.name === 'sqlite') {
    const tables = await rawRows<{ name: string }>(
      trx,
      `select name from sqlite_master where type = 'table' and lower(sql) like '%autoincrement%'`,
    );
    for (const { name } of tables) {
      const known = await rowsOf<{ seq: number }>(trx.knex('sqlite_sequence').where({ name }).select('seq'));
      await trx.knex('sqlite_sequence').where({ name }).delete();
      const seq = trx.knex.raw(raised(trx, '?').replaceAll('?', String(known[0]?.seq ?? 0)));
      await trx.knex('sqlite_sequence').insert({ name, seq });
    }
    return;
  }
  const columns = await rawRows<{ table_name: string; column_name: string }>(
    trx,
    `select table_name, column_name from information_schema.columns
     where table_schema = current_schema() and column_default like 'nextval(%'`,
  );
  for (const { table_name: table, column_name: column } of columns) {
    const last = trx.knex(table).max({ last: column });
    const rows = await rowsOf<{ last: number | null }>(last);
    await trx.knex.raw(
      `select setval(pg_get_serial_sequence(quote_ident(?), ?), ${raised(trx, String(rows[0]?.last ?? 0))})`,
      [table, column],
    );
  }
}
