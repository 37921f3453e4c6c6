import { AppError, DISTINCT_VALUES_MAX, type FeatureProfile, type ValueCount } from '#contracts';
import { isMissing } from '#scoring';
import {
  addAllToHistogram,
  createHistogram,
  distinctCountOf,
  histogramEdges,
  histogramFromData,
  histogramToData,
  isExactDistinct,
  meanOf,
  mergeHistogram,
  quantilesOf,
  standardDeviationOf,
  type Histogram,
  type Moments,
  type QuantileSketch,
} from '#statistics';
import { featureProfile, type ColumnProfiler, type ColumnToProfile, type Findings } from './column-profile.ts';
import { HISTOGRAM_BINS, TOP_VALUES_SHOWN } from './limits.ts';
import { numberSurveyor, type NumberSurveyor } from './number-survey.ts';
import { numberTally, type NumberTally } from './number-tally.ts';
import { textCounter, type TextCounter } from './text-counter.ts';

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
  const tally = numberTally(parse, timeBucketsMax);
  const { moments } = tally;
  let histogram: Histogram | null = null;
  const texts = textCounter();
  let surveyor: NumberSurveyor | null = null;
  return {
    request: { name, view: 'number' },
    add: (batch, rowCount) => {
      if (batch.view !== 'number')
        throw new AppError('INTERNAL', `column ${JSON.stringify(name)} was asked for as numbers`);
      tally.add(batch.values, rowCount);
      return true;
    },
    secondRequest: () => {
      const few = tally.few();
      if (parse.kind === 'number') surveyor = surveyorOf(moments, tally.quantiles);
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
    firstState: () => tally.toData(),
    mergeFirst: (state) => {
      if (state.kind !== 'number') return false;
      tally.merge(state);
      return true;
    },
    secondState: () => {
      if (tally.few() !== null) return { texts: texts.all(), histogram: null, survey: null };
      if (histogram === null) return null;
      return { texts: null, histogram: histogramToData(histogram), survey: surveyor?.toData() ?? null };
    },
    mergeSecond: (state) => {
      if (state.texts !== null) texts.merge(state.texts);
      if (state.histogram !== null && histogram !== null) mergeHistogram(histogram, histogramFromData(state.histogram));
      if (state.survey !== null) surveyor?.merge(state.survey);
    },
    finish: (rowCount) => {
      const distinctValues = tally.few() === null ? null : spellings(texts, parse.nullMarkers);
      const findings = numberFindings(tally, distinctValues, histogram, surveyor);
      return {
        feature: featureProfile(column, rowCount, findings),
        distinctValues,
        timeCounts: tally.times?.finish() ?? null,
      };
    },
  };
}

/** Exact texts, in order of appearance; null when there are too many spellings. */
function spellings(texts: TextCounter, nullMarkers: readonly string[]): ValueCount[] | null {
  const values = texts.all().filter(({ value }) => !isMissing(value, nullMarkers));
  return values.length > DISTINCT_VALUES_MAX ? null : values;
}

function numberFindings(
  { moments, quantiles, distinct, order, few }: NumberTally,
  distinctValues: readonly ValueCount[] | null,
  histogram: Histogram | null,
  surveyor: NumberSurveyor | null,
): Findings {
  const values = few();
  const isEmpty = moments.count === 0;
  const [min, max] = isEmpty ? [null, null] : [moments.min, moments.max];
  const found = quantilesOf(quantiles, FRACTIONS);
  return {
    missingCount: moments.missingCount,
    uniqueCount: values?.size ?? distinctCountOf(distinct),
    uniqueIsEstimate: values === null && !isExactDistinct(distinct),
    infiniteCount: moments.infiniteCount,
    ...{ min, max },
    mean: finite(meanOf(moments)),
    std: finite(standardDeviationOf(moments)),
    quantiles: found === null ? null : namedQuantiles(found),
    topValues: mostFrequent(distinctValues ?? []),
    histogram: isEmpty ? null : shownHistogram(histogram ?? histogramOf(values ?? new Map(), moments.min, moments.max)),
    numbers: { ...order(), min, max },
    texts: null,
    survey: surveyor?.result() ?? null,
    values: null,
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
