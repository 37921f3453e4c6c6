import { nullable, strict, Type, type Static } from '#contracts';
import { HistogramData, histogramFromData, histogramToData, mergeHistogram } from '../sketches/histogram.ts';
import { mergeMoments, MomentsData, momentsFromData, momentsToData } from '../sketches/moments.ts';
import { mergeQuantiles, quantilesFromData, QuantileSketchData, quantilesToData } from '../sketches/quantile-sketch.ts';
import { mergeParts } from './merge-parts.ts';

/** Bins of predicted probabilities, from 0 to 1. */
export const PROBABILITY_BINS = 20;

/** What one hour's predictions of a model were, as it is stored. */
export const OutcomeStateData = strict({
  /** By class; null for regression. */
  classCounts: nullable(Type.Array(Type.Integer({ minimum: 0 }))),
  /** In {@link PROBABILITY_BINS}: of two classes the probability of the second, of more that of the predicted one; null for regression. */
  probabilities: nullable(HistogramData),
  /** Of the predicted values; null for classifiers. */
  moments: nullable(MomentsData),
  quantiles: nullable(QuantileSketchData),
  /** Predicted values in the bins of those of training; came later. */
  values: Type.Optional(nullable(HistogramData)),
  /** Probabilities of the predicted classes; null for regression; came later. */
  confidence: Type.Optional(nullable(MomentsData)),
});
export type OutcomeStateData = Static<typeof OutcomeStateData>;

const mergeBins = (known: HistogramData | null, added: HistogramData | null) =>
  mergeParts(known, added, histogramFromData, mergeHistogram, histogramToData);

const mergeValues = (known: MomentsData | null, added: MomentsData | null) =>
  mergeParts(known, added, momentsFromData, mergeMoments, momentsToData);

/** Adds two stored states of one model. */
export function mergeOutcomeData(known: OutcomeStateData, added: OutcomeStateData): OutcomeStateData {
  return {
    classCounts:
      known.classCounts?.map((count, label) => count + (added.classCounts?.[label] ?? 0)) ?? added.classCounts,
    probabilities: mergeBins(known.probabilities, added.probabilities),
    values: mergeBins(known.values ?? null, added.values ?? null),
    moments: mergeValues(known.moments, added.moments),
    confidence: mergeValues(known.confidence ?? null, added.confidence ?? null),
    quantiles: mergeParts(known.quantiles, added.quantiles, quantilesFromData, mergeQuantiles, quantilesToData),
  };
}
