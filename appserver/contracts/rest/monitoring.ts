import { Id, nullable, oneOf, strict, Timestamp } from '../schema.ts';
import { MetricNameSchema, TargetTypeSchema } from '../vocabulary.ts';
import { Type, type Static } from '../type.ts';

/** What time is cut into, in UTC; weeks begin on Mondays. */
export const BUCKETS = ['hour', 'day', 'week'] as const;
export type Bucket = (typeof BUCKETS)[number];

/** Buckets of one answer at most. */
export const BUCKETS_MAX = 1_000;
/** Features of one answer at most, and by default. */
export const DRIFT_FEATURES_MAX = 1_000;
export const DRIFT_FEATURES_DEFAULT = 100;

const Range = {
  from: Type.Optional(
    Type.String({ description: 'UTC, ISO-8601; begin, down to the hour; by default seven days before `to`' }),
  ),
  to: Type.Optional(Type.String({ description: 'UTC, ISO-8601; end, up to the hour; by default now' })),
  bucket: Type.Optional(
    oneOf(BUCKETS, {
      description: 'by default hours of up to three days, days of up to three months, weeks of more',
    }),
  ),
};

/** Which hours of a deployment are asked about. Counts are kept by hour. */
export const RangeQuery = strict(Range);
export type RangeQuery = Static<typeof RangeQuery>;

const modelId = Type.Optional(
  Type.String({ maxLength: 64, description: 'a model that the deployment has served; by default the one it serves' }),
);

export const TargetDriftQuery = strict({ ...Range, modelId });
export const FeatureDriftQuery = strict({
  ...Range,
  modelId,
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: DRIFT_FEATURES_MAX,
      default: DRIFT_FEATURES_DEFAULT,
      description: 'features at most, those of most impact x drift first',
    }),
  ),
});

const Count = Type.Integer({ minimum: 0 });
const Share = Type.Number({ minimum: 0, maximum: 1 });

const Asked = {
  deploymentId: Id,
  from: Timestamp,
  to: Timestamp,
  bucket: oneOf(BUCKETS),
};
const Span = { from: Timestamp, to: Timestamp };

const Latency = strict({
  p50: Type.Number(),
  p95: Type.Number(),
  p99: Type.Number(),
  mean: Type.Number(),
});

const ServiceCounts = {
  requests: Count,
  /** Answered with predictions. */
  succeeded: Count,
  clientErrors: Type.Integer({ minimum: 0, description: '4xx without 429' }),
  overloaded: Type.Integer({ minimum: 0, description: '429' }),
  serverErrors: Type.Integer({ minimum: 0, description: '5xx' }),
  rows: Type.Integer({ minimum: 0, description: 'that were predicted' }),
  requestsPerSecond: Type.Number({ description: 'mean over the time, up to now' }),
  errorRate: nullable(Type.Number({ description: 'share of server errors and 429; null without requests' })),
  latencyMs: nullable(
    Type.Unsafe<Static<typeof Latency>>({
      ...Latency,
      description:
        'from the headers of a request to its predictions, of those that succeeded; quantiles are interpolated within the buckets of the histogram; null without',
    }),
  ),
};

/** How a deployment was served. */
export const ServiceHealth = strict(
  {
    ...Asked,
    ...ServiceCounts,
    data: Type.Array(strict({ ...Span, ...ServiceCounts }), { description: 'by bucket, empty ones too' }),
  },
  { $id: 'ServiceHealth' },
);
export type ServiceHealth = Static<typeof ServiceHealth>;

const DriftBin = strict({
  kind: oneOf(['range', 'level', 'others', 'present', 'missing'], {
    description: '`others`: of a category what is none of the levels shown; `present`: whatever is not missing',
  }),
  from: nullable(Type.Number({ description: 'of a range, inclusive; dates: seconds since 1970; null: open' })),
  to: nullable(Type.Number({ description: 'of a range, exclusive; null: open' })),
  level: nullable(Type.String()),
  trainingCount: Count,
  liveCount: Count,
});

const DriftNumbers = {
  trainingCount: Type.Integer({ minimum: 0, description: 'rows that the bins of training are of' }),
  liveCount: Count,
  psi: nullable(Type.Number({ description: 'population stability index; null without rows' })),
  psiByChance: nullable(
    Type.Number({ description: 'what the index of so few events is on average without any change' }),
  ),
  jensenShannon: nullable(Type.Number({ description: 'divergence in bits, from 0 to 1' })),
  kolmogorovSmirnov: nullable(
    Type.Number({ description: 'distance by the bins, never above that of the values; null of what has no order' }),
  ),
  pValue: nullable(Type.Number({ description: 'of a chi-squared test on the bins, not corrected for other features' })),
  drift: oneOf(['unknown', 'none', 'moderate', 'large'], {
    description: 'by the index (0.1, 0.25), `none` where chance makes as much in one of 100',
  }),
};

const DriftOverTime = Type.Array(
  strict({ ...Span, liveCount: Count, psi: nullable(Type.Number()), psiByChance: nullable(Type.Number()) }),
  { description: 'by bucket, empty ones too' },
);

const FeatureDriftEntry = strict({
  feature: Type.String(),
  impact: nullable(
    Type.Number({
      description: 'normalized feature impact of the model, 0 if it does not read it; null: not computed',
    }),
  ),
  weightedDrift: nullable(Type.Number({ description: 'impact x index; null where one of them is' })),
  ...DriftNumbers,
  adjustedPValue: nullable(
    Type.Number({ description: '`pValue` corrected for all features of the model (Holm); `drift` goes by it' }),
  ),
  missingRate: strict({ training: nullable(Share), live: nullable(Share) }),
  unseenRate: nullable(Type.Number({ description: 'share of live values of levels that the model does not know' })),
  outOfRangeRate: nullable(
    Type.Number({ description: 'share of live numbers beyond those of training; null of others' }),
  ),
  bins: Type.Array(DriftBin),
  overTime: DriftOverTime,
});

/** Features of a deployment beside those that its model was trained on. */
export const FeatureDrift = strict(
  {
    ...Asked,
    modelId: Id,
    eventCount: Type.Integer({ minimum: 0, description: 'predictions of the model, as far as they were told' }),
    featureCount: Type.Integer({ minimum: 0, description: 'of the model, with those beyond `limit`' }),
    data: Type.Array(FeatureDriftEntry, { description: 'by falling impact x index, then by falling index' }),
  },
  { $id: 'FeatureDrift' },
);
export type FeatureDrift = Static<typeof FeatureDrift>;

const DriftFacts = strict({ ...DriftNumbers, bins: Type.Array(DriftBin) });

/** Predictions of a deployment beside those of training rows that the model, or its twin, had not seen. */
export const TargetDrift = strict(
  {
    ...Asked,
    modelId: Id,
    targetType: TargetTypeSchema,
    eventCount: Count,
    predictions: Type.Unsafe<Static<typeof DriftFacts>>({
      ...DriftFacts,
      description: 'of predicted classes, or of predicted values in bins of equal frequency in training',
    }),
    probabilities: nullable(
      Type.Unsafe<Static<typeof DriftFacts>>({
        ...DriftFacts,
        description: 'of two classes: of the second; of up to 32: of the predicted one; null of numbers',
      }),
    ),
    overTime: DriftOverTime,
  },
  { $id: 'TargetDrift' },
);
export type TargetDrift = Static<typeof TargetDrift>;

const Quantiles = strict({
  p5: Type.Number(),
  p25: Type.Number(),
  p50: Type.Number(),
  p75: Type.Number(),
  p95: Type.Number(),
});

const ModelPredictions = strict({
  modelId: Id,
  eventCount: Count,
  classCounts: nullable(
    Type.Array(strict({ label: Type.String(), count: Count }), { description: 'in class order; null of numbers' }),
  ),
  meanProbability: nullable(
    Type.Number({
      description:
        'of the second of two classes, of more that of the predicted one; by bins of 0.05, so within 0.025; null of numbers',
    }),
  ),
  mean: nullable(Type.Number()),
  min: nullable(Type.Number()),
  max: nullable(Type.Number()),
  quantiles: nullable(
    Type.Unsafe<Static<typeof Quantiles>>({
      ...Quantiles,
      description: 'of predicted values: ranks within 2.1 % at 99 % confidence; null of classes',
    }),
  ),
});

/** What a deployment has predicted. */
export const PredictionsOverTime = strict(
  {
    ...Asked,
    targetType: TargetTypeSchema,
    eventCount: Count,
    data: Type.Array(strict({ ...Span, eventCount: Count, models: Type.Array(ModelPredictions) }), {
      description: 'by bucket, empty ones too',
    }),
  },
  { $id: 'PredictionsOverTime' },
);
export type PredictionsOverTime = Static<typeof PredictionsOverTime>;

/** Outcomes of one request at most. */
export const ACTUALS_MAX = 100_000;
/** Longest id and outcome, UTF-16 units. */
export const ASSOCIATION_ID_LENGTH_MAX = 1_000;

const ActualCell = Type.Union([Type.String(), Type.Number(), Type.Boolean()]);

/** True outcomes; the same as columns of a CSV. */
export const ActualsRequest = Type.Array(
  strict({
    associationId: ActualCell,
    actual: ActualCell,
    at: Type.Optional(
      Type.String({
        description: 'UTC, ISO-8601: when it was so; of two outcomes of an id the later one holds; default now',
      }),
    ),
  }),
  { minItems: 1, maxItems: ACTUALS_MAX },
);
export type ActualsRequest = Static<typeof ActualsRequest>;

/** What became of outcomes. */
export const ActualsTaken = strict(
  {
    deploymentId: Id,
    received: Count,
    added: Type.Integer({ minimum: 0, description: 'of ids that had none' }),
    corrected: Type.Integer({ minimum: 0, description: 'took the place of another outcome of their id' }),
    repeated: Type.Integer({ minimum: 0, description: 'were known already' }),
    outdated: Type.Integer({ minimum: 0, description: 'of an earlier time than the one that is known, which stays' }),
    unmatched: Type.Integer({
      minimum: 0,
      description: 'ids of which no prediction is known yet; they are kept, and joined when one is told',
    }),
    unmatchedIds: Type.Array(Type.String(), { description: 'the first twenty of them' }),
  },
  { $id: 'ActualsTaken' },
);
export type ActualsTaken = Static<typeof ActualsTaken>;

const Metrics = Type.Record(Type.String(), Type.Number(), {
  description: 'by name, as far as they are defined',
});

const EstimatedAccuracy = nullable(
  strict({
    accuracy: Type.Number({ description: 'mean probability of the predicted class' }),
    standardError: Type.Number({ description: 'of the outcomes, were the probabilities right' }),
    eventCount: Count,
  }),
);

const AccuracyCounts = {
  predictionCount: Type.Integer({ minimum: 0, description: 'predictions with an association id, one of each id' }),
  actualCount: Type.Integer({ minimum: 0, description: 'of which the outcome is known' }),
  metrics: Metrics,
  estimated: Type.Unsafe<Static<typeof EstimatedAccuracy>>({
    ...EstimatedAccuracy,
    description:
      'without outcomes, of all predictions that were told; as good as the probabilities are; null of numbers and without predictions',
  }),
};

/** Predictions of a model beside true outcomes. */
export const Accuracy = strict(
  {
    ...Asked,
    modelId: Id,
    targetType: TargetTypeSchema,
    metric: MetricNameSchema,
    ...AccuracyCounts,
    training: nullable(strict({ partition: oneOf(['validation', 'crossValidation']), metrics: Metrics })),
    data: Type.Array(strict({ ...Span, ...AccuracyCounts }), {
      description: 'by bucket of the prediction’s time, empty ones too',
    }),
  },
  { $id: 'Accuracy' },
);
export type Accuracy = Static<typeof Accuracy>;
