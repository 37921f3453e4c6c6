import { expect } from 'chai';
import { objectStoreSuite } from '../contract/object-store/suite.ts';
import { MemoryObjectStore } from './memory-object-store.ts';
import { SimulatedProcess } from './process.ts';
import { Random } from './random.ts';
import { VirtualTime } from './virtual-time.ts';

objectStoreSuite('memory, of the simulator', {
  open: async () => new MemoryObjectStore(),
  close: async () => undefined,
});

describe('simulator: its parts', () => {
  it('a write whose writer dies leaves no object, but something to sweep', async () => {
    let steps = 0;
    const store = new MemoryObjectStore({
      step: async () => {
        steps += 1;
        if (steps === 2) await new Promise(() => undefined);
      },
    });
    void store.write('a/b', Buffer.from('content'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(await store.stat('a/b')).to.equal(null);
    expect(store.unfinishedCount).to.equal(1);
    expect(await store.sweepTemporary(0)).to.equal(1);
  });

  it('chance is the same for the same seed and name, and within its bounds', () => {
    const draw = (seed: string) =>
      Array.from({ length: 5 }, (_, index) => new Random(seed).split(`${index}`).below(1e6));
    expect(draw('a')).to.deep.equal(draw('a')).and.not.deep.equal(draw('b'));
    const random = new Random('c');
    const mean = Array.from({ length: 20_000 }, () => random.next()).reduce((sum, value) => sum + value, 0) / 20_000;
    expect(mean).to.be.within(0.49, 0.51);
  });

  it('time jumps from event to event, in order; what was cancelled does not happen', async () => {
    const time = new VirtualTime(() => null);
    const seen: string[] = [];
    for (const ms of [500, 20, 3_600_000, 20]) time.after(ms, () => seen.push(`${ms} at ${time.nowMs}`));
    time.after(10, () => seen.push('cancelled'))();
    expect(await time.run(() => false, 1_000)).to.equal(false);
    expect(seen).to.deep.equal(['20 at 20', '20 at 20', '500 at 500']);
    expect(await time.run(() => seen.length === 4, Infinity), 'what lay behind the limit still comes').to.equal(true);
    expect(seen.at(-1)).to.equal('3600000 at 3600000');
  });

  it('a frozen process does nothing until it goes on, a dead one nothing ever', async () => {
    const time = new VirtualTime(() => null);
    const process = new SimulatedProcess({ name: 'p.1', time, random: new Random('p') });
    const seen: string[] = [];
    process.clock.after(10, () => seen.push(`timer at ${time.nowMs}`));
    process.clock.after(200, () => seen.push('never'));
    process.freeze(100);
    void process.pass().then(() => seen.push(`passed at ${time.nowMs}`));
    time.after(150, () => process.kill());
    await time.run(() => false, 1_000);
    expect(seen).to.have.members(['timer at 100', 'passed at 100']);
  });
});
