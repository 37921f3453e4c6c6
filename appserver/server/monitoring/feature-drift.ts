import type { FeatureDrift } from '#contracts';
import { driftLevelOf, driftOf, featureBins, holmAdjusted, type Baseline, type FeatureBaseline } from '#statistics';
import type { FeatureSeries, FeatureTotals } from './feature-totals.ts';
import { isoSpan, type TimeRange } from './time-range.ts';

type Entry = FeatureDrift['data'][number];

const NO_EVENTS: FeatureTotals = { eventCount: 0, missingCount: 0, unseenCount: 0, state: null };

/**
 * Features beside those of training, by falling impact x index. What is called drift is corrected for the number of features.
 *
 * @param impacts normalized, by feature; null: not computed
 */
export function featureDrifts(
  { features }: Baseline,
  series: ReadonlyMap<string, FeatureSeries>,
  impacts: ReadonlyMap<string, number> | null,
  range: TimeRange,
): Entry[] {
  const impactOf = (name: string): number | null => (impacts === null ? null : (impacts.get(name) ?? 0));
  const entries = features.map((baseline) =>
    driftEntry(baseline, series.get(baseline.name), impactOf(baseline.name), range),
  );
  const corrected = holmAdjusted(entries.map(({ pValue }) => pValue));
  for (const [place, entry] of entries.entries()) {
    entry.adjustedPValue = corrected[place] ?? null;
    entry.drift = driftLevelOf({ psi: entry.psi, pValue: entry.adjustedPValue });
  }
  const order = (entry: Entry): number => entry.weightedDrift ?? -1;
  return entries.sort((a, b) => order(b) - order(a) || (b.psi ?? -1) - (a.psi ?? -1));
}

function driftEntry(
  baseline: FeatureBaseline,
  series: FeatureSeries | undefined,
  impact: number | null,
  { buckets }: TimeRange,
): Entry {
  const live = series?.total ?? NO_EVENTS;
  const bins = featureBins(baseline, live);
  const drift = driftOf(bins);
  return {
    feature: baseline.name,
    impact,
    weightedDrift: impact === null || drift.psi === null ? null : impact * drift.psi,
    ...drift,
    adjustedPValue: drift.pValue,
    drift: driftLevelOf(drift),
    missingRate: {
      training: share(baseline.missingCount, baseline.rowCount),
      live: share(live.missingCount, live.eventCount),
    },
    unseenRate: baseline.topValues === null ? null : share(live.unseenCount, live.eventCount),
    outOfRangeRate: outOfRange(live),
    bins,
    overTime: buckets.map((span, index) => {
      const { liveCount, psi, psiByChance } = driftOf(featureBins(baseline, series?.buckets[index] ?? NO_EVENTS));
      return { ...isoSpan(span), liveCount, psi, psiByChance };
    }),
  };
}

const share = (count: number, total: number): number | null => (total === 0 ? null : count / total);

function outOfRange({ state, eventCount, missingCount }: FeatureTotals): number | null {
  const histogram = state?.histogram ?? null;
  return histogram === null ? null : share(histogram.belowCount + histogram.aboveCount, eventCount - missingCount);
}
