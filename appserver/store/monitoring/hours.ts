import { createHash } from 'node:crypto';
import type { Transaction } from '../database.ts';
import { insertOrIgnore, insertRows, type Queryable } from '../dialect.ts';
import { fromJson, rowOf, rowsOf, toJson } from '../records.ts';

/** One hour of one model in one deployment. */
export interface HourKey {
  readonly deploymentId: string;
  readonly modelId: string;
  /** Its begin, milliseconds since 1970. */
  readonly hour: number;
}

/** Counts of a feature. `state` is the monitor's own, as JSON. */
export interface FeatureCounts {
  readonly feature: string;
  readonly eventCount: number;
  readonly missingCount: number;
  readonly unseenCount: number;
  readonly state: unknown;
}

/** Counts of one hour, or what is added to them. */
export interface HourCounts {
  readonly key: HourKey;
  readonly manifestSha256: string;
  readonly eventCount: number;
  /** Of the predictions. */
  readonly state: unknown;
  readonly features: readonly FeatureCounts[];
}

/** Adds two states; both are what the caller has made before. */
export interface StateMerger {
  readonly predictions: (known: unknown, added: unknown) => unknown;
  readonly feature: (known: unknown, added: unknown) => unknown;
}

interface HourRow {
  readonly event_count: number;
  readonly state: string;
}

interface FeatureRow extends HourRow {
  readonly feature_sha256: string;
  readonly missing_count: number;
  readonly unseen_count: number;
}

const hashOf = (feature: string): string => createHash('sha256').update(feature).digest('hex');

/**
 * Adds counts to their hour. The row of the hour is locked first, so that monitors at the same hour wait for each other; whoever adds to several
 * hours in one transaction does so in the order of their keys.
 */
export async function addToHour(trx: Transaction, added: HourCounts, merge: StateMerger): Promise<void> {
  const { knex, dialect } = trx;
  const where = { deployment_id: added.key.deploymentId, model_id: added.key.modelId, hour: added.key.hour };
  const empty = { ...where, manifest_sha256: added.manifestSha256, event_count: 0, state: '' };
  await insertOrIgnore(trx, 'prediction_hour', empty, ['deployment_id', 'model_id', 'hour']);
  const query = knex('prediction_hour').where(where).select('event_count', 'state');
  const known = await rowOf<HourRow>(dialect.forUpdate === '' ? query : query.forUpdate());
  const state =
    known === undefined || known.state === '' ? added.state : merge.predictions(fromJson(known.state), added.state);
  await knex('prediction_hour')
    .where(where)
    .update({ event_count: (known?.event_count ?? 0) + added.eventCount, state: toJson(state) });

  const rows = await rowsOf<FeatureRow>(knex('feature_hour').where(where).select('*'));
  const byHash = new Map(rows.map((row) => [row.feature_sha256, row]));
  const fresh: Record<string, unknown>[] = [];
  for (const { feature, eventCount, missingCount, unseenCount, state: addedState } of added.features) {
    const hash = hashOf(feature);
    const row = byHash.get(hash);
    const counts = {
      event_count: (row?.event_count ?? 0) + eventCount,
      missing_count: (row?.missing_count ?? 0) + missingCount,
      unseen_count: (row?.unseen_count ?? 0) + unseenCount,
      state: toJson(row === undefined ? addedState : merge.feature(fromJson(row.state), addedState)),
    };
    if (row === undefined) fresh.push({ ...where, feature_sha256: hash, feature, ...counts });
    else
      await knex('feature_hour')
        .where({ ...where, feature_sha256: hash })
        .update(counts);
  }
  await insertRows(trx, 'feature_hour', fresh);
}

/** Hours from `from`, inclusive, to `to`, exclusive; milliseconds since 1970. */
export interface HourRange {
  readonly from: number;
  readonly to: number;
}

/** Predictions of one hour of a model, without its features. */
export type PredictionHour = Omit<HourCounts, 'features'>;

/** Hours of a deployment in their order; of one model, or of all. */
export async function readPredictionHours(
  { knex }: Queryable,
  deploymentId: string,
  range: HourRange,
  modelId?: string,
): Promise<PredictionHour[]> {
  const query = knex('prediction_hour')
    .where({ deployment_id: deploymentId, ...(modelId === undefined ? {} : { model_id: modelId }) })
    .where('hour', '>=', range.from)
    .where('hour', '<', range.to)
    .orderBy(['hour', 'model_id'])
    .select('*');
  const rows = await rowsOf<HourRow & { model_id: string; hour: number; manifest_sha256: string }>(query);
  return rows.map((row) => ({
    key: { deploymentId, modelId: row.model_id, hour: row.hour },
    manifestSha256: row.manifest_sha256,
    eventCount: row.event_count,
    state: row.state === '' ? null : fromJson(row.state),
  }));
}

/** Counts of a feature in one hour of a model. */
export interface FeatureHour extends FeatureCounts {
  readonly modelId: string;
  readonly hour: number;
}

/** Features of hours of a deployment by hour, model and name; of one model, or of all. A row is some kilobytes: ask for a day or so at a time. */
export async function readFeatureHours(
  { knex }: Queryable,
  deploymentId: string,
  range: HourRange,
  modelId?: string,
): Promise<FeatureHour[]> {
  const query = knex('feature_hour')
    .where({ deployment_id: deploymentId, ...(modelId === undefined ? {} : { model_id: modelId }) })
    .where('hour', '>=', range.from)
    .where('hour', '<', range.to)
    .orderBy(['hour', 'model_id', 'feature'])
    .select('*');
  const rows = await rowsOf<FeatureRow & { model_id: string; hour: number; feature: string }>(query);
  return rows.map((row) => ({
    modelId: row.model_id,
    hour: row.hour,
    feature: row.feature,
    eventCount: row.event_count,
    missingCount: row.missing_count,
    unseenCount: row.unseen_count,
    state: fromJson(row.state),
  }));
}

/** Hours of a deployment with their features, in their order. */
export async function readHours(db: Queryable, deploymentId: string, range: HourRange): Promise<HourCounts[]> {
  const hours = await readPredictionHours(db, deploymentId, range);
  const features = Map.groupBy(
    await readFeatureHours(db, deploymentId, range),
    ({ modelId, hour }) => `${hour} ${modelId}`,
  );
  return hours.map((row) => ({
    ...row,
    features: (features.get(`${row.key.hour} ${row.key.modelId}`) ?? []).map(
      ({ modelId: _, hour: __, ...counts }) => counts,
    ),
  }));
}

/** Events of a deployment that were counted, and the begin of the last hour with one. */
export async function countedEvents(
  { knex }: Queryable,
  deploymentId: string,
): Promise<{ readonly events: number; readonly lastHour: number | null }> {
  const row = await rowOf<{ events: number | string | null; last: number | null }>(
    knex('prediction_hour').where({ deployment_id: deploymentId }).sum({ events: 'event_count' }).max({ last: 'hour' }),
  );
  return { events: Number(row?.events ?? 0), lastHour: row?.last ?? null };
}

/** What a model was trained on, as JSON; null when it is not known here. */
export async function readBaseline({ knex }: Queryable, manifestSha256: string): Promise<unknown> {
  const row = await rowOf<{ content: string }>(
    knex('baseline').where({ manifest_sha256: manifestSha256 }).select('content'),
  );
  return row === undefined ? null : fromJson(row.content);
}

/** In place of what was stored before. */
export async function saveBaseline(db: Queryable, manifestSha256: string, content: unknown): Promise<void> {
  const row = { manifest_sha256: manifestSha256, content: toJson(content) };
  await insertOrIgnore(db, 'baseline', row, ['manifest_sha256']);
  await db.knex('baseline').where({ manifest_sha256: manifestSha256 }).update({ content: row.content });
}
