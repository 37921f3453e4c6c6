import {
  AppError,
  complaint,
  type AutopilotPlan,
  type FeatureType,
  type ModellingFeature,
  type PinnedParameters,
  type TargetSpec,
} from '#contracts';
import { CATALOGUE, entryOf, settingsOf, type CatalogueEntry } from '../blueprints/catalogue.ts';
import { ENSEMBLE_BLUEPRINT_ID } from '../blueprints/ensemble.ts';
import { hasWidePair } from '../blueprints/factorization.ts';
import { historyIdsOf } from '../blueprints/history.ts';
import { boundedCandidate, hasManyClasses, searchedFor } from '../blueprints/many-classes.ts';
import { naiveIdsOf } from '../blueprints/naive.ts';
import { AFTER_PORTFOLIO, PORTFOLIO } from '../blueprints/portfolio.ts';
import { variations, type Candidate } from '../blueprints/variations.ts';
import { ENSEMBLE_MEMBERS_MAX, ENSEMBLE_STEPS_MAX } from '../ensemble/limits.ts';
import { columnNamed, planColumns, type PlanColumn } from './columns.ts';
import { quoted } from './quoted.ts';
import { featuresOf } from './features.ts';
import { imbalanceOf } from './imbalance.ts';
import {
  BUDGET_SECONDS_MIN,
  CANDIDATES_MAX,
  ENSEMBLE_MODELS_MIN,
  FULL_VARIATIONS,
  QUICK_MODELS,
  REFIT_COPIES_MAX,
  TEXT_FEATURES_WORTH,
} from './limits.ts';
import { keepsMonotonic, misfitOf } from '../blueprints/misfit.ts';
import { hasManyLevels, missingInput } from '../blueprints/missing-input.ts';
import { objectiveOf, type Objective } from '../blueprints/objective.ts';
import { missingSeries } from '../blueprints/series-needs.ts';
import { withOffsets } from './offsets.ts';
import { partitioningOf } from './partitioning.ts';
import { checkPins, checkPinsAreUsed, distinct, isPossible, pinsOf, withPins } from './pinned.ts';
import type { AutopilotFacts, AutopilotRequest } from './request.ts';
import { metricOf, targetSpecOf, withQuantile } from './target.ts';

/** Types whose value is one number. */
export const NUMBER_TYPES: readonly FeatureType[] = ['numeric', 'currency', 'percent', 'duration'];

/**
 * Decides everything a run rests on, before anything runs. A pure function: the same request and facts give the same plan.
 *
 * @throws every semantic complaint about the request, each naming the field, what was found and what to do: FEATURE_UNKNOWN,
 * TARGET_CONSTANT, TARGET_HAS_MISSING, TARGET_NOT_FINITE, TARGET_TYPE_MISMATCH, TARGET_CLASS_TOO_SMALL, METRIC_MISMATCH,
 * TOO_FEW_ROWS, NO_FEATURES, PARTITION_INVALID, BLUEPRINT_UNKNOWN, BUDGET_TOO_SMALL, VALIDATION_FAILED, NOT_AVAILABLE
 */
export function planAutopilot(request: AutopilotRequest, facts: AutopilotFacts): AutopilotPlan {
  const columns = planColumns(facts);
  const targetColumn = columnNamed(columns, request.target, 'target');
  const classes = targetSpecOf(request, targetColumn);
  const metric = metricOf(request, targetColumn, classes.targetType);
  const target = withQuantile(request, withOffsets(request, columns, classes, metric), metric);
  const weightColumn = weightOf(request, columns, target);
  const imbalance = imbalanceOf(request.imbalance, target);
  const seed = request.seed ?? 0;
  const { rowCount } = facts.table;
  const timeBudgetMs = budgetOf(request);
  const features = featuresOf(request, columns, target);
  const partitioning = partitioningOf(request.partitioning, {
    target,
    columns,
    rowCount,
    features,
    featureCount: features.reduce((sum, { type }) => sum + (type === 'text' ? TEXT_FEATURES_WORTH : 1), 0),
    seed,
    timeBudgetMs,
  });
  const monotonic = monotonicOf(request, features, columns, target);
  const isConstrained = monotonic.increasing.length + monotonic.decreasing.length > 0;
  const naiveIds = naiveIdsOf({ partitioning, features, target });
  const historyIds = historyIdsOf({ partitioning, features, target });
  const objective = objectiveOf(target, metric);
  const pinned = request.pinnedParameters ?? {};
  checkPins(pinned);
  const balance = imbalance === null ? {} : { imbalance };
  const parts = { partitioning, features, target, objective, naiveIds, historyIds, isConstrained, seed, pinned };
  const ground = { ...parts, ...balance };
  const candidates = candidatesOf(request, ground);
  checkPinsAreUsed(pinned, candidates);
  // Blueprints that are tried only where they are named are missed by nobody.
  const searched = CATALOGUE.filter((entry) => isSearched(entry, features));
  const leftOut = searched.flatMap((entry) => {
    const reason =
      misfitOf(fittedSettings(plainOf(entry.blueprint.id), ground), target, ground.imbalance) ??
      breachOf(entry, ground);
    return reason === null ? [] : [{ blueprintId: entry.blueprint.id, reason }];
  });
  if (leftOut.length === searched.filter(({ settings }) => settings !== null).length)
    throw complaint(
      'VALIDATION_FAILED',
      'monotonic',
      `no model keeps constraints for ${metric}; leave them out, or use rmse`,
    );
  return {
    mode: request.mode ?? 'quick',
    target,
    features,
    metric,
    partitioning,
    weightColumn,
    ...balance,
    monotonic,
    seed,
    rowCount,
    candidates,
    ...(request.pinnedParameters === undefined ? {} : { pinnedParameters: request.pinnedParameters }),
    ...(leftOut.length === 0 ? {} : { leftOut }),
    ensemble: ensembleOf(request, candidates),
    refitCopies: REFIT_COPIES_MAX,
    maxModels: request.maxModels ?? null,
    timeBudgetMs,
    parallelTasks: Math.max(1, Math.min(facts.parallelTasks, request.maxWorkers ?? facts.parallelTasks)),
    threadsPerTask: Math.max(1, facts.threadsPerTask),
    ...((facts.ranksMax ?? 1) > 1 ? { ranksMax: facts.ranksMax, workerBytesMax: facts.workerBytesMax } : {}),
  };
}

function budgetOf({ timeBudgetSeconds }: AutopilotRequest): number | null {
  if (timeBudgetSeconds === undefined) return null;
  if (timeBudgetSeconds < BUDGET_SECONDS_MIN) {
    throw complaint(
      'BUDGET_TOO_SMALL',
      'timeBudgetSeconds',
      `is ${timeBudgetSeconds}, but no model can be trained, refitted and published in less than ${BUDGET_SECONDS_MIN} seconds; give at least ${BUDGET_SECONDS_MIN}`,
    );
  }
  return Math.round(timeBudgetSeconds * 1000);
}

function weightOf(
  { weightColumn }: AutopilotRequest,
  columns: ReadonlyMap<string, PlanColumn>,
  target: TargetSpec,
): string | null {
  if (weightColumn === undefined) return null;
  const { profile, column } = columnNamed(columns, weightColumn, 'weightColumn');
  const refuse = (message: string): AppError =>
    complaint('VALIDATION_FAILED', 'weightColumn', `${quoted(weightColumn)} ${message}`);
  if (weightColumn === target.name) throw refuse('is the target; use another column');
  if (column.parse.kind !== 'number') throw refuse(`is ${profile.type}; a weight must be a number`);
  if (profile.missingCount > 0)
    throw refuse(`is missing in ${profile.missingCount} rows; fill in a weight, 0 to leave a row out`);
  if (profile.infiniteCount > 0 || (profile.min ?? 0) < 0)
    throw refuse('has negative or infinite values; weights must be 0 or more');
  if (!((profile.max ?? 0) > 0)) throw refuse('is 0 in every row; some weights must be positive');
  return weightColumn;
}

function monotonicOf(
  { monotonic }: AutopilotRequest,
  features: readonly ModellingFeature[],
  columns: ReadonlyMap<string, PlanColumn>,
  target: TargetSpec,
): AutopilotPlan['monotonic'] {
  const wanted = {
    increasing: [...new Set(monotonic?.increasing ?? [])],
    decreasing: [...new Set(monotonic?.decreasing ?? [])],
  };
  for (const direction of ['increasing', 'decreasing'] as const) {
    for (const name of wanted[direction]) {
      const field = `monotonic.${direction}`;
      columnNamed(columns, name, field);
      const refuse = (message: string): AppError => complaint('VALIDATION_FAILED', field, `${quoted(name)} ${message}`);
      if (target.targetType === 'multiclass')
        throw refuse('cannot be constrained: a multiclass target has no direction');
      const feature = features.find((candidate) => candidate.name === name);
      if (feature === undefined) throw refuse('is not among the features that are modelled');
      if (!NUMBER_TYPES.includes(feature.type)) throw refuse(`is ${feature.type}; only numbers can be constrained`);
      if (direction === 'decreasing' && wanted.increasing.includes(name))
        throw refuse('is in monotonic.increasing too');
    }
  }
  return wanted;
}

/** Whether the run may end in an ensemble: not where one model is asked for, and of a list of blueprints only if it is in it. */
function ensembleOf(
  { mode = 'quick', blueprints }: AutopilotRequest,
  candidates: readonly Candidate[],
): NonNullable<AutopilotPlan['ensemble']> | null {
  if (blueprints === undefined ? mode === 'manual' : !blueprints.includes(ENSEMBLE_BLUEPRINT_ID)) return null;
  const learning = candidates.filter(({ blueprintId }) => entryOf(blueprintId).settings !== null);
  if (learning.length >= ENSEMBLE_MODELS_MIN)
    return { membersMax: ENSEMBLE_MEMBERS_MAX, stepsMax: ENSEMBLE_STEPS_MAX, stacks: true };
  if (blueprints === undefined) return null;
  throw complaint(
    'VALIDATION_FAILED',
    'blueprints',
    `an ensemble needs at least ${ENSEMBLE_MODELS_MIN} models that learn from features; name more of them, or raise maxModels`,
  );
}

/** What candidates must suit. */
interface CandidateGround extends Pick<AutopilotPlan, 'partitioning' | 'features' | 'target' | 'imbalance'> {
  readonly objective: Objective;
  /** Naive forecasts that the partitioning allows. */
  readonly naiveIds: readonly string[];
  /** Models that read the past of series, where the rows are some. */
  readonly historyIds: readonly string[];
  /** Whether some feature must act in one direction only. */
  readonly isConstrained: boolean;
  readonly seed: number;
  readonly pinned: PinnedParameters;
}

const plainOf = (blueprintId: string): Candidate => ({ blueprintId, parameters: {} });

/** A candidate with what is pinned, and with no more than the target allows; a pin is not bounded. */
function fitted(candidate: Candidate, { pinned, target }: Pick<CandidateGround, 'pinned' | 'target'>): Candidate {
  const whole = withPins(candidate, pinned);
  if (Object.hasOwn(pinsOf(pinned, candidate.blueprintId), 'maxIterations')) return whole;
  return boundedCandidate(whole, settingsOf(whole.blueprintId, whole.parameters), target);
}

/** What a candidate is fitted with. */
function fittedSettings(
  candidate: Candidate,
  ground: Pick<CandidateGround, 'pinned' | 'target'>,
): ReturnType<typeof settingsOf> {
  const { blueprintId, parameters } = fitted(candidate, ground);
  return settingsOf(blueprintId, parameters);
}

/**
 * What may be fitted, best expected value first. With a budget that is the portfolio, which time ends; else each blueprint once, as
 * many as the mode wants. Seeded variations follow where more are wanted. What would find none of the features that it reads, cannot
 * predict such a target or cannot keep the constraints is left out. After the baseline come the naive forecasts of a series.
 */
function candidatesOf(
  { mode = 'quick', blueprints, maxModels, timeBudgetSeconds }: AutopilotRequest,
  ground: CandidateGround,
): Candidate[] {
  const { features, target, naiveIds, historyIds, seed, pinned } = ground;
  for (const id of blueprints ?? []) if (id !== ENSEMBLE_BLUEPRINT_ID) checkBlueprint(id, ground);
  const isTimed = timeBudgetSeconds !== undefined && blueprints === undefined && mode !== 'manual';
  const portfolio = mode === 'full' ? [...PORTFOLIO, ...AFTER_PORTFOLIO] : PORTFOLIO;
  const all = isTimed ? portfolio : CATALOGUE.map(({ blueprint }) => plainOf(blueprint.id));
  // Pins can make candidates equal; without any all are tried.
  const unique = (some: Candidate[]): Candidate[] => (Object.keys(pinned).length === 0 ? some : distinct(some));
  const suited = (blueprints === undefined ? searchedFor(target, all) : all)
    // After the baseline and the first quick model.
    .toSpliced(2, 0, ...historyIds.map(plainOf))
    .filter((candidate) => isPossible(withPins(candidate, pinned)))
    .map((candidate) => fitted(candidate, ground))
    .filter(({ blueprintId, parameters }) => {
      const fits = misfitOf(settingsOf(blueprintId, parameters), target, ground.imbalance) === null;
      return fits && missingInput(entryOf(blueprintId), features) === null;
    })
    .filter(({ blueprintId }) => {
      const entry = entryOf(blueprintId);
      return breachOf(entry, ground) === null && (isSearched(entry, features) || blueprints !== undefined);
    })
    .toSpliced(1, 0, ...naiveIds.map(plainOf))
    .filter(({ blueprintId }) => blueprints?.includes(blueprintId) ?? true);
  const plain = unique(suited);
  // Without a list, manual mode makes what all other models are compared with.
  if (mode === 'manual' && blueprints === undefined) return plain.slice(0, 1 + naiveIds.length);
  const automatic =
    mode === 'full' && blueprints === undefined
      ? plain.length + FULL_VARIATIONS
      : isTimed || blueprints !== undefined
        ? plain.length
        : quickModels(features) + naiveIds.length + historyIds.length;
  const wanted = Math.min(maxModels ?? automatic, CANDIDATES_MAX);
  const isVaried = blueprints === undefined && !hasManyClasses(target);
  const varied = isVaried ? variations(seed, Math.max(0, wanted - plain.length)) : [];
  const possible = varied.map((candidate) => withPins(candidate, pinned)).filter(isPossible);
  return unique([...plain, ...possible]).slice(0, wanted);
}

/** Whether a blueprint is tried unnamed. */
const isSearched = (entry: CatalogueEntry, features: readonly ModellingFeature[]): boolean =>
  entry.isSearched !== false && entry.isSearchedFor?.(features) !== false;

/** Models of a quick run: where there are texts or categories of many levels, one more for the blueprint that reads them best. */
const quickModels = (features: readonly ModellingFeature[]): number =>
  QUICK_MODELS +
  Number(features.some(({ type }) => type === 'text')) +
  Number(features.some(hasManyLevels)) +
  Number(hasWidePair(features));

/** Why a blueprint breaks the constraints that there are; null: it does not. */
const breachOf = (
  { settings }: CatalogueEntry,
  { isConstrained, objective }: Pick<CandidateGround, 'isConstrained' | 'objective'>,
): string | null =>
  isConstrained && !keepsMonotonic(settings, objective) ? 'it cannot keep the constraints of monotonic' : null;

function checkBlueprint(id: string, ground: CandidateGround): void {
  const { features, target } = ground;
  const entry = knownEntry(id);
  const needs = missingSeries(id, ground);
  if (needs !== null) throw complaint('VALIDATION_FAILED', 'blueprints', `${quoted(id)} ${needs}; leave it out`);
  if (breachOf(entry, ground) !== null)
    throw complaint(
      'VALIDATION_FAILED',
      'blueprints',
      `${quoted(id)} cannot keep the constraints of monotonic; leave it out, or them`,
    );
  const reason = misfitOf(fittedSettings(plainOf(id), ground), target, ground.imbalance);
  if (reason !== null) throw complaint('VALIDATION_FAILED', 'blueprints', `${quoted(id)}: ${reason}; leave it out`);
  const missing = missingInput(entry, features);
  if (missing === null) return;
  throw complaint(
    'VALIDATION_FAILED',
    'blueprints',
    `${quoted(id)} needs ${missing}, and there is none among those that are modelled; leave it out`,
  );
}

function knownEntry(id: string): CatalogueEntry {
  try {
    return entryOf(id);
  } catch (err) {
    if (err instanceof AppError) throw complaint(err.code, 'blueprints', err.message);
    throw err;
  }
}
