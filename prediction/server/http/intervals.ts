import type { PredictionIntervals } from '#contracts';
import { INTERVAL_COLUMNS, intervalOf, type RowPrediction } from '#scoring';

/** Intervals of a deployment; undefined: its answers have none. */
type Intervals = PredictionIntervals | undefined;

/** Names of the columns of an interval in a CSV, in order. */
export const intervalColumns = (intervals: Intervals): readonly string[] =>
  intervals === undefined ? [] : INTERVAL_COLUMNS;

/** JSON text of a row's `interval`, after a comma; empty where there is none. */
export function intervalJson(intervals: Intervals, { prediction }: Pick<RowPrediction, 'prediction'>): string {
  if (intervals === undefined || typeof prediction !== 'number') return '';
  return `,"interval":${JSON.stringify(intervalOf(intervals, prediction))}`;
}

/** The cells that {@link intervalColumns} names, each after a comma. */
export function intervalCsv(intervals: Intervals, { prediction }: Pick<RowPrediction, 'prediction'>): string {
  if (intervals === undefined || typeof prediction !== 'number') return '';
  const { lower, upper } = intervalOf(intervals, prediction);
  return `,${lower},${upper}`;
}
