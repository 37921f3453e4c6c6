import { AutopilotPlan, Parameters, PinnedParameters, PlannedCandidate } from '../autopilot.ts';
import { BlueprintDocument } from '../blueprint.ts';
import { ImbalanceRequest } from '../imbalance.ts';
import { LeakageFacts } from '../leakage.ts';
import { PartitioningRequest } from '../partitioning.ts';
import { Id, Sha256, Timestamp, nullable, oneOf, strict } from '../schema.ts';
import { ModelScores } from '../tasks.ts';
import { AUTOPILOT_MODES, MetricNameSchema, TargetTypeSchema } from '../vocabulary.ts';
import { Description, Name, pageOf } from './common.ts';
import { Type, type Static } from '../type.ts';

export const CreateProjectRequest = strict({
  name: Name,
  datasetId: Id,
  description: Type.Optional(Description),
});
export const PatchProjectRequest = strict({
  name: Type.Optional(Name),
  description: Type.Optional(Description),
});

/** One dataset + one target + one metric + one partitioning; the last three are null until the first Autopilot. */
export const Project = strict(
  {
    id: Id,
    name: Type.String(),
    description: Type.String(),
    datasetId: Id,
    state: oneOf(['new', 'modelling', 'ready', 'failed', 'cancelled'], {
      description: 'ready: there is a recommended model; failed, cancelled: the last run ended without one',
    }),
    target: nullable(Type.String()),
    targetType: nullable(TargetTypeSchema),
    classes: Type.Array(Type.String(), { description: 'labels in class order' }),
    positiveClass: nullable(Type.String()),
    metric: nullable(MetricNameSchema),
    partitioning: nullable(AutopilotPlan.properties.partitioning),
    holdoutUnlockedAt: nullable(Timestamp),
    recommendedModelId: nullable(Id),
    modelCount: Type.Integer(),
    createdAt: Timestamp,
    updatedAt: Timestamp,
    createdBy: Id,
  },
  { $id: 'Project' },
);
export type Project = Static<typeof Project>;
export const ProjectPage = pageOf(Project);

const columnNames = Type.Array(Type.String({ minLength: 1, maxLength: 1_000 }), { maxItems: 10_000 });
const BUDGET_SECONDS_MAX = 7 * 24 * 3600;

/** `POST /projects/{id}/autopilot`; `ml` checks what it means. */
export const AutopilotRequest = strict({
  target: Type.String({ minLength: 1, maxLength: 1_000 }),
  targetType: Type.Optional(TargetTypeSchema),
  positiveClass: Type.Optional(
    Type.Union([Type.String(), Type.Number(), Type.Boolean()], { description: 'matched by text' }),
  ),
  metric: Type.Optional(MetricNameSchema),
  quantile: Type.Optional(
    Type.Number({
      exclusiveMinimum: 0,
      exclusiveMaximum: 1,
      description: 'what is predicted with metric quantileLoss; default 0.5, the median',
    }),
  ),
  mode: Type.Optional(oneOf(AUTOPILOT_MODES, { description: 'default quick' })),
  timeBudgetSeconds: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: BUDGET_SECONDS_MAX })),
  maxModels: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
  partitioning: Type.Optional(PartitioningRequest),
  weightColumn: Type.Optional(Type.String()),
  imbalance: Type.Optional(ImbalanceRequest),
  offsetColumn: Type.Optional(
    Type.String({ description: 'a number that each row’s raw score (log odds, log of the value, value) begins from' }),
  ),
  exposureColumn: Type.Optional(
    Type.String({ description: 'a number above 0 that each row’s value is proportional to; the link is log' }),
  ),
  excludedFeatures: Type.Optional(columnNames),
  featureList: Type.Optional(Type.String()),
  monotonic: Type.Optional(strict({ increasing: Type.Optional(columnNames), decreasing: Type.Optional(columnNames) })),
  seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 4294967295 })),
  maxWorkers: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
  queue: Type.Optional(Type.String()),
  blueprints: Type.Optional(Type.Array(Type.String(), { minItems: 1, maxItems: 100 })),
  pinnedParameters: Type.Optional(PinnedParameters),
});
export type AutopilotRequest = Static<typeof AutopilotRequest>;

/** `POST /projects/{id}/autopilot/replay`. */
export const ReplayRequest = strict({
  name: Type.Optional(Name),
});
export type ReplayRequest = Static<typeof ReplayRequest>;

/** A model of a replay beside the one that it repeats. */
const ReplayedModel = strict({
  key: Type.String(),
  of: strict({ modelId: Id, contentHash: Sha256 }),
  modelId: nullable(Id),
  contentHash: nullable(Sha256),
  isEqual: nullable(
    Type.Boolean({ description: 'the content hashes are the same; null while the model is not there yet' }),
  ),
  isRecommended: Type.Boolean(),
});

/** States of a run. */
export const AUTOPILOT_STATES = ['running', 'paused', 'stopping', 'succeeded', 'failed', 'cancelled'] as const;
export type AutopilotRunState = (typeof AUTOPILOT_STATES)[number];

/** Failures of a run that are told at most, and characters of a reason. */
export const RUN_FAILURES_MAX = 100;
export const FAILURE_REASON_MAX = 1_000;

/** A task of a run that ended without a model. */
const RunFailure = strict({
  modelId: Id,
  name: Type.String(),
  blueprintId: Type.String(),
  state: oneOf(['failed', 'cancelled'], { description: 'cancelled: it was overdue, or the run ended before it did' }),
  reason: Type.String({ maxLength: FAILURE_REASON_MAX }),
});

/** `GET /projects/{id}/autopilot`. */
export const AutopilotRun = strict(
  {
    id: Id,
    projectId: Id,
    jobId: Id,
    state: oneOf(AUTOPILOT_STATES),
    plan: AutopilotPlan,
    spent: strict({ seconds: Type.Number({ description: 'without pauses' }), models: Type.Integer() }),
    remaining: strict({ seconds: nullable(Type.Number()), models: nullable(Type.Integer()) }),
    tasks: strict({
      planned: Type.Integer(),
      running: Type.Integer(),
      succeeded: Type.Integer(),
      failed: Type.Integer({ description: 'ended without a model, cancelled ones too' }),
    }),
    failures: Type.Array(RunFailure, {
      maxItems: RUN_FAILURES_MAX,
      description:
        'why tasks ended without a model, in order of creation; `tasks.failed` counts those too that are more',
    }),
    untried: Type.Array(PlannedCandidate, {
      description:
        'candidates of the plan that no task was made of, in its order; once the run is over, those that it had no time for',
    }),
    leakage: nullable(LeakageFacts),
    excludedForLeakage: Type.Array(Type.String(), {
      description: 'features of the plan that no model of the run reads',
    }),
    recommendedModelId: nullable(Id),
    replay: Type.Optional(
      strict({
        ofRunId: Id,
        ofProjectId: Id,
        isEqual: nullable(Type.Boolean({ description: 'all models are; null while some are not there yet' })),
        models: Type.Array(ReplayedModel),
      }),
    ),
    createdAt: Timestamp,
    finishedAt: nullable(Timestamp),
  },
  { $id: 'AutopilotRun' },
);
export type AutopilotRun = Static<typeof AutopilotRun>;

/** Answer of `?dryRun=true`: what would be done; nothing was changed. */
export const AutopilotDryRun = strict({ dryRun: Type.Literal(true), plan: AutopilotPlan });

/** One row of the leaderboard. */
export const LeaderboardEntry = strict({
  rank: Type.Integer({ minimum: 1 }),
  modelId: Id,
  name: Type.String(),
  family: Type.String(),
  blueprintId: Type.String(),
  featureList: nullable(
    Type.String({ description: 'the list that its features were taken from; null: none was named' }),
  ),
  excludedForLeakage: Type.Array(Type.String(), { description: 'features of the list that it does not read' }),
  sampleFraction: Type.Number(),
  rowCount: Type.Integer(),
  scores: ModelScores,
  fitSeconds: Type.Number(),
  predictMicrosPerRow: Type.Number(),
  sizeBytes: Type.Integer(),
  peakMemoryBytes: Type.Integer({ description: 'of its task’s process' }),
  predictedMemoryBytes: nullable(
    Type.Integer({ description: 'what its task was predicted to take, told before it began; null: nothing was' }),
  ),
  recommended: Type.Boolean(),
  refitOf: nullable(Id),
  starred: Type.Boolean(),
});
export type LeaderboardEntry = Static<typeof LeaderboardEntry>;

export const Leaderboard = strict(
  {
    metric: nullable(MetricNameSchema),
    direction: nullable(oneOf(['higher', 'lower'])),
    holdoutLocked: Type.Boolean(),
    data: Type.Array(LeaderboardEntry),
  },
  { $id: 'Leaderboard' },
);
export type Leaderboard = Static<typeof Leaderboard>;

export const RecommendedModel = strict({ modelId: Id, reason: Type.String() });

/** `POST /projects/{id}/models`: fit one blueprint by hand, of the catalogue or of one's own. */
export const FitModelRequest = strict({
  blueprintId: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  blueprint: Type.Optional(BlueprintDocument),
  parameters: Type.Optional(Parameters),
  sampleFraction: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1 })),
  featureList: Type.Optional(Type.String()),
  imbalance: Type.Optional(ImbalanceRequest),
});
export type FitModelRequest = Static<typeof FitModelRequest>;
