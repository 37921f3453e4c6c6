import type { AutopilotPlan, LeakageFacts, LeakageSearch, PlannedTask } from '#contracts';
import { entryOf } from '../blueprints/catalogue.ts';
import type { Run, Searched } from './run.ts';

/** Part of a budget that the search for leakage may take. */
const BUDGET_SHARE = 0.05;
/** Of less time nothing comes: reading the first features takes as long. */
const SEARCH_MS_MIN = 100;
/** Lists from which what gives the target away is left out; who names another one has asked for its features. */
const CLEANED_LISTS: readonly (string | undefined)[] = [undefined, 'leakage-free'];

/**
 * Whether a run looks for target leakage before anything else, how long, and what becomes of what it finds.
 *
 * @param groupColumns see `groupColumnsOf`
 */
export function leakagePlan(
  { candidates, featureList, timeBudgetMs }: AutopilotPlan,
  groupColumns: NonNullable<LeakageSearch['groupColumns']> = [],
): NonNullable<AutopilotPlan['leakage']> {
  const excludes = CLEANED_LISTS.includes(featureList);
  const [first] = candidates;
  if (first === undefined || entryOf(first.blueprintId).settings !== null)
    return { excludes, skipped: 'the baseline, with which it is looked for, is not among the blueprints' };
  const msMax = timeBudgetMs === null ? null : Math.floor(BUDGET_SHARE * timeBudgetMs);
  if (msMax !== null && msMax < SEARCH_MS_MIN)
    return {
      excludes,
      skipped: `${100 * BUDGET_SHARE} % of the budget, ${msMax} ms, are less than the ${SEARCH_MS_MIN} ms that it needs`,
    };
  return {
    ...{ excludes, skipped: null },
    ...(msMax === null ? {} : { msMax }),
    ...(groupColumns.length === 0 ? {} : { groupColumns: [...groupColumns] }),
  };
}

/** What the task that looks for leakage is told. A replay has no deadlines: it ends where the recorded search has. */
export function leakageSearchOf({ leakage, replay }: AutopilotPlan): LeakageSearch {
  const { msMax, groupColumns } = leakage ?? {};
  return {
    ...(msMax === undefined || replay !== undefined ? {} : { msMax }),
    ...(groupColumns === undefined ? {} : { groupColumns }),
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
