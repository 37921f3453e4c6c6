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
import { fitMsEstimator } from '../../../../../yarn-workers/ml/autopilot/cost-model.ts';

// The plans of these tests have no texts, and no categories of many levels.
const candidates = BLUEPRINTS.filter(
  ({ id }) => !['linear-text', 'lightgbm-encoded', 'naive-bayes-text', 'factorization-machine'].includes(id),
).map(({ id }) => ({ blueprintId: id, parameters: {} }));

const classesOf = (rowCount: number) => ['0', '1'].map((label) => ({ label, texts: [label], rowCount }));

const planWith = (changes: Partial<AutopilotPlan> = {}): AutopilotPlan => ({
  mode: 'quick',
  target: {
    name: 'y',
    targetType: 'binary',
    classes: [
      { label: '0', texts: ['0'], rowCount: 50 },
      { label: '1', texts: ['1'], rowCount: 50 },
    ],
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
interface World {
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

interface Outcome {
  readonly finishedAt: number;
  readonly decision: AutopilotDecision;
  readonly tasks: readonly PlannedTask[];
  readonly results: readonly PlannedResult[];
}

const DECISIONS_MAX = 500;

/** Runs the plan on a virtual clock until it is finished. */
function simulate(world: World): Outcome {
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

const LAYER = { shifts: [0.25], penalty: 0.1 };

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

const calm = (plan: AutopilotPlan, changes: Partial<World> = {}): World => ({
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

const ENSEMBLE = { membersMax: 6, stepsMax: 30 };
const roles = ({ tasks }: Pick<Outcome, 'tasks'>): string[] => tasks.map(({ role }) => role);
const keys = ({ tasks }: Pick<Outcome, 'tasks'>): string[] => tasks.map(({ key }) => key);

/** Runs a world in which the named tasks fail. */
function endOf(world: World, fails: (task: PlannedTask) => boolean): Outcome {
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

describe('ml autopilot next', () => {
  it('expects of trees what trees took, and of linear models what those took', () => {
    const candidate = (blueprintId: string, parameters = {}) => ({ blueprintId, parameters });
    const measured = (blueprintId: string, fitMs: number, parameters = {}) => ({
      ...candidate(blueprintId, parameters),
      result: { key: blueprintId, modelId: 'm', state: 'succeeded' as const, score: 1, iterations: 1, fitMs },
    });
    expect(fitMsEstimator({ features: [] }, [measured('baseline', 5)])(candidate('linear'))).to.equal(null);
    const estimate = (known: ReturnType<typeof measured>[], ...ids: string[]) =>
      ids.map((id) => fitMsEstimator({ features: [] }, known)(candidate(id)));
    const fast = [measured('baseline', 5), measured('lightgbm-fast', 1_000)];
    expect(estimate(fast, 'lightgbm-default', 'linear')).to.deep.equal([2_200, 1_100]);
    const both = [measured('lightgbm-fast', 1_000), measured('linear', 11_000)];
    expect(estimate(both, 'lightgbm-default', 'linear-splines')).to.deep.equal([2_200, 19_000]);
    // Half the learning rate takes twice the iterations, four times the leaves twice the time of each.
    const slower = candidate('lightgbm-default', { learningRate: 0.05, leaves: 124 });
    expect(fitMsEstimator({ features: [] }, [measured('lightgbm-default', 1_000)])(slower)).to.equal(4_000);
    expect(estimate([measured('lightgbm-default', 4_000, slower.parameters)], 'lightgbm-default')).to.deep.equal([
      1_000,
    ]);
    // Terms of texts are a kind of their own, and their scores cost every boosted model as much.
    const texts = { features: [{ name: 'note', type: 'text' as const, uniqueCount: 9 }] };
    const withTexts = fitMsEstimator(texts, [measured('lightgbm-fast', 4_000), measured('linear', 11_000)]);
    expect([withTexts(candidate('lightgbm-slow')), withTexts(candidate('linear'))]).to.deep.equal([8_800, 11_000]);
    const terms = fitMsEstimator(texts, [measured('linear-text', 36_000), measured('linear', 11_000)]);
    expect([terms(candidate('linear-text')), terms(candidate('linear'))]).to.deep.equal([36_000, 11_000]);
  });

  it('averages copies in the refit of boosting, as many as there is time for', () => {
    const refitAfter = (blueprintId: string, timeBudgetMs: number | null, refitCopies?: number) => {
      const plan = planWith({
        candidates: [{ blueprintId, parameters: {} }],
        timeBudgetMs,
        ...(refitCopies === undefined ? {} : { refitCopies }),
      });
      const start = { tasks: [], results: [], elapsedMs: timeBudgetMs === null ? null : 0, stopping: false };
      const [task] = next(plan, start).tasks;
      if (task === undefined) expect.fail('no task');
      const result = {
        key: task.key,
        modelId: 'm',
        state: 'succeeded' as const,
        score: 0.4,
        iterations: 9,
        fitMs: 20_000,
      };
      const elapsedMs = timeBudgetMs === null ? null : 25_000;
      const [refit] = next(plan, { tasks: [task], results: [result], elapsedMs, stopping: false }).tasks;
      // One is not said: programs from before do not know of copies.
      expect(refit?.copies).to.not.equal(1);
      return { role: refit?.role, copies: refit?.copies ?? 1 };
    };
    // A refit takes 20 s / (5 x 0.8 x 0.8) x 0.65 = 4.06 s a copy.
    expect(refitAfter('lightgbm-slow', null, 3)).to.include({ role: 'refit', copies: 3 });
    expect(refitAfter('lightgbm-slow', 60_000, 3)).to.include({ role: 'refit', copies: 3 });
    expect(refitAfter('lightgbm-slow', 36_000, 3)).to.include({ role: 'refit', copies: 2 });
    expect(refitAfter('lightgbm-slow', 31_000, 3)).to.include({ role: 'refit', copies: 1 });
    expect(refitAfter('lightgbm-slow', null, 6), 'seeds').to.include({ role: 'refit', copies: 3 });
    expect(refitAfter('lightgbm-default', null, 6), 'bags').to.include({ role: 'refit', copies: 6 });
    for (const id of ['linear', 'lightgbm-random-forest', 'extra-trees'])
      expect(refitAfter(id, null, 5), id).to.include({ role: 'refit', copies: 1 });
    expect(refitAfter('lightgbm-slow', null), 'a plan of an earlier version').to.include({ copies: 1 });
  });

  it('compares trees on a sample first where the budget is too short for all of them, and then by their scores', () => {
    const many = [8, 64, 16, 32].map((leaves) => ({ blueprintId: 'lightgbm-slow', parameters: { leaves } }));
    const plan = planWith({
      candidates: [...candidates.slice(0, 2), ...many, ...candidates.slice(2)],
      rowCount: 500_000,
      target: { ...planWith().target, classes: classesOf(250_000) },
      timeBudgetMs: 600_000,
      parallelTasks: 2,
    });
    const costOf = ({ blueprintId }: PlannedTask): number =>
      blueprintId === 'baseline' ? 1_000 : /fast|linear/.test(blueprintId) ? 20_000 : 70_000;
    const scoreOf = ({ parameters, sampleFraction }: PlannedTask): number =>
      (sampleFraction === undefined ? 0 : 0.1) + Math.abs(Number(parameters['leaves'] ?? 200) - 30) / 1_000;
    const durationOf = (task: PlannedTask): number =>
      costOf(task) * (task.role === 'refit' ? 0.3 : (task.sampleFraction ?? 1));
    const { tasks, decision } = simulate(calm(plan, { durationOf, scoreOf }));
    const search = tasks.filter(({ role }) => role === 'search');
    expect(search.slice(0, 2).map(({ key }) => key)).to.deep.equal(['search-0-baseline', 'search-1-lightgbm-fast']);
    const sampled = search.filter(({ sampleFraction }) => sampleFraction !== undefined);
    expect(sampled.length).to.be.within(5, candidates.length + many.length - 2);
    for (const { sampleFraction = 0, blueprintId } of sampled) {
      expect(sampleFraction * plan.rowCount).to.be.at.least(20_000);
      expect(sampleFraction).to.be.at.most(0.25);
      expect(blueprintId).to.not.match(/^(baseline|lightgbm-fast|linear|linear-splines|network)$/);
    }
    const after = search.slice(search.findIndex(({ key }) => key === sampled.at(-1)?.key) + 1);
    const promoted = after.filter(({ blueprintId }) => !/^linear|^network/.test(blueprintId));
    expect(promoted.length).to.be.greaterThan(2);
    expect(promoted[0]?.parameters).to.deep.equal({ leaves: 32 });
    expect(promoted.every(({ sampleFraction }) => sampleFraction === undefined)).to.be.true;
    expect(decision.recommended?.reason).to.contain('leaves 32');
    // The better half goes on at once, then what had no turn in the round.
    const slower = simulate(
      calm({ ...plan, parallelTasks: 3 }, { durationOf: (task) => 2.5 * durationOf(task), scoreOf }),
    ).tasks;
    const wasSampled = ({ key }: PlannedTask): boolean =>
      slower.some((one) => one.key === key.replace('search-', 'sample-'));
    const sampledCount = slower.filter(({ sampleFraction }) => sampleFraction !== undefined).length;
    const lastSample = slower.findLastIndex(({ sampleFraction }) => sampleFraction !== undefined);
    const going = slower
      .slice(lastSample + 1)
      .filter(({ role, key }) => role === 'search' && !/-linear|-network/.test(key));
    const better = Math.ceil(sampledCount / 2);
    expect(going.length).to.be.greaterThan(better + 1);
    expect(going.map(wasSampled)).to.deep.equal(going.map((_, place) => place < better));
    // That a model of a sample leads ends nothing: what its refit on all rows takes is not known.
    const flattered = simulate(
      calm(plan, { durationOf, scoreOf: (task) => scoreOf(task) - (task.sampleFraction ? 0.2 : 0) }),
    );
    const isFull = ({ key }: PlannedTask): boolean =>
      key.startsWith('search-') && !/baseline|fast|linear|network/.test(key);
    expect(flattered.tasks.filter(isFull).length).to.be.greaterThan(2);
    expect(flattered.tasks.find(({ role }) => role === 'refit')?.refitOf).to.match(/^model of search-/);
    // Also where measuring the first trees takes as long as the whole round.
    const slow = simulate(calm(plan, { durationOf: (task) => 6 * durationOf(task), scoreOf }));
    expect(keys(slow).filter((key) => key.startsWith('sample-')).length).to.be.greaterThan(2);
    // Enough time, few rows, a class of few rows, or no budget: one round.
    const rare = { target: { ...plan.target, classes: classesOf(150) } };
    for (const changes of [
      rare,
      { timeBudgetMs: 6_000_000 },
      { rowCount: 50_000 },
      { timeBudgetMs: null },
      { maxModels: 9 },
    ])
      expect(keys(simulate(calm({ ...plan, ...changes }, { durationOf, scoreOf }))).join()).to.not.contain('sample-');
  });

  it('begins with the baseline and the fast model', () => {
    const first = next(planWith(), { tasks: [], results: [], elapsedMs: null, stopping: false });
    expect(first.tasks.map(({ blueprintId }) => blueprintId)).to.deep.equal(['baseline']);
    expect(first.wakeAtMs).to.equal(null);
    const two = next(planWith({ parallelTasks: 2, timeBudgetMs: 60_000 }), {
      tasks: [],
      results: [],
      elapsedMs: 5,
      stopping: false,
    });
    expect(two.tasks.map(({ blueprintId }) => blueprintId)).to.deep.equal(['baseline', 'lightgbm-fast']);
    expect(two.wakeAtMs).to.be.within(30_000, 60_000);
  });

  it('fits maxModels search models, refits the best, and recommends the refit', () => {
    const { decision, tasks } = simulate(
      calm(planWith({ maxModels: 4 }), { scoreOf: ({ blueprintId }) => (blueprintId === 'lightgbm-fast' ? 0.1 : 0.5) }),
    );
    expect(tasks.map(({ role }) => role)).to.deep.equal(['search', 'search', 'search', 'search', 'refit']);
    expect(tasks[4]).to.include({
      blueprintId: 'lightgbm-fast',
      refitOf: 'model of search-1-lightgbm-fast',
      iterations: 50,
    });
    expect(decision.recommended?.modelId).to.equal('model of refit');
    expect(decision.recommended?.reason)
      .to.contain('best of 4 models')
      .and.contain('refitted on all 100 rows with 50 iterations');
  });

  it('freezes the steps of a linear model as it freezes iterations', () => {
    const scoreOf = ({ blueprintId }: PlannedTask): number => (blueprintId === 'linear' ? 0.1 : 0.5);
    const { decision, tasks } = simulate(calm(planWith(), { scoreOf }));
    expect(tasks.at(-1)).to.include({ role: 'refit', blueprintId: 'linear', iterations: 50 });
    expect(decision.recommended?.reason).to.contain('refitted on all 100 rows with 50 steps of the penalty');
  });

  it('gives ties to the earlier candidate', () => {
    const { tasks } = simulate(calm(planWith({ maxModels: 5, parallelTasks: 3 }), { scoreOf: () => 0.4 }));
    expect(tasks.at(-1)).to.include({ role: 'refit', blueprintId: 'baseline' });
  });

  it('looks at no measured time without a budget', () => {
    const run = (seed: number, parallelTasks: number) => {
      const random = createRandom(seed);
      return simulate(calm(planWith({ maxModels: 6, parallelTasks }), { durationOf: () => random.uniform() * 1e6 }));
    };
    const keys = (outcome: Outcome) => outcome.tasks.map(({ key }) => key).sort();
    const first = run(1, 1);
    for (const [seed, parallelTasks] of [
      [2, 1],
      [3, 2],
      [4, 4],
    ] as const) {
      const other = run(seed, parallelTasks);
      expect(keys(other)).to.deep.equal(keys(first));
      expect(other.decision.recommended).to.deep.equal(first.decision.recommended);
      expect(other.tasks.every(({ deadlineMs }) => deadlineMs === null)).to.be.true;
    }
  });

  it('recommends the model itself when its refit fails, and says why', () => {
    const state: AutopilotState = {
      tasks: [
        {
          key: 'search-0-baseline',
          role: 'search',
          blueprintId: 'baseline',
          parameters: {},
          refitOf: null,
          iterations: null,
          deadlineMs: null,
        },
        {
          key: 'refit',
          role: 'refit',
          blueprintId: 'baseline',
          parameters: {},
          refitOf: 'm0',
          iterations: null,
          deadlineMs: null,
        },
      ],
      results: [
        { key: 'search-0-baseline', modelId: 'm0', state: 'succeeded', score: 0.6, iterations: null, fitMs: 1 },
        { key: 'refit', modelId: 'm1', state: 'failed', score: null, iterations: null, fitMs: 0 },
      ],
      elapsedMs: null,
      stopping: false,
    };
    const failed = next(planWith({ maxModels: 1 }), state);
    expect(failed.recommended?.modelId).to.equal('m0');
    expect(failed.recommended?.reason).to.contain('the refit on all rows failed');
  });

  it('ends without a recommendation when every model failed', () => {
    const { decision, tasks } = simulate(calm(planWith({ maxModels: 5 }), { failureShare: 1 }));
    expect(tasks).to.have.length(5);
    expect(decision).to.deep.include({ recommended: null, finished: true });
  });

  it('recommends at once what there is when stopped, and cancels the rest', () => {
    const started = next(planWith({ parallelTasks: 2 }), { tasks: [], results: [], elapsedMs: null, stopping: false });
    const results: PlannedResult[] = [
      { key: 'search-0-baseline', modelId: 'm0', state: 'succeeded', score: 0.6, iterations: null, fitMs: 1 },
    ];
    const stopped = next(planWith({ parallelTasks: 2 }), {
      tasks: started.tasks,
      results,
      elapsedMs: null,
      stopping: true,
    });
    expect(stopped).to.deep.include({ finished: true, tasks: [], cancel: ['search-1-lightgbm-fast'] });
    expect(stopped.recommended?.modelId).to.equal('m0');
    expect(stopped.recommended?.reason).to.contain('stopped');
    expect(
      next(planWith(), { tasks: started.tasks, results: [], elapsedMs: null, stopping: true }).recommended,
    ).to.equal(null);
  });

  it('has a refitted boosted model after 5 seconds on small data', () => {
    for (const parallelTasks of [1, 2]) {
      const plan = planWith({ timeBudgetMs: 5_000, parallelTasks });
      const durations: Record<string, number> = { baseline: 100, 'lightgbm-fast': 600 };
      const { decision, tasks, finishedAt } = simulate(
        calm(plan, { durationOf: (task) => (task.role === 'refit' ? 250 : (durations[task.blueprintId] ?? 2_500)) }),
      );
      expect(finishedAt).to.be.at.most(5_000);
      expect(decision.recommended?.modelId).to.equal('model of refit');
      expect(tasks.map(({ blueprintId }) => blueprintId)).to.include('lightgbm-fast');
    }
  });

  it('uses most of a budget, and tries all candidates when there is time', () => {
    const plan = planWith({ timeBudgetMs: 600_000, parallelTasks: 2 });
    const { tasks, finishedAt } = simulate(calm(plan, { durationOf: () => 20_000 }));
    expect(tasks.filter(({ role }) => role === 'search')).to.have.length(candidates.length);
    expect(finishedAt).to.be.lessThan(220_000);
    const short = simulate(
      calm(planWith({ timeBudgetMs: 60_000 }), { durationOf: (task) => (task.role === 'refit' ? 4_000 : 12_000) }),
    );
    expect(short.finishedAt).to.be.within(40_000, 60_000);
  });

  it('stops search at maxModels also with a budget', () => {
    const { tasks } = simulate(calm(planWith({ timeBudgetMs: 600_000, maxModels: 2 })));
    expect(tasks.filter(({ role }) => role === 'search')).to.have.length(2);
  });

  describe('with an ensemble', () => {
    const plan = (changes: Partial<AutopilotPlan> = {}): AutopilotPlan =>
      planWith({ maxModels: 4, ensemble: ENSEMBLE, ...changes });

    it('makes it of all models, best first, refits its members, blends the refits with its weights, and recommends that', () => {
      for (const parallelTasks of [1, 2, 4]) {
        const { decision, tasks } = simulate(calm(plan({ parallelTasks })));
        const [search, refit] = [Array<string>(4).fill('search'), Array<string>(4).fill('refit')];
        expect(roles({ tasks })).to.deep.equal([...search, 'ensemble', ...refit]);
        expect(tasks[4]).to.deep.include({ key: 'ensemble', blueprintId: 'ensemble', refitOf: null, deadlineMs: null });
        expect(tasks[4]?.members).to.deep.equal(
          ['baseline', 'lightgbm-fast', 'lightgbm-default', 'lightgbm-shallow'].map((id, at) => ({
            modelId: `model of search-${at}-${id}`,
            weight: null,
          })),
        );
        expect(keys({ tasks }).slice(5)).to.deep.equal(['refit-0', 'refit-1', 'refit-2', 'refit-ensemble']);
        expect(tasks[6]).to.include({ refitOf: 'model of search-1-lightgbm-fast', iterations: 50 });
        expect(tasks[8]).to.deep.include({
          blueprintId: 'ensemble',
          refitOf: 'model of ensemble',
          members: [0, 1, 2].map((at) => ({ modelId: `model of refit-${at}`, weight: 1 / 3 })),
          layer: LAYER,
        });
        expect(decision.recommended?.modelId).to.equal('model of refit-ensemble');
        expect(decision.recommended?.reason)
          .to.contain('Ensemble of 3 of 4 models (33 % Baseline, 33 % LightGBM, fast')
          .and.contain('by 2.00 (standard error 1.00); refitted on all 100 rows.');
      }
    });

    it('takes it for any gain, also one within its noise', () => {
      const { decision } = simulate(calm(plan(), { gainOf: () => 0.01 }));
      expect(decision.recommended?.modelId).to.equal('model of refit-ensemble');
      expect(decision.recommended?.reason).to.contain('by 0.0100 (standard error 1.00)');
    });

    it('takes the single model where the ensemble is not better, and says so', () => {
      for (const gain of [-3, 0]) {
        const outcome = simulate(calm(plan(), { gainOf: () => gain }));
        expect(keys(outcome).slice(-2)).to.deep.equal(['ensemble', 'refit']);
        expect(outcome.decision.recommended?.modelId).to.equal('model of refit');
        expect(outcome.decision.recommended?.reason).to.contain(
          `the ensemble of 3 is not better (gain ${gain.toPrecision(3)}, standard error 1.00); refitted on all 100 rows`,
        );
      }
      const { decision } = simulate(calm(plan(), { gainOf: () => null }));
      expect(decision.recommended?.reason).to.contain('the ensemble has no score');
    });

    it('needs two models that learn from features, each with a score', () => {
      expect(roles(simulate(calm(plan({ maxModels: 2 }))))).to.deep.equal(['search', 'search', 'refit']);
      expect(roles(simulate(calm(plan({ maxModels: 3 }))))).to.include('ensemble');
      const scoreOf = ({ blueprintId }: PlannedTask): number | null => (blueprintId === 'lightgbm-fast' ? 0.3 : null);
      expect(roles(simulate(calm(plan(), { scoreOf })))).not.to.include('ensemble');
      expect(roles(simulate(calm(plan({ ensemble: null }))))).not.to.include('ensemble');
      const { ensemble: _, ...older } = plan();
      expect(roles(simulate(calm(older))), 'a plan of an older program').not.to.include('ensemble');
    });

    it('has the best of each family to choose from, whatever another family has that is better', () => {
      const many = Array.from({ length: 20 }, (_, index) => ({
        blueprintId: 'lightgbm-slow',
        parameters: { leaves: 10 + index },
      }));
      const linear = ['linear', 'linear-splines'].map((blueprintId) => ({ blueprintId, parameters: {} }));
      const scoreOf = ({ blueprintId, parameters }: PlannedTask): number =>
        blueprintId === 'linear' ? 0.9 : blueprintId === 'linear-splines' ? 0.8 : Number(parameters['leaves']) / 100;
      const { tasks } = simulate(calm(plan({ candidates: [...linear, ...many], maxModels: null }), { scoreOf }));
      const members = tasks.find(({ role }) => role === 'ensemble')?.members ?? expect.fail('no ensemble');
      expect(members).to.have.length(12);
      expect(members[0]?.modelId).to.equal('model of search-2-lightgbm-slow');
      expect(members.at(-1)?.modelId).to.equal('model of search-1-linear-splines');
    });

    it('goes on with the single model when the ensemble fails', () => {
      const state = endOf(calm(plan()), ({ key }) => key === 'ensemble');
      expect(state.decision.recommended?.modelId).to.equal('model of refit');
      expect(keys(state).slice(-2)).to.deep.equal(['ensemble', 'refit']);
    });

    it('recommends the ensemble as it was validated when one of its refits fails', () => {
      for (const lost of ['refit-1', 'refit-ensemble']) {
        const { decision } = endOf(calm(plan()), ({ key }) => key === lost);
        expect(decision.recommended?.modelId, lost).to.equal('model of ensemble');
        expect(decision.recommended?.reason, lost).to.match(
          /as it was validated, because the refit .* failed or took too long/,
        );
      }
    });

    it('recommends it at once when stopped after it is made', () => {
      const { tasks, results } = simulate(calm(plan()));
      const known = tasks.slice(0, 6);
      const made = results.filter(({ key }) => known.some((task) => task.key === key && key !== 'refit-0'));
      const stopped = next(plan(), { tasks: known, results: made, elapsedMs: null, stopping: true });
      expect(stopped).to.deep.include({ finished: true, cancel: ['refit-0'] });
      expect(stopped.recommended?.modelId).to.equal('model of ensemble');
      expect(stopped.recommended?.reason).to.contain('because the run was stopped');
    });

    it('keeps time for it and all refits in a budget of a minute', () => {
      const timed = plan({ maxModels: null, timeBudgetMs: 60_000 });
      const durationOf = ({ role }: PlannedTask): number =>
        role === 'search' ? 6_000 : role === 'refit' ? 1_900 : 500;
      const { tasks, decision, finishedAt } = simulate(calm(timed, { durationOf }));
      expect(decision.recommended?.modelId).to.equal('model of refit-ensemble');
      expect(finishedAt).to.be.at.most(60_000);
      const without = simulate(calm({ ...timed, ensemble: null }, { durationOf }));
      const searched = (outcome: Pick<Outcome, 'tasks'>): number =>
        roles(outcome).filter((role) => role === 'search').length;
      expect(searched({ tasks })).to.be.within(4, searched(without) - 1);
    });

    it('refits the longest first in a budget, without one in the order of their weights', () => {
      const durationOf = ({ role, blueprintId }: PlannedTask): number =>
        role === 'search' && blueprintId !== 'baseline' ? 1_000 * blueprintId.length : 500;
      const refitsOf = (timeBudgetMs: number | null): number[] => {
        const timed = plan({ maxModels: timeBudgetMs === null ? 8 : null, timeBudgetMs, refitCopies: 1 });
        const { tasks } = simulate(calm(timed, { durationOf }));
        return tasks
          .filter(({ role }) => role === 'refit')
          .map(({ blueprintId }) => blueprintId.length)
          .slice(0, -1);
      };
      const timed = refitsOf(600_000);
      expect(timed.length).to.be.above(2);
      expect(timed).to.deep.equal([...timed].sort((a, b) => b - a));
      const free = refitsOf(null);
      expect(free).not.to.deep.equal([...free].sort((a, b) => b - a));
    });

    it('leaves more than half of ten minutes to the search where fits are long, and refits in fewer copies', () => {
      const split = { ...planWith().partitioning, validation: 'tvh' as const, folds: 1, validationFraction: 0.16 };
      const long = { maxModels: null, timeBudgetMs: 600_000, parallelTasks: 2, refitCopies: 6, partitioning: split };
      const seconds = ({ role, blueprintId, copies = 1 }: PlannedTask): number =>
        blueprintId === 'ensemble' ? 1 : blueprintId === 'baseline' ? 4 : role === 'search' ? 70 : 60 * copies;
      const durationOf = (task: PlannedTask): number => 1_000 * seconds(task);
      const { tasks, decision, finishedAt } = simulate(calm(plan(long), { durationOf }));
      expect(decision.recommended?.modelId).to.equal('model of refit-ensemble');
      expect(finishedAt).to.be.at.most(600_000);
      const searched = tasks.filter(({ role }) => role === 'search');
      expect((70_000 * searched.length) / 2).to.be.at.least(300_000);
    });

    it('refits the single model where there is no time to refit all members', () => {
      const timed = plan({ maxModels: 3, timeBudgetMs: 19_000 });
      const durationOf = ({ role, blueprintId }: PlannedTask): number =>
        role === 'search' && blueprintId !== 'baseline' ? 6_000 : 500;
      const scoreOf = ({ blueprintId }: PlannedTask): number => (blueprintId === 'baseline' ? 0.9 : 0.3);
      const { tasks, decision } = simulate(calm(timed, { durationOf, scoreOf }));
      expect(keys({ tasks })).to.include('ensemble').and.not.include('refit-1');
      expect(decision.recommended?.modelId).to.equal('model of refit');
      expect(decision.recommended?.reason).to.contain('but there was too little time to refit it');
    });
  });

  it('keeps the budget and recommends in 1000 random worlds', () => {
    const counts = { refit: 0, ensembleRefit: 0, ensemble: 0, twin: 0, none: 0 };
    for (let seed = 0; seed < 1_000; seed += 1) {
      const random = createRandom(seed);
      const timeBudgetMs = [3_000, 5_000, 20_000, 60_000, 600_000][random.below(5)] ?? 5_000;
      const scale = timeBudgetMs * 10 ** (random.uniform() * 4 - 3);
      const validation =
        random.below(2) === 0
          ? { validation: 'cv' as const, folds: 2 + random.below(9), validationFraction: null }
          : { validation: 'tvh' as const, folds: 1, validationFraction: 0.16 };
      const plan = planWith({
        timeBudgetMs,
        parallelTasks: 1 + random.below(4),
        maxModels: random.below(4) === 0 ? 1 + random.below(8) : null,
        ensemble: random.below(4) === 0 ? null : ENSEMBLE,
        metric: random.below(2) === 0 ? 'logLoss' : 'auc',
        rowCount: random.below(2) === 0 ? 100 : 1_000_000,
        refitCopies: 1 + random.below(3),
        partitioning: { ...planWith().partitioning, ...validation },
      });
      const world: World = {
        plan,
        random,
        durationOf: (task) =>
          scale *
          (task.role === 'refit' ? 0.5 * (task.copies ?? 1) : (task.sampleFraction ?? 1)) *
          (task.blueprintId === 'baseline' ? 0.05 : 1) *
          (0.2 + random.uniform()),
        scoreOf: () => (random.uniform() < 0.1 ? null : random.uniform()),
        gainOf: () => (random.uniform() < 0.1 ? null : 4 * random.uniform() - 1),
        failureShare: random.below(3) === 0 ? random.uniform() : 0,
        deafShare: random.below(3) === 0 ? random.uniform() : 0,
        overheadMs: 50 + random.uniform() * 1_000,
        latencyMs: 5 + random.uniform() * 60,
      };
      const outcome = simulate(world);
      const place = `seed ${seed}: ${JSON.stringify(plan.partitioning)} budget ${timeBudgetMs}`;
      expect(outcome.finishedAt, place).to.be.at.most(timeBudgetMs);
      const succeeded = outcome.results.filter(
        ({ state, key }) => state === 'succeeded' && /^(search|sample)-/.test(key),
      );
      const { recommended } = outcome.decision;
      if (succeeded.length === 0) {
        expect(recommended, place).to.equal(null);
        counts.none += 1;
        continue;
      }
      const committed = outcome.results.find(({ modelId }) => modelId === recommended?.modelId);
      expect(committed?.state, place).to.equal('succeeded');
      if (committed?.key === 'refit') counts.refit += 1;
      else if (committed?.key === 'refit-ensemble') counts.ensembleRefit += 1;
      else if (committed?.key === 'ensemble') {
        counts.ensemble += 1;
        expect(recommended?.reason, place).to.match(/because (the|too)/);
        expect(committed.ensemble?.gain, place).to.be.greaterThan(0);
      } else {
        counts.twin += 1;
        expect(recommended?.reason, place).to.match(/because (the|too)/);
        const best = succeeded.every(
          ({ score }) =>
            score === null ||
            (plan.metric === 'auc' ? score <= (committed?.score ?? -1) : score >= (committed?.score ?? 2)),
        );
        const refitted = outcome.tasks.find(({ key }) => key === 'refit');
        expect(best || refitted?.refitOf === committed?.modelId, place).to.be.true;
      }
      const running = outcome.tasks
        .filter(({ key }) => !outcome.results.some((result) => result.key === key))
        .map(({ key }) => key);
      expect(outcome.decision.cancel).to.deep.equal(running);
    }
    expect(counts.refit).to.be.greaterThan(400);
    expect(counts.ensembleRefit).to.be.greaterThan(50);
    expect(counts.ensemble).to.be.greaterThan(5);
    expect(counts.twin).to.be.greaterThan(20);
    expect(counts.none).to.be.greaterThan(5);
  });
});
