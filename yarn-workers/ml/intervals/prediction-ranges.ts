import { INTERVAL_RANGES_MAX } from '#contracts';
import { ascendingOrder } from '#statistics';
import { addWeight, effectiveRows, emptyWeights } from './row-weights.ts';

/**
 * Rows of a range at least, in effect: an interval of 0.99 needs 199, and the coverage that 200 rows give follows a beta distribution
 * with a standard deviation of 0.02 at 0.9.
 *
 * @see Vovk 2012, "Conditional validity of inductive conformal predictors", section 3
 */
export const RANGE_ROWS_MIN = 200;

/** Rows whose predictions are neighbours. */
export interface PredictionRange {
  /** Places of the rows, by rising prediction. */
  readonly places: Uint32Array;
  /** The greatest prediction that counts as of the range; null for the last. */
  readonly upTo: number | null;
}

/**
 * Parts rows by their prediction into up to {@link INTERVAL_RANGES_MAX} ranges of as many rows, each of RANGE_ROWS_MIN or more; fewer
 * than twice as many rows are one range. Equal predictions are never parted, and what is left over at the upper end
 * goes into the last range. Limits lie midway between two predictions.
 *
 * @param predicted no NaN, at least one row
 * @param weights by row, each above 0
 */
export function predictionRanges(predicted: Float64Array, weights: Float64Array): PredictionRange[] {
  const order = ascendingOrder(predicted);
  const wanted = Math.max(1, Math.min(INTERVAL_RANGES_MAX, Math.floor(order.length / RANGE_ROWS_MIN)));
  const rowCount = Math.floor(order.length / wanted);
  const at = (place: number): number => predicted[order[place] ?? 0] ?? NaN;
  const starts = [0];
  let weight = emptyWeights();
  for (let place = 0; place < order.length; place += 1) {
    if (isFull(place)) {
      starts.push(place);
      weight = emptyWeights();
    }
    addWeight(weight, weights[order[place] ?? 0] ?? NaN);
  }
  if (starts.length > 1 && !isEnough()) starts.pop();
  return starts.map((start, index) => {
    const next = starts[index + 1];
    return {
      places: order.subarray(start, next),
      upTo: next === undefined ? null : between(at(next - 1), at(next)),
    };
  });

  /** The range that was begun has all its rows before this place. */
  function isFull(place: number): boolean {
    const start = starts.at(-1) ?? 0;
    return place - start >= rowCount && at(place - 1) < at(place) && isEnough();
  }

  function isEnough(): boolean {
    return effectiveRows(weight) >= RANGE_ROWS_MIN;
  }
}

/** Midway between two predictions, and below the greater one. */
function between(low: number, high: number): number {
  const middle = low + (high - low) / 2;
  return middle < high ? middle : low;
}
