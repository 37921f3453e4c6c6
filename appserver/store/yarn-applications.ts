import type { ContainerSize } from '#contracts';
import type { Transaction } from './database.ts';
import { now, rawRows, type Queryable } from './dialect.ts';
import { fromJsonOrNull, rowOf, rowsOf } from './records.ts';

/**
 * RESERVED: YARN keeps the id for us, it may or may not have been submitted. SUBMITTED: YARN took it. RUNNING: its master
 * has spoken. ENDED: YARN says so. ABANDONED: YARN has no record of it, or its submission was refused.
 */
export const YARN_APPLICATION_STATES = ['RESERVED', 'SUBMITTED', 'RUNNING', 'ENDED', 'ABANDONED'] as const;
export type YarnApplicationState = (typeof YARN_APPLICATION_STATES)[number];

/** How an application is to end, told to its master. */
export interface ApplicationFinish {
  readonly finalStatus: 'SUCCEEDED' | 'FAILED' | 'KILLED';
  /** For whoever looks at YARN's page. */
  readonly message: string;
}

/** A YARN application that is, or was, a pool. Times by the database's clock. */
export interface YarnApplication {
  readonly applicationId: string;
  readonly pool: string;
  readonly state: YarnApplicationState;
  /** Containers of workers that there are to be. */
  readonly wantedCount: number;
  /** Containers that its master has asked for and not been granted. */
  readonly pendingCount: number;
  /** Newest attempt of the master that has spoken; 0: none has. */
  readonly attempt: number;
  /** Of that attempt's newest request. */
  readonly sequence: number;
  /** Largest container that YARN grants; null before the master has spoken. */
  readonly maximum: ContainerSize | null;
  readonly finish: ApplicationFinish | null;
  /** YARN's own text about its end. */
  readonly diagnostics: string | null;
  readonly createdAt: number;
  readonly submittedAt: number | null;
  readonly syncedAt: number | null;
  /** When YARN ends it, however its owner fares. */
  readonly lifetimeUntil: number | null;
  readonly endedAt: number | null;
}

interface ApplicationRow {
  application_id: string;
  pool: string;
  state: YarnApplicationState;
  wanted_count: number;
  pending_count: number;
  attempt: number;
  sequence: number;
  maximum_memory_mb: number | null;
  maximum_vcores: number | null;
  finish: string | null;
  diagnostics: string | null;
  created_at: number;
  submitted_at: number | null;
  synced_at: number | null;
  lifetime_until: number | null;
  ended_at: number | null;
}

const fromRow = (row: ApplicationRow): YarnApplication => ({
  applicationId: row.application_id,
  pool: row.pool,
  state: row.state,
  wantedCount: row.wanted_count,
  pendingCount: row.pending_count,
  attempt: row.attempt,
  sequence: row.sequence,
  maximum:
    row.maximum_memory_mb === null || row.maximum_vcores === null
      ? null
      : { memoryMb: row.maximum_memory_mb, vcores: row.maximum_vcores },
  finish: fromJsonOrNull<ApplicationFinish>(row.finish),
  diagnostics: row.diagnostics,
  createdAt: row.created_at,
  submittedAt: row.submitted_at,
  syncedAt: row.synced_at,
  lifetimeUntil: row.lifetime_until,
  endedAt: row.ended_at,
});

const LIVE = ['RESERVED', 'SUBMITTED', 'RUNNING'] as const satisfies readonly YarnApplicationState[];
const DIAGNOSTICS_CHARS_MAX = 8_000;

/**
 * Takes an id down that YARN keeps for us, before it is submitted: whoever finds the row may submit it, again if need be.
 * False when the pool has a live application already; the id is then never used, which costs nothing.
 */
export async function reserveApplication(db: Queryable, pool: string, applicationId: string): Promise<boolean> {
  const rows = await rawRows(
    db,
    `insert into yarn_application (application_id, pool, state, created_at) values (?, ?, 'RESERVED', ${db.dialect.now})
     on conflict do nothing returning application_id`,
    [applicationId, pool],
  );
  return rows.length === 1;
}

/** YARN took the submission. No effect on an application that has spoken or ended. */
export async function markSubmitted(db: Queryable, applicationId: string): Promise<void> {
  await db
    .knex('yarn_application')
    .where({ application_id: applicationId, state: 'RESERVED' })
    .update({ state: 'SUBMITTED', submitted_at: now(db) });
}

/** Null when there is no such application. */
export async function getApplication(db: Queryable, applicationId: string): Promise<YarnApplication | null> {
  const row = await rowOf<ApplicationRow>(db.knex('yarn_application').where({ application_id: applicationId }));
  return row === undefined ? null : fromRow(row);
}

/** The same, locked until the transaction ends. */
export async function lockApplication(trx: Transaction, applicationId: string): Promise<YarnApplication | null> {
  const query = trx.knex('yarn_application').where({ application_id: applicationId });
  const row = await rowOf<ApplicationRow>(trx.dialect.name === 'postgres' ? query.forUpdate() : query);
  return row === undefined ? null : fromRow(row);
}

/** Applications that have not ended, the oldest first. */
export async function liveApplications(db: Queryable): Promise<YarnApplication[]> {
  const rows = db.knex('yarn_application').whereIn('state', LIVE).orderBy(['created_at', 'application_id']);
  return (await rowsOf<ApplicationRow>(rows)).map(fromRow);
}

/** The newest application of each pool, live or not. */
export async function newestApplications(db: Queryable): Promise<Map<string, YarnApplication>> {
  const rows = await rawRows<ApplicationRow>(
    db,
    `select * from yarn_application newest where not exists (
       select 1 from yarn_application later where later.pool = newest.pool and (later.created_at > newest.created_at
         or (later.created_at = newest.created_at and later.application_id > newest.application_id)))`,
  );
  return new Map(rows.map((row) => [row.pool, fromRow(row)]));
}

/** What one request of a master says about its application. */
export interface ApplicationNews {
  readonly attempt: number;
  readonly sequence: number;
  readonly maximum: ContainerSize;
  readonly pendingCount: number;
}

/** A master has spoken. The application is locked, live, and this is its newest attempt. */
export async function noteSync(trx: Transaction, applicationId: string, news: ApplicationNews): Promise<void> {
  await trx
    .knex('yarn_application')
    .where({ application_id: applicationId })
    .update({
      state: 'RUNNING',
      attempt: news.attempt,
      sequence: news.sequence,
      maximum_memory_mb: news.maximum.memoryMb,
      maximum_vcores: news.maximum.vcores,
      pending_count: news.pendingCount,
      synced_at: now(trx),
    });
}

/** How many containers there are to be from now on. */
export async function setWantedCount(db: Queryable, applicationId: string, wantedCount: number): Promise<void> {
  await db
    .knex('yarn_application')
    .where({ application_id: applicationId })
    .whereNot({ wanted_count: wantedCount })
    .update({ wanted_count: wantedCount });
}

/** Lets a live application end; the first word about how stands. */
export async function finishApplication(
  db: Queryable,
  applicationId: string,
  finish: ApplicationFinish,
): Promise<void> {
  await db
    .knex('yarn_application')
    .where({ application_id: applicationId })
    .whereIn('state', LIVE)
    .whereNull('finish')
    .update({ finish: JSON.stringify(finish), wanted_count: 0 });
}

/** When YARN ends the application by itself. */
export async function setLifetimeUntil(db: Queryable, applicationId: string, untilMs: number): Promise<void> {
  await db.knex('yarn_application').where({ application_id: applicationId }).update({ lifetime_until: untilMs });
}

/** Closes the books of an application, and of its containers. False when that was done before. */
export async function endApplication(
  trx: Transaction,
  applicationId: string,
  end: { readonly state: 'ENDED' | 'ABANDONED'; readonly diagnostics: string },
): Promise<boolean> {
  const ended = await trx
    .knex('yarn_application')
    .where({ application_id: applicationId })
    .whereIn('state', LIVE)
    .update({
      state: end.state,
      diagnostics: end.diagnostics.slice(-DIAGNOSTICS_CHARS_MAX),
      wanted_count: 0,
      pending_count: 0,
      ended_at: now(trx),
    });
  if (ended === 0) return false;
  await trx
    .knex('yarn_container')
    .where({ application_id: applicationId })
    .whereNull('ended_at')
    .update({ state: 'ended', ended_at: now(trx), diagnostics: 'its application has ended' });
  return true;
}

/** Forgets applications that ended so long ago, with their containers. */
export async function trimApplications(db: Queryable, olderThanMs: number, limit: number): Promise<number> {
  const rows = await rawRows(
    db,
    `delete from yarn_application where application_id in (
       select application_id from yarn_application where ended_at is not null and ended_at < ${db.dialect.now} - ? limit ?)
     returning application_id`,
    [olderThanMs, limit],
  );
  return rows.length;
}
