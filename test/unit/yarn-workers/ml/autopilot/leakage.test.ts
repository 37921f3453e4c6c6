import { expect } from 'chai';
import type { AutopilotPlan, AutopilotState, LeakageFacts, LeakageFinding, PlannedTask } from '#contracts';
import { builtInLists, excludedOfRun, leakagePlan, leakageSearchOf, next } from '#ml';
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

  it('has a part of a budget, and is skipped with a reason where that is nothing, or the baseline is not wanted', async () => {
    expect((await planned()).leakage).to.deep.equal({ excludes: true, skipped: null });
    expect((await planned({ timeBudgetMs: 60_000 })).leakage).to.deep.equal({
      ...{ excludes: true, skipped: null },
      msMax: 3_000,
    });
    expect((await planned({ timeBudgetMs: 1_000 })).leakage?.skipped).to.match(/5 % of the budget, 50 ms, .* 100 ms/);
    const { candidates } = await planned();
    expect((await planned({ candidates: candidates.slice(1) })).leakage?.skipped).to.match(/baseline/);
    const skipped = await planned({ timeBudgetMs: 1_000 });
    expect(next({ ...skipped, timeBudgetMs: null }, state([], null, 0)).tasks).to.have.length(2);
  });

  it('tells the task its time and the columns that may name groups; a replay has no time', async () => {
    const groupColumns = [{ name: 'c', levelCount: 9 }];
    const plan = await planned({ timeBudgetMs: 60_000 });
    const asked = { ...plan, leakage: leakagePlan(plan, groupColumns) };
    expect(leakageSearchOf(asked)).to.deep.equal({ msMax: 3_000, groupColumns });
    const replay = { runId: 'r', projectId: 'p', recommendedModelId: 'm', models: [] };
    expect(leakageSearchOf({ ...asked, replay })).to.deep.equal({ groupColumns });
    expect(leakageSearchOf(await planOf(TABLE, { target: 'y' }))).to.deep.equal({});
  });

  it('has a list without what gives the target away, once that is known', async () => {
    const profile = await profileOf(TABLE);
    expect(builtInLists({ profile }, 'y', null).map(({ name }) => name)).to.deep.equal(['raw', 'informative']);
    const lists = builtInLists({ profile }, 'y', facts(finding(['b'])));
    expect(lists.find(({ name }) => name === 'leakage-free')?.features).to.deep.equal(['a', 'c']);
  });
});
