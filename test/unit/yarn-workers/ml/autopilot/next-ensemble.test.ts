import { expect } from 'chai';
import type { AutopilotPlan, PlannedTask } from '#contracts';
import { next } from '#ml';
import {
  calm,
  endOf,
  ENSEMBLE,
  keys,
  LAYER,
  planWith,
  roles,
  simulate,
  type Outcome,
} from '../../../../support/autopilot-world.ts';

describe('ml autopilot next with an ensemble', () => {
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

  it('blends a model whose refit fails as it was validated, and says so', () => {
    const { tasks, decision } = endOf(calm(plan()), ({ key }) => key === 'refit-1');
    expect(decision.recommended?.modelId).to.equal('model of refit-ensemble');
    expect(decision.recommended?.reason).to.contain('; refitted on all 100 rows but for LightGBM, fast.');
    expect(tasks.at(-1)?.members?.map(({ modelId }) => modelId)).to.deep.equal([
      'model of refit-0',
      'model of search-1-lightgbm-fast',
      'model of refit-2',
    ]);
  });

  it('recommends the ensemble as it was validated when all of its refits fail, or their blend', () => {
    for (const [lost, why] of [
      [/^refit-\d/, 'because the refits of its models on all rows failed or took too long'],
      [/^refit-ensemble$/, 'because the refit on all rows failed or took too long'],
    ] as const) {
      const { decision } = endOf(calm(plan()), ({ key }) => lost.test(key));
      expect(decision.recommended?.modelId, why).to.equal('model of ensemble');
      expect(decision.recommended?.reason).to.contain('as it was validated').and.contain(why);
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
    const durationOf = ({ role }: PlannedTask): number => (role === 'search' ? 6_000 : role === 'refit' ? 1_900 : 500);
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

  describe('with little time after the search', () => {
    const scoreOf = ({ blueprintId }: PlannedTask): number => (blueprintId === 'baseline' ? 0.9 : 0.3);
    const runIn = (timeBudgetMs: number, msOf: { readonly baseline: number; readonly ensemble: number }): Outcome => {
      const durationOf = ({ role, blueprintId }: PlannedTask): number =>
        role === 'ensemble'
          ? msOf.ensemble
          : role !== 'search'
            ? 500
            : blueprintId === 'baseline'
              ? msOf.baseline
              : 6_000;
      return simulate(calm(plan({ maxModels: 3, timeBudgetMs }), { durationOf, scoreOf }));
    };

    it('refits the heaviest members first', () => {
      const outcome = runIn(18_500, { baseline: 500, ensemble: 500 });
      expect(keys(outcome).slice(-4, -2)).to.deep.equal(['refit-1', 'refit-4']);
      expect(outcome.decision.recommended?.modelId).to.equal('model of refit-ensemble');
      expect(outcome.finishedAt).to.be.at.most(18_500);
    });

    it('refits the single model where there is no time for half of them', () => {
      const outcome = runIn(26_000, { baseline: 6_000, ensemble: 1_400 });
      expect(keys(outcome)).to.include('ensemble').and.not.include('refit-1');
      expect(outcome.decision.recommended?.modelId).to.equal('model of refit');
      expect(outcome.decision.recommended?.reason).to.contain('but there was too little time to refit it');
    });
  });
});
