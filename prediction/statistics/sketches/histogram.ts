import { AppError, strict, Type, type Static } from '#contracts';

/**
 * Counts of values between fixed edges. Bin b holds edges[b] <= value < edges[b + 1]; the last one its upper edge too.
 * Counts of parts add up exactly, whatever the split.
 */
export interface Histogram {
  /** bins + 1, strictly ascending, finite. */
  readonly edges: Float64Array;
  readonly counts: Float64Array;
  /** Bins per unit when they are about equally wide, else 0. A function of the edges. */
  readonly scale: number;
  /** Values below the first edge (-Infinity among them) and above the last (Infinity among them). */
  belowCount: number;
  aboveCount: number;
  /** NaN. */
  missingCount: number;
}

/** A histogram has at most so many bins. */
export const HISTOGRAM_BINS_MAX = 10_000;

/** @throws INTERNAL unless the edges are two or more, finite and strictly ascending */
export function createHistogram(edges: ArrayLike<number>): Histogram {
  const copy = Float64Array.from(edges);
  const isAscending = copy.every((edge, i) => Number.isFinite(edge) && (i === 0 || edge > (copy[i - 1] ?? Infinity)));
  if (copy.length < 2 || copy.length > HISTOGRAM_BINS_MAX + 1 || !isAscending) {
    throw new AppError(
      'INTERNAL',
      `histogram: ${copy.length} edges, expected 2 to ${HISTOGRAM_BINS_MAX + 1} finite ascending numbers`,
    );
  }
  const counts = new Float64Array(copy.length - 1);
  return { edges: copy, counts, scale: scaleOf(copy), belowCount: 0, aboveCount: 0, missingCount: 0 };
}

/**
 * Adds `values[from..to)`. The bin is first guessed as if all were equally wide, then found by comparing with the edges:
 * the edges alone decide.
 */
export function addAllToHistogram(histogram: Histogram, values: Float64Array, from = 0, to = values.length): void {
  const { edges, counts, scale } = histogram;
  const last = counts.length - 1;
  const low = edges[0] ?? 0;
  const high = edges[last + 1] ?? 0;
  for (let i = from; i < to; i++) {
    const value = values[i] ?? NaN;
    if (value >= low && value <= high) {
      let bin = scale > 0 ? Math.min(last, ((value - low) * scale) | 0) : binBelow(edges, value, last);
      while (bin > 0 && value < (edges[bin] ?? 0)) bin--;
      while (bin < last && value >= (edges[bin + 1] ?? 0)) bin++;
      counts[bin] = (counts[bin] ?? 0) + 1;
    } else if (value < low) histogram.belowCount++;
    else if (value > high) histogram.aboveCount++;
    else histogram.missingCount++;
  }
}

/** Equally wide means that no edge is more than half a bin from where equal bins would have it. */
function scaleOf(edges: Float64Array): number {
  const low = edges[0] ?? 0;
  const width = ((edges[edges.length - 1] ?? 0) - low) / (edges.length - 1);
  const isEven = Number.isFinite(width) && edges.every((edge, i) => Math.abs(edge - (low + i * width)) <= width / 2);
  return isEven && Number.isFinite(1 / width) ? 1 / width : 0;
}

/** Largest bin whose lower edge is not above the value. */
function binBelow(edges: Float64Array, value: number, last: number): number {
  let from = 0;
  let to = last;
  while (from < to) {
    const middle = (from + to + 1) >>> 1;
    if ((edges[middle] ?? 0) <= value) from = middle;
    else to = middle - 1;
  }
  return from;
}

/** Adds the counts of another part. @throws INTERNAL when its edges are others */
export function mergeHistogram(histogram: Histogram, other: Histogram): void {
  const isSame =
    histogram.edges.length === other.edges.length && histogram.edges.every((edge, i) => edge === other.edges[i]);
  if (!isSame) throw new AppError('INTERNAL', 'histogram: merged with one of other edges');
  for (let bin = 0; bin < histogram.counts.length; bin++) {
    histogram.counts[bin] = (histogram.counts[bin] ?? 0) + (other.counts[bin] ?? 0);
  }
  histogram.belowCount += other.belowCount;
  histogram.aboveCount += other.aboveCount;
  histogram.missingCount += other.missingCount;
}

/**
 * Edges of equally wide bins from `min` to `max`, both exact. One value alone lies in the middle of the only bin, half a
 * unit (or 1e-6 of itself, if more) to either side. Fewer bins come back when the doubles between are too few.
 *
 * @throws INTERNAL unless min <= max are finite and binCount is in [1, HISTOGRAM_BINS_MAX]
 */
export function histogramEdges(min: number, max: number, binCount: number): number[] {
  const isFit = Number.isFinite(min) && Number.isFinite(max) && min <= max;
  if (!isFit || !Number.isInteger(binCount) || binCount < 1 || binCount > HISTOGRAM_BINS_MAX) {
    throw new AppError('INTERNAL', `histogram edges: ${binCount} bins from ${min} to ${max} cannot be made`);
  }
  if (min === max) return edgesAround(min);
  const inner = Array.from({ length: binCount - 1 }, (_, i) => {
    const share = (i + 1) / binCount;
    return min * (1 - share) + max * share;
  });
  return [...ascending([min, ...inner]).filter((edge) => edge < max), max];
}

function edgesAround(value: number): number[] {
  const margin = Math.max(0.5, Math.abs(value) * 1e-6);
  return [value - margin, value + margin].map((edge) => Math.min(Number.MAX_VALUE, Math.max(-Number.MAX_VALUE, edge)));
}

/**
 * Edges such that each bin holds about the same number of values, from quantiles in ascending order, the extremes among
 * them: equal ones are taken once.
 * @returns at least two edges
 */
export function edgesFromQuantiles(quantiles: readonly number[]): number[] {
  const edges = ascending(quantiles);
  const [only] = edges;
  if (only === undefined) throw new AppError('INTERNAL', 'histogram edges: no quantiles');
  return edges.length === 1 ? edgesAround(only) : edges;
}

/** Drops each edge that is not above all before it. */
function ascending(edges: readonly number[]): number[] {
  let highest = -Infinity;
  return edges.filter((edge) => {
    if (edge <= highest) return false;
    highest = edge;
    return true;
  });
}

/** {@link Histogram} as JSON. */
export const HistogramData = strict({
  edges: Type.Array(Type.Number(), { minItems: 2, maxItems: HISTOGRAM_BINS_MAX + 1 }),
  counts: Type.Array(Type.Integer({ minimum: 0 })),
  belowCount: Type.Integer({ minimum: 0 }),
  aboveCount: Type.Integer({ minimum: 0 }),
  missingCount: Type.Integer({ minimum: 0 }),
});
export type HistogramData = Static<typeof HistogramData>;

export function histogramToData(histogram: Histogram): HistogramData {
  const { edges, counts, belowCount, aboveCount, missingCount } = histogram;
  return { edges: [...edges], counts: [...counts], belowCount, aboveCount, missingCount };
}

/** @throws VALIDATION_FAILED when edges and counts do not fit together; INTERNAL when the edges are none */
export function histogramFromData(data: HistogramData): Histogram {
  if (data.counts.length !== data.edges.length - 1) {
    throw new AppError('VALIDATION_FAILED', `histogram: ${data.counts.length} counts for ${data.edges.length} edges`);
  }
  return {
    ...createHistogram(data.edges),
    ...data,
    edges: Float64Array.from(data.edges),
    counts: Float64Array.from(data.counts),
  };
}
