import { TEXT_TOKENS } from '../manifest.ts';
import { TaskInsightContent } from './task-insights.ts';
import { Id, nullable, oneOf, strict } from '../schema.ts';
import { EXPLANATION_FEATURES_MAX, LINKS, MetricNameSchema, type TargetType } from '../vocabulary.ts';
import { Type, type Static, type TSchema } from '../type.ts';

/** Kinds of insights of a model. */
export const INSIGHT_KINDS = [
  'feature-impact',
  'feature-effects',
  'lift',
  'roc',
  'precision-recall',
  'confusion',
  'residuals',
  'calibration',
  'profit',
  'word-cloud',
  'learning-curve',
  'coefficients',
  'segments',
] as const;
export type InsightKind = (typeof INSIGHT_KINDS)[number];

/** Kinds that need the data: tasks of the lowest priority compute them, once for each model. */
export const TASK_INSIGHTS = [
  'feature-impact',
  'feature-effects',
  'segments',
  'learning-curve',
] as const satisfies readonly InsightKind[];
export type TaskInsightKind = (typeof TASK_INSIGHTS)[number];

/** Kinds that are computed from out-of-fold predictions when they are asked for, by target type. */
export const OUT_OF_FOLD_INSIGHTS = {
  binary: ['lift', 'roc', 'precision-recall', 'confusion', 'calibration', 'profit'],
  multiclass: ['lift', 'roc', 'precision-recall', 'confusion', 'calibration'],
  regression: ['lift', 'residuals'],
} as const satisfies Readonly<Record<TargetType, readonly InsightKind[]>>;

/** Kinds that are read from the artefact when they are asked for. */
export const ARTIFACT_INSIGHTS = ['coefficients', 'word-cloud'] as const satisfies readonly InsightKind[];
export type ArtifactInsightKind = (typeof ARTIFACT_INSIGHTS)[number];

/** Rows that an insight can be of, which the predicting model had not seen. */
export const INSIGHT_PARTITIONS = ['validation', 'crossValidation', 'holdout'] as const;
export type InsightPartition = (typeof INSIGHT_PARTITIONS)[number];

/** What can become of a decision about a row of a binary target. */
export const PROFIT_OUTCOMES = ['truePositive', 'falsePositive', 'trueNegative', 'falseNegative'] as const;

const Worth = Type.Number({ minimum: -1e12, maximum: 1e12, description: 'of one row; below 0 is a cost' });

/** What decisions are worth. */
export const ProfitMatrix = strict({
  truePositive: Worth,
  falsePositive: Worth,
  trueNegative: Worth,
  falseNegative: Worth,
});
export type ProfitMatrix = Static<typeof ProfitMatrix>;

const askedWorth = (outcome: string) =>
  Type.Optional(
    Type.Number({
      minimum: -1e12,
      maximum: 1e12,
      description: `profit: what a ${outcome} is worth, 0 by default; without any, 1 for a true positive and -1 for a false one`,
    }),
  );

export const InsightQuery = strict({
  partition: Type.Optional(
    oneOf(INSIGHT_PARTITIONS, { description: 'by default the rows that rank models; holdout once it is unlocked' }),
  ),
  label: Type.Optional(
    Type.String({
      maxLength: 10_000,
      description:
        'class that roc, precision-recall, lift and calibration hold against all others, or whose coefficients are shown; by default the positive, else the last',
    }),
  ),
  truePositive: askedWorth('true positive'),
  falsePositive: askedWorth('false positive'),
  trueNegative: askedWorth('true negative'),
  falseNegative: askedWorth('false negative'),
  feature: Type.Optional(
    Type.String({ maxLength: 1_000, description: 'segments: of this column alone; by default of all' }),
  ),
});
export type InsightQuery = Static<typeof InsightQuery>;

/** Points of a curve, bins and classes of one answer at most, so that it stays small however many rows there are. */
export const CURVE_POINTS_MAX = 1_001;
export const CLASS_CURVES_MAX = 10;
export const CLASS_CURVE_POINTS_MAX = 101;
export const CONFUSION_CLASSES_MAX = 100;
export const RESIDUAL_POINTS_MAX = 1_000;
export const COEFFICIENTS_MAX = 1_000;
export const CLOUD_TERMS_MAX = 200;

const Value = Type.Number();
const label = Type.String({ description: 'the class that is held against all others' });
const pointCount = Type.Integer({
  description: 'of the whole curve; evenly spaced ones are shown where there are more',
});

const ALL_CLASSES =
  'only without `label`, of more than two classes: each of them against all others, by falling weight, of equal ones in class order';
const classWeight = Type.Number({ description: 'of its rows' });
const classCurve = <P extends Record<string, TSchema>>(point: P) =>
  Type.Optional(
    Type.Array(strict(point), {
      maxItems: CLASS_CURVE_POINTS_MAX,
      description: `of the first ${CLASS_CURVES_MAX} classes that have one: the whole curve at about equal steps along it`,
    }),
  );

const Roc = strict({
  kind: Type.Literal('roc'),
  label,
  positiveWeight: Value,
  negativeWeight: Value,
  auc: nullable(Type.Number({ description: 'of all points; null where the rows have one class' })),
  pointCount,
  points: Type.Array(
    strict({
      threshold: nullable(Type.Number({ description: 'positive at this probability and above; null: nothing is' })),
      falsePositiveRate: Value,
      truePositiveRate: Value,
      precision: nullable(Type.Number({ description: 'null where nothing is positive' })),
    }),
  ),
  macroAuc: Type.Optional(
    nullable(
      Type.Number({
        description:
          'only without `label`, of more than two classes: mean over the classes that have one of each one’s area against all others, as the metric auc',
      }),
    ),
  ),
  classes: Type.Optional(
    Type.Array(
      strict({
        label: Type.String(),
        weight: classWeight,
        auc: nullable(Type.Number({ description: 'null where no row is of the class, or every row' })),
        points: classCurve({ falsePositiveRate: Value, truePositiveRate: Value }),
      }),
      { description: ALL_CLASSES },
    ),
  ),
});
const PrecisionRecall = strict({
  kind: Type.Literal('precision-recall'),
  label,
  positiveWeight: Value,
  negativeWeight: Value,
  averagePrecision: nullable(Type.Number({ description: 'of all points; null where no row is of the class' })),
  pointCount,
  points: Type.Array(
    strict({
      threshold: Type.Number({ description: 'positive at this probability and above' }),
      recall: Value,
      precision: Value,
    }),
  ),
  macroAveragePrecision: Type.Optional(
    nullable(
      Type.Number({
        description:
          'only without `label`, of more than two classes: mean of the average precisions of the classes that have rows',
      }),
    ),
  ),
  classes: Type.Optional(
    Type.Array(
      strict({
        label: Type.String(),
        weight: classWeight,
        averagePrecision: nullable(Type.Number({ description: 'null where no row is of the class' })),
        points: classCurve({ recall: Value, precision: Value }),
      }),
      { description: ALL_CLASSES },
    ),
  ),
});
const Lift = strict({
  kind: Type.Literal('lift'),
  label: nullable(label),
  meanActual: Type.Number({ description: 'of all rows' }),
  bins: Type.Array(
    strict({
      rowCount: Type.Integer(),
      weight: Value,
      meanPredicted: Value,
      meanActual: Value,
      lift: nullable(Type.Number({ description: 'mean of the bin by the mean of all; null where that is 0' })),
      cumulativeLift: nullable(Value),
    }),
    { description: 'rows by falling prediction, the same number in each bin but for one' },
  ),
});
const Confusion = strict({
  kind: Type.Literal('confusion'),
  labels: Type.Array(nullable(Type.String()), {
    description: 'of rows and columns; null: all classes but the largest ones',
  }),
  weights: Type.Array(Type.Array(Value), { description: 'by actual, then by predicted class' }),
  classes: Type.Array(
    strict({
      label: nullable(Type.String()),
      precision: nullable(Value),
      recall: nullable(Value),
      f1: nullable(Value),
      weight: Type.Number({ description: 'of its actual rows' }),
    }),
  ),
});
const Calibration = strict({
  kind: Type.Literal('calibration'),
  label,
  expectedError: Type.Number({ description: 'mean over rows of |mean predicted - mean actual| of their bins' }),
  bins: Type.Array(
    strict({
      from: Value,
      to: Value,
      rowCount: Type.Integer(),
      weight: Value,
      meanPredicted: Value,
      meanActual: Value,
    }),
    { description: 'ten of equal width, `from` exclusive (0 inclusive), `to` inclusive; empty ones are left out' },
  ),
});
const Profit = strict({
  kind: Type.Literal('profit'),
  label,
  matrix: ProfitMatrix,
  threshold: nullable(
    Type.Number({
      description: 'at which profit is highest: positive at this probability and above; null: nothing is',
    }),
  ),
  profit: Type.Number({ description: 'there, of all rows by their weight' }),
  heldOutProfit: Type.Number({ description: 'of rows whose threshold was chosen on the other four fifths' }),
  profitAtHalf: Type.Number({ description: 'at threshold 0.5' }),
  profitOfAll: Type.Number({ description: 'if every row were positive' }),
  profitOfNone: Type.Number({ description: 'if none were' }),
  pointCount,
  points: Type.Array(
    strict({
      threshold: nullable(Type.Number({ description: 'null: nothing is positive' })),
      profit: Value,
      positiveShare: Type.Number({ description: 'of the rows by their weight' }),
    }),
  ),
});
const Residuals = strict({
  kind: Type.Literal('residuals'),
  mean: Type.Number({ description: 'of actual - predicted' }),
  std: Type.Number({ description: 'of the rows, by their weight' }),
  quantiles: Type.Array(strict({ q: Value, value: Value }), { description: 'of rows, interpolated linearly' }),
  edges: Type.Array(Value),
  counts: Type.Array(Type.Integer(), { description: 'rows between two edges; the last has its upper edge' }),
  points: Type.Array(strict({ rowIndex: Type.Integer(), actual: Value, predicted: Value }), {
    description: 'evenly spaced rows',
  }),
});

const Coefficients = strict({
  kind: Type.Literal('coefficients'),
  label: nullable(Type.String({ description: 'the class whose raw score this is; null: the value' })),
  link: oneOf(LINKS, { description: 'of the raw score that the terms add up to' }),
  intercept: Value,
  memberCount: Type.Integer({
    description: 'models that are blended, one a fold; coefficients are their weighted sums',
  }),
  termCount: Type.Integer({ description: 'of all terms; no more than a thousand are shown' }),
  terms: Type.Array(
    strict({
      feature: Type.String(),
      column: Type.String({ description: 'what a step made of the feature' }),
      kind: oneOf(['number', 'curve', 'level', 'missing']),
      level: nullable(Type.String()),
      coefficient: nullable(
        Type.Number({
          description: 'of a number for one more of it, within the range that was seen; else what is added',
        }),
      ),
      standardized: nullable(
        Type.Number({
          description:
            'of a number for one standard deviation of the dataset’s rows; else what is added beyond the average row; null of what has none',
        }),
      ),
      spread: nullable(Type.Number({ description: 'standard deviation of the coefficient over the models blended' })),
      points: nullable(
        Type.Array(strict({ at: Value, value: Value }), {
          description: 'of a curve: what is added there, beyond the average row; straight between, flat beyond',
        }),
      ),
    }),
    { description: 'those first that move predictions most' },
  ),
});
const WordCloud = strict({
  kind: Type.Literal('word-cloud'),
  label: nullable(Type.String({ description: 'the class whose score this is; null: the value' })),
  memberCount: Type.Integer({ description: 'models that read texts; coefficients are their means' }),
  termCount: Type.Integer({ description: 'of all terms; the two hundred of the largest magnitude are shown' }),
  terms: Type.Array(
    strict({
      feature: Type.String(),
      tokens: oneOf(TEXT_TOKENS),
      term: Type.String(),
      coefficient: Type.Number({ description: 'of the term in a tf-idf vector of length 1' }),
      documentCount: Type.Integer({
        description: 'texts of the training rows that have the term, the most of all models',
      }),
    }),
  ),
});

/** What an insight says. */
export const InsightContent = Type.Union([
  Roc,
  PrecisionRecall,
  Lift,
  Confusion,
  Calibration,
  Profit,
  Residuals,
  Coefficients,
  WordCloud,
  ...TaskInsightContent.anyOf,
]);
export type InsightContent = Static<typeof InsightContent>;
export type InsightOf<K extends InsightContent['kind']> = Extract<InsightContent, { kind: K }>;

const rowFacts = {
  predictedBy: Type.String({ description: 'whose predictions these are: the model, or the twin that a refit repeats' }),
  partition: oneOf(INSIGHT_PARTITIONS),
  rowCount: Type.Integer({
    description: 'rows used, of weight above 0; of many rows evenly spaced ones, or by hash where the data is read',
  }),
  isWeighted: Type.Boolean(),
};

export const Insight = strict({
  modelId: Id,
  ...rowFacts,
  partition: oneOf([...INSIGHT_PARTITIONS, 'training'], {
    description: 'training: the rows that the model was fitted on, for what is read from the artefact',
  }),
  insight: InsightContent,
});
export type Insight = Static<typeof Insight>;

/** The file `insight.json` of a task, version 1: numbers only, no time, so that the same task makes the same bytes. */
export const StoredInsight = strict({ formatVersion: Type.Literal(1), ...rowFacts, insight: TaskInsightContent });
export type StoredInsight = Static<typeof StoredInsight>;
export const INSIGHT_FILE = 'insight.json';

/** Two models of a project, held against each other on the same rows. */
export const ModelComparison = strict(
  {
    modelId: Id,
    otherId: Id,
    predictedBy: Type.Array(Type.String(), {
      description: 'whose predictions these are, a twin’s where a model is a refit',
    }),
    metric: MetricNameSchema,
    partition: oneOf(['validation', 'crossValidation']),
    rowCount: Type.Integer({ description: 'rows used, predicted by both' }),
    score: nullable(Value),
    otherScore: nullable(Value),
    gain: nullable(Type.Number({ description: 'by which the model is better than the other, in units of the metric' })),
    noise: nullable(Type.Number({ description: 'standard error of the gain, by a grouped jackknife' })),
    groupCount: Type.Integer({ description: 'groups of rows of the jackknife' }),
    interval: nullable(strict({ from: Value, to: Value, level: Type.Number({ description: 'of confidence' }) })),
  },
  { $id: 'ModelComparison' },
);
export type ModelComparison = Static<typeof ModelComparison>;
export const ComparisonQuery = strict({
  with: Type.String({ minLength: 1, maxLength: 100, description: 'id of the other model, of the same project' }),
});

/** Rows to be explained, as they would be sent to a prediction server. */
export const EXPLAINED_ROWS_MAX = 20;
export const ExplainRequest = strict({
  rows: Type.Array(Type.Record(Type.String(), Type.Unknown()), { minItems: 1, maxItems: EXPLAINED_ROWS_MAX }),
  top: Type.Optional(
    Type.Integer({ minimum: 1, maximum: EXPLANATION_FEATURES_MAX, description: 'features named, default 10' }),
  ),
});
export type ExplainRequest = Static<typeof ExplainRequest>;
export const RowExplanations = strict(
  {
    modelId: Id,
    data: Type.Array(
      strict({
        prediction: Type.Union([Type.String(), Type.Number()]),
        probabilities: Type.Optional(Type.Record(Type.String(), Type.Number())),
        missingColumns: Type.Array(Type.String(), {
          description: 'features that the row lacks: taken as missing values',
        }),
        unseenLevels: Type.Array(Type.String(), {
          description: 'a sentence a category whose value is none of the levels that the model knows',
        }),
        explanations: Type.Array(
          strict({
            label: Type.Optional(Type.String()),
            baseValue: Value,
            rawScore: Value,
            contributions: Type.Array(strict({ feature: Type.String(), contribution: Value })),
            rest: Value,
          }),
          {
            description:
              'on the link scale: base value + contributions + rest = raw score; of a multiclass target one a class',
          },
        ),
      }),
    ),
    next: Type.Null(),
  },
  { $id: 'RowExplanations' },
);
export type RowExplanations = Static<typeof RowExplanations>;

export const InsightList = strict({
  data: Type.Array(strict({ kind: oneOf(INSIGHT_KINDS), path: Type.String() })),
  next: Type.Null(),
});
