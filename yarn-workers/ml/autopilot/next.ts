import type { AutopilotDecision, AutopilotPlan, AutopilotState, PlannedTask } from '#contracts';
import { entryOf } from '../blueprints/catalogue.ts';
import {
  FIRST_BOOSTED_SHARE,
  TASK_MS_MIN,
  TASK_OVERHEAD_MS,
  TRUNCATED_FIT_MIN,
  fitMsEstimator,
  latestDeadline,
  type BudgetTimes,
} from './cost-model.ts';
import { missingInput } from '../blueprints/missing-input.ts';
import { withLeakage } from './leakage.ts';
import { endgame } from './endgame.ts';
import { endgameReserve } from './reserve.ts';
import { nextOfReplay } from './replay.ts';
import { recommendation } from './recommendation.ts';
import { CANDIDATE_SHARE_MAX } from './limits.ts';
import { tries, type Try } from './rounds.ts';
import { isOpen, isSample, runOf, type Run, type Searched } from './run.ts';

/**
 * What a run should do now. A pure function of the plan, the committed results and the time spent, called whenever a
 * result is committed and at `wakeAtMs`; the order of results does not matter, and without a time budget no measured time
 * is looked at.
 *
 * 1. Search: candidates in the plan's order, `parallelTasks` at a time. The first two (baseline, fast LightGBM) see to it
 *    that something can be recommended early. With a budget each task has a deadline that leaves time to refit it, and to
 *    make the ensemble and refit the best so far; a candidate is skipped if less than {@link TRUNCATED_FIT_MIN} of its
 *    expected time is left. `maxModels` counts search tasks, the baseline and failed ones included, and nothing else.
 * 2. The ensemble of what the search has made, where the plan has one and two models are there that learn from features.
 * 3. Refit on all rows, iterations frozen, of the ensemble if it is better than the best single model, else of that (metric, ties to
 *    the earlier candidate). The refit of an ensemble is the blend of its members' refits; with a budget it is begun only if all of
 *    them should end in time, else the single model is refitted (`docs/adr/0021-ensembles.md`).
 * 4. The refit is recommended; if it failed, or cannot be made in what is left, or the user stopped the run, what was to be
 *    refitted is recommended as it was validated, and the reason says so.
 *
 * A replay decides nothing of this: {@link nextOfReplay}.
 *
 * With a budget the last decision is made at {@link BudgetTimes.decideAt}, whatever is still running.
 */
export function next(plan: AutopilotPlan, state: AutopilotState): AutopilotDecision {
  if (plan.replay !== undefined) return nextOfReplay(plan, plan.replay, state);
  const run = runOf(plan, state);
  const isOver = run.times !== null && run.elapsedMs >= run.times.decideAt;
  if (isOver || state.stopping)
    return finish(run, state, isOver ? 'the time budget is used up' : 'the run was stopped');
  const going = (more: readonly PlannedTask[]): AutopilotDecision =>
    goingOn(
      run,
      more.map((task) => withLeakage(run, task)),
    );
  const isSearching = run.ensemble === null && run.refit === null;
  const tasks = isSearching ? newSearchTasks(run, state) : [];
  if (tasks.length > 0 || (isSearching && run.open.length > 0)) return going(tasks);
  const step = endgame(run);
  return step.kind === 'end' ? finish(run, state, step.withoutRefit) : going(step.tasks);
}

function newSearchTasks(run: Run, state: AutopilotState): PlannedTask[] {
  const { plan, searched } = run;
  const tried = new Set(searched.map(({ task }) => task.key));
  let slots = Math.min(plan.parallelTasks - run.open.length, (plan.maxModels ?? Infinity) - tried.size);
  // What gives the target away is known before anything reads features.
  if (run.excluded === null) slots = Math.min(slots, 1 - run.open.length);
  const left = run.plan.features.filter(({ name }) => !(run.excluded ?? []).includes(name));
  const tasks: PlannedTask[] = [];
  const known = new Set(state.tasks.map(({ key }) => key));
  const room = run.times === null ? null : roomOf(run, run.times);
  for (const one of tries(run)) {
    if (slots <= 0) break;
    if (known.has(one.key) || missingInput(entryOf(one.candidate.blueprintId), left) !== null) continue;
    const task = searchTask(run, one, room, tasks.length > 0);
    if (task === null) continue;
    tasks.push(task);
    slots -= 1;
  }
  return tasks;
}

/** What a budget has for the next search task. */
interface Room {
  readonly deadlineMs: number;
  readonly sealBy: number;
  /** Expected time of a candidate's fit on all rows. */
  readonly expectedMs: ReturnType<typeof fitMsEstimator>;
}

function roomOf(run: Run, times: BudgetTimes): Room {
  const measured = run.searched.flatMap(({ task, result }) =>
    result === null || isSample(task) ? [] : [{ blueprintId: task.blueprintId, parameters: task.parameters, result }],
  );
  return {
    deadlineMs: Math.floor(deadlineOf(run, times)),
    sealBy: times.sealBy,
    expectedMs: fitMsEstimator(run.plan, measured),
  };
}

/** The task of a candidate, or null if it does not fit into the budget any more. */
function searchTask(
  { elapsedMs, best, open }: Run,
  { candidate, key, sampleFraction }: Try,
  room: Room | null,
  othersStart: boolean,
): PlannedTask | null {
  const task = {
    key,
    role: 'search' as const,
    blueprintId: candidate.blueprintId,
    parameters: candidate.parameters,
    ...(sampleFraction < 1 ? { sampleFraction } : {}),
    refitOf: null,
    iterations: null,
  };
  if (room === null) return { ...task, deadlineMs: null };
  const { deadlineMs, sealBy, expectedMs } = room;
  const available = deadlineMs - elapsedMs;
  const nothingElse = best === null && open.length === 0 && !othersStart;
  if (nothingElse) {
    // The last chance of the run to have any model: a refit matters less.
    const latest = available >= TASK_MS_MIN ? deadlineMs : sealBy;
    return latest > elapsedMs ? { ...task, deadlineMs: latest } : null;
  }
  const expected = sampleFraction * (expectedMs(candidate) ?? 0);
  const needed = TASK_OVERHEAD_MS + TRUNCATED_FIT_MIN * expected;
  return available >= Math.max(TASK_MS_MIN, needed) ? { ...task, deadlineMs } : null;
}

/** The latest that a search task may seal: there must be time to refit it, and for what comes after the search as things are. */
function deadlineOf(run: Run, times: BudgetTimes): number {
  const { plan, elapsedMs, searched } = run;
  const latest = Math.min(latestDeadline(plan, elapsedMs, times.sealBy), times.sealBy - endgameReserve(run));
  const isBoosted = ({ task, result }: Searched): boolean =>
    entryOf(task.blueprintId).settings !== null && (result === null || result.state === 'succeeded');
  if (!searched.some(isBoosted)) return Math.max(latest, elapsedMs + FIRST_BOOSTED_SHARE * (times.sealBy - elapsedMs));
  return Math.min(latest, elapsedMs + CANDIDATE_SHARE_MAX * times.sealBy);
}

function goingOn(run: Run, tasks: readonly PlannedTask[]): AutopilotDecision {
  return { tasks, cancel: run.overdue, recommended: null, finished: false, wakeAtMs: wakeAt(run, tasks) };
}

/** The next time at which something becomes overdue, or the last decision; null without a budget. */
function wakeAt(run: Run, created: readonly PlannedTask[]): number | null {
  const { times, open, ensemble, refit, memberRefits, ensembleRefit, elapsedMs } = run;
  if (times === null) return null;
  const placed = [...open, ensemble, refit, ...memberRefits.values(), ensembleRefit].filter(isOpen);
  const running = [...placed.flatMap((one) => (one === null ? [] : [one.task])), ...created];
  const overdueAt = running.flatMap(({ deadlineMs }) => (deadlineMs === null ? [] : [deadlineMs + times.graceMs]));
  return Math.min(times.decideAt, ...overdueAt.filter((at) => at > elapsedMs));
}

function finish(run: Run, state: AutopilotState, withoutRefit: string): AutopilotDecision {
  const finished = new Set(state.results.map(({ key }) => key));
  const cancel = state.tasks.map(({ key }) => key).filter((key) => !finished.has(key));
  return { tasks: [], cancel, recommended: recommendation(run, withoutRefit), finished: true, wakeAtMs: null };
}
