import { CLASS_CURVE_POINTS_MAX, CURVE_POINTS_MAX, type InsightOf } from '#contracts';
import { addTerm, emptySum, sumOf } from '#statistics';
import { curveOf, type ClassificationCurve } from './classification-curve.ts';
import { everyClass } from './every-class.ts';
import { alongCurve, evenlySpaced } from '../evenly-spaced.ts';
import type { InsightRows, Outcomes } from './insight-rows.ts';

/**
 * Precision and recall at each different probability, from the highest on, and the average precision: the sum of precisions by the recall
 * that each threshold adds, which does not interpolate. Above CURVE_POINTS_MAX points evenly spaced ones are given.
 *
 * @see Davis and Goadrich 2006, "The relationship between precision-recall and ROC curves", section 3: linear interpolation is too optimistic
 */
export function precisionRecallOf(outcomes: Outcomes, label: string): InsightOf<'precision-recall'> {
  const curve = curveOf(outcomes);
  const { count, thresholds, hits, misses } = curve;
  const { averagePrecision, recallAt, precisionAt } = precisionsOf(curve);
  const weights = { positiveWeight: hits[count] ?? 0, negativeWeight: misses[count] ?? 0 };
  const base = { kind: 'precision-recall' as const, label, ...weights, averagePrecision };
  if (averagePrecision === null) return { ...base, pointCount: 0, points: [] };
  const points = Array.from(evenlySpaced(count, CURVE_POINTS_MAX), (index) => ({
    threshold: thresholds[index + 1] ?? NaN,
    recall: recallAt(index + 1),
    precision: precisionAt(index + 1),
  }));
  return { ...base, pointCount: count, points };
}

/** The average precisions of all classes, each against all others, with their unweighted mean, and the curves of the largest at equal steps of recall. */
export function precisionRecallOfClasses(
  rows: InsightRows,
): Required<Pick<InsightOf<'precision-recall'>, 'macroAveragePrecision' | 'classes'>> {
  const { mean, classes } = everyClass(rows, (outcomes) => {
    const curve = curveOf(outcomes);
    const { averagePrecision, recallAt, precisionAt } = precisionsOf(curve);
    const points = () =>
      alongCurve(curve.count, CLASS_CURVE_POINTS_MAX, (index) => recallAt(index + 1)).map((index) => ({
        recall: recallAt(index + 1),
        precision: precisionAt(index + 1),
      }));
    return { score: averagePrecision, points };
  });
  return {
    macroAveragePrecision: mean,
    classes: classes.map(({ score, ...known }) => ({ ...known, averagePrecision: score })),
  };
}

/** Recall and precision at each place of a curve from 1 on, and the average precision: null where no row is of the class. */
function precisionsOf({ count, hits, misses }: ClassificationCurve) {
  const positiveWeight = hits[count] ?? 0;
  const precisionAt = (place: number): number => (hits[place] ?? NaN) / ((hits[place] ?? NaN) + (misses[place] ?? NaN));
  const recallAt = (place: number): number => (hits[place] ?? NaN) / positiveWeight;
  const average = emptySum();
  for (let place = 1; place <= count; place += 1)
    addTerm(average, precisionAt(place) * (recallAt(place) - recallAt(place - 1)));
  return { averagePrecision: positiveWeight === 0 ? null : sumOf(average), recallAt, precisionAt };
}
