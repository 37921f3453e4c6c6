import { expect } from 'chai';
import { findQueue, leafQueues } from '#yarn';

const TOTAL = { memoryMb: 10_000, vcores: 100 };
const size = (memory: number, vCores: number) => ({ memory, vCores });

describe('queues', () => {
  it('of a CapacityScheduler are leaves with their whole path', () => {
    const leaf = { queueName: 'ml', absoluteCapacity: 20, absoluteMaxCapacity: 50, resourcesUsed: size(100, 1) };
    const root = {
      type: 'capacityScheduler',
      queueName: 'root',
      queues: { queue: [{ queueName: 'default' }, { queueName: 'a', queues: { queue: [leaf] } }] },
    };
    const queues = leafQueues({ scheduler: { schedulerInfo: root } }, TOTAL);
    expect(queues.map(({ path }) => path)).to.deep.equal(['root.default', 'root.a.ml']);
    expect(findQueue(queues, 'ml')).to.deep.include({
      // An older ResourceManager states shares only.
      guaranteed: { memoryMb: 2000, vcores: 20 },
      maximum: { memoryMb: 5000, vcores: 50 },
      used: { memoryMb: 100, vcores: 1 },
      maximumContainer: null,
      masters: null,
    });
  });

  it('of a FairScheduler', () => {
    const leaf = (queueName: string) => ({
      queueName,
      minResources: size(0, 0),
      maxResources: size(8192, 16),
      usedResources: size(1024, 1),
      maxContainerAllocation: size(9_007_199_254_740_991, 2_147_483_647),
      numPendingApps: 2,
      maxApps: 2_147_483_647,
      amMaxResources: size(4096, 8),
      amUsedResources: size(512, 1),
    });
    const rootQueue = { ...leaf('root'), childQueues: { queue: [leaf('root.ml'), leaf('root.default')] } };
    const queues = leafQueues({ scheduler: { schedulerInfo: { type: 'fairScheduler', rootQueue } } }, TOTAL);
    expect(queues.map(({ path }) => path)).to.deep.equal(['root.ml', 'root.default']);
    expect(queues[0]).to.deep.include({
      name: 'ml',
      maximumContainer: null,
      applications: { active: 0, pending: 2, max: null },
      masters: { used: { memoryMb: 512, vcores: 1 }, limit: { memoryMb: 4096, vcores: 8 } },
    });
  });

  it('of another scheduler are not known', () => {
    expect(leafQueues({ scheduler: { schedulerInfo: { type: 'fifoScheduler' } } }, TOTAL)).to.deep.equal([]);
  });

  it('are found by path, by path without root, and by a name that is the only one', () => {
    const queue = (path: string) => ({ path, name: path.split('.').at(-1) ?? '' }) as ReturnType<typeof leafQueues>[0];
    const queues = [queue('root.a.ml'), queue('root.b.ml'), queue('root.default')];
    expect(findQueue(queues, 'ml')).to.equal(null);
    expect(findQueue(queues, 'b.ml')).to.equal(queues[1]);
    expect(findQueue(queues, 'root.a.ml')).to.equal(queues[0]);
    expect(findQueue(queues, 'default')).to.equal(queues[2]);
    expect(findQueue(queues, 'nope')).to.equal(null);
  });
});
