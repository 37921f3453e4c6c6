import {
  ENSEMBLE_WEIGHT_MAX,
  EnsembleFacts,
  FitStops,
  ModellingFeature,
  Parameters,
  StackedLayer,
  TargetSpec,
} from './autopilot.ts';
import {
  DatasetOptions,
  DatasetProfile,
  FeatureProfile,
  FeatureWarning,
  HDFS_FILES_MAX,
  HDFS_FORMATS,
  type HdfsFormat,
  RegisteredFile,
  StoredColumn,
  StoredTable,
  TimeCounts,
  ValueCount,
} from './dataset.ts';
import { BatchGatherOutcome, BatchGatherTask, BatchPredictOutcome, StagedOutput } from './batch-output.ts';
import { Imbalance } from './imbalance.ts';
import { PredictionIntervals } from './intervals.ts';
import { Partitioning } from './partitioning.ts';
import { LeakageFacts, LeakageSearch } from './leakage.ts';
import {
  ColumnWarning,
  ProfileMergeOutcome,
  ProfileMergeTask,
  ProfilePartOutcome,
  ProfilePartTask,
} from './profile-tasks.ts';
import { TASK_INSIGHTS } from './rest/insights.ts';
import { Calibration } from './manifest.ts';
import { Id, INT32_MAX, Sha256, nullable, oneOf, strict } from './schema.ts';
import { PartSizes, TablePart } from './table-parts.ts';
import { EXPLANATION_FEATURES_MAX, FeatureTypeSchema, MetricNameSchema } from './vocabulary.ts';
import { Type, type Static } from './type.ts';

/** What a worker is asked to read. */
export const TaskInput = Type.Union([
  strict({ type: Type.Literal('upload'), objectPath: Type.String(), fileName: Type.String() }),
  strict({ type: Type.Literal('url'), url: Type.String() }),
  strict({ type: Type.Literal('path'), path: Type.String() }),
  strict({
    type: Type.Literal('hdfs'),
    format: oneOf(HDFS_FORMATS),
    files: Type.Array(RegisteredFile, { minItems: 1, maxItems: HDFS_FILES_MAX }),
    inPlace: Type.Optional(
      Type.Boolean({ description: 'csv or tsv is read where it lies, as Parquet always is; default false' }),
    ),
  }),
]);
export type TaskInput = Static<typeof TaskInput>;

/** Files in HDFS, of which nothing is copied. */
export type InPlaceInput = Extract<TaskInput, { type: 'hdfs' }> & {
  readonly format: Exclude<HdfsFormat, 'jsonl'>;
};

/** Whether an input is read where it lies. */
export function isInPlaceInput(input: TaskInput): input is InPlaceInput {
  if (input.type !== 'hdfs' || input.format === 'jsonl') return false;
  return input.format === 'parquet' || input.inPlace === true;
}

/** Turns a source into an immutable snapshot with its profile; files in HDFS that stay there are registered and profiled where they lie. */
export const IngestTask = strict({
  kind: Type.Literal('ingest'),
  datasetId: Id,
  input: TaskInput,
  options: DatasetOptions,
  parts: Type.Optional({
    ...PartSizes,
    description: 'a table in place of two such parts is registered without a profile; default: one task profiles it',
  }),
});
export type IngestTask = Static<typeof IngestTask>;

/** Reads one feature of a dataset as another type, and profiles it; nothing is written. */
export const FeatureTypeTask = strict({
  kind: Type.Literal('feature-type'),
  datasetId: Id,
  table: StoredTable,
  feature: Type.String(),
  type: FeatureTypeSchema,
});
export type FeatureTypeTask = Static<typeof FeatureTypeTask>;

/** Tasks that fit one model together at most: their mesh has half of its square of connections. */
export const RANKS_MAX = 64;

/** Fits one blueprint on the partitions of a project, or refits it on all rows with frozen iterations. */
export const TrainTask = strict({
  kind: Type.Literal('train'),
  modelId: Id,
  projectId: Id,
  datasetId: Id,
  table: StoredTable,
  target: TargetSpec,
  features: Type.Array(ModellingFeature, { minItems: 1 }),
  metric: MetricNameSchema,
  partitioning: Partitioning,
  weightColumn: nullable(Type.String()),
  imbalance: Type.Optional(Imbalance),
  monotonic: strict({ increasing: Type.Array(Type.String()), decreasing: Type.Array(Type.String()) }),
  blueprintId: Type.String(),
  parameters: Parameters,
  featureSteps: Type.Optional(
    Type.Array(Type.String(), { description: 'kinds of the steps that read features; none: those of the blueprint' }),
  ),
  sampleFraction: Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
  findsLeakage: Type.Optional(Type.Boolean({ description: 'whether target leakage is looked for too; default false' })),
  leakageSearch: Type.Optional(LeakageSearch),
  refit: nullable(
    strict({
      of: Id,
      iterations: nullable(Type.Integer({ minimum: 0 })),
      copies: Type.Optional(
        Type.Integer({ minimum: 1, description: 'models with seeds of their own that are averaged; default 1' }),
      ),
      calibration: Type.Optional(Calibration),
    }),
  ),
  seed: Type.Integer({ minimum: 0, maximum: 4294967295 }),
  stops: Type.Optional(FitStops),
  threadCount: Type.Integer({ minimum: 1 }),
  ranks: Type.Optional(
    Type.Integer({
      minimum: 2,
      maximum: RANKS_MAX,
      description: 'tasks that fit it together, each on its part of the rows; default: this one alone',
    }),
  ),
});
export type TrainTask = Static<typeof TrainTask>;

/** Fits the model of a `train` task together with it, as a rank of its group: the same fit on another part of the rows. Makes no files. */
export const TrainPartTask = strict({ kind: Type.Literal('train-part'), datasetId: Id, train: TrainTask });
export type TrainPartTask = Static<typeof TrainPartTask>;

/** How many features explain each prediction. */
export const ExplanationsAsked = strict({ top: Type.Integer({ minimum: 1, maximum: EXPLANATION_FEATURES_MAX }) });
export type ExplanationsAsked = Static<typeof ExplanationsAsked>;

/** A model that may be blended: what reads its files. */
export const EnsembleMember = strict({
  modelId: Id,
  blueprintId: Type.String(),
  artifactPath: Type.String({ description: 'object store folder of manifest.json, blob and out-of-fold.bin' }),
  manifestSha256: Sha256,
  weight: nullable(
    Type.Number({ exclusiveMinimum: 0, maximum: ENSEMBLE_WEIGHT_MAX, description: 'of a refit; null: to be chosen' }),
  ),
});
export type EnsembleMember = Static<typeof EnsembleMember>;

/** Models of an ensemble to choose from at most. */
export const ENSEMBLE_LIBRARY_MAX = 12;

/**
 * Blends models of one run into one artefact. Their weights are chosen on their out-of-fold predictions; the refit of an
 * ensemble blends the refits of its members with the weights that the ensemble found.
 */
export const EnsembleTask = strict({
  kind: Type.Literal('ensemble'),
  modelId: Id,
  projectId: Id,
  datasetId: Id,
  table: StoredTable,
  target: TargetSpec,
  features: Type.Array(ModellingFeature, { minItems: 1 }),
  metric: MetricNameSchema,
  members: Type.Array(EnsembleMember, { minItems: 1, maxItems: ENSEMBLE_LIBRARY_MAX, description: 'best first' }),
  membersMax: Type.Integer({ minimum: 1 }),
  stepsMax: Type.Integer({ minimum: 1 }),
  stacks: Type.Optional(
    Type.Boolean({ description: 'whether a stacked layer may take the place of greedy weights; default false' }),
  ),
  layer: Type.Optional(StackedLayer),
  refitOf: nullable(Id),
  seed: Type.Integer({ minimum: 0, maximum: 4294967295 }),
});
export type EnsembleTask = Static<typeof EnsembleTask>;

/**
 * Scores a dataset, or a source that is read once (then both `datasetId` and `table` are null), with an artefact and writes `rows.csv`, `rows.ndjson` and `rows.parquet`, or
 * files in HDFS.
 */
export const BatchPredictTask = strict({
  kind: Type.Literal('batch-predict'),
  batchPredictionId: Id,
  modelId: Id,
  artifactPath: Type.String({ description: 'object store folder of manifest.json and blob' }),
  manifestSha256: Sha256,
  datasetId: nullable(Id),
  table: nullable(StoredTable),
  source: Type.Optional(TaskInput),
  passthroughColumns: Type.Array(Type.String()),
  explanations: Type.Optional(ExplanationsAsked),
  threshold: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: 'of the deployment; binary' })),
  intervals: Type.Optional(PredictionIntervals),
  output: Type.Optional(StagedOutput),
  part: Type.Optional(TablePart),
});
export type BatchPredictTask = Static<typeof BatchPredictTask>;

/**
 * Computes what a model says of its features and rows, on rows that the predicting member has not seen: {@link INSIGHT_FILE}. A learning
 * curve needs `train`, the task that trained the model.
 */
export const InsightTask = strict({
  kind: Type.Literal('insight'),
  insight: oneOf(TASK_INSIGHTS),
  modelId: Id,
  projectId: Id,
  datasetId: Id,
  table: StoredTable,
  target: TargetSpec,
  metric: MetricNameSchema,
  artifactPath: Type.String({ description: 'object store folder of manifest.json, blob and out-of-fold.bin' }),
  manifestSha256: Sha256,
  seed: Type.Integer({ minimum: 0, maximum: 4294967295 }),
  train: Type.Optional(TrainTask),
});
export type InsightTask = Static<typeof InsightTask>;

export const TaskSpec = Type.Union([
  IngestTask,
  ProfilePartTask,
  ProfileMergeTask,
  FeatureTypeTask,
  TrainTask,
  TrainPartTask,
  EnsembleTask,
  BatchPredictTask,
  BatchGatherTask,
  InsightTask,
]);
export type TaskSpec = Static<typeof TaskSpec>;
export type TaskKind = TaskSpec['kind'];
export const TASK_KINDS = [
  'ingest',
  'profile-part',
  'profile-merge',
  'feature-type',
  'train',
  'train-part',
  'ensemble',
  'batch-predict',
  'batch-gather',
  'insight',
] as const satisfies readonly TaskKind[];

/** Metric values by name; a metric without meaning for the rows is absent. */
export const MetricValues = Type.Record(Type.String(), Type.Number());
export type MetricValues = Static<typeof MetricValues>;

/** Scores of a model; holdout is computed at once and hidden by the app server while locked. */
export const ModelScores = strict({
  validation: nullable(MetricValues),
  crossValidation: nullable(MetricValues),
  holdout: nullable(MetricValues),
  backtests: Type.Optional(
    Type.Array(MetricValues, {
      description:
        'partitioning by date: of each backtest in the order of time; `crossValidation` is their mean, `validation` the last',
    }),
  ),
});
export type ModelScores = Static<typeof ModelScores>;

export const IngestOutcome = strict({
  kind: Type.Literal('ingest'),
  table: StoredTable,
  profile: Type.Optional(DatasetProfile),
  columnWarnings: Type.Optional(
    Type.Array(ColumnWarning, { description: 'instead of a profile, which tasks of parts are to make' }),
  ),
  warnings: Type.Array(FeatureWarning),
  sizeBytes: Type.Integer({ minimum: 0 }),
});
export type IngestOutcome = Static<typeof IngestOutcome>;

/** One feature of a dataset as another type: how its column is read from now on, and its profile. */
export const FeatureTypeOutcome = strict({
  kind: Type.Literal('feature-type'),
  column: StoredColumn,
  feature: FeatureProfile,
  distinctValues: nullable(Type.Array(ValueCount)),
  timeCounts: nullable(TimeCounts),
});
export type FeatureTypeOutcome = Static<typeof FeatureTypeOutcome>;

/** Longest fit and slowest prediction that are believed: a year, and an hour a row. */
const FIT_MS_MAX = 366 * 24 * 3_600_000;
const PREDICT_MICROS_MAX = 3_600_000_000;

export const TrainOutcome = strict({
  kind: Type.Literal('train'),
  contentHash: Sha256,
  rowCount: Type.Integer({ minimum: 0, description: 'rows fitted on' }),
  iterations: nullable(
    Type.Integer({
      minimum: 0,
      maximum: INT32_MAX,
      description: 'boosting iterations or steps of a penalty path kept; null without',
    }),
  ),
  calibration: Type.Optional(Calibration),
  leakage: Type.Optional(LeakageFacts),
  scores: nullable(ModelScores),
  fitMs: Type.Number({ minimum: 0, maximum: FIT_MS_MAX }),
  predictMicrosPerRow: Type.Number({ minimum: 0, maximum: PREDICT_MICROS_MAX }),
  sizeBytes: Type.Integer({ minimum: 0, description: 'manifest and blob' }),
  peakMemoryBytes: Type.Integer({ minimum: 0 }),
  stoppedByDeadline: Type.Boolean(),
});
export type TrainOutcome = Static<typeof TrainOutcome>;

export const TrainPartOutcome = strict({
  kind: Type.Literal('train-part'),
  contentHash: Sha256,
  fitMs: Type.Number({ minimum: 0, maximum: FIT_MS_MAX }),
  peakMemoryBytes: Type.Integer({ minimum: 0 }),
});
export type TrainPartOutcome = Static<typeof TrainPartOutcome>;

export const EnsembleOutcome = strict({
  kind: Type.Literal('ensemble'),
  contentHash: Sha256,
  rowCount: Type.Integer({ minimum: 0, description: 'rows that its members were fitted on, the most of them' }),
  scores: nullable(ModelScores),
  ensemble: EnsembleFacts,
  partWeights: Type.Array(Type.Array(Type.Number({ minimum: 0, maximum: ENSEMBLE_WEIGHT_MAX })), {
    description:
      'a part of the held-back rows: a weight a member of the task, chosen on the other parts; none of a refit',
  }),
  partLayers: Type.Optional(
    Type.Array(nullable(StackedLayer), {
      description: 'by part: the layer that its weights are of, chosen on the other parts; null: they are greedy',
    }),
  ),
  partBest: Type.Array(Type.Integer({ minimum: 0 }), {
    description: 'by part: which member of the task is best on the other parts; none of a refit',
  }),
  fitMs: Type.Number({ minimum: 0, maximum: FIT_MS_MAX }),
  predictMicrosPerRow: Type.Number({ minimum: 0, maximum: PREDICT_MICROS_MAX }),
  sizeBytes: Type.Integer({ minimum: 0, description: 'manifest and blob' }),
  peakMemoryBytes: Type.Integer({ minimum: 0 }),
});
export type EnsembleOutcome = Static<typeof EnsembleOutcome>;

export const InsightOutcome = strict({
  kind: Type.Literal('insight'),
  rowCount: Type.Integer({ minimum: 1, description: 'rows used' }),
});
export type InsightOutcome = Static<typeof InsightOutcome>;

/** What a task reports when it seals; bounded (`OUTCOME_BYTES_MAX`). Files are in the attempt directory. */
export const TaskOutcome = Type.Union([
  IngestOutcome,
  ProfilePartOutcome,
  ProfileMergeOutcome,
  FeatureTypeOutcome,
  TrainOutcome,
  TrainPartOutcome,
  EnsembleOutcome,
  BatchPredictOutcome,
  BatchGatherOutcome,
  InsightOutcome,
]);
export type TaskOutcome = Static<typeof TaskOutcome>;

/** Upper bound of a sealed outcome's JSON. 10,000 columns with sample rows fit. */
export const OUTCOME_BYTES_MAX = 256 * 1024 * 1024;

/** States of a task in the queue. */
export const TASK_STATES = [
  'WAITING',
  'READY',
  'LEASED',
  'RUNNING',
  'COMMITTING',
  'SUCCEEDED',
  'FAILED',
  'CANCELLED',
] as const;
export type TaskState = (typeof TASK_STATES)[number];

/** Whose fault a failed attempt was: only `task` is charged against the attempts of a task. */
export const BLAMES = ['task', 'worker', 'memory', 'user', 'unknown'] as const;
export type Blame = (typeof BLAMES)[number];
export const BlameSchema = oneOf(BLAMES);
