import type { AlertFamily, AlertFinding } from '#contracts';
import { newId } from '#runtime';
import type { Transaction } from './database.ts';
import { insertOrIgnore, type Queryable } from './dialect.ts';
import { fromJson, fromJsonOrNull, rowOf, rowsOf, toJson } from './records.ts';

/** What users have set; secrets are apart, sealed. */
export interface AlertSettings {
  readonly enabled: boolean;
  readonly falseAlarmsPerMonth: number;
  readonly channels: readonly StoredChannel[];
  readonly mutedFeatures: readonly string[];
}

/** A channel without its secret. */
export type StoredChannel =
  | { readonly type: 'webhook'; readonly url: string }
  | { readonly type: 'mail'; readonly to: readonly string[] }
  | { readonly type: 'kafka' };

/** How far a deployment was looked at; times are milliseconds since 1970. */
export interface AlertWatch {
  /** Null: as at the beginning. */
  readonly settings: AlertSettings | null;
  /** JSON of secrets by URL, sealed; null: there are none. */
  readonly secrets: string | null;
  /** What lies before is the past, to which thresholds are fitted; null: not looked at yet. */
  readonly watchedFrom: number | null;
  readonly watchedTo: number | null;
}

const NOT_WATCHED: AlertWatch = { settings: null, secrets: null, watchedFrom: null, watchedTo: null };

interface WatchRow {
  readonly settings: string | null;
  readonly secrets: string | null;
  readonly watched_from: number | null;
  readonly watched_to: number | null;
}

export async function readAlertWatch({ knex }: Queryable, deploymentId: string): Promise<AlertWatch> {
  const row = await rowOf<WatchRow>(knex('alert_watch').where({ deployment_id: deploymentId }));
  if (row === undefined) return NOT_WATCHED;
  return {
    settings: fromJsonOrNull<AlertSettings>(row.settings),
    secrets: row.secrets,
    watchedFrom: row.watched_from,
    watchedTo: row.watched_to,
  };
}

/** Changes what is given. */
export async function saveAlertWatch(db: Queryable, deploymentId: string, change: Partial<AlertWatch>): Promise<void> {
  await insertOrIgnore(db, 'alert_watch', { deployment_id: deploymentId }, ['deployment_id']);
  await db
    .knex('alert_watch')
    .where({ deployment_id: deploymentId })
    .update({
      ...(change.settings === undefined ? {} : { settings: change.settings === null ? null : toJson(change.settings) }),
      ...(change.secrets === undefined ? {} : { secrets: change.secrets }),
      ...(change.watchedFrom === undefined ? {} : { watched_from: change.watchedFrom }),
      ...(change.watchedTo === undefined ? {} : { watched_to: change.watchedTo }),
    });
}

/** What was found at one time. */
export interface AlertLook {
  readonly family: AlertFamily;
  readonly endedAt: number;
  readonly modelId: string;
  readonly findings: readonly AlertFinding[];
}

/** Keeps a look; one that is there already stays. */
export async function insertLook(trx: Transaction, deploymentId: string, look: AlertLook): Promise<void> {
  const row = {
    ...{ deployment_id: deploymentId, family: look.family, ended_at: look.endedAt, model_id: look.modelId },
    findings: toJson(look.findings),
  };
  await insertOrIgnore(trx, 'alert_look', row, ['deployment_id', 'family', 'ended_at']);
}

/** Looks of a family from `from` on and before `to`, in their order. */
export async function readLooks(
  { knex }: Queryable,
  deploymentId: string,
  family: AlertFamily,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<AlertLook[]> {
  const query = knex('alert_look')
    .where({ deployment_id: deploymentId, family })
    .where('ended_at', '>=', from)
    .where('ended_at', '<', to)
    .orderBy('ended_at')
    .select('ended_at', 'model_id', 'findings');
  return (await rowsOf<{ ended_at: number; model_id: string; findings: string }>(query)).map((row) => ({
    ...{ family, endedAt: row.ended_at, modelId: row.model_id },
    findings: fromJson<AlertFinding[]>(row.findings),
  }));
}

/** An alarm that was raised. */
export interface AlertRecord {
  readonly id: string;
  readonly modelId: string;
  readonly family: AlertFamily;
  readonly openedAt: number;
  /** End of the last look at which it held. */
  readonly lastAt: number;
  readonly closedAt: number | null;
  /** The furthest out. */
  readonly finding: AlertFinding;
  /** Excess above which it was an alarm. */
  readonly threshold: number;
  /** What somebody has said of it; null: nobody has. */
  readonly isFalse: boolean | null;
}

interface AlertRow {
  readonly id: string;
  readonly model_id: string;
  readonly family: AlertFamily;
  readonly opened_at: number;
  readonly last_at: number;
  readonly closed_at: number | null;
  readonly finding: string;
  readonly threshold: number;
  readonly false_alarm: number | null;
}

const alertOf = (row: AlertRow): AlertRecord => ({
  ...{ id: row.id, modelId: row.model_id, family: row.family },
  ...{ openedAt: row.opened_at, lastAt: row.last_at, closedAt: row.closed_at },
  ...{
    finding: fromJson<AlertFinding>(row.finding),
    threshold: row.threshold,
    isFalse: row.false_alarm === null ? null : row.false_alarm === 1,
  },
});

/** Alarms of a deployment that were open at or after a time, the newest first. */
export async function alertsSince({ knex }: Queryable, deploymentId: string, sinceMs: number): Promise<AlertRecord[]> {
  const query = knex('alert')
    .where({ deployment_id: deploymentId })
    .where((either) => void either.whereNull('closed_at').orWhere('last_at', '>=', sinceMs))
    .orderBy([
      { column: 'opened_at', order: 'desc' },
      { column: 'id', order: 'desc' },
    ]);
  return (await rowsOf<AlertRow>(query)).map(alertOf);
}

/** Open alarms, then the newest of the others. */
export async function listAlerts({ knex }: Queryable, deploymentId: string, limit: number): Promise<AlertRecord[]> {
  const query = knex('alert')
    .where({ deployment_id: deploymentId })
    .orderByRaw('case when closed_at is null then 0 else 1 end, opened_at desc, id desc')
    .limit(limit);
  return (await rowsOf<AlertRow>(query)).map(alertOf);
}

export async function findAlert(db: Queryable, deploymentId: string, id: string): Promise<AlertRecord | undefined> {
  const row = await rowOf<AlertRow>(db.knex('alert').where({ deployment_id: deploymentId, id }));
  return row === undefined ? undefined : alertOf(row);
}

/** Opens an alarm. @returns it */
export async function insertAlert(
  { knex }: Transaction,
  deploymentId: string,
  alert: Omit<AlertRecord, 'id' | 'closedAt' | 'isFalse'>,
): Promise<AlertRecord> {
  const id = newId('alt');
  await knex('alert').insert({
    ...{ id, deployment_id: deploymentId, model_id: alert.modelId, family: alert.family },
    ...{ opened_at: alert.openedAt, last_at: alert.lastAt, closed_at: null },
    ...{ finding: toJson(alert.finding), threshold: alert.threshold, false_alarm: null },
  });
  return { ...alert, id, closedAt: null, isFalse: null };
}

/** Changes what is given of an alarm. */
export async function updateAlert(
  { knex }: Transaction,
  id: string,
  change: Partial<Pick<AlertRecord, 'lastAt' | 'closedAt' | 'finding' | 'isFalse'>>,
): Promise<void> {
  await knex('alert')
    .where({ id })
    .update({
      ...(change.lastAt === undefined ? {} : { last_at: change.lastAt }),
      ...(change.closedAt === undefined ? {} : { closed_at: change.closedAt }),
      ...(change.finding === undefined ? {} : { finding: toJson(change.finding) }),
      ...(change.isFalse === undefined || change.isFalse === null ? {} : { false_alarm: change.isFalse ? 1 : 0 }),
    });
}

/** Forgets looks, and alarms and messages that are over, before a time. */
export async function forgetAlerts({ knex }: Transaction, deploymentId: string, beforeMs: number): Promise<void> {
  const of = { deployment_id: deploymentId };
  await knex('alert_look').where(of).where('ended_at', '<', beforeMs).delete();
  await knex('alert').where(of).whereNotNull('closed_at').where('closed_at', '<', beforeMs).delete();
  await knex('alert_message').where(of).whereNull('next_at').where('created_at', '<', beforeMs).delete();
}
