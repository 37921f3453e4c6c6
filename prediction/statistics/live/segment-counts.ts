import { SegmentLevel, strict, Type, type Static } from '#contracts';
import { mergeOutcomeData, OutcomeStateData } from './outcome-counts.ts';

/** Predictions of rows of one level. */
export const SegmentLevelData = strict({
  ...SegmentLevel.properties,
  eventCount: Type.Integer({ minimum: 0 }),
  /** Without quantiles. */
  predictions: OutcomeStateData,
});
export type SegmentLevelData = Static<typeof SegmentLevelData>;

/** One hour's predictions by the levels of a feature, as they are stored: those levels alone that there were, in any order. */
export const SegmentStateData = strict({ levels: Type.Array(SegmentLevelData) });
export type SegmentStateData = Static<typeof SegmentStateData>;

/** A name of a level among those of its feature. */
export const segmentKey = ({ kind, level }: SegmentLevel): string => (kind === 'level' ? `=${level ?? ''}` : kind);

/** Adds two stored states of one feature and model. */
export function mergeSegmentData(known: SegmentStateData, added: SegmentStateData): SegmentStateData {
  const levels = new Map(known.levels.map((level) => [segmentKey(level), level]));
  for (const level of added.levels) {
    const key = segmentKey(level);
    const before = levels.get(key);
    levels.set(key, before === undefined ? level : merged(before, level));
  }
  return { levels: [...levels.values()] };
}

const merged = (known: SegmentLevelData, added: SegmentLevelData): SegmentLevelData => ({
  ...{ kind: known.kind, level: known.level },
  eventCount: known.eventCount + added.eventCount,
  predictions: mergeOutcomeData(known.predictions, added.predictions),
});
