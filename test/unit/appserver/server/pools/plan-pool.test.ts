import { expect } from 'chai';
import type { YarnContainer } from '#store';
import { planPool, type PoolState } from '../../../../../appserver/server/pools/plan-pool.ts';

const LIMITS = { containersMax: 4, containerIdleMs: 60_000, applicationIdleMs: 300_000, workerSilentMs: 120_000 };

const container = (name: string, change: Partial<YarnContainer> = {}): YarnContainer => ({
  containerId: name,
  applicationId: 'a',
  node: 'n1',
  nodeHttpAddress: null,
  state: 'running',
  size: null,
  launchId: null,
  firstSeenAt: 0,
  releaseAskedAt: null,
  endedAt: null,
  exitStatus: null,
  diagnostics: null,
  workerId: null,
  workerSilentMs: null,
  isBusy: false,
  ...change,
});

const SIZE = { memoryMb: 4_096, vcores: 1 };

type Change = Partial<Omit<PoolState, 'demand'>> & { readonly demand?: Partial<PoolState['demand']> };

const plan = ({ demand, ...change }: Change) =>
  planPool(
    {
      wantedCount: 0,
      containers: [],
      demand: { readyCount: 0, heldCount: 0, leastBytes: 0, ...demand },
      size: SIZE,
      idleMs: 0,
      leavingNodes: [],
      ...change,
    },
    LIMITS,
  );

describe('plan of a pool', () => {
  it('wants a container for each task that waits or runs, at once, up to the maximum', () => {
    expect(plan({ demand: { readyCount: 2, heldCount: 1 } })).to.include({ wantedCount: 3, isIdle: false });
    expect(plan({ demand: { readyCount: 9, heldCount: 1 } }).wantedCount).to.equal(4);
  });

  it('keeps what it does not need for the idle time, then gives back idle ones, the youngest first', () => {
    const containers = [
      container('old', { firstSeenAt: 1 }),
      container('busy', { firstSeenAt: 9, isBusy: true }),
      container('young', { firstSeenAt: 5 }),
    ];
    const state = { wantedCount: 3, containers, demand: { readyCount: 0, heldCount: 1 } };
    expect(plan({ ...state, idleMs: 59_999 })).to.deep.include({ wantedCount: 3, isIdle: true, giveBack: [] });
    expect(plan({ ...state, idleMs: 60_000 })).to.deep.include({ wantedCount: 1, giveBack: ['young', 'old'] });
    const one = { ...state, demand: { readyCount: 1, heldCount: 1 }, idleMs: 60_000 };
    expect(plan(one)).to.deep.include({ wantedCount: 2, giveBack: ['young'] });
  });

  it('never takes a busy container for being too many', () => {
    const containers = ['a', 'b', 'c'].map((name) => container(name, { isBusy: true }));
    const tight = { wantedCount: 3, containers, demand: { readyCount: 0, heldCount: 1 }, idleMs: 60_000 };
    expect(plan(tight)).to.deep.include({ wantedCount: 1, giveBack: [] });
  });

  it('does not count twice what is being given back', () => {
    const containers = [container('a', { releaseAskedAt: 1 }), container('b')];
    const state = { wantedCount: 1, containers, demand: { readyCount: 1, heldCount: 0 }, idleMs: 60_000 };
    expect(plan(state)).to.deep.include({ wantedCount: 1, giveBack: [] });
  });

  it('gives back what runs on nodes that are about to leave, busy or not', () => {
    const containers = [container('a', { isBusy: true }), container('b', { node: 'n2' })];
    const state = { wantedCount: 2, containers, demand: { readyCount: 1, heldCount: 1 }, leavingNodes: ['n1'] };
    expect(plan(state)).to.deep.include({ wantedCount: 2, giveBack: ['a'] });
  });

  it('gives back what holds a worker that stands still, once its task has been taken from it', () => {
    const silent = { workerId: 'w', workerSilentMs: 120_000 };
    const state = { wantedCount: 1, demand: { readyCount: 1, heldCount: 0 } };
    expect(plan({ ...state, containers: [container('a', silent)] })).to.deep.include({
      wantedCount: 1,
      giveBack: ['a'],
    });
    expect(plan({ ...state, containers: [container('a', { ...silent, isBusy: true })] }).giveBack).to.deep.equal([]);
    expect(plan({ ...state, containers: [container('a', { ...silent, workerSilentMs: 119_999 })] }).giveBack).to.be
      .empty;
  });

  it('gives back an idle container that is too small for each task that waits', () => {
    const small = container('small', { size: SIZE });
    const state = { wantedCount: 1, containers: [small], size: { memoryMb: 8_192, vcores: 1 } };
    const large = { readyCount: 1, heldCount: 0, leastBytes: 6 * 1024 ** 3 };
    expect(plan({ ...state, demand: large })).to.deep.include({ wantedCount: 1, giveBack: ['small'] });
    expect(plan({ ...state, demand: { ...large, leastBytes: 1024 ** 3 } }).giveBack).to.deep.equal([]);
    expect(plan({ ...state, size: SIZE, demand: large }).giveBack, 'as large as can be had').to.deep.equal([]);
    const busy = [container('small', { size: SIZE, isBusy: true })];
    expect(plan({ ...state, containers: busy, demand: { ...large, heldCount: 1 } }).giveBack).to.deep.equal([]);
    expect(plan({ ...state, demand: { ...large, readyCount: 0 } }).giveBack).to.deep.equal([]);
  });

  it('ends an application that has neither work nor containers for long enough, and says so', () => {
    expect(plan({ idleMs: 299_999 })).to.include({ isIdle: true, finish: null });
    expect(plan({ idleMs: 300_000 }).finish).to.deep.equal({
      finalStatus: 'SUCCEEDED',
      message: 'No task for 300 s. Trainyard starts the pool again when there is work.',
    });
    expect(plan({ idleMs: 300_000, containers: [container('a')] }).finish).to.equal(null);
    expect(plan({ idleMs: 300_000, demand: { readyCount: 1, heldCount: 0 } }).finish).to.equal(null);
  });
});
