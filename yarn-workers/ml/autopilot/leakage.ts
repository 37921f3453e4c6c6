import type { AutopilotPlan, LeakageFacts, PlannedTask } from '#contracts';
import { entryOf } from '../blueprints/catalogue.ts';
import type { Run, Searched } from './run.ts';

/** Part of a budget that the search for leakage may be expected to take. */
const BUDGET_SHARE = 0.05;
/** Expected: so many ms, and so many cells a ms. */
const FIXED_MS = 500;
const CELLS_PER_MS = 5_000;
/** Lists from which what gives the target away is left out; who names another one has asked for its features. */
const CLEANED_LISTS: readonly (string | undefined)[] = [undefined, 'leakage-free'];

/** Whether a run looks for target leakage before anything else, and what becomes of what it finds. */
export function leakagePlan({
  candidates,
  features,
  featureList,
  rowCount,
  timeBudgetMs,
}: AutopilotPlan): NonNullable<AutopilotPlan['leakage']> {
  const excludes = CLEANED_LISTS.includes(featureList);
  const [first] = candidates;
  if (first === undefined || entryOf(first.blueprintId).settings !== null)
    return { excludes, skipped: 'the baseline, with which it is looked for, is not among the blueprints' };
  const expectedMs = FIXED_MS + (rowCount * features.length) / CELLS_PER_MS;
  if (timeBudgetMs === null || expectedMs <= BUDGET_SHARE * timeBudgetMs) return { excludes, skipped: null };
  const seconds = (ms: number): string => (ms / 1000).toPrecision(2);
  return {
    excludes,
    skipped: `it would take about ${seconds(expectedMs)} s, more than ${100 * BUDGET_SHARE} % of the budget of ${seconds(timeBudgetMs)} s`,
  };
}

/**
 * Features that give the target away: those of high risk, and of each pair the one that tells more by itself, without which the other
 * tells no more than it does alone.
 */
export function leakingFeatures({ findings }: LeakageFacts): ReadonlySet<string> {
  const excluded = new Set<string>();
  for (const { features, risk } of findings) {
    if (risk !== 'high' || features.some((name) => excluded.has(name))) continue;
    excluded.add(features[0] ?? '');
  }
  return excluded;
}

/** Features of the plan that no model of the run reads; nothing, where nothing would be left. */
export function excludedOfRun(plan: AutopilotPlan, leakage: LeakageFacts): string[] {
  if (plan.leakage?.excludes !== true) return [];
  const excluded = leakingFeatures(leakage);
  const listed = plan.features.map(({ name }) => name).filter((name) => excluded.has(name));
  return listed.length < plan.features.length ? listed : [];
}

/** What is left out from now on; null: the task that looks for leakage is still waited for. What models were begun with stays. */
export function excludedOf(
  plan: AutopilotPlan,
  leakage: LeakageFacts | null,
  searched: readonly Searched[],
): readonly string[] | null {
  if (plan.leakage === undefined || plan.leakage.skipped !== null) return [];
  const later = searched.find(({ task }) => task.findsLeakage !== true);
  if (later !== undefined) return later.task.excludedFeatures ?? [];
  const isAwaited = searched.every(({ result, isOverdue }) => result === null && !isOverdue);
  if (isAwaited) return null;
  return leakage === null ? [] : excludedOfRun(plan, leakage);
}

/** A new task as the state of the search for leakage has it. */
export function withLeakage({ excluded }: Run, task: PlannedTask): PlannedTask {
  if (excluded === null) return { ...task, findsLeakage: true };
  return excluded.length === 0 ? task : { ...task, excludedFeatures: [...excluded] };
}
