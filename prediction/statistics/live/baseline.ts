import { nullable, strict, Type, type Manifest, type Static } from '#contracts';

/**
 * What a feature's values were in training, as far as live values are counted beside them. Counts of numbers and dates are by bins of
 * equal frequency, of categories by their frequent keys; of texts and places only missing ones are known.
 */
export const FeatureBaseline = strict({
  name: Type.String(),
  rowCount: Type.Integer({ minimum: 0 }),
  missingCount: Type.Integer({ minimum: 0 }),
  edges: nullable(Type.Array(Type.Number())),
  counts: nullable(Type.Array(Type.Integer())),
  topValues: nullable(Type.Array(strict({ value: Type.String(), count: Type.Integer() }))),
});
export type FeatureBaseline = Static<typeof FeatureBaseline>;

/** Bins of probability of a binary target in {@link PredictionSpread}: the predicted class follows from them for any threshold of three digits. */
export const SPREAD_BINS = 1_000;

/** How a model's predictions were spread over training rows that the predicting model had not seen. */
export const PredictionSpread = strict({
  rowCount: Type.Integer({ minimum: 0 }),
  /** Rows by predicted class, of more than two; else null. */
  classCounts: nullable(Type.Array(Type.Integer({ minimum: 0 }))),
  /**
   * In bins of equal width from 0 to 1, each with its lower edge: of two classes the probability of the second ({@link SPREAD_BINS}), of more
   * that of the predicted one; null of numbers.
   */
  probabilities: nullable(Type.Array(Type.Integer({ minimum: 0 }))),
  /** Of numbers, bins of about equal frequency, as of `Histogram`; else null. */
  edges: nullable(Type.Array(Type.Number())),
  counts: nullable(Type.Array(Type.Integer({ minimum: 0 }))),
});
export type PredictionSpread = Static<typeof PredictionSpread>;

/** What a model was trained on; `predictions` came later, null where they cannot be told. */
export const Baseline = strict({
  features: Type.Array(FeatureBaseline),
  predictions: Type.Optional(nullable(PredictionSpread)),
});
export type Baseline = Static<typeof Baseline>;

export function baselineOf(manifest: Manifest, predictions: PredictionSpread | null): Baseline {
  return {
    predictions,
    features: manifest.trainingStatistics.flatMap(({ feature, ...statistics }) => {
      const name = manifest.content.features[feature]?.name;
      return name === undefined ? [] : [{ name, ...statistics }];
    }),
  };
}
