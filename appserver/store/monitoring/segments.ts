import { createHash } from 'node:crypto';
import type { Transaction } from '../database.ts';
import type { Queryable } from '../dialect.ts';
import { fromJson, rowOf, rowsOf, toJson } from '../records.ts';
import type { HourKey, HourRange } from './hours.ts';

/** Predictions of one hour by the levels of a feature. `state` is the monitor's own, as JSON. */
export interface SegmentCounts {
  readonly feature: string;
  readonly eventCount: number;
  readonly state: unknown;
}

interface SegmentRow {
  readonly hour: number;
  readonly event_count: number;
  readonly state: string;
}

const hashOf = (feature: string): string => createHash('sha256').update(feature).digest('hex');

/**
 * Adds counts to the segments of an hour, whose own row the transaction has locked (`addToHour`).
 *
 * @param merge adds two states; both are what the caller has made before
 */
export async function addToSegments(
  { knex }: Transaction,
  { deploymentId, modelId, hour }: HourKey,
  added: readonly SegmentCounts[],
  merge: (known: unknown, added: unknown) => unknown,
): Promise<void> {
  for (const { feature, eventCount, state } of added) {
    const where = {
      ...{ deployment_id: deploymentId, model_id: modelId, hour },
      feature_sha256: hashOf(feature),
    };
    const known = await rowOf<SegmentRow>(knex('segment_hour').where(where).select('event_count', 'state'));
    if (known === undefined)
      await knex('segment_hour').insert({ ...where, feature, event_count: eventCount, state: toJson(state) });
    else
      await knex('segment_hour')
        .where(where)
        .update({
          event_count: known.event_count + eventCount,
          state: toJson(merge(fromJson(known.state), state)),
        });
  }
}

/** Predictions of a model in one hour by the levels of a feature. */
export type SegmentHour = Pick<SegmentCounts, 'eventCount' | 'state'> & Pick<HourKey, 'hour'>;

/** Hours of a model in their order. A row is some kilobytes: ask for a day or so at a time. */
export async function readSegmentHours(
  { knex }: Queryable,
  { deploymentId, modelId }: Omit<HourKey, 'hour'>,
  feature: string,
  range: HourRange,
): Promise<SegmentHour[]> {
  const query = knex('segment_hour')
    .where({ deployment_id: deploymentId, model_id: modelId, feature_sha256: hashOf(feature) })
    .where('hour', '>=', range.from)
    .where('hour', '<', range.to)
    .orderBy('hour')
    .select('hour', 'event_count', 'state');
  const rows = await rowsOf<SegmentRow>(query);
  return rows.map(({ hour, event_count: eventCount, state }) => ({ hour, eventCount, state: fromJson(state) }));
}

/** Features by whose levels predictions of a deployment were ever counted, by name. */
export async function segmentedFeatures({ knex }: Queryable, deploymentId: string): Promise<string[]> {
  const query = knex('segment_hour').where({ deployment_id: deploymentId }).distinct('feature').orderBy('feature');
  return (await rowsOf<{ feature: string }>(query)).map(({ feature }) => feature);
}
