import { nullable, strict, Type, type Static } from '#contracts';
import { HistogramData, histogramFromData, histogramToData, mergeHistogram } from '../sketches/histogram.ts';
import { mergeMoments, MomentsData, momentsFromData, momentsToData } from '../sketches/moments.ts';
import { mergeTopValues, TopValuesData, topValuesFromData, topValuesToData } from '../sketches/top-values.ts';
import { mergeParts } from './merge-parts.ts';

/**
 * What one hour's live values of a feature were, as it is stored beside their counts: numbers in the bins of the training rows, keys by
 * the levels of the training rows. Adds up exactly, whatever the order and the parts; frequent other keys are approximate.
 */
export const FeatureStateData = strict({
  /** Of numbers, dates, lengths of texts. */
  moments: nullable(MomentsData),
  /** Null where the training rows had no bins. */
  histogram: nullable(HistogramData),
  /** Counts of the training rows' frequent keys, in their order; null for what is no category. */
  levels: nullable(Type.Array(Type.Integer({ minimum: 0 }))),
  /** Other keys. */
  others: nullable(TopValuesData),
});
export type FeatureStateData = Static<typeof FeatureStateData>;

/** Adds two stored states of one feature and model. */
export function mergeFeatureData(known: FeatureStateData, added: FeatureStateData): FeatureStateData {
  return {
    moments: mergeParts(known.moments, added.moments, momentsFromData, mergeMoments, momentsToData),
    histogram: mergeParts(known.histogram, added.histogram, histogramFromData, mergeHistogram, histogramToData),
    levels:
      known.levels === null ? added.levels : known.levels.map((count, place) => count + (added.levels?.[place] ?? 0)),
    others: mergeParts(known.others, added.others, topValuesFromData, mergeTopValues, topValuesToData),
  };
}
