import { createHash } from 'node:crypto';
import type { SegmentLevel } from '#contracts';
import type { Transaction } from '../database.ts';
import type { Queryable } from '../dialect.ts';
import { fromJson, rowsOf, toJson } from '../records.ts';
import type { HourRange } from './hours.ts';

/** What was predicted, as far as an event tells. */
export interface AssociatedPrediction {
  /** Regression: the value; null where it is not finite. */
  readonly value: number | null;
  /** -1 for regression. */
  readonly classIndex: number;
  /** As of the event: in class order; of very many classes that of the predicted one alone. */
  readonly probabilities: readonly number[];
}

/** The level of a feature that a prediction counts with. */
export type FeatureLevel = SegmentLevel & { readonly feature: string };

/** A prediction whose outcome can be joined. */
export interface Association {
  readonly deploymentId: string;
  readonly modelId: string;
  readonly associationId: string;
  readonly timeMs: number;
  readonly prediction: AssociatedPrediction;
  /** One of each feature by whose levels it is counted. */
  readonly levels: readonly FeatureLevel[];
}

/** Key of an association id in tables: ids are of any length. */
export const associationKey = (associationId: string): string =>
  createHash('sha256').update(associationId).digest('hex');

/**
 * Keeps the last prediction of each id by each model: what was predicted before under the same id gives way. Rows are written in the order of
 * their keys, so that monitors wait for each other and never in a circle.
 */
export async function saveAssociations(trx: Transaction, associations: readonly Association[]): Promise<void> {
  const latest = new Map<string, Record<string, unknown> & { readonly time_ms: number }>();
  for (const { deploymentId, modelId, associationId, timeMs, prediction, levels } of associations) {
    const row = {
      ...{ deployment_id: deploymentId, model_id: modelId, association_sha256: associationKey(associationId) },
      ...{ association_id: associationId, time_ms: timeMs, prediction: toJson(prediction) },
      segments: levels.length === 0 ? null : toJson(levels),
    };
    const key = `${deploymentId} ${row.association_sha256} ${modelId}`;
    if ((latest.get(key)?.time_ms ?? -Infinity) <= timeMs) latest.set(key, row);
  }
  const rows = [...latest].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  const { knex, dialect } = trx;
  for (let from = 0; from < rows.length; from += dialect.insertRowsMax)
    await knex('associated_prediction')
      .insert(rows.slice(from, from + dialect.insertRowsMax))
      .onConflict(['deployment_id', 'association_sha256', 'model_id'])
      .merge(['time_ms', 'prediction', 'segments'])
      .whereRaw('excluded.time_ms >= associated_prediction.time_ms');
}

/** A prediction under the key of its id. */
export interface KeyedPrediction {
  readonly key: string;
  readonly timeMs: number;
  readonly prediction: AssociatedPrediction;
  readonly levels: readonly FeatureLevel[];
}

interface AssociationRow {
  readonly association_sha256: string;
  readonly time_ms: number;
  readonly prediction: string;
  readonly segments: string | null;
}

/**
 * Predictions of a model with ids, in the order of their times, `limit` at a time.
 * @param after the last one of the page before
 */
export async function readAssociations(
  { knex }: Queryable,
  { deploymentId, modelId }: { readonly deploymentId: string; readonly modelId: string },
  range: HourRange,
  { after, limit }: { readonly after: KeyedPrediction | null; readonly limit: number },
): Promise<KeyedPrediction[]> {
  const query = knex('associated_prediction')
    .where({ deployment_id: deploymentId, model_id: modelId })
    .where('time_ms', '>=', after?.timeMs ?? range.from)
    .where('time_ms', '<', range.to)
    .orderBy(['time_ms', 'association_sha256'])
    .limit(limit)
    .select('association_sha256', 'time_ms', 'prediction', 'segments');
  if (after !== null)
    void query.where((part) => {
      void part.where('time_ms', '>', after.timeMs).orWhere('association_sha256', '>', after.key);
    });
  const rows = await rowsOf<AssociationRow>(query);
  return rows.map(({ association_sha256: key, time_ms: timeMs, prediction, segments }) => ({
    ...{ key, timeMs, prediction: fromJson<AssociatedPrediction>(prediction) },
    levels: segments === null ? [] : fromJson<FeatureLevel[]>(segments),
  }));
}

/** Predictions of a model by key, as far as there are any. @param keys some hundred at most */
export async function findPredictions(
  { knex }: Queryable,
  { deploymentId, modelId }: { readonly deploymentId: string; readonly modelId: string },
  keys: readonly string[],
): Promise<Map<string, AssociatedPrediction>> {
  const rows = await rowsOf<{ association_sha256: string; prediction: string }>(
    knex('associated_prediction')
      .where({ deployment_id: deploymentId, model_id: modelId })
      .whereIn('association_sha256', keys)
      .select('association_sha256', 'prediction'),
  );
  return new Map(rows.map((row) => [row.association_sha256, fromJson<AssociatedPrediction>(row.prediction)]));
}

/** Which keys have a prediction, of whatever model. @param keys some hundred at most */
export async function predictedKeys(
  { knex }: Queryable,
  deploymentId: string,
  keys: readonly string[],
): Promise<Set<string>> {
  const rows = await rowsOf<{ association_sha256: string }>(
    knex('associated_prediction')
      .where({ deployment_id: deploymentId })
      .whereIn('association_sha256', keys)
      .distinct('association_sha256'),
  );
  return new Set(rows.map((row) => row.association_sha256));
}
