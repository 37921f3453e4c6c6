import type { DeploymentSegmentsAnswer, SegmentLevel, TargetSpec } from '#contracts';
import {
  mergeOutcomeData,
  segmentKey,
  type FeatureBaseline,
  type OutcomeStateData,
  type SegmentLevelData,
} from '#statistics';
import { estimatedAccuracy } from './accuracy.ts';
import { predictionFacts } from './predictions-over-time.ts';
import { totalLevels, type LevelTotals } from './segment-totals.ts';
import { isoSpan, type Span } from './time-range.ts';
import { judged, segmentShift } from './segment-drift.ts';

type Entry = DeploymentSegmentsAnswer['data'][number];
/** Predictions of a level with ids, and their outcomes as far as they are known. */
export type SegmentAccuracy = Omit<Entry['accuracy'], 'estimated'>;

/** Held-back training rows of a level. */
export type HeldBack = NonNullable<Entry['heldBack']>;

/** What is known of a feature's levels. */
export interface SegmentFacts {
  readonly target: TargetSpec;
  /** Of the feature; null: not known. */
  readonly training: FeatureBaseline | null;
  /** By bucket. */
  readonly series: readonly LevelTotals[];
  readonly buckets: readonly Span[];
  /** Of the time before. */
  readonly before: LevelTotals;
  /** By `segmentKey`. */
  readonly accuracy: ReadonlyMap<string, SegmentAccuracy>;
  /** By `segmentKey`. */
  readonly heldBack: ReadonlyMap<string, HeldBack>;
}

const NO_OUTCOMES: SegmentAccuracy = { predictionCount: 0, actualCount: 0, metrics: {} };

/** Levels by falling events, then by training rows; also those of training, and of the time before, that came no more. */
export function segmentEntries(facts: SegmentFacts): Entry[] {
  const { target, training, before, accuracy, heldBack } = facts;
  const live = totalLevels(facts.series);
  const trained = trainingLevels(training);
  const trainedCount = new Map(trained.map(({ rowCount, ...level }) => [segmentKey(level), rowCount]));
  const [liveOf, beforeOf] = [byKey(live), byKey(before)];
  const deployment = totalOf(live);
  const all = live.reduce((sum, { eventCount }) => sum + eventCount, 0);
  const levels = new Map(
    [...live, ...before, ...trained].map(({ kind, level }) => [segmentKey({ kind, level }), { kind, level }]),
  );
  const drifts = judged(
    [...levels.keys()].map((key) =>
      segmentShift(target, liveOf.get(key)?.predictions ?? null, {
        ...{ before: beforeOf.get(key)?.predictions ?? null, deployment },
      }),
    ),
  );
  const entries = [...levels].flatMap(([key, level], place): Entry[] => {
    const drift = drifts[place];
    if (drift === undefined) return [];
    const { eventCount = 0, predictions = null } = liveOf.get(key) ?? {};
    const { classCounts, meanProbability, mean } = predictionFacts(predictions, target);
    return [
      {
        ...{ ...level, eventCount, share: share(eventCount, all) },
        ...trainingFacts(training, trainedCount.get(key) ?? 0),
        ...{ predictions: { classCounts, meanProbability, mean }, drift },
        accuracy: { ...(accuracy.get(key) ?? NO_OUTCOMES), estimated: estimatedAccuracy(predictions?.confidence) },
        heldBack: heldBack.get(key) ?? null,
        overTime: overTime(key, facts),
      },
    ];
  });
  return entries.sort((a, b) => b.eventCount - a.eventCount || (b.trainingCount ?? 0) - (a.trainingCount ?? 0));
}

function overTime(key: string, { series, buckets, target }: SegmentFacts): Entry['overTime'] {
  return buckets.map((span, index) => {
    const found = series[index]?.find((level) => segmentKey(level) === key);
    const { meanProbability, mean } = predictionFacts(found?.predictions ?? null, target);
    return { ...isoSpan(span), eventCount: found?.eventCount ?? 0, meanPredicted: mean ?? meanProbability };
  });
}

const totalOf = (levels: LevelTotals): OutcomeStateData | null =>
  levels.reduce<OutcomeStateData | null>(
    (sum, { predictions }) => (sum === null ? predictions : mergeOutcomeData(sum, predictions)),
    null,
  );

/** Null where training is not known. */
const trainingFacts = (
  training: FeatureBaseline | null,
  rowCount: number,
): Pick<Entry, 'trainingCount' | 'trainingShare'> =>
  training === null
    ? { trainingCount: null, trainingShare: null }
    : { trainingCount: rowCount, trainingShare: share(rowCount, training.rowCount) };

/** Training rows of each frequent level, of all others, and without a value; those that there were. */
function trainingLevels(training: FeatureBaseline | null): (SegmentLevel & { readonly rowCount: number })[] {
  if (training === null) return [];
  const { rowCount, missingCount, topValues } = training;
  const levels = (topValues ?? []).map(({ value, count }) => ({
    kind: 'level' as const,
    level: value,
    rowCount: count,
  }));
  const others = rowCount - missingCount - levels.reduce((sum, level) => sum + level.rowCount, 0);
  return [
    ...levels,
    ...(others > 0 ? [{ kind: 'others' as const, level: null, rowCount: others }] : []),
    ...(missingCount > 0 ? [{ kind: 'missing' as const, level: null, rowCount: missingCount }] : []),
  ];
}

const byKey = (levels: LevelTotals): Map<string, SegmentLevelData> =>
  new Map(levels.map((level) => [segmentKey(level), level]));

const share = (count: number, total: number): number | null => (total === 0 ? null : count / total);
