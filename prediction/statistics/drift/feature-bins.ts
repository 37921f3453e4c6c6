import type { FeatureBaseline } from '../live/baseline.ts';
import type { FeatureStateData } from '../live/feature-counts.ts';
import type { DriftBin } from './drift.ts';

/** Live values of a feature. */
export interface LiveCounts {
  readonly eventCount: number;
  readonly missingCount: number;
  /** Null: nothing was counted. */
  readonly state: FeatureStateData | null;
}

const BARE = { from: null, to: null, level: null } as const;

/**
 * The values of a feature in training and live, bin by bin: ranges of a number or date, of which the outer ones are open; the frequent levels of
 * a category and all others together; else whether there is a value at all. Missing values are the last bin.
 */
export function featureBins(baseline: FeatureBaseline, live: LiveCounts): DriftBin[] {
  const { missingCount: trainingCount } = baseline;
  const missing: DriftBin = { kind: 'missing', ...BARE, trainingCount, liveCount: live.missingCount };
  return [...valueBins(baseline, live), missing];
}

function valueBins(baseline: FeatureBaseline, live: LiveCounts): DriftBin[] {
  const { edges, counts, topValues } = baseline;
  if (edges !== null && counts !== null) return rangeBins(edges, counts, live.state?.histogram ?? null);
  if (topValues !== null) return levelBins(baseline, topValues, live);
  const trainingCount = baseline.rowCount - baseline.missingCount;
  return [{ kind: 'present', ...BARE, trainingCount, liveCount: live.eventCount - live.missingCount }];
}

/** @param counts of the training rows, which reach from the first edge to the last */
export function rangeBins(
  edges: readonly number[],
  counts: readonly number[],
  live: { readonly counts: readonly number[]; readonly belowCount: number; readonly aboveCount: number } | null,
): DriftBin[] {
  const last = counts.length - 1;
  return counts.map((trainingCount, bin) => ({
    kind: 'range',
    from: bin === 0 ? null : (edges[bin] ?? null),
    to: bin === last ? null : (edges[bin + 1] ?? null),
    level: null,
    trainingCount,
    liveCount:
      (live?.counts[bin] ?? 0) +
      (bin === 0 ? (live?.belowCount ?? 0) : 0) +
      (bin === last ? (live?.aboveCount ?? 0) : 0),
  }));
}

function levelBins(
  { rowCount, missingCount }: FeatureBaseline,
  topValues: readonly { readonly value: string; readonly count: number }[],
  { eventCount, missingCount: liveMissing, state }: LiveCounts,
): DriftBin[] {
  const levels = topValues.map(({ value, count }, place): DriftBin => {
    return { kind: 'level', ...BARE, level: value, trainingCount: count, liveCount: state?.levels?.[place] ?? 0 };
  });
  const sum = (count: (bin: DriftBin) => number) => levels.reduce((total, bin) => total + count(bin), 0);
  const others: DriftBin = {
    kind: 'others',
    ...BARE,
    trainingCount: Math.max(0, rowCount - missingCount - sum((bin) => bin.trainingCount)),
    liveCount: Math.max(0, eventCount - liveMissing - sum((bin) => bin.liveCount)),
  };
  return [...levels, others];
}
