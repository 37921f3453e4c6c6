import type { PredictionIntervals } from '#contracts';

/** Columns of an interval in tables, after `prediction`. */
export const INTERVAL_COLUMNS = ['lower', 'upper'] as const;

/** Where the value of a row is expected; both ends are in it. The prediction need not be. */
export interface Interval {
  readonly lower: number;
  readonly upper: number;
}

/** The interval around a prediction of the model that the intervals are of; its ends are finite. */
export function intervalOf({ ranges, isNonNegative }: PredictionIntervals, prediction: number): Interval {
  const range = ranges.find(({ upTo }) => upTo === null || prediction <= upTo);
  const least = isNonNegative ? 0 : -Number.MAX_VALUE;
  const end = (distance: number): number => Math.min(Math.max(prediction + distance, least), Number.MAX_VALUE);
  return { lower: end(range?.lower ?? NaN), upper: end(range?.upper ?? NaN) };
}
