import { parse } from '#contracts';
import { FeatureStateData, mergeFeatureData, type LiveCounts } from '#statistics';
import { readFeatureHours, type Database } from '#store';
import { bucketIndex, dayByDay, type TimeRange } from './time-range.ts';

/** Live counts of a feature. */
export interface FeatureTotals extends LiveCounts {
  readonly unseenCount: number;
}

/** A feature's counts in a range: altogether, and by bucket (undefined: none). */
export interface FeatureSeries {
  readonly total: FeatureTotals;
  readonly buckets: readonly (FeatureTotals | undefined)[];
}

/** Features by name, as far as anything was counted of them. Reads a day at a time; holds features x (buckets + 1) states of some kilobytes. */
export async function readFeatureSeries(
  store: Database,
  deploymentId: string,
  modelId: string,
  range: TimeRange,
): Promise<Map<string, FeatureSeries>> {
  const open = new Map<string, { total: FeatureTotals; buckets: (FeatureTotals | undefined)[] }>();
  for (const day of dayByDay(range))
    for (const row of await readFeatureHours(store, deploymentId, day, modelId)) {
      const added: FeatureTotals = { ...row, state: parse(FeatureStateData, row.state, 'stored counts') };
      const index = bucketIndex(range, row.hour);
      const known = open.get(row.feature);
      if (known === undefined) {
        const buckets: (FeatureTotals | undefined)[] = range.buckets.map(() => undefined);
        buckets[index] = added;
        open.set(row.feature, { total: added, buckets });
      } else {
        known.total = addTotals(known.total, added);
        known.buckets[index] = addTotals(known.buckets[index], added);
      }
    }
  return open;
}

/** Adds two counts of a feature of one model. */
export function addTotals(known: FeatureTotals | undefined, added: FeatureTotals): FeatureTotals {
  if (known === undefined) return added;
  return {
    eventCount: known.eventCount + added.eventCount,
    missingCount: known.missingCount + added.missingCount,
    unseenCount: known.unseenCount + added.unseenCount,
    state:
      known.state === null || added.state === null
        ? (known.state ?? added.state)
        : mergeFeatureData(known.state, added.state),
  };
}
