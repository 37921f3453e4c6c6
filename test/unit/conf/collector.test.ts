import { expect } from 'chai';
import { createCollector, UNCOLLECTED_BYTES_MAX } from '#runtime';

const MIB = 1024 ** 2;

/** A collector over a number of bytes, of which so many are alive, and so many more are no garbage of new objects. */
function counted(start: number) {
  const state = { bytes: start, alive: start, old: 0, collections: [] as string[] };
  const collect = (type: 'minor' | 'major'): void => {
    state.collections.push(type);
    state.bytes = state.alive + (type === 'minor' ? state.old : 0);
  };
  return { state, collector: createCollector({ arrayBytes: () => state.bytes, collect }) };
}

describe('collector', () => {
  it('collects when more than the limit may be garbage, and not before', () => {
    const { state, collector } = counted(0);
    state.bytes = UNCOLLECTED_BYTES_MAX;
    collector.look();
    expect(state.collections).to.deep.equal([]);
    state.bytes += 1;
    collector.look();
    expect(state.collections).to.deep.equal(['minor']);
    expect(state.bytes).to.equal(0);
  });

  it('collects all where new objects are not what is too much', () => {
    const { state, collector } = counted(0);
    state.bytes = state.old = UNCOLLECTED_BYTES_MAX + 1;
    collector.look();
    expect(state.collections).to.deep.equal(['minor', 'major']);
    expect(state.bytes).to.equal(0);
  });

  it('measures from what was found alive, also when V8 has collected meanwhile', () => {
    const { state, collector } = counted(100 * MIB);
    state.bytes = 0;
    collector.look();
    state.alive = 0;
    state.bytes = UNCOLLECTED_BYTES_MAX + 1;
    collector.look();
    expect(state.collections).to.deep.equal(['minor']);
  });

  it('lets a quarter of large data be garbage', () => {
    const { state, collector } = counted(400 * MIB);
    state.bytes = 500 * MIB;
    collector.look();
    expect(state.collections).to.deep.equal([]);
    state.alive = state.bytes += 1;
    collector.look();
    expect(state.collections).to.deep.equal(['minor', 'major']);
  });

  it('keeps what is really held within its bound while arrays are made and let go', () => {
    const collector = createCollector();
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    // Old ones, which V8 by itself lets pile up to 64 MiB: each lives through some collections before it is let go.
    let kept: Uint8Array[] = [];
    for (let step = 0; step < 200; step += 1) {
      kept = [...kept.slice(-3), new Uint8Array(MIB)];
      collector.look();
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    expect(kept).to.have.length(4);
    expect(most).to.be.at.most(UNCOLLECTED_BYTES_MAX + 5 * MIB);
  });
});
