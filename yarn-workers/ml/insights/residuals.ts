import { RESIDUAL_POINTS_MAX, type InsightOf } from '#contracts';
import { addTerm, emptySum, sumOf } from '#statistics';
import { evenlySpaced } from '../evenly-spaced.ts';
import type { InsightRows, Outcomes } from './insight-rows.ts';

const BINS = 40;
const QUANTILES = [0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1];

/** What predictions missed: actual - predicted, its distribution, and some rows to be drawn. */
export function residualsOf({ data, chosen }: InsightRows, outcomes: Outcomes): InsightOf<'residuals'> {
  const { actual, predicted, weights } = outcomes;
  const residuals = actual.map((value, row) => value - (predicted[row] ?? NaN));
  const { mean, std } = momentsOf(residuals, weights);
  const sorted = residuals.toSorted();
  const low = sorted[0] ?? NaN;
  const high = sorted.at(-1) ?? NaN;
  const bins = low === high ? 1 : BINS;
  const edges = Array.from({ length: bins + 1 }, (_, edge) =>
    edge === bins ? high : low + (edge * (high - low)) / bins,
  );
  const counts = new Array<number>(bins).fill(0);
  let bin = 0;
  for (const residual of sorted) {
    while (bin < bins - 1 && residual >= (edges[bin + 1] ?? Infinity)) bin += 1;
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const points = Array.from(evenlySpaced(chosen.length, RESIDUAL_POINTS_MAX), (row) => ({
    rowIndex: data.rows[chosen[row] ?? 0] ?? 0,
    actual: actual[row] ?? NaN,
    predicted: predicted[row] ?? NaN,
  }));
  const quantiles = QUANTILES.map((q) => ({ q, value: quantileOf(sorted, q) }));
  return { kind: 'residuals', mean, std, quantiles, edges, counts, points };
}

function momentsOf(values: Float64Array, weights: Float64Array): { mean: number; std: number } {
  const [weight, sum, squares] = [emptySum(), emptySum(), emptySum()];
  for (const [row, value] of values.entries()) {
    addTerm(weight, weights[row] ?? NaN);
    addTerm(sum, (weights[row] ?? NaN) * value);
  }
  const mean = sumOf(sum) / sumOf(weight);
  for (const [row, value] of values.entries()) addTerm(squares, (weights[row] ?? NaN) * (value - mean) ** 2);
  return { mean, std: Math.sqrt(sumOf(squares) / sumOf(weight)) };
}

/** Linear interpolation between order statistics. @see Hyndman and Fan 1996, "Sample quantiles", definition 7 */
function quantileOf(sorted: Float64Array, q: number): number {
  const place = q * (sorted.length - 1);
  const below = sorted[Math.floor(place)] ?? NaN;
  const above = sorted[Math.ceil(place)] ?? NaN;
  return below + (above - below) * (place - Math.floor(place));
}
