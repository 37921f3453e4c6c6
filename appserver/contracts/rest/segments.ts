import { SegmentLevel } from '../deployment-segments.ts';
import { nullable, oneOf, strict, Timestamp } from '../schema.ts';
import { Type, type Static } from '../type.ts';
import { Accuracy, FeatureDrift, PredictionsOverTime, TargetDriftQuery } from './monitoring.ts';

export const SegmentsQuery = strict({
  ...TargetDriftQuery.properties,
  feature: Type.Optional(
    Type.String({ description: 'one by whose levels predictions are counted; by default the first of the settings' }),
  ),
});

/** What the predictions of a level are held against. */
export const SEGMENT_BASELINES = ['before', 'deployment'] as const;
export type SegmentBaseline = (typeof SEGMENT_BASELINES)[number];

const Count = Type.Integer({ minimum: 0 });
const { psiByChance, jensenShannon, drift } = FeatureDrift.properties.data.items.properties;
const { classCounts, meanProbability, mean } =
  PredictionsOverTime.properties.data.items.properties.models.items.properties;
const { deploymentId, from, to, bucket, modelId, targetType, metric } = Accuracy.properties;
const { predictionCount, actualCount, metrics, estimated } = Accuracy.properties;

const SegmentDrift = strict({
  baseline: nullable(
    oneOf(SEGMENT_BASELINES, {
      description:
        '`before`: predictions of this level in the time before, as long; `deployment`: there were none, so all other predictions of this time: not how the level has changed, but how it differs; null: there are none either',
    }),
  ),
  baselineCount: Type.Integer({ minimum: 0, description: 'predictions of the baseline' }),
  psi: nullable(
    Type.Number({
      description:
        'population stability index of the probability of the second of two classes, of the predicted classes of more, of predicted values in the bins of training; null without predictions',
    }),
  ),
  ...{ psiByChance, jensenShannon },
  pValue: nullable(Type.Number({ description: 'of a chi-squared test on the bins' })),
  adjustedPValue: nullable(
    Type.Number({
      description: '`pValue` of baseline `before` corrected for all levels (Holm), by which `drift` goes; else null',
    }),
  ),
  drift: Type.Unsafe<Static<typeof drift>>({
    ...drift,
    description:
      'by the index (0.1, 0.25), `none` where chance makes as much in one of 100; `unknown` unless beside `before`: to differ from other levels is no drift',
  }),
});

const HeldBack = strict({
  rowCount: Count,
  meanPredicted: nullable(
    Type.Number({ description: 'as `meanProbability`, or `mean`, of predictions; null of more than two classes' }),
  ),
  score: nullable(Type.Number({ description: 'by the metric of the project; null where it is undefined' })),
});

const share = (description: string) => nullable(Type.Number({ minimum: 0, maximum: 1, description }));

const DeploymentSegment = strict({
  ...SegmentLevel.properties,
  eventCount: Count,
  share: share('of all events that were counted by the feature; null without'),
  trainingCount: nullable(Type.Integer({ minimum: 0, description: 'training rows; null where they are not known' })),
  trainingShare: share('of the training rows'),
  predictions: strict({ classCounts, meanProbability, mean }),
  drift: SegmentDrift,
  accuracy: strict({ predictionCount, actualCount, metrics, estimated }),
  heldBack: nullable(
    Type.Unsafe<Static<typeof HeldBack>>({
      ...HeldBack,
      description:
        'training rows of the level that the predicting model had not seen, by the insight `segments` of the model; null where it is not computed, or the level is none of its',
    }),
  ),
  overTime: Type.Array(
    strict({
      ...{ from: Timestamp, to: Timestamp, eventCount: Count },
      meanPredicted: nullable(Type.Number({ description: '`meanProbability`, or `mean`, of predictions' })),
    }),
    { description: 'by bucket, empty ones too' },
  ),
});

const BeforeSpan = strict({ from: Timestamp, to: Timestamp });

/** Predictions of a model by the levels of a feature. */
export const DeploymentSegmentsAnswer = strict(
  {
    ...{ deploymentId, from, to, bucket },
    before: Type.Unsafe<Static<typeof BeforeSpan>>({ ...BeforeSpan, description: 'the time of the baseline `before`' }),
    ...{ modelId, targetType, metric },
    features: Type.Array(Type.String(), {
      description: 'that can be asked about: those of the settings, then others that predictions were counted by',
    }),
    feature: nullable(Type.String({ description: 'null: the deployment has no segments' })),
    eventCount: Type.Integer({ minimum: 0, description: 'predictions that were counted by levels of the feature' }),
    data: Type.Array(DeploymentSegment, { description: 'levels, by falling events, also those that came no more' }),
  },
  { $id: 'DeploymentSegments' },
);
export type DeploymentSegmentsAnswer = Static<typeof DeploymentSegmentsAnswer>;
