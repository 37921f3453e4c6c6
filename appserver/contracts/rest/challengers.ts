import { SampleFraction } from '../challengers.ts';
import { Id, Timestamp, nullable, oneOf, strict } from '../schema.ts';
import { Type, type Static } from '../type.ts';
import { TARGET_TYPES } from '../vocabulary.ts';
import { pageOf } from './common.ts';

export const AddChallengerRequest = strict({
  modelId: Id,
  sampleFraction: Type.Optional(SampleFraction),
});

/** A model that predicts beside a deployment's, unseen by who asks. */
export const Challenger = strict(
  { modelId: Id, sampleFraction: SampleFraction, addedAt: Timestamp, addedBy: Id },
  { $id: 'Challenger' },
);
export type Challenger = Static<typeof Challenger>;
export const ChallengerPage = pageOf(Challenger);

/** A number with the interval that is to hold it; the ends are null where too few rows say anything of it. */
const Estimate = strict({
  value: Type.Number(),
  lower: nullable(Type.Number()),
  upper: nullable(Type.Number()),
});
export type Estimate = Static<typeof Estimate>;

/** What predictions of a model were, over the pairs. */
const PredictionSpread = strict({
  classShares: nullable(
    Type.Record(Type.String(), Type.Number(), { description: 'of predicted classes; null for numbers' }),
  ),
  meanProbability: nullable(
    Type.Number({ description: 'binary: of the positive class; others: of the predicted one; null for numbers' }),
  ),
  mean: nullable(Type.Number({ description: 'null for classes' })),
  quantiles: nullable(Type.Array(Type.Number(), { description: 'at 0.05, 0.25, 0.5, 0.75, 0.95; null for classes' })),
});
export type PredictionSpread = Static<typeof PredictionSpread>;

/** A metric of both on the same rows, and the challenger's less the champion's. */
const MetricDifference = strict({
  metric: Type.String(),
  direction: oneOf(['higher', 'lower']),
  champion: Type.Number(),
  challenger: Type.Number(),
  difference: Estimate,
  better: nullable(oneOf(['champion', 'challenger'])),
});
export type MetricDifference = Static<typeof MetricDifference>;

export const ChallengerResult = strict({
  modelId: Id,
  pairCount: Type.Integer({ minimum: 0, description: 'rows that both have predicted; the newest are kept' }),
  from: nullable(Timestamp),
  to: nullable(Timestamp),
  agreement: nullable(
    strict({
      sameClass: nullable({ ...Estimate, description: 'part of the rows of the same class; null for numbers' }),
      meanDistance: nullable({
        ...Estimate,
        description: 'mean of |challenger - champion|; of classes of the probability',
      }),
    }),
  ),
  champion: nullable(PredictionSpread),
  challenger: nullable(PredictionSpread),
  actualCount: Type.Integer({ minimum: 0, description: 'pairs whose actual is known' }),
  metrics: Type.Array(MetricDifference, { description: 'by actuals; empty where none is known' }),
});
export type ChallengerResult = Static<typeof ChallengerResult>;

/** Which rows challengers are compared on. */
export const ChallengersQuery = strict({
  datasetId: Type.Optional({
    ...Id,
    description: 'a dataset that champion and challengers have predicted in batches, instead of answered rows',
  }),
});

/** How challengers did beside the model that a deployment serves now. */
export const ChallengerComparison = strict(
  {
    deploymentId: Id,
    championModelId: Id,
    targetType: oneOf(TARGET_TYPES),
    datasetId: nullable({
      ...Id,
      description: 'whose rows were replayed; null: rows that the deployment has answered',
    }),
    transport: oneOf(['http', 'kafka', 'off'], { description: 'off: nothing is predicted by challengers' }),
    coverage: Type.Number({ description: 'of the intervals' }),
    challengers: Type.Array(ChallengerResult),
  },
  { $id: 'ChallengerComparison' },
);
export type ChallengerComparison = Static<typeof ChallengerComparison>;
