import { expect } from 'chai';
import type {
  AutopilotDecision,
  AutopilotPlan,
  AutopilotState,
  EnsembleFacts,
  PlannedResult,
  PlannedTask,
} from '#contracts';
import { BLUEPRINTS, next } from '#ml';
import { createRandom, type Random } from '#statistics';

// The plans of these tests have no texts, and no categories of many levels.
export const candidates = BLUEPRINTS.filter(
  ({ id }) => !['linear-text', 'lightgbm-encoded', 'naive-bayes-text', 'factorization-machine'].includes(id),
).map(({ id }) => ({ blueprintId: id, parameters: {} }));

export const classesOf = (rowCount: number) => ['0', '1'].map((label) => ({ label, texts: [label], rowCount }));

export const planWith = (changes: Partial<AutopilotPlan> = {}): AutopilotPlan => ({
  mode: 'quick',
  target: {
    name: 'y',
    targetType: 'binary',
    classes: classesOf(50),
    positiveClass: 1,
  },
  features: [{ name: 'x', type: 'numeric', uniqueCount: 100 }],
  metric: 'logLoss',
  partitioning: {
    method: 'stratified',
    validation: 'cv',
    folds: 5,
    validationFraction: null,
    holdoutFraction: 0.2,
    column: null,
    seed: 0,
  },
  weightColumn: null,
  monotonic: { increasing: [], decreasing: [] },
  seed: 0,
  rowCount: 100,
  candidates,
  maxModels: null,
  timeBudgetMs: null,
  parallelTasks: 1,
  threadsPerTask: 1,
  ...changes,
});

/** How the world behaves in one run. */
export interface World {
  readonly plan: AutopilotPlan;
  readonly random: Random;
  /** Whole time of a task from creation to commit, if nothing stops it. */
  readonly durationOf: (task: PlannedTask) => number;
  readonly scoreOf: (task: PlannedTask) => number | null;
  /** What an ensemble gains, in standard errors; null: it has no score. */
  readonly gainOf: () => number | null;
  readonly failureShare: number;
  /** Part of the tasks that do not look at their deadline. */
  readonly deafShare: number;
  /** Least time from creation to commit: starting, reading, sealing. */
  readonly overheadMs: number;
  /** Between a task's seal and the decision, and between a wake-up's time and the decision. */
  readonly latencyMs: number;
}

export interface Outcome {
  readonly finishedAt: number;
  readonly decision: AutopilotDecision;
  readonly tasks: readonly PlannedTask[];
  readonly results: readonly PlannedResult[];
}

const DECISIONS_MAX = 500;

/** Runs the plan on a virtual clock until it is finished. */
export function simulate(world: World): Outcome {
  const tasks: PlannedTask[] = [];
  const results: PlannedResult[] = [];
  const running: { task: PlannedTask; endsAt: number; state: PlannedResult['state']; fitMs: number }[] = [];
  let now = 0;
  for (let turn = 0; turn < DECISIONS_MAX; turn += 1) {
    const decision = decide(world, {
      tasks,
      results,
      elapsedMs: world.plan.timeBudgetMs === null ? null : now,
      stopping: false,
    });
    if (decision.finished) return { finishedAt: now, decision, tasks, results };
    for (const key of decision.cancel) {
      const cancelled = running.find(({ task, state }) => task.key === key && state !== 'cancelled');
      if (cancelled !== undefined) Object.assign(cancelled, { endsAt: now + world.latencyMs, state: 'cancelled' });
    }
    for (const task of decision.tasks) {
      expect(tasks.map(({ key }) => key)).not.to.include(task.key);
      tasks.push(task);
      running.push({ task, ...fate(world, task, now) });
    }
    running.sort((a, b) => a.endsAt - b.endsAt);
    const first = running[0];
    const wakeAt = decision.wakeAtMs === null ? Infinity : decision.wakeAtMs + world.latencyMs;
    expect(first !== undefined || wakeAt < Infinity, 'a run that waits for nothing never ends').to.be.true;
    if (first !== undefined && first.endsAt <= wakeAt) {
      running.shift();
      now = Math.max(now, first.endsAt);
      const succeeded = first.state === 'succeeded';
      results.push({
        key: first.task.key,
        modelId: `model of ${first.task.key}`,
        state: first.state,
        score: succeeded ? world.scoreOf(first.task) : null,
        iterations: succeeded && first.task.blueprintId !== 'baseline' ? 50 : null,
        fitMs: first.fitMs,
        sizeBytes: succeeded ? 100_000 : 0,
        ensemble: succeeded ? blended(world, first.task) : null,
      });
    } else now = Math.max(now, wakeAt);
  }
  throw new Error('the run does not end');
}

export const LAYER = { shifts: [0.25], penalty: 0.1 };

/** An ensemble takes the first members that it may, all alike; its refit the weights that it is told. */
function blended({ plan, gainOf }: World, { role, members }: PlannedTask): EnsembleFacts | null {
  if (members === undefined) return null;
  if (role === 'refit') {
    const told = members.map(({ modelId, weight }) => ({ modelId, weight: weight ?? NaN }));
    return { members: told, selectionRowCount: null, gain: null, noise: null };
  }
  const taken = members.slice(0, Math.min(3, plan.ensemble?.membersMax ?? 0));
  const chosen = taken.map(({ modelId }) => ({ modelId, weight: 1 / taken.length }));
  const gain = gainOf();
  return { members: chosen, layer: LAYER, selectionRowCount: 80, gain, noise: gain === null ? null : 1 };
}

function fate(
  { random, durationOf, failureShare, deafShare, overheadMs, latencyMs }: World,
  task: PlannedTask,
  now: number,
) {
  const duration = overheadMs + durationOf(task);
  if (random.uniform() < failureShare)
    return { endsAt: now + random.uniform() * duration, state: 'failed' as const, fitMs: 0 };
  const isDeaf = random.uniform() < deafShare;
  const deadline = task.deadlineMs ?? Infinity;
  if (isDeaf || now + duration <= deadline)
    return { endsAt: now + duration + latencyMs, state: 'succeeded' as const, fitMs: duration - overheadMs };
  // A search task stops boosting and seals in time, the others give up; none can be faster than its overhead.
  const stopped = Math.max(deadline, now + overheadMs);
  return {
    endsAt: stopped + latencyMs,
    state: task.role === 'search' ? ('succeeded' as const) : ('failed' as const),
    fitMs: Math.max(0, stopped - now - overheadMs),
  };
}

/** Asks twice, with the results in another order: the answer must be the same. */
function decide({ plan, random }: World, state: AutopilotState): AutopilotDecision {
  const decision = next(plan, state);
  const shuffled = [...state.results];
  for (let i = shuffled.length - 1; i > 0; i -= 1) {
    const j = random.below(i + 1);
    const [a, b] = [shuffled[i], shuffled[j]];
    if (a !== undefined && b !== undefined) [shuffled[i], shuffled[j]] = [b, a];
  }
  expect(next(plan, { ...state, results: shuffled })).to.deep.equal(decision);
  return decision;
}

export const calm = (plan: AutopilotPlan, changes: Partial<World> = {}): World => ({
  plan,
  random: createRandom(1),
  durationOf: () => 1_000,
  scoreOf: (task) => 0.3 + candidates.findIndex(({ blueprintId }) => blueprintId === task.blueprintId) / 100,
  gainOf: () => 2,
  failureShare: 0,
  deafShare: 0,
  overheadMs: 500,
  latencyMs: 20,
  ...changes,
});

export const ENSEMBLE = { membersMax: 6, stepsMax: 30 };
export const roles = ({ tasks }: Pick<Outcome, 'tasks'>): string[] => tasks.map(({ role }) => role);
export const keys = ({ tasks }: Pick<Outcome, 'tasks'>): string[] => tasks.map(({ key }) => key);

/** Runs a world in which the named tasks fail. */
export function endOf(world: World, fails: (task: PlannedTask) => boolean): Outcome {
  const outcome = simulate(world);
  const tasks: PlannedTask[] = [];
  const results: PlannedResult[] = [];
  for (let turn = 0; turn < DECISIONS_MAX; turn += 1) {
    const decision = next(world.plan, { tasks, results, elapsedMs: null, stopping: false });
    if (decision.finished) return { finishedAt: outcome.finishedAt, decision, tasks, results };
    for (const task of decision.tasks) {
      tasks.push(task);
      const result = outcome.results.find(({ key }) => key === task.key);
      const ended = result ?? {
        key: task.key,
        modelId: `model of ${task.key}`,
        state: 'succeeded',
        score: 0.3,
        iterations: 50,
        fitMs: 1,
      };
      results.push(fails(task) ? { ...ended, state: 'failed', score: null, iterations: null, ensemble: null } : ended);
    }
  }
  throw new Error('the run does not end');
}
