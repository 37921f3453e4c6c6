import { Id, nullable, strict } from './schema.ts';
import { Type, type Static } from './type.ts';

/** Ranges of predictions that have interval ends of their own, at most. */
export const INTERVAL_RANGES_MAX = 20;

/** The part of new rows whose value an interval is to hold. */
export const IntervalCoverage = Type.Number({
  minimum: 0.5,
  maximum: 0.99,
  description: 'regression: the part of new rows whose value lies in the interval of its prediction',
});

/**
 * Prediction intervals of a model: what is added to a prediction, by the range that it is in. Made of the model's out-of-fold
 * predictions, for one coverage.
 */
export const PredictionIntervals = strict({
  modelId: Id,
  coverage: IntervalCoverage,
  isNonNegative: Type.Boolean({ description: 'the target has no value below 0, so no end is' }),
  ranges: Type.Array(
    strict({
      upTo: nullable(Type.Number({ description: 'the greatest prediction of the range; null, of the last: none' })),
      lower: Type.Number({ description: 'what is added to a prediction for the lower end' }),
      upper: Type.Number({ description: 'what is added to a prediction for the upper end' }),
      rowCount: Type.Integer({ minimum: 1, description: 'held-back rows whose predictions are in it' }),
    }),
    { minItems: 1, maxItems: INTERVAL_RANGES_MAX, description: 'by rising predictions' },
  ),
});
export type PredictionIntervals = Static<typeof PredictionIntervals>;
/** Ends of the predictions of one range. */
export type IntervalRange = PredictionIntervals['ranges'][number];
