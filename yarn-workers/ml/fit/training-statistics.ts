import type { TrainingStatistics } from '#contracts';
import { addAllToHistogram, createHistogram, edgesFromQuantiles } from '#statistics';
import { STATISTICS_BINS, STATISTICS_VALUES_MAX } from './limits.ts';
import { compareCodePoints } from '../text-order.ts';

/**
 * A numeric or date feature: counts in bins of equal frequency over its finite values. Missing counts NaN; infinite
 * values are in `rowCount` and in no bin.
 *
 * @param values of the rows that the statistics are made from; `rowCount` says how many these were
 */
export function numberStatistics(feature: number, values: Float64Array): TrainingStatistics {
  const finite = values.filter(Number.isFinite).sort();
  const missingCount = values.reduce((count, value) => count + (Number.isNaN(value) ? 1 : 0), 0);
  const base = { feature, rowCount: values.length, missingCount, topValues: null };
  if (finite.length === 0) return { ...base, edges: null, counts: null };
  const quantiles = Array.from({ length: STATISTICS_BINS + 1 }, (_, bin) => {
    const index = Math.min(finite.length - 1, Math.round((bin / STATISTICS_BINS) * (finite.length - 1)));
    return finite[index] ?? 0;
  });
  const edges = edgesFromQuantiles(quantiles);
  if (edges.length < 2) return { ...base, edges: null, counts: null };
  const histogram = createHistogram(edges);
  addAllToHistogram(histogram, finite);
  return { ...base, edges, counts: Array.from(histogram.counts) };
}

/** A category feature: its most frequent keys. */
export function categoryStatistics(
  feature: number,
  totals: readonly { readonly value: string; readonly count: number }[],
  missingCount: number,
): TrainingStatistics {
  const rowCount = totals.reduce((sum, { count }) => sum + count, missingCount);
  const topValues = totals
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count || compareCodePoints(a.value, b.value))
    .slice(0, STATISTICS_VALUES_MAX)
    .map(({ value, count }) => ({ value, count }));
  return { feature, rowCount, missingCount, edges: null, counts: null, topValues };
}
