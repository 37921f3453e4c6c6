import { CURVE_POINTS_MAX, type InsightOf } from '#contracts';
import { addTerm, emptySum, sumOf } from '#statistics';
import { curveOf } from './classification-curve.ts';
import { evenlySpaced } from '../evenly-spaced.ts';
import type { Outcomes } from './insight-rows.ts';

/**
 * Precision and recall at each different probability, from the highest on, and the average precision: the sum of precisions by the recall
 * that each threshold adds, which does not interpolate. Above CURVE_POINTS_MAX points evenly spaced ones are given.
 *
 * @see Davis and Goadrich 2006, "The relationship between precision-recall and ROC curves", section 3: linear interpolation is too optimistic
 */
export function precisionRecallOf(outcomes: Outcomes, label: string): InsightOf<'precision-recall'> {
  const { count, thresholds, hits, misses } = curveOf(outcomes);
  const positiveWeight = hits[count] ?? 0;
  const base = { kind: 'precision-recall' as const, label, positiveWeight, negativeWeight: misses[count] ?? 0 };
  if (positiveWeight === 0) return { ...base, averagePrecision: null, pointCount: 0, points: [] };
  const precisionAt = (place: number): number => (hits[place] ?? NaN) / ((hits[place] ?? NaN) + (misses[place] ?? NaN));
  const recallAt = (place: number): number => (hits[place] ?? NaN) / positiveWeight;
  const average = emptySum();
  for (let place = 1; place <= count; place += 1)
    addTerm(average, precisionAt(place) * (recallAt(place) - recallAt(place - 1)));
  const points = Array.from(evenlySpaced(count, CURVE_POINTS_MAX), (index) => ({
    threshold: thresholds[index + 1] ?? NaN,
    recall: recallAt(index + 1),
    precision: precisionAt(index + 1),
  }));
  return { ...base, averagePrecision: sumOf(average), pointCount: count, points };
}
