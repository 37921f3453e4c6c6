import { Id, Timestamp, nullable, oneOf, strict } from '../schema.ts';
import { DatasetSource, FeatureWarning } from '../dataset.ts';
import { DeploymentSegments } from '../deployment-segments.ts';
import { HumilityRules } from '../humility.ts';
import { IntervalCoverage, PredictionIntervals } from '../intervals.ts';
import { Problem } from '../problem.ts';
import { ServedDeploymentState } from '../serving.ts';
import { TELEMETRY_TRANSPORTS, TelemetrySettings } from '../telemetry.ts';
import { HdfsOutput } from '../batch-output.ts';
import { ExplanationsAsked } from '../tasks.ts';

import { Description, Name, pageOf } from './common.ts';
import { Type, type Static } from '../type.ts';

export const DeploymentSettings = strict({
  missingColumns: Type.Optional(
    oneOf(['warn', 'refuse'], {
      description: 'a column that the request lacks: missing values with a warning, or 422',
    }),
  ),
  threshold: Type.Optional(
    nullable(
      Type.Number({
        minimum: 0,
        maximum: 1,
        description: 'binary: positive if its probability is this or more; null: the model’s own, 0.5',
      }),
    ),
  ),
  interval: Type.Optional(nullable(IntervalCoverage)),
  telemetry: Type.Optional(nullable(TelemetrySettings)),
  humility: Type.Optional(nullable(HumilityRules)),
  segments: Type.Optional(nullable(DeploymentSegments)),
});

/** Settings as they hold: without a threshold the model’s own, without an interval predictions have none, without telemetry events carry all features, without humility no rules, without segments predictions are counted altogether alone. */
export const EffectiveSettings = strict({
  missingColumns: oneOf(['warn', 'refuse']),
  threshold: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  interval: Type.Optional(IntervalCoverage),
  telemetry: Type.Optional(TelemetrySettings),
  humility: Type.Optional(HumilityRules),
  segments: Type.Optional(DeploymentSegments),
});
export type EffectiveSettings = Static<typeof EffectiveSettings>;

export const CreateDeploymentRequest = strict({
  modelId: Id,
  name: Name,
  description: Type.Optional(Description),
  predictionServerGroup: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  settings: Type.Optional(DeploymentSettings),
});
export const PatchDeploymentRequest = strict({
  name: Type.Optional(Name),
  description: Type.Optional(Description),
  settings: Type.Optional(DeploymentSettings),
});
export const ReplaceModelRequest = strict({
  modelId: Id,
  reason: Type.String({ minLength: 1, maxLength: 1_000, pattern: '^[^\\u0000]*\\S[^\\u0000]*$' }),
});

/** A model served under a stable id. */
export const Deployment = strict(
  {
    id: Id,
    name: Type.String(),
    description: Type.String(),
    modelId: Id,
    projectId: Id,
    predictionServerGroup: Type.String(),
    settings: EffectiveSettings,
    intervals: nullable(PredictionIntervals),
    predictionUrl: Type.String({ description: 'absolute; where rows are POSTed to' }),
    ready: Type.Boolean({ description: 'a prediction server answers with this model' }),
    sequence: Type.Integer({ minimum: 1 }),
    createdAt: Timestamp,
    updatedAt: Timestamp,
    createdBy: Id,
  },
  { $id: 'Deployment' },
);
export type Deployment = Static<typeof Deployment>;
export const DeploymentPage = pageOf(Deployment);

/** Answer of `?dryRun=true`; nothing was changed. */
export const DeploymentDryRun = strict({
  dryRun: Type.Literal(true),
  modelId: Id,
  projectId: Id,
  settings: Deployment.properties.settings,
});

export const DeploymentHistory = pageOf(
  strict({ modelId: Id, reason: Type.String(), at: Timestamp, by: Id, sequence: Type.Integer() }),
);

const Count = Type.Integer({ minimum: 0 });

/** What has become of the events of predictions. Running numbers are of processes, not of deployments. */
export const DeploymentTelemetry = strict(
  {
    deploymentId: Id,
    transport: oneOf(TELEMETRY_TRANSPORTS),
    received: Type.Integer({ minimum: 0, description: 'events of this deployment, each counted once' }),
    /** Begin of the last hour in which there was one. */
    lastHour: nullable(Timestamp),
    duplicate: Type.Integer({
      minimum: 0,
      description: 'events of all deployments that came again, and were not counted',
    }),
    lost: Type.Integer({
      minimum: 0,
      description:
        'events of all deployments that servers say they could not keep, and those of which nothing was heard yet',
    }),
    lostBy: Type.Record(Type.String(), Count, {
      description: '`lost` by reason; `unheard`: nothing was heard of them yet',
    }),
    refusedSegments: Type.Record(Type.String(), Count, { description: 'segments that were not believed, by code' }),
  },
  { $id: 'DeploymentTelemetry' },
);
export type DeploymentTelemetry = Static<typeof DeploymentTelemetry>;

/** What has become of a segment of telemetry that was carried here. */
export const ImportedTelemetry = strict(
  {
    serverId: Id,
    epoch: Type.String({ description: 'life of the server that recorded it' }),
    firstNumber: Type.Integer({ minimum: 0 }),
    endNumber: Type.Integer({ minimum: 0, description: 'behind its last event' }),
    state: oneOf(['kept', 'known'], {
      description: 'kept: a monitor will count what is new of it; known: all of it was counted before',
    }),
  },
  { $id: 'ImportedTelemetry' },
);
export type ImportedTelemetry = Static<typeof ImportedTelemetry>;

/** A prediction server as it last reported. */
export const PredictionServerEntry = strict({
  id: Id,
  url: Type.String(),
  programVersion: Type.String(),
  live: Type.Boolean(),
  lastSeenAt: Timestamp,
  feedSequence: Type.Integer(),
  deployments: Type.Array(ServedDeploymentState),
});

/** Where the rows of a batch prediction go. */
export const PredictionOutput = Type.Union([
  strict({ type: Type.Literal('download') }, { description: 'kept by the platform, handed out by `/rows`' }),
  HdfsOutput,
  Type.Object({ type: oneOf(['s3', 'jdbc', 'hive']) }, { description: 'not built yet' }),
]);
export type PredictionOutput = Static<typeof PredictionOutput>;

/** Most pass-through columns of one batch prediction. */
export const PASSTHROUGH_COLUMNS_MAX = 1_000;

export const CreateBatchPredictionRequest = strict({
  modelId: Type.Optional(Id),
  deploymentId: Type.Optional(Id),
  input: strict({ datasetId: Type.Optional(Id), source: Type.Optional(DatasetSource) }),
  output: Type.Optional(PredictionOutput),
  passthroughColumns: Type.Optional(
    Type.Array(Type.String(), { maxItems: PASSTHROUGH_COLUMNS_MAX, uniqueItems: true }),
  ),
  explanations: Type.Optional(ExplanationsAsked),
  chunk: Type.Optional(Type.Unknown()),
});
export type CreateBatchPredictionRequest = Static<typeof CreateBatchPredictionRequest>;

export const BatchPrediction = strict(
  {
    id: Id,
    modelId: Id,
    deploymentId: nullable(Id),
    datasetId: nullable(Id),
    jobId: Id,
    state: oneOf(['queued', 'running', 'succeeded', 'failed', 'cancelled']),
    passthroughColumns: Type.Array(Type.String()),
    output: Type.Union([strict({ type: Type.Literal('download') }), HdfsOutput]),
    rowCount: nullable(Type.Integer()),
    partCount: Type.Integer({ minimum: 1, description: 'tasks that share the rows of a table in HDFS' }),
    rowsPerSecond: nullable(Type.Number({ description: 'of all tasks together, from the first start to the end' })),
    rowsPerCoreSecond: nullable(
      Type.Number({ description: 'for each second of a processor, reading and writing included' }),
    ),
    warnings: Type.Array(FeatureWarning),
    rows: nullable(Type.String({ description: 'path of the rows, once they are there; null for output hdfs' })),
    error: nullable(Problem),
    createdAt: Timestamp,
    finishedAt: nullable(Timestamp),
    createdBy: Id,
  },
  { $id: 'BatchPrediction' },
);
export type BatchPrediction = Static<typeof BatchPrediction>;
export const BatchPredictionPage = pageOf(BatchPrediction);

/** Answer of `?dryRun=true`: what would be scored. */
export const BatchPredictionDryRun = strict({
  dryRun: Type.Literal(true),
  modelId: Id,
  datasetId: nullable(Id),
  rowCount: nullable(Type.Integer({ description: 'null for a source: it is read later' })),
  partCount: Type.Integer({ minimum: 1, description: 'tasks that would share the rows' }),
  columns: Type.Array(Type.String(), { description: 'of the result, in order' }),
  missingFeatures: nullable(
    Type.Array(Type.String(), {
      description: 'features of the model that the input lacks: missing values; null for a source',
    }),
  ),
});
