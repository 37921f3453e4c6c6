import { expect } from 'chai';
import type { AutopilotState, PlannedResult, PlannedTask } from '#contracts';
import { next } from '#ml';
import { createRandom } from '#statistics';
import { calm, candidates, endOf, planWith, simulate, type Outcome } from '../../../../support/autopilot-world.ts';

describe('ml autopilot next', () => {
  it('averages copies in the refit of boosting and networks, as many as there is time for', () => {
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
    expect(refitAfter('network', null, 6), 'seeds').to.include({ role: 'refit', copies: 3 });
    expect(refitAfter('lightgbm-default', null, 6), 'bags').to.include({ role: 'refit', copies: 6 });
    for (const id of ['linear', 'lightgbm-random-forest', 'extra-trees'])
      expect(refitAfter(id, null, 5), id).to.include({ role: 'refit', copies: 1 });
    expect(refitAfter('lightgbm-slow', null), 'a plan of an earlier version').to.include({ copies: 1 });
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

  it('warns where nothing that learns from features is recommended, and says what to do', () => {
    const reasonOf = ({ decision }: Outcome): string => decision.recommended?.reason ?? '';
    const short = planWith({ timeBudgetMs: 3_000 });
    const durationOf = ({ blueprintId }: PlannedTask): number => (blueprintId === 'baseline' ? 100 : 60_000);
    expect(reasonOf(simulate(calm(short, { durationOf, deafShare: 1 })))).to.match(
      / Warning: no model that learns from features was ready in time; give timeBudgetSeconds of more than 3\.$/,
    );
    const scoreOf = ({ blueprintId }: PlannedTask): number => (blueprintId === 'baseline' ? 0.69 : 0.7);
    const worse = simulate(calm(planWith({ maxModels: 4 }), { scoreOf }));
    expect(reasonOf(worse)).to.match(
      / Warning: none of 3 models that learn from features predicts better; the features may say nothing of y\.$/,
    );
    const failing = endOf(calm(planWith({ maxModels: 4 })), ({ blueprintId }) => blueprintId !== 'baseline');
    expect(reasonOf(failing)).to.match(/ Warning: no model that learns from features was made; 3 failed\.$/);
    const asked = planWith({ candidates: [{ blueprintId: 'baseline', parameters: {} }], timeBudgetMs: 60_000 });
    expect(reasonOf(simulate(calm(asked)))).not.to.include('Warning');
    const better = ({ blueprintId }: PlannedTask): number => (blueprintId === 'baseline' ? 0.69 : 0.5);
    expect(reasonOf(simulate(calm(planWith({ maxModels: 4 }), { scoreOf: better })))).not.to.include('Warning');
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
});
