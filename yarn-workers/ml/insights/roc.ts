import { CURVE_POINTS_MAX, type InsightOf } from '#contracts';
import { addTerm, emptySum, sumOf } from '#statistics';
import { curveOf } from './classification-curve.ts';
import { evenlySpaced } from '../evenly-spaced.ts';
import type { Outcomes } from './insight-rows.ts';

/**
 * Receiver operating characteristic with the precision at each threshold: a point for each different probability, the
 * area by trapezoids. Above CURVE_POINTS_MAX points evenly spaced ones are given, first and last among them.
 *
 * @see Fawcett 2006, "An introduction to ROC analysis", algorithms 1 and 2
 */
export function rocOf(outcomes: Outcomes, label: string): InsightOf<'roc'> {
  const { count, thresholds, hits, misses } = curveOf(outcomes);
  const positiveWeight = hits[count] ?? 0;
  const negativeWeight = misses[count] ?? 0;
  const base = { kind: 'roc' as const, label, positiveWeight, negativeWeight };
  if (positiveWeight === 0 || negativeWeight === 0) return { ...base, auc: null, pointCount: 0, points: [] };
  const at = (place: number): readonly [number, number] => [
    (misses[place] ?? NaN) / negativeWeight,
    (hits[place] ?? NaN) / positiveWeight,
  ];
  const area = emptySum();
  for (let place = 1; place <= count; place += 1) {
    const [[x0, y0], [x1, y1]] = [at(place - 1), at(place)];
    addTerm(area, ((x1 - x0) * (y1 + y0)) / 2);
  }
  const points = Array.from(evenlySpaced(count + 1, CURVE_POINTS_MAX), (place) => {
    const [falsePositiveRate, truePositiveRate] = at(place);
    const positive = (hits[place] ?? NaN) + (misses[place] ?? NaN);
    return {
      threshold: place === 0 ? null : (thresholds[place] ?? NaN),
      falsePositiveRate,
      truePositiveRate,
      precision: place === 0 ? null : (hits[place] ?? NaN) / positive,
    };
  });
  return { ...base, auc: sumOf(area), pointCount: count + 1, points };
}
