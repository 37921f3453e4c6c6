import { Imbalance } from './imbalance.ts';
import { LeakageSearch, type LeakageFacts } from './leakage.ts';
import { Partitioning } from './partitioning.ts';
import { Id, Sha256, nullable, oneOf, strict } from './schema.ts';
import { AUTOPILOT_MODES, FeatureTypeSchema, MetricNameSchema, TargetTypeSchema } from './vocabulary.ts';
import { Type, type Static } from './type.ts';

/** Parameters of a blueprint: numbers, strings and booleans by name. */
export const Parameters = Type.Record(Type.String(), Type.Union([Type.Number(), Type.String(), Type.Boolean()]));
export type Parameters = Static<typeof Parameters>;

/** Parameters that a run's candidates do not vary: by their name, or by the blueprint that they hold for. */
export const PinnedParameters = Type.Record(
  Type.String(),
  Type.Union([Type.Number(), Type.String(), Type.Boolean(), Parameters]),
);
export type PinnedParameters = Static<typeof PinnedParameters>;

/** The target with its classes; `texts` are all exact cell texts that mean the class (numerically equal spellings). */
export const TargetSpec = strict({
  name: Type.String(),
  targetType: TargetTypeSchema,
  classes: Type.Array(
    strict({ label: Type.String(), texts: Type.Array(Type.String(), { minItems: 1 }), rowCount: Type.Integer() }),
    {
      description: 'in class order; empty for regression',
    },
  ),
  positiveClass: nullable(Type.Integer({ minimum: 0, description: 'index into classes; binary only' })),
  offsetColumn: Type.Optional(Type.String({ description: 'a number that is added to each row’s raw score' })),
  exposureColumn: Type.Optional(
    Type.String({ description: 'a number above 0 whose logarithm is added to each row’s raw score; the link is log' }),
  ),
  quantile: Type.Optional(
    Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1, description: 'what is predicted; metric quantileLoss' }),
  ),
});
export type TargetSpec = Static<typeof TargetSpec>;

/** A feature as modelling uses it. */
export const ModellingFeature = strict({
  name: Type.String(),
  type: FeatureTypeSchema,
  uniqueCount: Type.Integer({ minimum: 0 }),
});
export type ModellingFeature = Static<typeof ModellingFeature>;

/** What the weight of a model in an ensemble is at most; greedy weights add up to 1, those of a stacked layer need not. */
export const ENSEMBLE_WEIGHT_MAX = 10;

/** A model that is blended; `weight` null: still to be chosen. */
export const PlannedMember = strict({
  modelId: Id,
  weight: nullable(Type.Number({ minimum: 0, maximum: ENSEMBLE_WEIGHT_MAX })),
});
export type PlannedMember = Static<typeof PlannedMember>;

/** What makes weights those of a stacked layer, which need not add up to 1. */
export const StackedLayer = strict({
  shifts: Type.Array(Type.Number(), { description: 'added to the raw score of each output; empty: nothing' }),
  penalty: Type.Number({ exclusiveMinimum: 0, description: 'how hard it is held to the greedy weights it began with' }),
});
export type StackedLayer = Static<typeof StackedLayer>;

/** What a model's blueprint has of its own beside its parameters. */
export const OwnBlueprint = strict({
  name: Type.Optional(Type.String()),
  description: Type.Optional(Type.String()),
  featureSteps: Type.Optional(
    Type.Array(Type.String(), { description: 'kinds of the steps that read features; none: those of the blueprint' }),
  ),
});
export type OwnBlueprint = Static<typeof OwnBlueprint>;

/** One task that `next` wants. `key` is unique in the run and makes its creation idempotent. */
export const PlannedTask = strict({
  key: Type.String(),
  role: oneOf(['search', 'ensemble', 'refit']),
  blueprintId: Type.String(),
  parameters: Parameters,
  ownBlueprint: Type.Optional(OwnBlueprint),
  refitOf: nullable(Id),
  iterations: nullable(
    Type.Integer({ minimum: 0, description: 'frozen iterations of a refit: of boosting, or steps of a penalty path' }),
  ),
  sampleFraction: Type.Optional(
    Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      description: 'part of the training rows that it is fitted on; default 1',
    }),
  ),
  findsLeakage: Type.Optional(Type.Boolean({ description: 'whether the task looks for target leakage too' })),
  excludedFeatures: Type.Optional(
    Type.Array(Type.String(), { description: 'features of the plan that are left out, for they give the target away' }),
  ),
  copies: Type.Optional(Type.Integer({ minimum: 1, description: 'of a refit: models that it averages; default 1' })),
  featureList: Type.Optional(
    Type.String({ description: 'the list that its features were taken from; none: what is modelled by default' }),
  ),
  imbalance: Type.Optional(Imbalance),
  members: Type.Optional(
    Type.Array(PlannedMember, {
      description: 'of an ensemble: what may be blended, best first; of its refit: what is',
    }),
  ),
  layer: Type.Optional(StackedLayer),
  deadlineMs: nullable(Type.Integer({ description: 'elapsed run time at which the task must have sealed its result' })),
});
export type PlannedTask = Static<typeof PlannedTask>;

/**
 * Where a deadline ended parts of a fit: by the part, how far it was then. Empty where none did. A fit that is given them ends
 * there without a clock.
 */
export const FitStops = Type.Record(Type.String(), Type.Integer({ minimum: 0 }));
export type FitStops = Static<typeof FitStops>;

/** Name among a manifest's `parameters` of the fit's {@link FitStops}. */
export const STOPS_PARAMETER = 'stoppedAt';

/** A model of a run that is made again. */
export const RecordedModel = strict({
  task: PlannedTask,
  modelId: Id,
  contentHash: Sha256,
  stops: FitStops,
});
export type RecordedModel = Static<typeof RecordedModel>;

/** A run that is made again: its models in order of creation, those that did not succeed left out. */
export const RecordedRun = strict({
  runId: Id,
  projectId: Id,
  models: Type.Array(RecordedModel, { minItems: 1 }),
  recommendedModelId: Id,
});
export type RecordedRun = Static<typeof RecordedRun>;

/** What may be fitted: a blueprint with parameters of its own beside its defaults. */
export const PlannedCandidate = strict({ blueprintId: Type.String(), parameters: Parameters });
export type PlannedCandidate = Static<typeof PlannedCandidate>;

/**
 * Everything Autopilot's decisions rest on; made when the run is accepted and never changed. With the committed
 * results and the time spent it gives the next tasks: `next(plan, state)` of `ml` is a pure function of these.
 */
export const AutopilotPlan = strict({
  mode: oneOf(AUTOPILOT_MODES),
  target: TargetSpec,
  features: Type.Array(ModellingFeature, { minItems: 1 }),
  featureList: Type.Optional(Type.String({ description: 'name of the list that the features were taken from' })),
  metric: MetricNameSchema,
  partitioning: Partitioning,
  weightColumn: nullable(Type.String()),
  imbalance: Type.Optional(Imbalance),
  monotonic: strict({ increasing: Type.Array(Type.String()), decreasing: Type.Array(Type.String()) }),
  seed: Type.Integer({ minimum: 0, maximum: 4294967295 }),
  rowCount: Type.Integer({ minimum: 1 }),
  candidates: Type.Array(PlannedCandidate, {
    minItems: 1,
    description: 'what may be fitted, best expected value first',
  }),
  pinnedParameters: Type.Optional(PinnedParameters),
  leftOut: Type.Optional(
    Type.Array(strict({ blueprintId: Type.String(), reason: Type.String() }), {
      description: 'blueprints that cannot predict such a target, or keep the constraints of monotonic',
    }),
  ),
  ensemble: Type.Optional(
    nullable(
      strict({
        membersMax: Type.Integer({ minimum: 2, description: 'models that are blended at most' }),
        stepsMax: Type.Integer({ minimum: 1, description: 'steps of the selection of weights at most' }),
        stacks: Type.Optional(
          Type.Boolean({ description: 'whether a stacked layer may take the place of greedy weights; default false' }),
        ),
      }),
    ),
  ),
  leakage: Type.Optional(
    strict(
      {
        excludes: Type.Boolean({
          description: 'whether features of high risk are left out; not of a list that was asked for',
        }),
        skipped: nullable(Type.String({ description: 'why it is not looked for' })),
        ...LeakageSearch.properties,
      },
      { description: 'the search for target leakage that goes before all models but the baseline; none in older runs' },
    ),
  ),
  insights: Type.Optional(
    oneOf(['recommended', 'none'], {
      description: 'whose feature impact and effects are computed when the run is over',
    }),
  ),
  refitCopies: Type.Optional(
    Type.Integer({
      minimum: 1,
      description:
        'models with seeds of their own that a refit averages at most, where fits draw random numbers; default 1',
    }),
  ),
  maxModels: nullable(Type.Integer({ minimum: 1 })),
  timeBudgetMs: nullable(Type.Integer({ minimum: 1 })),
  replay: Type.Optional(RecordedRun),
  parallelTasks: Type.Integer({ minimum: 1, description: 'tasks planned at a time' }),
  threadsPerTask: Type.Integer({ minimum: 1 }),
  ranksMax: Type.Optional(
    Type.Integer({ minimum: 2, description: 'tasks that may fit one model together; default 1' }),
  ),
  workerBytesMax: Type.Optional(
    Type.Integer({ minimum: 1, description: 'with `ranksMax`: what needs more memory than this is fitted by several' }),
  ),
});
export type AutopilotPlan = Static<typeof AutopilotPlan>;

/** What is known of an ensemble beside its scores. */
export const EnsembleFacts = strict({
  members: Type.Array(
    strict({ modelId: Id, weight: Type.Number({ exclusiveMinimum: 0, maximum: ENSEMBLE_WEIGHT_MAX }) }),
    {
      minItems: 1,
      description: 'the models that are blended, on the link scale; without a layer weights add up to 1',
    },
  ),
  layer: Type.Optional(StackedLayer),
  selectionRowCount: nullable(Type.Integer({ minimum: 1, description: 'held-back rows that chose the weights' })),
  gain: nullable(
    Type.Number({
      description:
        'by which it is better than the best single model, both chosen without the rows that they predict; null of a refit',
    }),
  ),
  noise: nullable(Type.Number({ minimum: 0, description: 'standard error of the gain' })),
});
export type EnsembleFacts = Static<typeof EnsembleFacts>;

/** What became of a planned task. */
export const PlannedResult = strict({
  key: Type.String(),
  modelId: Id,
  state: oneOf(['succeeded', 'failed', 'cancelled']),
  score: nullable(Type.Number({ description: 'of the plan’s metric, cross-validation or validation' })),
  iterations: nullable(Type.Integer()),
  fitMs: Type.Number({ description: 'measured; never read in a run without a time budget' }),
  sizeBytes: Type.Optional(Type.Integer({ description: 'of manifest and blob; read as `fitMs` is' })),
  ensemble: Type.Optional(nullable(EnsembleFacts)),
});
export type PlannedResult = Static<typeof PlannedResult>;

/** State of a run as `next` sees it. */
export interface AutopilotState {
  /** Tasks created so far, in order of creation. */
  readonly tasks: readonly PlannedTask[];
  /** Results committed so far, in any order; `next` must not depend on the order. */
  readonly results: readonly PlannedResult[];
  /** What the task that looked for leakage has committed; null before, and where none did. */
  readonly leakage?: LeakageFacts | null;
  /** Elapsed since the job's createdAt without pauses, database clock; null in runs without a time budget. */
  readonly elapsedMs: number | null;
  /** The user asked to stop: no new search tasks; recommend what there is. */
  readonly stopping: boolean;
}

/** What `next` decides. */
export interface AutopilotDecision {
  /** New tasks, in order; never one whose key exists already. */
  readonly tasks: readonly PlannedTask[];
  /** Keys of tasks that should be cancelled because they cannot end in time. */
  readonly cancel: readonly string[];
  /** The recommended model; set once, together with `finished`. Null when finished without any model. */
  readonly recommended: { readonly modelId: string; readonly reason: string } | null;
  readonly finished: boolean;
  /** Elapsed time at which `next` wants to be asked again even if nothing is committed; null = never. */
  readonly wakeAtMs: number | null;
}
