import { expect } from 'chai';
import { explainWait, memoryText, type Ask, type FreeSpace, type QueueState } from '#yarn';

const GB = 1024;
const amount = (gb: number, vcores = 16) => ({ memoryMb: gb * GB, vcores });

const QUEUE: QueueState = {
  path: 'root.ml',
  name: 'ml',
  state: 'RUNNING',
  used: amount(0, 0),
  guaranteed: amount(8),
  maximum: amount(16),
  maximumContainer: amount(8, 8),
  masters: { used: amount(1, 1), limit: amount(4, 4) },
  applications: { active: 1, pending: 0, max: 100 },
  users: [],
};
const SPACE: FreeSpace = { total: amount(32, 32), nodes: [{ node: 'n1:1', free: amount(16) }] };
const ASK: Ask = { size: amount(8, 1), user: 'alice', isMaster: false };

describe('why an ask waits', () => {
  it('for the queue', () => {
    expect(explainWait({ ...QUEUE, used: amount(14, 2) }, ASK, SPACE)).to.deep.equal({
      kind: 'queue_full',
      sentence: 'queue `ml` is full: asked 8 GB, 2 GB free',
      isFinal: false,
    });
    const vcores = explainWait({ ...QUEUE, used: amount(1, 16) }, ASK, SPACE);
    expect(vcores.sentence).to.equal('queue `ml` is full: asked 1 vcores, 0 vcores free');
  });

  it('for ever, for a container larger than the queue grants', () => {
    const reason = explainWait(QUEUE, { ...ASK, size: amount(9, 1) }, SPACE);
    expect(reason).to.deep.include({ kind: 'larger_than_maximum', isFinal: true });
    expect(reason.sentence).to.include('asked 9 GB, at most 8 GB');
  });

  it('for a queue that is stopped', () => {
    expect(explainWait({ ...QUEUE, state: 'DRAINING' }, ASK, SPACE).sentence).to.include('it is draining');
  });

  it('for the limit on application masters, which is the first container’s alone', () => {
    const full: QueueState = { ...QUEUE, masters: { used: amount(3.5, 2), limit: amount(4, 4) } };
    const ask = { ...ASK, size: amount(1, 1) };
    expect(explainWait(full, { ...ask, isMaster: true }, SPACE)).to.deep.include({
      kind: 'masters_limit',
      sentence: 'queue `ml` has no room for one more application master: asked 1 GB, 3.5 GB of 4 GB used',
    });
    expect(explainWait(full, ask, SPACE).kind).to.equal('not_yet');
    const first: QueueState = { ...QUEUE, masters: { used: amount(0, 0), limit: amount(0.5, 1) } };
    expect(explainWait(first, { ...ask, isMaster: true }, SPACE).kind).to.equal('not_yet');
  });

  it('for the user’s own limit, once he has reached it', () => {
    const withUser = (used: number): QueueState => ({
      ...QUEUE,
      users: [{ name: 'alice', used: amount(used, 1), limit: amount(4) }],
    });
    expect(explainWait(withUser(4), ASK, SPACE).sentence).to.equal(
      'user alice has 4 GB of 4 GB that queue `ml` gives one user: asked 8 GB more',
    );
    expect(explainWait(withUser(3), ASK, SPACE).kind).to.equal('not_yet');
    expect(explainWait(withUser(4), { ...ASK, user: 'bob' }, SPACE).kind).to.equal('not_yet');
  });

  it('for the cluster, or for one node with room enough', () => {
    const nodes = (...gb: number[]): FreeSpace => ({
      ...SPACE,
      nodes: gb.map((one, index) => ({ node: `n${index}:1`, free: amount(one) })),
    });
    expect(explainWait(QUEUE, ASK, nodes(3, 2)).sentence).to.equal('the cluster is full: asked 8 GB, 5 GB free');
    expect(explainWait(QUEUE, ASK, nodes())).to.deep.include({ kind: 'cluster_full' });
    expect(explainWait(QUEUE, ASK, nodes(6, 7)).sentence).to.equal(
      'no node has 8 GB and 1 vcores free at once: the most is 7 GB and 16 vcores on n1:1',
    );
    expect(explainWait(QUEUE, ASK, nodes(8)).kind).to.equal('not_yet');
    const [first] = nodes(8, 7).nodes;
    const without = { ...nodes(8, 7), excludedNodes: [first?.node ?? ''] };
    expect(explainWait(QUEUE, ASK, without).sentence).to.match(
      /7 GB free, without \S+, where containers failed too often$/,
    );
    expect(explainWait(QUEUE, ASK, { ...nodes(6, 8), excludedNodes: ['another'] }).kind).to.equal('not_yet');
  });

  it('says memory in the units that YARN means', () => {
    expect([0, 512, 1024, 1536, 2150].map(memoryText)).to.deep.equal(['0 MB', '512 MB', '1 GB', '1.5 GB', '2.1 GB']);
  });
});
