import type { InsightOf } from '#contracts';
import { addTerm, emptySum, sumOf } from '#statistics';
import { fallingOrder, type Outcomes } from './insight-rows.ts';

const BINS = 10;

/** Actual and predicted by tenths of the rows, highest predictions first; bin k has the rows [k n / 10] up to [(k + 1) n / 10]. */
export function liftOf(outcomes: Outcomes, label: string | null): InsightOf<'lift'> {
  const order = fallingOrder(outcomes);
  const { meanActual } = meansOf(outcomes, order);
  const relative = (mean: number): number | null => (meanActual === 0 ? null : mean / meanActual);
  const [weight, actual] = [emptySum(), emptySum()];
  const count = Math.min(BINS, order.length);
  const bins = Array.from({ length: count }, (_, bin) => {
    const from = Math.floor((bin * order.length) / count);
    const to = Math.floor(((bin + 1) * order.length) / count);
    const own = meansOf(outcomes, order.subarray(from, to));
    addTerm(weight, own.weight);
    addTerm(actual, own.weight * own.meanActual);
    const cumulativeLift = relative(sumOf(actual) / sumOf(weight));
    return { rowCount: to - from, ...own, lift: relative(own.meanActual), cumulativeLift };
  });
  return { kind: 'lift', label, meanActual, bins };
}

/** Weighted means of some rows. */
export function meansOf(
  { predicted, actual, weights }: Outcomes,
  rows: Iterable<number>,
): { weight: number; meanPredicted: number; meanActual: number } {
  const [weight, predictions, actuals] = [emptySum(), emptySum(), emptySum()];
  for (const row of rows) {
    const own = weights[row] ?? NaN;
    addTerm(weight, own);
    addTerm(predictions, own * (predicted[row] ?? NaN));
    addTerm(actuals, own * (actual[row] ?? NaN));
  }
  const total = sumOf(weight);
  return { weight: total, meanPredicted: sumOf(predictions) / total, meanActual: sumOf(actuals) / total };
}
