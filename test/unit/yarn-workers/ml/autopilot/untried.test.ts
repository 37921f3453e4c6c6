import { expect } from 'chai';
import { untriedOf } from '#ml';
import { calm, planWith, simulate } from '../../../../support/autopilot-world.ts';

describe('ml autopilot: candidates that were not tried', () => {
  it('are those that a run had no time for, in the order of the plan', () => {
    const plan = planWith({ timeBudgetMs: 20_000 });
    const { tasks } = simulate(calm(plan, { durationOf: () => 4_000 }));
    const begun = new Set(tasks.filter(({ role }) => role === 'search').map(({ blueprintId }) => blueprintId));
    expect(begun.size).to.be.within(2, plan.candidates.length - 2);
    expect(untriedOf(plan, tasks)).to.deep.equal(plan.candidates.filter(({ blueprintId }) => !begun.has(blueprintId)));
  });

  it('are all at the beginning, and none once all are tried', () => {
    const plan = planWith();
    expect(untriedOf(plan, [])).to.deep.equal(plan.candidates);
    const { tasks } = simulate(calm(plan));
    expect(untriedOf(plan, tasks)).to.deep.equal([]);
    expect(untriedOf(plan, tasks.slice(0, 2))).to.deep.equal(plan.candidates.slice(2));
  });

  it('are not those that were fitted on a sample alone', () => {
    const plan = planWith();
    const [first] = plan.candidates;
    const sampled = {
      ...{
        key: `sample-0-${first?.blueprintId ?? ''}`,
        role: 'search' as const,
        blueprintId: first?.blueprintId ?? '',
      },
      ...{ parameters: {}, sampleFraction: 0.25, refitOf: null, iterations: null, deadlineMs: null },
    };
    expect(untriedOf(plan, [sampled])).to.deep.equal(plan.candidates.slice(1));
  });
});
