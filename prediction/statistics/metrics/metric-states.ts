import type { MetricName } from '#contracts';
import { BinaryStates } from './binary-states.ts';
import type { BinaryInput, MetricInput, MulticlassInput, RegressionInput } from './metric-input.ts';
import { MulticlassStates } from './multiclass-states.ts';
import { RegressionStates } from './regression-states.ts';
import { magnitudeGrid, MANTISSA_BITS_MAX, MANTISSA_BITS_MIN, probabilityGrid } from './score-grid.ts';

export type MetricResults = Partial<Record<MetricName, number>>;

/** What a target is, apart from its rows. */
export type MetricShape =
  | Pick<BinaryInput, 'targetType' | 'positiveClass' | 'threshold'>
  | Pick<MulticlassInput, 'targetType' | 'classCount'>
  | Pick<RegressionInput, 'targetType' | 'tweediePower' | 'quantile'>;

/**
 * All metrics of rows that come in blocks, in memory that does not grow with them. Rows are summed up one by one in the order in which they
 * come, so the size of the blocks changes nothing.
 *
 * Metrics that are means are those of `computeMetrics`, to the last bit but r2 (1e-12: its mean is not known beforehand). Those that
 * rank (auc, gini, prAuc, topDecileLift) and the median count the rows of one bucket of a grid as tied; by how much that can be off is
 * `errors()`.
 */
export interface MetricStates {
  /** @throws INTERNAL for what breaks the promises of an input */
  add(rows: MetricInput): void;
  /** Adds what another state of the same shape and bits has seen; that is not changed. */
  merge(other: MetricStates): void;
  /** As `computeMetrics` gives them: what is undefined or not finite is absent. */
  results(): MetricResults;
  /** The most that a metric may differ from that of the rows themselves, of those that are not exact. */
  errors(): MetricResults;
}

/** @param bits of the significand that tell scores apart, of a regression absolute errors: see {@link mantissaBitsFor} */
export function metricStates(shape: MetricShape, bits: number): MetricStates {
  switch (shape.targetType) {
    case 'binary':
      return new BinaryStates(shape, probabilityGrid(bits));
    case 'multiclass':
      return new MulticlassStates(shape, probabilityGrid(bits));
    case 'regression':
      return new RegressionStates(shape, magnitudeGrid(bits));
  }
}

/** As many bits, up to {@link MANTISSA_BITS_MAX}, as let `count` states of a shape have `bytesMax` together; the fewest where none do. */
export function mantissaBitsFor(shape: MetricShape, count: number, bytesMax: number): number {
  let bits = MANTISSA_BITS_MAX;
  while (bits > MANTISSA_BITS_MIN && count * stateBytes(shape, bits) > bytesMax) bits -= 1;
  return bits;
}

/** Bytes of the histograms of a state. */
function stateBytes(shape: MetricShape, bits: number): number {
  const sumBytes = Float64Array.BYTES_PER_ELEMENT;
  if (shape.targetType === 'regression') return sumBytes * magnitudeGrid(bits).bucketCount;
  const histograms = shape.targetType === 'binary' ? 1 : shape.classCount;
  return 2 * sumBytes * histograms * probabilityGrid(bits).bucketCount;
}
