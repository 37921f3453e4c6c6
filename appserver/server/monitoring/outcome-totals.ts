import { parse } from '#contracts';
import { mergeOutcomeData, OutcomeStateData } from '#statistics';
import { readPredictionHours, type Database } from '#store';
import { bucketIndex, dayByDay, type TimeRange } from './time-range.ts';

/** Predictions of a model. */
export interface OutcomeTotals {
  readonly eventCount: number;
  /** Null: nothing is known but their number. */
  readonly state: OutcomeStateData | null;
}

/** By bucket of a range, by model id in order of appearance. */
export type OutcomeSeries = readonly ReadonlyMap<string, OutcomeTotals>[];

/** Predictions of a deployment; of one model, or of all. */
export async function readOutcomeSeries(
  store: Database,
  deploymentId: string,
  range: TimeRange,
  modelId?: string,
): Promise<OutcomeSeries> {
  const series = range.buckets.map(() => new Map<string, OutcomeTotals>());
  for (const day of dayByDay(range))
    for (const { key, eventCount, state } of await readPredictionHours(store, deploymentId, day, modelId)) {
      const bucket = series[bucketIndex(range, key.hour)];
      const added = { eventCount, state: state === null ? null : parse(OutcomeStateData, state, 'stored counts') };
      bucket?.set(key.modelId, addOutcomes(bucket.get(key.modelId), added));
    }
  return series;
}

/** Adds two counts of one model. */
export function addOutcomes(known: OutcomeTotals | undefined, added: OutcomeTotals): OutcomeTotals {
  if (known === undefined) return added;
  const [one, other] = [known.state, added.state];
  return {
    eventCount: known.eventCount + added.eventCount,
    state: one === null || other === null ? (one ?? other) : mergeOutcomeData(one, other),
  };
}

/** One model's predictions of the whole range. */
export const totalOutcomes = (series: OutcomeSeries, modelId: string): OutcomeTotals =>
  series.reduce<OutcomeTotals>((sum, bucket) => addOutcomes(sum, bucket.get(modelId) ?? NO_OUTCOMES), NO_OUTCOMES);

export const NO_OUTCOMES: OutcomeTotals = { eventCount: 0, state: null };
