import type { AutopilotDecision, AutopilotPlan, AutopilotState, PlannedResult, PlannedTask } from '#contracts';
import { isBetter } from '#statistics';
import { entryOf } from '../blueprints/catalogue.ts';
import { isLinear } from '../blueprints/settings.ts';
import {
  FIRST_BOOSTED_SHARE,
  REFIT_TRY_MIN,
  TASK_MS_MIN,
  TASK_OVERHEAD_MS,
  TRUNCATED_FIT_MIN,
  budgetTimes,
  fitMsEstimator,
  latestDeadline,
  refitMsOf,
  refitRatio,
  type BudgetTimes,
} from './cost-model.ts';

const REFIT_KEY = 'refit';

/** A search task with what became of it. */
interface Searched {
  readonly task: PlannedTask;
  readonly candidate: number;
  readonly result: PlannedResult | null;
  /** Past its deadline and grace: it is cancelled and waited for no more. */
  readonly isOverdue: boolean;
}

/** The state of a run, sorted: nothing below depends on the order of results. */
interface Run {
  readonly plan: AutopilotPlan;
  readonly times: BudgetTimes | null;
  readonly elapsedMs: number;
  readonly searched: readonly Searched[];
  readonly open: readonly Searched[];
  /** Keys to cancel because they are overdue. */
  readonly overdue: readonly string[];
  readonly best: (Searched & { readonly result: PlannedResult }) | null;
  readonly refit: {
    readonly task: PlannedTask;
    readonly result: PlannedResult | null;
    readonly isOverdue: boolean;
  } | null;
}

/**
 * What a run should do now. A pure function of the plan, the committed results and the time spent, called whenever a
 * result is committed and at `wakeAtMs`; the order of results does not matter, and without a time budget no measured time
 * is looked at.
 *
 * 1. Search: candidates in the plan's order, `parallelTasks` at a time. The first two (baseline, fast LightGBM) see to it
 *    that something can be recommended early. With a budget each task has a deadline that leaves time to refit it, and to
 *    refit the best so far; a candidate is skipped if less than {@link TRUNCATED_FIT_MIN} of its expected time is left.
 *    `maxModels` counts search tasks, the baseline and failed ones included.
 * 2. Refit of the best (metric, ties to the earlier candidate) on all rows, iterations frozen.
 * 3. The refit is recommended; if it failed, or cannot be made in what is left, or the user stopped the run, the best itself
 *    is, and the reason says so.
 *
 * With a budget the last decision is made at {@link BudgetTimes.decideAt}, whatever is still running.
 */
export function next(plan: AutopilotPlan, state: AutopilotState): AutopilotDecision {
  const run = runOf(plan, state);
  const isOver = run.times !== null && run.elapsedMs >= run.times.decideAt;
  if (isOver || state.stopping)
    return finish(run, state, isOver ? 'the time budget is used up' : 'the run was stopped');
  if (run.refit !== null) return afterRefit(run, state, run.refit);
  const tasks = newSearchTasks(run, state);
  if (tasks.length > 0 || run.open.length > 0) return going(run, tasks);
  if (run.best === null) return finish(run, state, '');
  const refit = refitTask(run, run.best);
  return refit === null
    ? finish(run, state, 'too little of the time budget is left for a refit on all rows')
    : going(run, [refit]);
}

function runOf(plan: AutopilotPlan, state: AutopilotState): Run {
  const times = plan.timeBudgetMs === null ? null : budgetTimes(plan.timeBudgetMs);
  const elapsedMs = times === null ? 0 : (state.elapsedMs ?? 0);
  const results = new Map(state.results.map((result) => [result.key, result]));
  const isOverdue = ({ key, deadlineMs }: PlannedTask): boolean =>
    times !== null && deadlineMs !== null && !results.has(key) && elapsedMs >= deadlineMs + times.graceMs;
  const searched = state.tasks
    .filter(({ role }) => role === 'search')
    .map((task) => ({
      task,
      candidate: candidateOf(task.key),
      result: results.get(task.key) ?? null,
      isOverdue: isOverdue(task),
    }))
    .sort((a, b) => a.candidate - b.candidate);
  const refitTaskOrNone = state.tasks.find(({ role }) => role === 'refit');
  return {
    plan,
    times,
    elapsedMs,
    searched,
    open: searched.filter(({ result, isOverdue: late }) => result === null && !late),
    overdue: state.tasks.filter(isOverdue).map(({ key }) => key),
    best: refitTaskOrNone === undefined ? bestOf(plan, searched) : twinOf(refitTaskOrNone, searched),
    refit:
      refitTaskOrNone === undefined
        ? null
        : {
            task: refitTaskOrNone,
            result: results.get(refitTaskOrNone.key) ?? null,
            isOverdue: isOverdue(refitTaskOrNone),
          },
  };
}

const searchKey = (candidate: number, blueprintId: string): string => `search-${candidate}-${blueprintId}`;
const candidateOf = (key: string): number => Number(key.split('-')[1]);

/** The best committed model; ties go to the earlier candidate. A model without a score loses against any with one. */
function bestOf(plan: AutopilotPlan, searched: readonly Searched[]): Run['best'] {
  let best: Run['best'] = null;
  for (const { task, candidate, result, isOverdue } of searched) {
    if (result?.state !== 'succeeded') continue;
    if (best === null || isBetter(plan.metric, result.score, best.result.score))
      best = { task, candidate, result, isOverdue };
  }
  return best;
}

/** Once its refit is under way the choice is made, whatever late results say. */
function twinOf({ refitOf }: PlannedTask, searched: readonly Searched[]): Run['best'] {
  for (const { result, ...rest } of searched) {
    if (result?.state === 'succeeded' && result.modelId === refitOf) return { ...rest, result };
  }
  return null;
}

function newSearchTasks(run: Run, state: AutopilotState): PlannedTask[] {
  const { plan, searched } = run;
  const limit = Math.min(plan.candidates.length, plan.maxModels ?? Infinity);
  const tried = new Set(searched.map(({ candidate }) => candidate));
  let slots = Math.min(plan.parallelTasks - run.open.length, limit - tried.size);
  const tasks: PlannedTask[] = [];
  const known = new Set(state.tasks.map(({ key }) => key));
  for (let candidate = 0; candidate < plan.candidates.length && slots > 0; candidate += 1) {
    if (tried.has(candidate)) continue;
    const task = searchTask(run, candidate, tasks.length > 0);
    if (task === null || known.has(task.key)) continue;
    tasks.push(task);
    slots -= 1;
  }
  return tasks;
}

/** The task of a candidate, or null if it does not fit into the budget any more. */
function searchTask(run: Run, index: number, othersStart: boolean): PlannedTask | null {
  const { plan, times, elapsedMs, searched, best } = run;
  const candidate = plan.candidates[index];
  if (candidate === undefined) return null;
  const task = {
    key: searchKey(index, candidate.blueprintId),
    role: 'search' as const,
    blueprintId: candidate.blueprintId,
    parameters: candidate.parameters,
    refitOf: null,
    iterations: null,
  };
  if (times === null) return { ...task, deadlineMs: null };
  const deadlineMs = Math.floor(deadlineOf(run, times));
  const available = deadlineMs - elapsedMs;
  const nothingElse = best === null && run.open.length === 0 && !othersStart;
  if (nothingElse) {
    // The last chance of the run to have any model: a refit matters less.
    const latest = available >= TASK_MS_MIN ? deadlineMs : times.sealBy;
    return latest > elapsedMs ? { ...task, deadlineMs: latest } : null;
  }
  const measured = searched.flatMap(({ task: { blueprintId }, result }) =>
    result === null ? [] : [{ blueprintId, result }],
  );
  const expected = fitMsEstimator(measured)(candidate.blueprintId) ?? 0;
  const needed = TASK_OVERHEAD_MS + TRUNCATED_FIT_MIN * expected;
  return available >= Math.max(TASK_MS_MIN, needed) ? { ...task, deadlineMs } : null;
}

/** The latest that a search task may seal: there must be time to refit it, and to refit the best so far. */
function deadlineOf({ plan, elapsedMs, searched, best }: Run, { sealBy }: BudgetTimes): number {
  const latest = latestDeadline(plan, elapsedMs, sealBy);
  const isBoosted = ({ task, result }: Searched): boolean =>
    entryOf(task.blueprintId).settings !== null && (result === null || result.state === 'succeeded');
  if (!searched.some(isBoosted)) return Math.max(latest, elapsedMs + FIRST_BOOSTED_SHARE * (sealBy - elapsedMs));
  return best === null ? latest : Math.min(latest, sealBy - refitMsOf(plan, best.result.fitMs));
}

/** The refit of the best, or null if it does not fit into the budget. */
function refitTask({ plan, times, elapsedMs }: Run, best: NonNullable<Run['best']>): PlannedTask | null {
  const expected = TASK_OVERHEAD_MS + refitRatio(plan) * best.result.fitMs;
  if (times !== null && elapsedMs + REFIT_TRY_MIN * expected > times.sealBy) return null;
  return {
    key: REFIT_KEY,
    role: 'refit',
    blueprintId: best.task.blueprintId,
    parameters: best.task.parameters,
    refitOf: best.result.modelId,
    iterations: best.result.iterations,
    deadlineMs: times?.sealBy ?? null,
  };
}

function afterRefit(run: Run, state: AutopilotState, refit: NonNullable<Run['refit']>): AutopilotDecision {
  if (refit.result === null && !refit.isOverdue) return going(run, []);
  return finish(run, state, 'the refit on all rows failed or took too long');
}

function going(run: Run, tasks: readonly PlannedTask[]): AutopilotDecision {
  return { tasks, cancel: run.overdue, recommended: null, finished: false, wakeAtMs: wakeAt(run, tasks) };
}

/** The next time at which something becomes overdue, or the last decision; null without a budget. */
function wakeAt({ times, open, refit, elapsedMs }: Run, created: readonly PlannedTask[]): number | null {
  if (times === null) return null;
  const running = [...open.map(({ task }) => task), ...(refit === null ? [] : [refit.task]), ...created];
  const overdueAt = running.flatMap(({ deadlineMs }) => (deadlineMs === null ? [] : [deadlineMs + times.graceMs]));
  return Math.min(times.decideAt, ...overdueAt.filter((at) => at > elapsedMs));
}

function finish(run: Run, state: AutopilotState, withoutRefit: string): AutopilotDecision {
  const finished = new Set(state.results.map(({ key }) => key));
  const cancel = state.tasks.map(({ key }) => key).filter((key) => !finished.has(key));
  return { tasks: [], cancel, recommended: recommendation(run, withoutRefit), finished: true, wakeAtMs: null };
}

function recommendation({ plan, best, refit, searched }: Run, withoutRefit: string): AutopilotDecision['recommended'] {
  if (best === null) return null;
  const count = searched.filter(({ result }) => result?.state === 'succeeded').length;
  const { blueprint, settings } = entryOf(best.task.blueprintId);
  const { name } = blueprint;
  const partition = plan.partitioning.validation === 'cv' ? 'cross-validation' : 'validation';
  const score =
    best.result.score === null
      ? 'without a score'
      : `${plan.metric} ${best.result.score.toPrecision(6)} (${partition})`;
  const choice = count === 1 ? `${name}, the only model, ${score}` : `${name}, best of ${count} models: ${score}`;
  if (refit?.result?.state === 'succeeded') {
    const unit = settings !== null && isLinear(settings) ? 'steps of the penalty' : 'iterations';
    const iterations = best.result.iterations === null ? '' : ` with ${best.result.iterations} ${unit}`;
    return { modelId: refit.result.modelId, reason: `${choice}; refitted on all ${plan.rowCount} rows${iterations}.` };
  }
  return {
    modelId: best.result.modelId,
    reason: `${choice}; recommended as it was validated, because ${withoutRefit}.`,
  };
}
