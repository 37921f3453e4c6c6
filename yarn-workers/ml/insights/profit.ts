import { CURVE_POINTS_MAX, type InsightOf, type ProfitMatrix } from '#contracts';
import { DEFAULT_THRESHOLD } from '#scoring';
import { evenlySpaced } from '../evenly-spaced.ts';
import type { Outcomes } from './insight-rows.ts';
import { curveOf, type ClassificationCurve } from './classification-curve.ts';

/** Parts of the rows, dealt in turn: the threshold for one is chosen on the others. */
const PARTS = 5;

/**
 * What decisions are worth at each threshold, and the one that is worth most; of equal ones the highest. A row is worth what the
 * matrix says of its actual and predicted class, times its weight. What the best threshold will be worth in new rows is
 * estimated by choosing it on four fifths of the rows for the fifth.
 *
 * @see Elkan 2001, "The foundations of cost-sensitive learning", section 1
 */
export function profitOf(outcomes: Outcomes, label: string, matrix: ProfitMatrix): InsightOf<'profit'> {
  const curve = curveOf(outcomes);
  const best = bestOf(curve, matrix);
  const rowCount = outcomes.predicted.length;
  const points = Array.from(evenlySpaced(curve.count + 1, CURVE_POINTS_MAX), (place) => ({
    threshold: thresholdAt(curve, place),
    profit: profitAt(curve, place, matrix),
    positiveShare: shareAt(curve, place),
  }));
  return {
    kind: 'profit',
    label,
    matrix,
    threshold: thresholdAt(curve, best),
    profit: profitAt(curve, best, matrix),
    heldOutProfit: heldOutProfit(outcomes, matrix, rowCount),
    profitAtHalf: profitAt(curve, placeOf(curve, DEFAULT_THRESHOLD), matrix),
    profitOfAll: profitAt(curve, curve.count, matrix),
    profitOfNone: profitAt(curve, 0, matrix),
    pointCount: curve.count + 1,
    points,
  };
}

const thresholdAt = ({ thresholds }: ClassificationCurve, place: number): number | null =>
  place === 0 ? null : (thresholds[place] ?? null);

function profitAt({ count, hits, misses }: ClassificationCurve, place: number, matrix: ProfitMatrix): number {
  const [hit = 0, miss = 0] = [hits[place], misses[place]];
  const [positive = 0, negative = 0] = [hits[count], misses[count]];
  return (
    matrix.truePositive * hit +
    matrix.falsePositive * miss +
    matrix.falseNegative * (positive - hit) +
    matrix.trueNegative * (negative - miss)
  );
}

function shareAt({ count, hits, misses }: ClassificationCurve, place: number): number {
  const weightAt = (at: number): number => (hits[at] ?? 0) + (misses[at] ?? 0);
  return weightAt(place) / weightAt(count);
}

function bestOf(curve: ClassificationCurve, matrix: ProfitMatrix): number {
  let best = 0;
  for (let place = 1; place <= curve.count; place += 1)
    if (profitAt(curve, place, matrix) > profitAt(curve, best, matrix)) best = place;
  return best;
}

/** The last place whose threshold is not below a probability. */
function placeOf({ count, thresholds }: ClassificationCurve, threshold: number): number {
  let place = 0;
  while (place < count && (thresholds[place + 1] ?? NaN) >= threshold) place += 1;
  return place;
}

function heldOutProfit(outcomes: Outcomes, matrix: ProfitMatrix, rowCount: number): number {
  let total = 0;
  for (let part = 0; part < Math.min(PARTS, rowCount); part += 1) {
    const own = partOf(outcomes, (row) => row % PARTS === part);
    const others = curveOf(partOf(outcomes, (row) => row % PARTS !== part));
    const threshold = thresholdAt(others, bestOf(others, matrix)) ?? Infinity;
    const curve = curveOf(own);
    total += profitAt(curve, placeOf(curve, threshold), matrix);
  }
  return total;
}

function partOf({ predicted, actual, weights }: Outcomes, wanted: (row: number) => boolean): Outcomes {
  const isIn = (_: number, row: number): boolean => wanted(row);
  return { predicted: predicted.filter(isIn), actual: actual.filter(isIn), weights: weights.filter(isIn) };
}
