import { expect } from 'chai';
import type { EndedContainer, HeldContainer, Launch, RegisterRequest, SyncAnswer, SyncRequest } from '#contracts';
import {
  addPoolSecret,
  askRelease,
  createJob,
  endApplication,
  ensureYarnPool,
  excludedNodes,
  finishApplication,
  getApplication,
  getTask,
  listYarnPools,
  liveContainers,
  markSubmitted,
  noteNodes,
  now,
  reserveApplication,
  setWantedCount,
} from '#store';
import { syncApplication } from '../../../appserver/server/pools/application-sync.ts';
import type { Stage } from './stage.ts';
import { refused, REGISTER, SILENT_LOGGER, type TestWorker } from './world.ts';

const APPLICATION = 'application_1_0001';
const SECRET = 'secret of the pool';
const SIZE = { memoryMb: 2048, vcores: 1 };
const LAUNCH: Launch = {
  launchId: 'l1',
  size: SIZE,
  nodeLabel: null,
  command: 'x',
  environment: {},
  resources: [],
};

const containerId = (number: number): string => `container_1_0001_01_00000${number}`;
const held = (number: number, change: Partial<HeldContainer> = {}): HeldContainer => ({
  containerId: containerId(number),
  node: 'n1:1',
  nodeHttpAddress: 'n1:2',
  state: 'running',
  size: SIZE,
  launchId: 'l1',
  ...change,
});
const ended = (number: number, exitStatus: number, change: Partial<EndedContainer> = {}): EndedContainer => ({
  containerId: containerId(number),
  node: 'n1:1',
  exitStatus,
  diagnostics: 'Container killed on request.',
  wasReleased: false,
  ...change,
});

/** What application masters tell and hear. */
export function applicationsCases(stage: Stage): void {
  let pool = '';
  let sequence = 0;

  const sync = (change: Partial<SyncRequest> = {}, secret = SECRET): Promise<SyncAnswer> => {
    const { database, queue } = stage.world;
    sequence += 1;
    const request: SyncRequest = {
      protocolVersion: 1,
      attempt: 1,
      sequence,
      maximum: { memoryMb: 8192, vcores: 4 },
      held: [],
      ended: [],
      pendingCount: 0,
      nodes: [],
      preempted: [],
      ...change,
    };
    const launches = { launchOf: () => Promise.resolve(LAUNCH) };
    return syncApplication({ database, queue, logger: SILENT_LOGGER, launches }, secret, APPLICATION, request);
  };
  const workerIn = async (number: number, more: Partial<RegisterRequest> = {}): Promise<TestWorker> => {
    const container = { id: containerId(number), node: 'n1:1' };
    const answer = await stage.world.protocol.register(SECRET, { ...REGISTER, pool, container, ...more });
    return { id: answer.workerId, token: answer.workerToken };
  };
  const taskOfPool = async () => {
    const { world } = stage;
    const { id: jobId } = await world.database.transaction((trx) =>
      createJob(trx, { kind: 'batch-predict', userId: 'u1', projectId: 'p1', resource: '/r', pool }),
    );
    return world.addTask({ jobId });
  };

  describe('applications of pools', () => {
    beforeEach(async () => {
      const { database } = stage.world;
      sequence = 0;
      pool = await ensureYarnPool(database, 'alice', 'ml');
      await addPoolSecret(database, pool, SECRET);
      await reserveApplication(database, pool, APPLICATION);
      await markSubmitted(database, APPLICATION);
    });
    afterEach(async () => {
      // Nodes hang on no pool, so that emptying the pools leaves them.
      await stage.world.database.knex('yarn_node').delete();
      for (const { id } of await stage.world.database.knex('task').whereNull('finished_at').select('id'))
        await stage.world.cancelTask(String(id));
    });

    it('are one per pool, however many replicas start them', async () => {
      const { database } = stage.world;
      const wishes = ['application_1_0002', 'application_1_0003'].map((id) => reserveApplication(database, pool, id));
      expect(await Promise.all(wishes)).to.deep.equal([false, false]);
      await database.transaction((trx) => endApplication(trx, APPLICATION, { state: 'ENDED', diagnostics: '' }));
      const again = ['application_1_0002', 'application_1_0003'].map((id) => reserveApplication(database, pool, id));
      expect((await Promise.all(again)).toSorted()).to.deep.equal([false, true]);
    });

    it('speak with a secret of their pool only, and in version 1', async () => {
      await addPoolSecret(stage.world.database, 'other', 'secret of another');
      await refused(sync({}, 'secret of another'), 'POOL_SECRET_INVALID');
      await refused(sync({ protocolVersion: 2 }), 'PROTOCOL_VERSION');
      expect((await getApplication(stage.world.database, APPLICATION))?.state).to.equal('SUBMITTED');
    });

    it('hear what there is to be, and what is to be given back as soon as it is idle', async () => {
      const { database } = stage.world;
      await setWantedCount(database, APPLICATION, 3);
      const first = await sync({ held: [held(2), held(3)], pendingCount: 1 });
      expect(first).to.include({ directive: 'run', wantedCount: 3 });
      expect(first.launch).to.deep.equal(LAUNCH);
      expect(await getApplication(database, APPLICATION)).to.include({ state: 'RUNNING', attempt: 1, pendingCount: 1 });
      await taskOfPool();
      const busy = await workerIn(2);
      await stage.world.take(busy);
      await askRelease(database, [containerId(2), containerId(3)]);
      expect((await sync({ held: [held(2), held(3)] })).release).to.deep.equal([containerId(3)]);
    });

    it('have workers, and are told for how long those have been silent', async () => {
      const { database } = stage.world;
      await sync({ held: [held(2), held(3)] });
      const silent = await workerIn(2);
      await database
        .knex('worker')
        .where({ id: silent.id })
        .update({ seen_at: now(database, -90_000) });
      const [first, second] = await liveContainers(database, APPLICATION);
      expect(first?.workerSilentMs).to.be.within(90_000, 120_000);
      expect(second).to.include({ workerId: null, workerSilentMs: null });
    });

    it('change nothing by a late request, and leave when another attempt is the master', async () => {
      const { database } = stage.world;
      await sync({ sequence: 5, held: [held(2), held(3)] });
      await sync({ sequence: 4, held: [] });
      expect(await liveContainers(database, APPLICATION)).to.have.length(2);
      await sync({ attempt: 2, sequence: 1, held: [held(2)] });
      expect(await liveContainers(database, APPLICATION)).to.have.length(1);
      expect((await sync({ attempt: 1, sequence: 9, held: [held(2), held(3)] })).directive).to.equal('leave');
      expect(await liveContainers(database, APPLICATION)).to.have.length(1);
    });

    it('bring the task of a lost container back at once, uncharged, also when it is told twice', async () => {
      const { world } = stage;
      const { id } = await taskOfPool();
      await sync({ held: [held(2)] });
      const worker = await workerIn(2);
      const claimed = await world.take(worker);
      await world.start(claimed);
      const news = { held: [], ended: [ended(2, -100)] };
      expect((await sync(news)).acknowledged).to.deep.equal([containerId(2)]);
      expect(await getTask(world.database, id)).to.include({ state: 'READY', charged: 0, losses: 1 });
      await sync(news);
      expect(await getTask(world.database, id)).to.include({ state: 'READY', charged: 0, losses: 1 });
      await refused(world.beat(claimed), 'TASK_FENCED');
      // It may live on, on a node that YARN has lost.
      await refused(world.claim(worker), 'WORKER_DRAINING');
    });

    it('charge a task whose native code kills its container, and end a poison task at the third', async () => {
      const { world } = stage;
      const { id } = await taskOfPool();
      for (const number of [2, 3, 4]) {
        await sync({ held: [held(number)] });
        await world.advance(700_000);
        const claimed = await world.take(await workerIn(number));
        await world.start(claimed);
        await sync({ ended: [ended(number, 139)] });
        expect((await getTask(world.database, id))?.charged).to.equal(number - 1);
      }
      const task = await getTask(world.database, id);
      expect(task?.state).to.equal('FAILED');
      expect(task?.problem?.detail).to.contain('SIGSEGV');
    });

    it('say what was used of what was granted, and try a task that was out of memory once more', async () => {
      const { world } = stage;
      const { id } = await taskOfPool();
      const diagnostics = 'Current usage: 2.1 GB of 2 GB physical memory used; 3 GB of 4.2 GB virtual memory used.';
      for (const number of [2, 3]) {
        await sync({ held: [held(number)] });
        await world.advance(700_000);
        // The second one is larger: a worker of the same size would not get the task again.
        await world.start(await world.take(await workerIn(number, { memoryBytes: number * 1024 ** 3 })));
        await sync({ ended: [ended(number, -104, { diagnostics })] });
      }
      const task = await getTask(world.database, id);
      expect(task).to.include({ state: 'FAILED', charged: 0 });
      expect(task?.problem).to.include({ code: 'TASK_MEMORY' });
      expect(task?.problem?.detail).to.contain('2.1 GB of 2 GB').and.to.contain('ask for 3 GB');
    });

    it('leave a sealed task to the reaper, which commits it', async () => {
      const { world } = stage;
      const { id } = await taskOfPool();
      await sync({ held: [held(2)] });
      const claimed = await world.take(await workerIn(2));
      await world.start(claimed);
      await world.seal(claimed);
      await sync({ ended: [ended(2, 137)] });
      expect((await getTask(world.database, id))?.state).to.equal('COMMITTING');
      await world.commit(claimed);
      expect((await getTask(world.database, id))?.state).to.equal('SUCCEEDED');
    });

    it('leave a node alone on which three containers failed, but never more than half of the nodes', async () => {
      const { database } = stage.world;
      const nodes = ['n1:1', 'n2:1', 'n3:1', 'n4:1'].map((node) => ({ node, state: 'RUNNING' }));
      await database.transaction((trx) => noteNodes(trx, nodes));
      await sync({ ended: [ended(2, -1000), ended(3, -1000)] });
      expect(await excludedNodes(database)).to.deep.equal([]);
      expect((await sync({ ended: [ended(4, -1000)] })).excludedNodes).to.deep.equal(['n1:1']);
      await sync({ ended: [ended(5, -101, { node: 'n2:1' }), ended(6, -101, { node: 'n3:1' })] });
      expect(await excludedNodes(database)).to.have.length(2);
      await stage.world.advance(3_600_000);
      expect(await excludedNodes(database)).to.deep.equal([]);
    });

    it('get no new containers for a while when one ends before its worker has registered, and say why', async () => {
      const { world } = stage;
      const { database } = world;
      const poolNow = async () => (await listYarnPools(database)).find(({ name }) => name === pool);
      await setWantedCount(database, APPLICATION, 2);
      await sync({ held: [held(2)] });
      const diagnostics = 'Exception from container-launch\nCONFIG_INVALID: worker.cacheBytes';
      expect((await sync({ ended: [ended(2, 10, { diagnostics })] })).wantedCount).to.equal(0);
      expect((await poolNow())?.waitReason)
        .to.contain('exit code 10')
        .and.to.contain('worker.cacheBytes');
      await world.advance(1_000);
      expect((await sync({ held: [held(3)] })).wantedCount).to.equal(2);
      await sync({ ended: [ended(3, 10, { diagnostics })] });
      await world.advance(1_000);
      expect((await sync()).wantedCount, 'twice as long').to.equal(0);
      await world.advance(1_000);
      expect((await sync({ held: [held(4)] })).wantedCount).to.equal(2);
      await workerIn(4);
      await sync({ held: [held(4)] });
      expect(await poolNow()).to.include({ failures: 0, notBefore: 0 });
    });

    it('do not blame nodes, tasks or anybody for what was given back', async () => {
      const { world } = stage;
      const { id } = await taskOfPool();
      await sync({ held: [held(2)] });
      await world.start(await world.take(await workerIn(2)));
      await sync({ ended: [2, 3, 4].map((number) => ended(number, 143, { wasReleased: true })) });
      expect(await getTask(world.database, id)).to.include({ state: 'READY', charged: 0 });
      expect(await excludedNodes(world.database)).to.deep.equal([]);
    });

    it('offer idle containers for those that the scheduler wants, whose workers get no more tasks', async () => {
      const { world } = stage;
      await taskOfPool();
      await sync({ held: [held(2), held(3)] });
      const busy = await workerIn(2);
      await world.take(busy);
      const answer = await sync({ held: [held(2), held(3)], preempted: [containerId(2)] });
      expect(answer.release).to.deep.equal([containerId(3)]);
      await refused(world.claim(busy), 'WORKER_DRAINING');
    });

    it('end as they are told, and whatever speaks after its end is ended', async () => {
      const { database } = stage.world;
      const finish = { finalStatus: 'SUCCEEDED', message: 'No task for 5 s.' } as const;
      await finishApplication(database, APPLICATION, finish);
      await finishApplication(database, APPLICATION, { finalStatus: 'KILLED', message: 'later' });
      expect(await sync({ held: [held(2)] })).to.include({ directive: 'finish', ...finish, wantedCount: 0 });
      await database.transaction((trx) => endApplication(trx, APPLICATION, { state: 'ABANDONED', diagnostics: 'x' }));
      expect(await sync({ held: [held(2)] })).to.include({ directive: 'finish', finalStatus: 'KILLED' });
      expect(await liveContainers(database, APPLICATION)).to.deep.equal([]);
    });
  });
}
