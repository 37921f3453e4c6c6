import type { AutopilotPlan, PlannedResult } from '#contracts';
import { outputCountOf } from '#scoring';
import { entryOf, settingsOf } from '../blueprints/catalogue.ts';
import {
  isAveraged,
  isBagged,
  isBoosted,
  isFactorization,
  isNetwork,
  isForest,
  isLinear,
  leavesOf,
  type BoostedSettings,
} from '../blueprints/settings.ts';
import type { Candidate } from '../blueprints/variations.ts';
import { SELECTION_TERMS_MAX, VALIDATION_PARTS } from '../ensemble/limits.ts';
import { SEED_COPIES_MAX } from './limits.ts';
import type { Succeeded } from './run.ts';

/** What a task costs beside its fit: claim, reading, sealing, commit. */
export const TASK_OVERHEAD_MS = 700;
/** The estimate of a refit is taken so many times. */
export const REFIT_SAFETY = 1.5;
/** The estimate of the refits of an ensemble's members is taken so many times while searching: all of them must be had, or none is. */
export const MEMBERS_REFIT_SAFETY = 1.1;
/** A refit is tried if this part of its expected time is left: it gives up early when it cannot end in time. */
export const REFIT_TRY_MIN = 0.6;
/** Before there is any boosted model, one may take this part of what is left: better validated only than not at all. */
export const FIRST_BOOSTED_SHARE = 0.6;
/** A fit is started if at least this part of its expected time is left; it stops boosting at its deadline. */
export const TRUNCATED_FIT_MIN = 0.5;
/** Shortest time between creation and deadline that a task is started with. */
export const TASK_MS_MIN = TASK_OVERHEAD_MS + 200;

/** Beside its reading and selecting, what the task of an ensemble takes on top of {@link TASK_OVERHEAD_MS}. */
const ENSEMBLE_MS = 400;
/**
 * Reading, blending and comparing a row of the out-of-fold predictions of one model, by the worker and again by the app server
 * (1.4 us each at 200,000 rows); one term of the selection (18 ns).
 */
const ENSEMBLE_MS_PER_ROW = 0.003;
const SELECTION_MS_PER_TERM = 0.000_02;
/**
 * A MiB of artefact that may be blended: read, packed and checked by the worker, and all of it again by the app server, which takes 10 to 25 ms; trees
 * are compiled besides, to be timed.
 */
const ENSEMBLE_MS_PER_MIB = 60;
const FOREST_MS_PER_MIB = 25;
/**
 * What a refit of boosting takes of the time that its rows and copies alone would say: its twin went on past its best iteration, and predicted the rows
 * that it held back. Measured 0.48 to 0.53 (`docs/benchmarks.md`).
 */
const BOOSTED_REFIT_SHARE = 0.65;
/**
 * What the refit of a member costs beside its fit: 25 ms within the task and 20 ms between two are measured on one machine.
 * {@link TASK_OVERHEAD_MS} for each of them would keep back too much, and an ensemble whose refits turn out too late can
 * be recommended without them.
 */
export const MEMBER_OVERHEAD_MS = 250;
/** Time is kept for an ensemble and its refits if they take at most this part of the budget. */
export const ENSEMBLE_SHARE_MAX = 0.4;
/** The same where refits average several copies: on large tables, whose fits are long, more candidates gain more than copies do. */
export const COPIES_SHARE_MAX = 0.3;

/** Reserves at the end of a budget, as elapsed times of the run. */
export interface BudgetTimes {
  /** Results must be sealed by then: what is left is for verification and commit. */
  readonly sealBy: number;
  /** The last decision: recommend what is committed. What is left is for making it durable and servable. */
  readonly decideAt: number;
  /** Grace of a task beyond its own deadline before it is cancelled. */
  readonly graceMs: number;
}

const clamp = (value: number, min: number, max: number): number => Math.min(Math.max(value, min), max);

export function budgetTimes(budgetMs: number): BudgetTimes {
  const decideAt = budgetMs - Math.round(clamp(budgetMs * 0.01, 250, 1_000));
  const sealBy = decideAt - Math.round(clamp(budgetMs * 0.02, 350, 2_000));
  return { sealBy, decideAt, graceMs: Math.round((decideAt - sealBy) / 2) };
}

/**
 * Time of a refit relative to its twin's fit. The twin fitted each of k folds on (k - 1) / k of the rows outside the
 * holdout, or each backtest on the rows before it; the refit fits once, on all rows.
 */
export function refitRatio({ partitioning, rowCount }: AutopilotPlan): number {
  if (partitioning.dates !== undefined)
    return rowCount / partitioning.dates.backtests.reduce((sum, { training }) => sum + training.rowCount, 0);
  const { validation, folds, holdoutFraction, validationFraction } = partitioning;
  if (validation === 'tvh') return 1 / Math.max(0.05, 1 - holdoutFraction - (validationFraction ?? 0));
  return 1 / (folds * (1 - 1 / folds) * (1 - holdoutFraction));
}

/** What a fit on all training rows takes, if one on a part of them took what it took. */
export const fullFitMs = ({ task, result }: Succeeded): number => result.fitMs / (task.sampleFraction ?? 1);

/** How many models a refit averages: of boosting alone several, more of bags than of seeds. */
export function copiesOf({ blueprintId, parameters }: Candidate, copies: number): number {
  const settings = settingsOf(blueprintId, parameters);
  if (!isAveraged(settings)) return 1;
  return isBagged(settings) ? copies : Math.min(copies, SEED_COPIES_MAX);
}

/** Expected time of the refit of a model in so many copies, but for what any task takes. */
export function refitFitMs(plan: AutopilotPlan, twin: Succeeded, copies: number): number {
  const { blueprintId, parameters } = twin.task;
  const share = isAveraged(settingsOf(blueprintId, parameters)) ? BOOSTED_REFIT_SHARE : 1;
  return share * refitRatio(plan) * copiesOf(twin.task, copies) * fullFitMs(twin);
}

/** Expected time of the refit, in one copy, of a fit that took `fitMs`, with its safety. */
export function refitMsOf(plan: AutopilotPlan, fitMs: number): number {
  return TASK_OVERHEAD_MS + REFIT_SAFETY * refitRatio(plan) * fitMs;
}

/** The latest deadline of a task created now that leaves time to refit it however long it takes. */
export function latestDeadline(plan: AutopilotPlan, elapsedMs: number, sealBy: number): number {
  const ratio = REFIT_SAFETY * refitRatio(plan);
  return (sealBy - TASK_OVERHEAD_MS + ratio * elapsedMs) / (1 + ratio);
}

/**
 * What a boosted model costs on top of its relative cost where there are texts, whose scores are fitted first. Of `sms_spam`
 * (4,180 messages, nothing else) `lightgbm-fast` takes 1.4 s of CPU, `lightgbm-default` 1.7 s, `lightgbm-slow` 2.1 s, and
 * `linear-text` 5.3 s (`test/bench/text.bench.ts`); beside many other features it is less.
 */
const TEXT_SCORES_COST = 4;

/** True if a blueprint grows trees: these are compared on samples. */
export function isTrees(blueprintId: string): boolean {
  const { settings } = entryOf(blueprintId);
  return settings !== null && (isBoosted(settings) || isForest(settings));
}

/** Fits that grow alike with rows, features and classes, and what one costs. */
function costOf(plan: Pick<AutopilotPlan, 'features'>, { blueprintId, parameters }: Candidate) {
  const { settings: defaults, relativeCost, reads } = entryOf(blueprintId);
  const settings = settingsOf(blueprintId, parameters);
  if (defaults === null || settings === null) return { kind: 'constant', cost: relativeCost };
  if (isLinear(settings) || isLinear(defaults))
    return { kind: reads === 'texts too' ? 'terms' : 'columns', cost: relativeCost };
  if (isFactorization(settings) || isFactorization(defaults)) return { kind: 'vectors', cost: relativeCost };
  if (isNetwork(settings) || isNetwork(defaults)) return { kind: 'networks', cost: relativeCost };
  const textsCost = plan.features.some(({ type }) => type === 'text') ? TEXT_SCORES_COST : 0;
  if (isForest(settings) || isForest(defaults)) return { kind: 'forests', cost: relativeCost + textsCost };
  return { kind: 'trees', cost: (relativeCost * treesCost(settings)) / treesCost(defaults) + textsCost };
}

/**
 * How the time of boosting goes with its settings, but for a constant: iterations with the reciprocal of the learning rate, an
 * iteration with the columns that it looks at and between the depth and the number of its leaves.
 */
const treesCost = (settings: BoostedSettings): number =>
  (Math.sqrt(leavesOf(settings)) * settings.featureFraction) / settings.learningRate;

/**
 * Expected time of a candidate's fit: the mean over what was measured of time per relative cost, times the candidate's
 * relative cost. Trees, linear models and those with terms of texts grow differently with rows, features and
 * classes, so what was measured of another kind only counts as long as there is nothing else. Null before anything but the
 * baseline is measured.
 */
export function fitMsEstimator(
  plan: Pick<AutopilotPlan, 'features'>,
  measured: readonly (Candidate & { result: PlannedResult })[],
): (candidate: Candidate) => number | null {
  const units = measured.flatMap(({ result: { state, fitMs }, ...candidate }) => {
    const { kind, cost } = costOf(plan, candidate);
    return state === 'succeeded' && kind !== 'constant' ? [{ kind, unit: fitMs / cost }] : [];
  });
  return (candidate) => {
    const { kind, cost } = costOf(plan, candidate);
    const same = units.filter((one) => one.kind === kind);
    const chosen = same.length > 0 ? same : units;
    if (chosen.length === 0) return null;
    return (cost * chosen.reduce((sum, { unit }) => sum + unit, 0)) / chosen.length;
  };
}

/** Expected time of making an ensemble of models, from creation to commit. */
export function ensembleMsOf(plan: AutopilotPlan, models: readonly Succeeded[]): number {
  const outputCount = outputCountOf(plan.target);
  const { validation, folds, validationFraction } = plan.partitioning;
  const rows = plan.rowCount * models.length;
  const partCount = validation === 'cv' ? folds : VALIDATION_PARTS;
  const share = validation === 'cv' ? 1 : (validationFraction ?? 1);
  const terms = share * rows * outputCount * (plan.ensemble?.stepsMax ?? 0) * (partCount + 1);
  const selectionMs = SELECTION_MS_PER_TERM * Math.min(SELECTION_TERMS_MAX, terms);
  const compileMs = models.map((one) => compileMsOf(one));
  return blendMsOf(plan, compileMs) + ENSEMBLE_MS_PER_ROW * rows + selectionMs;
}

/** Expected time of blending the refits of models: nothing is chosen, no prediction read, a fold's size for each copy of an artefact. */
export function refitBlendMsOf(plan: AutopilotPlan, twins: readonly Succeeded[], copies: number): number {
  const { folds } = plan.partitioning;
  return blendMsOf(
    plan,
    twins.map((twin) => (compileMsOf(twin) * copiesOf(twin.task, copies)) / folds),
  );
}

const compileMsOf = ({ task, result }: Succeeded): number => {
  const { settings } = entryOf(task.blueprintId);
  const msPerMib = settings !== null && isForest(settings) ? FOREST_MS_PER_MIB : ENSEMBLE_MS_PER_MIB;
  return (msPerMib * (result.sizeBytes ?? 0)) / 2 ** 20;
};

/** @param compileMs of each model that may be blended */
function blendMsOf(plan: AutopilotPlan, compileMs: readonly number[]): number {
  const largest = [...compileMs].sort((a, b) => b - a).slice(0, plan.ensemble?.membersMax ?? 0);
  return TASK_OVERHEAD_MS + ENSEMBLE_MS + largest.reduce((sum, ms) => sum + ms, 0);
}
