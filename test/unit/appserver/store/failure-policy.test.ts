import { expect } from 'chai';
import type { Blame } from '#contracts';
import { decideFailure } from '#store';

const POLICY = { chargedAttemptsMax: 3, backoffMs: 5_000, backoffMsMax: 600_000 };
const HISTORY = { taskId: 't', fence: 1, charged: 0, losses: 0, memoryFailures: 0, isSuspected: false };
const decide = (blame: Blame, history: Partial<typeof HISTORY> = {}, policy = POLICY) =>
  decideFailure(blame, { ...HISTORY, ...history }, policy);

describe('store/failure-policy', () => {
  it('gives up at once for what is the user’s', () => {
    expect(decide('user')).to.deep.equal({ state: 'FAILED', charged: 0, losses: 0, delayMs: 0, poisoned: false });
  });

  it('charges the task and gives it up at the limit', () => {
    expect(decide('task', { charged: 0 })).to.include({ state: 'READY', charged: 1, poisoned: false });
    expect(decide('task', { charged: 1 })).to.include({ state: 'READY', charged: 2 });
    expect(decide('task', { charged: 2 })).to.include({ state: 'FAILED', charged: 3, poisoned: true });
    expect(decide('task', {}, { ...POLICY, chargedAttemptsMax: 1 })).to.include({ state: 'FAILED', charged: 1 });
  });

  it('backs off by powers of two up to the longest, with jitter of at most half', () => {
    const policy = { ...POLICY, chargedAttemptsMax: 100 };
    for (let charged = 0; charged < 60; charged += 1) {
      const full = Math.min(2 ** charged * 5_000, 600_000);
      const { delayMs } = decide('task', { charged, fence: charged + 1 }, policy);
      expect(delayMs).to.be.within(full / 2, full);
    }
  });

  it('waits as long in a replay, and differently for others', () => {
    expect(decide('task')).to.deep.equal(decide('task'));
    const delays = Array.from({ length: 20 }, (_, index) => decide('task', { taskId: `t${index}` }).delayMs);
    expect(new Set(delays).size).to.be.above(15);
  });

  it('tries a lack of memory once more', () => {
    expect(decide('memory')).to.include({ state: 'READY', charged: 0, losses: 1, delayMs: 0 });
    expect(decide('memory', { memoryFailures: 1, losses: 1 })).to.include({
      state: 'FAILED',
      charged: 0,
      poisoned: false,
    });
  });

  it('never charges what is the worker’s or nobody’s, without limit', () => {
    for (const blame of ['worker', 'unknown'] as const) {
      for (const losses of [0, 1, 5, 1_000]) {
        const decision = decide(blame, { losses });
        expect(decision).to.include({ state: 'READY', charged: 0, losses: losses + 1 });
        expect(decision.delayMs).to.be.at.most(60_000);
      }
      expect(decide(blame).delayMs).to.equal(0);
    }
  });
});
