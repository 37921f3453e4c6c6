import { DEFAULT_THRESHOLD } from '#scoring';
import {
  addAllToHistogram,
  createHistogram,
  edgesFromQuantiles,
  histogramEdges,
  PROBABILITY_BINS,
  SPREAD_BINS,
  type PredictionSpread,
} from '#statistics';
import { outcomesOf, type InsightRows } from './insight-rows.ts';

/** Bins of predicted values, as of numbers in the training statistics. */
const VALUE_BINS = 10;

/** How predictions of rows are spread that the predicting model had not seen: what live predictions are held against. */
export function predictionSpread(rows: InsightRows): PredictionSpread {
  const none = { rowCount: rows.chosen.length, classCounts: null, probabilities: null, edges: null, counts: null };
  switch (rows.target.targetType) {
    case 'binary':
      return { ...none, probabilities: inBins(outcomesOf(rows, 1).predicted, SPREAD_BINS) };
    case 'multiclass':
      return { ...none, ...classSpread(rows) };
    case 'regression':
      return { ...none, ...valueSpread(outcomesOf(rows, null).predicted) };
  }
}

function inBins(values: Float64Array, binCount: number): number[] {
  const histogram = createHistogram(histogramEdges(0, 1, binCount));
  addAllToHistogram(histogram, values);
  return [...histogram.counts];
}

function classSpread({ data, target, chosen }: InsightRows): Pick<PredictionSpread, 'classCounts' | 'probabilities'> {
  const { predictions, outputCount } = data;
  const classCounts = target.classes.map(() => 0);
  const highest = Float64Array.from(chosen, (place) => {
    const row = predictions.subarray(place * outputCount, (place + 1) * outputCount);
    let label = 0;
    for (let other = 1; other < outputCount; other += 1) if ((row[other] ?? 0) > (row[label] ?? 0)) label = other;
    classCounts[label] = (classCounts[label] ?? 0) + 1;
    return row[label] ?? NaN;
  });
  return { classCounts, probabilities: inBins(highest, PROBABILITY_BINS) };
}

function valueSpread(predicted: Float64Array): Pick<PredictionSpread, 'edges' | 'counts'> {
  const sorted = predicted.filter(Number.isFinite).sort();
  if (sorted.length === 0) return { edges: null, counts: null };
  const quantiles = Array.from({ length: VALUE_BINS + 1 }, (_, bin) => {
    return sorted[Math.round((bin / VALUE_BINS) * (sorted.length - 1))] ?? 0;
  });
  const edges = edgesFromQuantiles(quantiles);
  const histogram = createHistogram(edges);
  addAllToHistogram(histogram, sorted);
  return { edges, counts: [...histogram.counts] };
}

/**
 * Rows by predicted class of two, in class order: positive are those whose probability is the threshold or more.
 *
 * @param probabilities in {@link SPREAD_BINS}, of the second class; a threshold of more than three digits is taken to the next of three
 * @param positiveClass index, 0 or 1
 */
export function classesAtThreshold(
  probabilities: readonly number[],
  positiveClass: number,
  threshold = DEFAULT_THRESHOLD,
): [number, number] {
  const bins = probabilities.length;
  const edge = Math.round((positiveClass === 1 ? threshold : 1 - threshold) * bins);
  const above = probabilities.slice(edge).reduce((sum, count) => sum + count, 0);
  const total = probabilities.reduce((sum, count) => sum + count, 0);
  return [total - above, above];
}
