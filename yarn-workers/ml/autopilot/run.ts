import type { AutopilotPlan, AutopilotState, PlannedResult, PlannedTask } from '#contracts';
import { isBetter } from '#statistics';
import { excludedOf } from './leakage.ts';
import { budgetTimes, type BudgetTimes } from './cost-model.ts';

/** A task of the run with what became of it. */
export interface Placed {
  readonly task: PlannedTask;
  readonly result: PlannedResult | null;
  /** Past its deadline and grace: it is cancelled and waited for no more. */
  readonly isOverdue: boolean;
}

/** A task that succeeded. */
export type Succeeded = Placed & { readonly result: PlannedResult };

/** A search task. */
export type Searched = Placed & { readonly candidate: number };

/** The state of a run, sorted: nothing depends on the order of results. */
export interface Run {
  readonly plan: AutopilotPlan;
  readonly times: BudgetTimes | null;
  readonly elapsedMs: number;
  /** A user has stopped it. */
  readonly isStopped: boolean;
  /** Features that are left out, for they give the target away; null: that is not known yet, so nothing reads features. */
  readonly excluded: readonly string[] | null;
  readonly searched: readonly Searched[];
  /** Search tasks that are still waited for. */
  readonly open: readonly Searched[];
  /** Keys to cancel because they are overdue. */
  readonly overdue: readonly string[];
  /** The best single model; once its refit is under way, the one that is refitted, whatever late results say. */
  readonly best: (Searched & Succeeded) | null;
  readonly ensemble: Placed | null;
  /** The refit of the best single model. */
  readonly refit: Placed | null;
  /** Refits of the ensemble's members, by the model that they refit. */
  readonly memberRefits: ReadonlyMap<string, Placed>;
  /** The refit of the ensemble: the blend of its members' refits. */
  readonly ensembleRefit: Placed | null;
}

export const REFIT_KEY = 'refit';
export const ENSEMBLE_KEY = 'ensemble';
export const ENSEMBLE_REFIT_KEY = 'refit-ensemble';
export const searchKey = (candidate: number, blueprintId: string): string => `search-${candidate}-${blueprintId}`;
export const sampleKey = (candidate: number, blueprintId: string): string => `sample-${candidate}-${blueprintId}`;
export const memberRefitKey = (candidate: number): string => `refit-${candidate}`;
/** The place in the plan of the candidate that a search task is of. */
export const candidateOf = (key: string): number => Number(key.split('-')[1]);

export const isSucceeded = (placed: Placed | null): placed is Succeeded => placed?.result?.state === 'succeeded';
/** Neither ended nor given up. */
export const isOpen = (placed: Placed | null): boolean =>
  placed !== null && placed.result === null && !placed.isOverdue;

export function runOf(plan: AutopilotPlan, state: AutopilotState): Run {
  const times = plan.timeBudgetMs === null ? null : budgetTimes(plan.timeBudgetMs);
  const elapsedMs = times === null ? 0 : (state.elapsedMs ?? 0);
  const results = new Map(state.results.map((result) => [result.key, result]));
  const isOverdue = ({ key, deadlineMs }: PlannedTask): boolean =>
    times !== null && deadlineMs !== null && !results.has(key) && elapsedMs >= deadlineMs + times.graceMs;
  const placed = state.tasks.map((task): Placed => ({
    task,
    result: results.get(task.key) ?? null,
    isOverdue: isOverdue(task),
  }));
  const named = (key: string): Placed | null => placed.find(({ task }) => task.key === key) ?? null;
  const searched = placed
    .filter(({ task }) => task.role === 'search')
    .map((one) => ({ ...one, candidate: candidateOf(one.task.key) }))
    .sort((a, b) => a.candidate - b.candidate);
  const refit = named(REFIT_KEY);
  const memberRefits = placed.filter(
    ({ task: { role, key } }) => role === 'refit' && key !== REFIT_KEY && key !== ENSEMBLE_REFIT_KEY,
  );
  return {
    plan,
    times,
    elapsedMs,
    isStopped: state.stopping,
    excluded: excludedOf(plan, state.leakage ?? null, searched),
    searched,
    open: searched.filter(isOpen),
    overdue: placed.filter((one) => one.isOverdue).map(({ task }) => task.key),
    best: refit === null ? bestOf(plan, searched) : twinOf(refit.task, searched),
    ensemble: named(ENSEMBLE_KEY),
    refit,
    memberRefits: new Map(memberRefits.map((one) => [one.task.refitOf ?? '', one])),
    ensembleRefit: named(ENSEMBLE_REFIT_KEY),
  };
}

/** Committed models, best first; ties go to the earlier candidate. One without a score comes after all with one. */
export function ranked(plan: AutopilotPlan, searched: readonly Searched[]): (Searched & Succeeded)[] {
  const done = searched.flatMap((one) => (isSucceeded(one) ? [one] : []));
  const order = (a: PlannedResult, b: PlannedResult): number =>
    Number(isBetter(plan.metric, b.score, a.score)) - Number(isBetter(plan.metric, a.score, b.score));
  return done.sort((a, b) => order(a.result, b.result) || a.candidate - b.candidate);
}

/** The best model that was fitted on all rows, so that what its refit takes is known; one of a sample only where there is no other. */
function bestOf(plan: AutopilotPlan, searched: readonly Searched[]): Run['best'] {
  const models = ranked(plan, searched);
  return models.find(({ task }) => !isSample(task)) ?? models[0] ?? null;
}

function twinOf({ refitOf }: PlannedTask, searched: readonly Searched[]): Run['best'] {
  return searched.flatMap((one) => (isSucceeded(one) && one.result.modelId === refitOf ? [one] : []))[0] ?? null;
}

/** True if a task is of the round on a sample. */
export const isSample = ({ sampleFraction }: PlannedTask): boolean => (sampleFraction ?? 1) < 1;
