import { expect } from 'chai';
import type { PlannedTask } from '#contracts';
import { calm, candidates, classesOf, keys, planWith, simulate } from '../../../../support/autopilot-world.ts';

describe('ml autopilot rounds', () => {
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
});
