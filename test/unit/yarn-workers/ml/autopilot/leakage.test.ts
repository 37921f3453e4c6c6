import { expect } from 'chai';
import type { AutopilotPlan, AutopilotState, LeakageFacts, LeakageFinding, PlannedTask } from '#contracts';
import { builtInLists, excludedOfRun, leakagePlan, next } from '#ml';
import { numberRule, type MemoryColumn } from '../../../../support/memory-table.ts';
import { planOf, profileOf } from '../../../../support/modelling-task.ts';

const ROWS = 400;
const TABLE: readonly MemoryColumn[] = ['a', 'b', 'c', 'y'].map((name, index) => ({
  name,
  parse: numberRule,
  cells: Array.from({ length: ROWS }, (_, row) => String((row * (7 + 4 * index)) % (31 + index))),
}));

const finding = (features: string[], risk: LeakageFinding['risk'] = 'high'): LeakageFinding => ({
  ...{ features, risk, score: 1, by: 'value' },
});
const facts = (...findings: LeakageFinding[]): LeakageFacts => ({
  ...{ rowCount: 300, pairRowCount: 300, pairCount: 3, findings },
});

async function planned(changes: Partial<AutopilotPlan> = {}): Promise<AutopilotPlan> {
  const plan = { ...(await planOf(TABLE, { target: 'y', targetType: 'regression' })), parallelTasks: 2, ...changes };
  return { ...plan, leakage: leakagePlan(plan) };
}

const state = (tasks: readonly PlannedTask[], leakage: LeakageFacts | null, ended: number): AutopilotState => ({
  ...{ tasks, leakage, elapsedMs: null, stopping: false },
  results: tasks.slice(0, ended).map(({ key }, index) => ({
    ...{ key, modelId: `m${index}`, state: 'succeeded', score: 1 + index, iterations: 5, fitMs: 10 },
  })),
});

describe('ml autopilot leakage', () => {
  it('begins with the task that looks for leakage, alone, and leaves out of all others what that has found', async () => {
    const plan = await planned();
    const first = next(plan, state([], null, 0));
    expect(first.tasks.map(({ blueprintId, findsLeakage }) => [blueprintId, findsLeakage])).to.deep.equal([
      ['baseline', true],
    ]);
    expect(next(plan, state(first.tasks, null, 0)).tasks).to.deep.equal([]);
    const found = facts(finding(['b']), finding(['c'], 'moderate'));
    let tasks = first.tasks;
    for (let round = 0; round < 20; round += 1) {
      const decision = next(plan, state(tasks, found, tasks.length));
      if (decision.finished) break;
      tasks = [...tasks, ...decision.tasks];
    }
    const later = tasks.slice(1);
    expect(later.map(({ role }) => role)).to.include('refit');
    for (const { excludedFeatures, findsLeakage } of later)
      expect([excludedFeatures, findsLeakage]).to.deep.equal([['b'], undefined]);
    expect(plan.features.map(({ name }) => name)).to.deep.equal(['a', 'b', 'c']);
  });

  it('goes on with all features where a worker has not looked, and keeps to what models were begun with', async () => {
    const plan = await planned();
    const first = next(plan, state([], null, 0)).tasks;
    const second = next(plan, state(first, null, 1)).tasks;
    expect(second).to.have.length(2);
    expect(second.some(({ excludedFeatures }) => excludedFeatures !== undefined)).to.equal(false);
    const third = next(plan, state([...first, ...second], facts(finding(['b'])), 2)).tasks;
    expect(third.map(({ excludedFeatures }) => excludedFeatures)).to.deep.equal(third.map(() => undefined));
  });

  it('leaves out one of a pair, nothing of a list that was asked for, and never everything', async () => {
    const plan = await planned();
    expect(excludedOfRun(plan, facts(finding(['c', 'a'])))).to.deep.equal(['c']);
    expect(excludedOfRun(plan, facts(finding(['a']), finding(['c', 'a'])))).to.deep.equal(['a']);
    expect(excludedOfRun(plan, facts(finding(['a']), finding(['b']), finding(['c'])))).to.deep.equal([]);
    expect(excludedOfRun(await planned({ featureList: 'raw' }), facts(finding(['a'])))).to.deep.equal([]);
    expect(excludedOfRun(await planned({ featureList: 'leakage-free' }), facts(finding(['a'])))).to.deep.equal(['a']);
  });

  it('is skipped with a reason where the budget is too small, or the baseline is not wanted', async () => {
    expect((await planned({ timeBudgetMs: 60_000 })).leakage?.skipped).to.equal(null);
    expect((await planned({ timeBudgetMs: 5_000 })).leakage?.skipped).to.match(
      /about 0\.50 s, more than 5 % .* 5\.0 s/,
    );
    const { candidates } = await planned();
    expect((await planned({ candidates: candidates.slice(1) })).leakage?.skipped).to.match(/baseline/);
    const skipped = await planned({ timeBudgetMs: 5_000 });
    expect(next({ ...skipped, timeBudgetMs: null }, state([], null, 0)).tasks).to.have.length(2);
  });

  it('has a list without what gives the target away, once that is known', async () => {
    const profile = await profileOf(TABLE);
    expect(builtInLists({ profile }, 'y', null).map(({ name }) => name)).to.deep.equal(['raw', 'informative']);
    const lists = builtInLists({ profile }, 'y', facts(finding(['b'])));
    expect(lists.find(({ name }) => name === 'leakage-free')?.features).to.deep.equal(['a', 'c']);
  });
});
