import type { PredictionIntervals } from '#contracts';
import { intervalOf } from '#scoring';

/** The columns `lower` and `upper` of a batch's predictions; none where there are no intervals. */
export function intervalColumns(
  intervals: PredictionIntervals | undefined,
  predictions: Float64Array,
): readonly Float64Array[] {
  if (intervals === undefined) return [];
  const lower = new Float64Array(predictions.length);
  const upper = new Float64Array(predictions.length);
  for (const [row, prediction] of predictions.entries()) {
    const interval = intervalOf(intervals, prediction);
    lower[row] = interval.lower;
    upper[row] = interval.upper;
  }
  return [lower, upper];
}
