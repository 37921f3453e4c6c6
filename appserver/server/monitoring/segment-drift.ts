import type { DeploymentSegmentsAnswer, SegmentBaseline, TargetSpec } from '#contracts';
import {
  driftLevelOf,
  driftOf,
  holmAdjusted,
  rangeBins,
  type DriftBin,
  type HistogramData,
  type OutcomeStateData,
} from '#statistics';

/** How far the predictions of a level are from those that they are held against. */
export type SegmentDrift = DeploymentSegmentsAnswer['data'][number]['drift'];
/** Before it is corrected for the number of levels. */
export type SegmentShift = Omit<SegmentDrift, 'adjustedPValue' | 'drift'>;

/** Predictions that a level's may be held against. */
export interface SegmentBaselines {
  /** Of the level in the time before; null: there were none. */
  readonly before: OutcomeStateData | null;
  /** Of the whole deployment in this time, the level's own among them. */
  readonly deployment: OutcomeStateData | null;
}

/**
 * Holds the predictions of a level against its own of the time before, which natural differences between levels do not touch; where there were
 * none, against all others of this time: two samples without a common event, as the test wants them.
 */
export function segmentShift(
  target: TargetSpec,
  live: OutcomeStateData | null,
  { before, deployment }: SegmentBaselines,
): SegmentShift {
  if (before !== null) return shiftOf('before', shiftBins(target, before, live));
  const bins = shiftBins(target, deployment, live).map((bin) => ({
    ...bin,
    trainingCount: Math.max(0, bin.trainingCount - bin.liveCount),
  }));
  return shiftOf('deployment', bins);
}

function shiftOf(baseline: SegmentBaseline, bins: readonly DriftBin[]): SegmentShift {
  const { trainingCount: baselineCount, psi, psiByChance, jensenShannon, pValue } = driftOf(bins);
  return { baseline: baselineCount > 0 ? baseline : null, baselineCount, psi, psiByChance, jensenShannon, pValue };
}

/**
 * Says how large each is, corrected for the number of levels; in their order. A level that differs from others has not drifted: what is not beside
 * itself is `unknown`.
 */
export function judged(shifts: readonly SegmentShift[]): SegmentDrift[] {
  const corrected = holmAdjusted(shifts.map(({ baseline, pValue }) => (baseline === 'before' ? pValue : null)));
  return shifts.map((shift, place) => {
    const adjustedPValue = corrected[place] ?? null;
    return { ...shift, adjustedPValue, drift: driftLevelOf({ psi: shift.psi, pValue: adjustedPValue }) };
  });
}

/** Bins of what tells most of a change: the probability of the second of two classes, the classes of more, the values of numbers. */
function shiftBins(
  { targetType, classes }: TargetSpec,
  base: OutcomeStateData | null,
  live: OutcomeStateData | null,
): DriftBin[] {
  switch (targetType) {
    case 'binary':
      return histogramBins(base?.probabilities ?? null, live?.probabilities ?? null);
    case 'regression':
      return histogramBins(base?.values ?? null, live?.values ?? null);
    case 'multiclass':
      return classes.map(({ label }, index) => ({
        ...{ kind: 'level', from: null, to: null, level: label },
        trainingCount: base?.classCounts?.[index] ?? 0,
        liveCount: live?.classCounts?.[index] ?? 0,
      }));
  }
}

/** Two histograms of the same bins; what is beyond them counts with the outer ones. */
function histogramBins(base: HistogramData | null, live: HistogramData | null): DriftBin[] {
  const edges = (live ?? base)?.edges;
  if (edges === undefined) return [];
  const none = { counts: [], belowCount: 0, aboveCount: 0 };
  const { counts, belowCount, aboveCount } = base ?? none;
  const last = edges.length - 2;
  const folded = Array.from({ length: last + 1 }, (_, bin) => {
    const beyond = (bin === 0 ? belowCount : 0) + (bin === last ? aboveCount : 0);
    return (counts[bin] ?? 0) + beyond;
  });
  return rangeBins(edges, folded, live);
}
