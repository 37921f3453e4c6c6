import { expect } from 'chai';
import { systemClock } from '#runtime';
import { BackOff } from '../../../../../yarn-workers/worker/supervisor/back-off.ts';

describe('worker: back-off', () => {
  it('doubles up to its limit, with jitter down to a half, and begins anew', () => {
    const low = new BackOff(100, 350, { ...systemClock, random: () => 0 });
    expect([low.next(), low.next(), low.next(), low.next()]).to.deep.equal([50, 100, 175, 175]);
    const high = new BackOff(100, 350, { ...systemClock, random: () => 1 });
    expect([high.next(), high.next()]).to.deep.equal([100, 200]);
    high.reset();
    expect(high.next()).to.equal(100);
  });

  it('a pause ends early when it is aborted', async () => {
    const startedAt = performance.now();
    await new BackOff(60_000, 60_000).pause(AbortSignal.timeout(20));
    expect(performance.now() - startedAt).to.be.lessThan(5_000);
  });
});
