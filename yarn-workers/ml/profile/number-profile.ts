import { AppError, DISTINCT_VALUES_MAX, type FeatureProfile, type ValueCount } from '#contracts';
import { isMissing } from '#scoring';
import {
  addAllToHistogram,
  addAllToMoments,
  addAllToQuantiles,
  addNumbersToDistinct,
  createDistinctCounter,
  createHistogram,
  createMoments,
  createQuantileSketch,
  distinctCountOf,
  histogramEdges,
  isExactDistinct,
  meanOf,
  quantilesOf,
  standardDeviationOf,
  type Histogram,
  type Moments,
  type QuantileSketch,
} from '#statistics';
import { featureProfile, type ColumnProfiler, type ColumnToProfile } from './column-profile.ts';
import { HISTOGRAM_BINS, TOP_VALUES_SHOWN } from './limits.ts';
import { numberSurveyor, type NumberSurveyor } from './number-survey.ts';
import { timeCounter } from './time-counts.ts';

const QUARTILES = [0.25, 0.75] as const;
const FRACTIONS = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99] as const;

/**
 * Profile of a numeric or date column. The first pass reads numbers. The second reads the exact texts (as a dictionary)
 * where there are at most DISTINCT_VALUES_MAX values, else the numbers again for the histogram, whose edges are known then.
 *
 * @param timeBucketsMax of a date column: different times that are counted each by itself
 */
export function numberProfiler(column: ColumnToProfile, timeBucketsMax: number): ColumnProfiler {
  const { name, parse } = column;
  const moments = createMoments();
  const quantiles = createQuantileSketch();
  const distinct = createDistinctCounter();
  const order = orderTracker();
  /** Value -> count while there are few. */
  let few: Map<number, number> | null = new Map();
  let histogram: Histogram | null = null;
  const texts = textCounter(parse.nullMarkers);
  let surveyor: NumberSurveyor | null = null;
  const times = parse.kind === 'date' ? timeCounter(timeBucketsMax) : null;
  return {
    request: { name, view: 'number' },
    add: (batch, rowCount) => {
      if (batch.view !== 'number')
        throw new AppError('INTERNAL', `column ${JSON.stringify(name)} was asked for as numbers`);
      const { values } = batch;
      addAllToMoments(moments, values, 0, rowCount);
      addAllToQuantiles(quantiles, values, 0, rowCount);
      addNumbersToDistinct(distinct, values, 0, rowCount);
      order.add(values, rowCount);
      times?.add(values, rowCount);
      if (few !== null && !countValues(few, values, rowCount)) few = null;
      return true;
    },
    secondRequest: () => {
      if (parse.kind === 'number') surveyor = surveyorOf(moments, quantiles);
      for (const [value, count] of few ?? []) surveyor?.add(value, count);
      if (few !== null) return few.size === 0 ? null : { name, view: 'dictionary' };
      histogram = createHistogram(histogramEdges(moments.min, moments.max, HISTOGRAM_BINS));
      return moments.count === 0 ? null : { name, view: 'number' };
    },
    addSecond: (batch, rowCount) => {
      if (batch.view === 'dictionary') texts.add(batch.codes, batch.dictionary, rowCount);
      else if (batch.view === 'number' && histogram !== null) {
        addAllToHistogram(histogram, batch.values, 0, rowCount);
        for (let row = 0; row < rowCount; row += 1) surveyor?.add(batch.values[row] ?? NaN, 1);
      }
    },
    finish: (rowCount) => {
      const distinctValues = few === null ? null : texts.inOrder();
      const isEmpty = moments.count === 0;
      const found = quantilesOf(quantiles, FRACTIONS);
      return {
        feature: featureProfile(column, rowCount, {
          missingCount: moments.missingCount,
          uniqueCount: few?.size ?? distinctCountOf(distinct),
          uniqueIsEstimate: few === null && !isExactDistinct(distinct),
          infiniteCount: moments.infiniteCount,
          min: isEmpty ? null : moments.min,
          max: isEmpty ? null : moments.max,
          mean: finite(meanOf(moments)),
          std: finite(standardDeviationOf(moments)),
          quantiles: found === null ? null : namedQuantiles(found),
          topValues: mostFrequent(distinctValues ?? []),
          histogram: isEmpty
            ? null
            : shownHistogram(histogram ?? histogramOf(few ?? new Map(), moments.min, moments.max)),
          numbers: { ...order.result(), min: isEmpty ? null : moments.min, max: isEmpty ? null : moments.max },
          texts: null,
          survey: surveyor?.result() ?? null,
          values: null,
        }),
        distinctValues,
        timeCounts: times?.finish() ?? null,
      };
    },
  };
}

/** What the second look counts by; null where there are no finite numbers. */
function surveyorOf({ count, min, max }: Moments, quantiles: QuantileSketch): NumberSurveyor | null {
  const [lower, upper] = quantilesOf(quantiles, QUARTILES) ?? [];
  if (count === 0 || lower === undefined || upper === undefined) return null;
  return numberSurveyor({ min, max, quartiles: [lower, upper] });
}

/** Null also for what overflowed: JSON has no infinity. */
const finite = (value: number | null): number | null => (value !== null && Number.isFinite(value) ? value : null);

/** Whether all finite values are integers, and whether each is above the one before. */
function orderTracker() {
  let allIntegers = true;
  let isAscending = true;
  let last = -Infinity;
  return {
    add: (values: Float64Array, rowCount: number): void => {
      if (!allIntegers && !isAscending) return;
      for (let row = 0; row < rowCount; row += 1) {
        const value = values[row] ?? NaN;
        if (Number.isNaN(value)) continue;
        if (allIntegers && !Number.isInteger(value)) allIntegers = false;
        if (value <= last) isAscending = false;
        last = value;
      }
    },
    result: () => ({ allIntegers, isAscending }),
  };
}

/** Counts values; false when there are more than DISTINCT_VALUES_MAX. */
function countValues(counts: Map<number, number>, values: Float64Array, rowCount: number): boolean {
  for (let row = 0; row < rowCount; row += 1) {
    const value = values[row] ?? NaN;
    if (Number.isNaN(value)) continue;
    counts.set(value, (counts.get(value) ?? 0) + 1);
    if (counts.size > DISTINCT_VALUES_MAX) return false;
  }
  return true;
}

/** Counts exact texts out of a dictionary view, in order of first appearance. */
function textCounter(nullMarkers: readonly string[]) {
  let counts = new Float64Array(16);
  let dictionary: readonly string[] = [];
  return {
    add: (codes: Int32Array, texts: readonly string[], rowCount: number): void => {
      dictionary = texts;
      if (counts.length < texts.length) {
        const larger = new Float64Array(2 * texts.length);
        larger.set(counts);
        counts = larger;
      }
      for (let row = 0; row < rowCount; row += 1) {
        const code = codes[row] ?? -1;
        if (code >= 0) counts[code] = (counts[code] ?? 0) + 1;
      }
    },
    /** Null when there are too many spellings. */
    inOrder: (): ValueCount[] | null => {
      const values = dictionary.flatMap((value, code) =>
        isMissing(value, nullMarkers) || (counts[code] ?? 0) === 0 ? [] : [{ value, count: counts[code] ?? 0 }],
      );
      return values.length > DISTINCT_VALUES_MAX ? null : values;
    },
  };
}

/** The most frequent first; equal counts in order of appearance. */
export function mostFrequent(values: readonly ValueCount[]): ValueCount[] {
  return [...values].sort((a, b) => b.count - a.count).slice(0, TOP_VALUES_SHOWN);
}

function histogramOf(counts: ReadonlyMap<number, number>, min: number, max: number): Histogram {
  const histogram = createHistogram(histogramEdges(min, max, HISTOGRAM_BINS));
  const one = new Float64Array(1);
  for (const [value, count] of counts) {
    if (!Number.isFinite(value)) continue;
    one[0] = value;
    const before = Float64Array.from(histogram.counts);
    addAllToHistogram(histogram, one);
    const bin = histogram.counts.findIndex((total, index) => total !== before[index]);
    if (bin >= 0) histogram.counts[bin] = (histogram.counts[bin] ?? 0) + count - 1;
  }
  return histogram;
}

const shownHistogram = ({ edges, counts }: Histogram): FeatureProfile['histogram'] => ({
  edges: Array.from(edges),
  counts: Array.from(counts),
});

function namedQuantiles(found: readonly number[]): FeatureProfile['quantiles'] {
  const [p01 = 0, p05 = 0, p25 = 0, p50 = 0, p75 = 0, p95 = 0, p99 = 0] = found;
  return { p01, p05, p25, p50, p75, p95, p99 };
}
