import { CLASS_CURVE_POINTS_MAX, CURVE_POINTS_MAX, type InsightOf } from '#contracts';
import { addTerm, emptySum, sumOf } from '#statistics';
import { curveOf, type ClassificationCurve } from './classification-curve.ts';
import { everyClass } from './every-class.ts';
import { alongCurve, evenlySpaced } from '../evenly-spaced.ts';
import type { InsightRows, Outcomes } from './insight-rows.ts';

/**
 * Receiver operating characteristic with the precision at each threshold: a point for each different probability, the
 * area by trapezoids. Above CURVE_POINTS_MAX points evenly spaced ones are given, first and last among them.
 *
 * @see Fawcett 2006, "An introduction to ROC analysis", algorithms 1 and 2
 */
export function rocOf(outcomes: Outcomes, label: string): InsightOf<'roc'> {
  const curve = curveOf(outcomes);
  const { count, thresholds, hits, misses } = curve;
  const { positiveWeight, negativeWeight, auc, at } = ratesOf(curve);
  const base = { kind: 'roc' as const, label, positiveWeight, negativeWeight, auc };
  if (auc === null) return { ...base, pointCount: 0, points: [] };
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
  return { ...base, pointCount: count + 1, points };
}

/**
 * The areas of all classes, each against all others, with their unweighted mean (macro), and the curves of the largest. Points are at equal
 * steps of both rates together, so that a curve that rises within few rows is drawn as well as one that does not.
 *
 * @see Provost, Domingos 2000, "Well-trained PETs: improving probability estimation trees", CeDER working paper IS-00-04
 */
export function rocOfClasses(rows: InsightRows): Required<Pick<InsightOf<'roc'>, 'macroAuc' | 'classes'>> {
  const { mean, classes } = everyClass(rows, (outcomes) => {
    const curve = curveOf(outcomes);
    const { auc, at } = ratesOf(curve);
    const points = () =>
      alongCurve(curve.count + 1, CLASS_CURVE_POINTS_MAX, (place) => at(place)[0] + at(place)[1]).map((place) => {
        const [falsePositiveRate, truePositiveRate] = at(place);
        return { falsePositiveRate, truePositiveRate };
      });
    return { score: auc, points };
  });
  return { macroAuc: mean, classes: classes.map(({ score, ...known }) => ({ ...known, auc: score })) };
}

/** False and true positive rate at each place of a curve, and the area below; null where the rows have one class. */
function ratesOf({ count, hits, misses }: ClassificationCurve) {
  const positiveWeight = hits[count] ?? 0;
  const negativeWeight = misses[count] ?? 0;
  const at = (place: number): readonly [number, number] => [
    (misses[place] ?? NaN) / negativeWeight,
    (hits[place] ?? NaN) / positiveWeight,
  ];
  const area = emptySum();
  for (let place = 1; place <= count; place += 1) {
    const [[x0, y0], [x1, y1]] = [at(place - 1), at(place)];
    addTerm(area, ((x1 - x0) * (y1 + y0)) / 2);
  }
  const auc = positiveWeight === 0 || negativeWeight === 0 ? null : sumOf(area);
  return { positiveWeight, negativeWeight, auc, at };
}
