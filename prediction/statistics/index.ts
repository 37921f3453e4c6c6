export { jackknifeError } from './numeric/jackknife.ts';
export { chiSquareAbove, chiSquareQuantile } from './numeric/chi-square.ts';
export { poissonAtLeast } from './numeric/poisson.ts';
export { studentTwoSided } from './numeric/student-t.ts';
export { addTerm, emptySum, neumaierSum, sumOf, type CompensatedSum } from './numeric/compensated-sum.ts';
export { hashText, hashWords, type Hash64 } from './numeric/hash64.ts';
export { hash32, mix32, rowHash, textHash } from './numeric/murmur3.ts';
export { indicesBelow, indicesWhere } from './numeric/indices.ts';
export { ascendingOrder } from './numeric/order.ts';
export { averageRanks } from './numeric/ranks.ts';
export { createRandom, mix64, shuffle, type Random, type Word64 } from './numeric/random.ts';
export {
  COMPARISON_COVERAGE,
  SPREAD_QUANTILES,
  comparePairs,
  spreadOf,
  type IntervalEstimate,
  type OutcomeSpread,
  type Pair,
  type PairComparison,
} from './comparison/compare-pairs.ts';
export { bootstrapIntervals, type BootstrapOptions, type Interval } from './comparison/bootstrap.ts';
export { type PairOutcome } from './comparison/pair-losses.ts';
export { wilsonInterval } from './comparison/wilson.ts';
export { PROBABILITY_MIN } from './metrics/classification.ts';
export { pinballLoss } from './metrics/regression.ts';
export { computeMetrics, defaultMetric, isBetter, metricsFor } from './metrics/compute-metrics.ts';
export {
  mantissaBitsFor,
  metricStates,
  type MetricResults,
  type MetricShape,
  type MetricStates,
} from './metrics/metric-states.ts';
export {
  TWEEDIE_POWER,
  type BinaryInput,
  type MetricInput,
  type MulticlassInput,
  type RegressionInput,
} from './metrics/metric-input.ts';
export {
  DISTINCT_EXACT_MAX,
  DistinctCounterData,
  addNumbersToDistinct,
  addTextsToDistinct,
  createDistinctCounter,
  distinctCountOf,
  distinctFromData,
  distinctToData,
  isExactDistinct,
  mergeDistinct,
  type DistinctCounter,
} from './sketches/distinct-counter.ts';
export {
  HISTOGRAM_BINS_MAX,
  HistogramData,
  addAllToHistogram,
  createHistogram,
  edgesFromQuantiles,
  histogramEdges,
  histogramFromData,
  histogramToData,
  mergeHistogram,
  type Histogram,
} from './sketches/histogram.ts';
export {
  MomentsData,
  addAllToMoments,
  createMoments,
  meanOf,
  mergeMoments,
  momentsFromData,
  momentsToData,
  standardDeviationOf,
  varianceOf,
  type Moments,
} from './sketches/moments.ts';
export { quantilesOf, rankOf } from './sketches/quantile-query.ts';
export {
  QUANTILE_SKETCH_K,
  QuantileSketchData,
  addAllToQuantiles,
  createQuantileSketch,
  isExactQuantiles,
  mergeQuantiles,
  quantilesFromData,
  quantilesToData,
  rankErrorOf,
  type QuantileSketch,
} from './sketches/quantile-sketch.ts';
export {
  TopValuesData,
  addAllToTopValues,
  addToTopValues,
  createTopValues,
  isExactTopValues,
  mergeTopValues,
  topValuesFromData,
  topValuesOf,
  topValuesToData,
  type TopValues,
} from './sketches/top-values.ts';
export { PSI_SHARE_MIN, indexByChance, populationStabilityIndex } from './drift/population-stability.ts';
export { jensenShannonDivergence } from './drift/jensen-shannon.ts';
export { binnedKolmogorovSmirnov } from './drift/kolmogorov-smirnov.ts';
export { holmAdjusted } from './drift/holm.ts';
export { EXPECTED_COUNT_MIN, testHomogeneity, type Homogeneity } from './drift/homogeneity.ts';
export { Baseline, FeatureBaseline, PredictionSpread, SPREAD_BINS, baselineOf } from './live/baseline.ts';
export { FeatureStateData, mergeFeatureData } from './live/feature-counts.ts';
export { mergeSegmentData, segmentKey, SegmentLevelData, SegmentStateData } from './live/segment-counts.ts';
export { OutcomeStateData, PROBABILITY_BINS, mergeOutcomeData } from './live/outcome-counts.ts';
export {
  DRIFT_BIN_KINDS,
  DRIFT_LEVELS,
  driftLevelOf,
  driftOf,
  PSI_LARGE,
  PSI_MODERATE,
  type Drift,
  type DriftBin,
  type DriftLevel,
} from './drift/drift.ts';
export { featureBins, rangeBins, type LiveCounts } from './drift/feature-bins.ts';
export {
  excessThreshold,
  fitAlarmRule,
  isAlarm,
  type AlarmBudget,
  type AlarmRule,
  type Finding,
  type Look,
} from './alarms/alarm-rule.ts';
