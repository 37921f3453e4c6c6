import { parse } from '#contracts';
import { mergeSegmentData, SegmentStateData, type SegmentLevelData } from '#statistics';
import { readSegmentHours, type Database } from '#store';
import { bucketIndex, dayByDay, type Span, type TimeRange } from './time-range.ts';

/** Predictions of a model by the levels of a feature; whose, and which. */
export interface AskedSegments {
  readonly deploymentId: string;
  readonly modelId: string;
  readonly feature: string;
}

/** Predictions by level, those levels alone that there were. */
export type LevelTotals = readonly SegmentLevelData[];

/** By bucket of a range. Reads a day at a time; holds a state of some hundred bytes for each level and bucket. */
export async function readSegmentSeries(
  store: Database,
  { feature, ...model }: AskedSegments,
  range: TimeRange,
): Promise<readonly LevelTotals[]> {
  const series: LevelTotals[] = range.buckets.map(() => []);
  for (const day of dayByDay(range))
    for (const { hour, state } of await readSegmentHours(store, model, feature, day)) {
      const index = bucketIndex(range, hour);
      series[index] = totalLevels([series[index] ?? [], parse(SegmentStateData, state, 'stored counts').levels]);
    }
  return series;
}

/** Of a whole time. Reads a day at a time. */
export async function readSegmentTotals(
  store: Database,
  { feature, ...model }: AskedSegments,
  span: Span,
): Promise<LevelTotals> {
  let total: LevelTotals = [];
  for (const day of dayByDay(span))
    for (const { state } of await readSegmentHours(store, model, feature, day))
      total = totalLevels([total, parse(SegmentStateData, state, 'stored counts').levels]);
  return total;
}

/** Adds predictions of several times up. */
export const totalLevels = (parts: readonly LevelTotals[]): LevelTotals =>
  parts.reduce((sum, part) => mergeSegmentData({ levels: [...sum] }, { levels: [...part] }).levels, []);
