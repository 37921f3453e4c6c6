import { expect } from 'chai';
import { AppError, toProblem } from '#contracts';
import { drainWorker, expireTask, readClock, readTaskLog } from '#store';
import type { Stage } from './stage.ts';
import { LEASE_MS, OUTCOME, refused } from './world.ts';

/** How leases live and end. */
export function leasesCases(stage: Stage): void {
  describe('leases', () => {
    it('expire without beats: uncharged, to another worker, at once the first time', async () => {
      const task = await stage.world.addTask();
      const lost = await stage.world.take(stage.worker);
      await stage.world.start(lost);
      await stage.world.advance(LEASE_MS);
      expect(await stage.world.queue.reap(), 'a lease is over only after its last millisecond').to.equal(0);
      await stage.world.advance(1);
      expect(await stage.world.queue.reap()).to.equal(1);
      expect(await stage.world.task(task.id)).to.include({ state: 'READY', charged: 0, losses: 1, fence: 1 });
      const next = await stage.world.take(stage.other);
      expect(next).to.include({ taskId: task.id, fence: 2 });
    });

    it('are not taken from a holder whose beat came just before the reaper', async () => {
      const task = await stage.world.addTask();
      const claimed = await stage.world.take(stage.worker);
      const holder = { taskId: task.id, fence: claimed.fence };
      const before = await stage.world.snapshot(task.id);
      const done = await stage.world.database.transaction((trx) => expireTask(trx, holder, stage.world.queue.policy));
      expect(done).to.equal(null);
      expect(await stage.world.snapshot(task.id)).to.deep.equal(before);
    });

    it('live as long as beats come', async () => {
      const task = await stage.world.addTask();
      const claimed = await stage.world.take(stage.worker);
      for (let beat = 0; beat < 5; beat += 1) {
        await stage.world.advance(LEASE_MS - 1);
        await stage.world.beat(claimed);
        expect(await stage.world.queue.reap()).to.equal(0);
      }
      expect(await stage.world.task(task.id)).to.include({ state: 'LEASED', fence: 1 });
    });

    it('back off longer each time a task is lost, up to a bound', async () => {
      const task = await stage.world.addTask();
      const delays = [];
      for (let loss = 0; loss < 12; loss += 1) {
        await stage.world.take(stage.worker);
        await stage.world.advance(LEASE_MS + 1);
        await stage.world.queue.reap();
        delays.push((await stage.world.task(task.id)).notBefore - (await readClock(stage.world.database)));
        await stage.world.advance(60_000);
      }
      expect(delays[0]).to.equal(0);
      expect(delays[1]).to.be.within(500, 1_000);
      expect(delays.at(-1)).to.be.within(30_000, 60_000);
    });

    it('are resumed while nobody else has claimed, as if nothing had happened', async () => {
      const task = await stage.world.addTask();
      const claimed = await stage.world.take(stage.worker);
      await stage.world.start(claimed);
      await stage.world.advance(LEASE_MS + 1);
      await stage.world.queue.reap();
      await refused(stage.world.beat(claimed), 'TASK_FENCED');
      await refused(stage.world.seal(claimed), 'TASK_FENCED');
      expect((await stage.world.resume(claimed)).directive).to.equal('continue');
      expect(await stage.world.task(task.id)).to.include({ state: 'RUNNING', losses: 0, fence: 1 });
      await stage.world.seal(claimed);
      expect(await stage.world.commit(claimed)).to.deep.equal({ state: 'SUCCEEDED' });
    });

    it('are not resumed once another worker has claimed, nor after a failure', async () => {
      await stage.world.addTask();
      const lost = await stage.world.take(stage.worker);
      await stage.world.advance(LEASE_MS + 1);
      await stage.world.queue.reap();
      const next = await stage.world.take(stage.other);
      await refused(stage.world.resume(lost), 'TASK_FENCED');
      await stage.world.fail(next, 'worker');
      await refused(stage.world.resume(next), 'TASK_FENCED');
    });

    it('of sealed results: the result is committed without its worker, not computed again', async () => {
      const task = await stage.world.addTask();
      const claimed = await stage.world.take(stage.worker);
      await stage.world.seal(claimed);
      await stage.world.advance(LEASE_MS + 1);
      expect(await stage.world.queue.reap()).to.equal(1);
      await stage.world.queue.close();
      expect(await stage.world.task(task.id)).to.include({ state: 'SUCCEEDED', fence: 1, losses: 0 });
      expect(await stage.world.commit(claimed), 'the worker comes back').to.deep.equal({ state: 'SUCCEEDED' });
    });

    it('of sealed results that do not verify: charged and tried again', async () => {
      const task = await stage.world.addTask();
      const claimed = await stage.world.take(stage.worker);
      await stage.world.seal(claimed, [{ name: 'nothing', sizeBytes: 1, sha256: 'a'.repeat(64) }]);
      await stage.world.advance(LEASE_MS + 1);
      await stage.world.queue.reap();
      await stage.world.queue.close();
      expect(await stage.world.task(task.id)).to.include({ state: 'READY', charged: 1 });
      expect(await stage.world.commit(claimed)).to.deep.equal({ state: 'READY' });
    });

    it('of sealed results whose follow-up is broken: given up after three charges, not tried for ever', async () => {
      const task = await stage.world.addTask();
      stage.world.committed = async () => {
        throw new Error('a bug');
      };
      for (let attempt = 1; attempt <= 3; attempt += 1) {
        await stage.world.advance(600_000);
        await stage.world.seal(await stage.world.take(stage.worker));
        await stage.world.advance(LEASE_MS + 1);
        await stage.world.queue.reap();
        await stage.world.queue.close();
      }
      expect(await stage.world.task(task.id)).to.include({ state: 'FAILED', charged: 3 });
    });

    it('of sealed results that take long to verify do not keep other leases from being taken', async () => {
      const { world, worker, other } = stage;
      const gate = Promise.withResolvers<undefined>();
      world.verify = () => gate.promise;
      // One more than a tick of the reaper looks at.
      for (let index = 0; index < 101; index += 1) {
        await world.addTask();
        await world.seal(await world.take(worker), []);
      }
      await world.advance(1);
      const lost = await world.addTask();
      await world.take(other);
      await world.advance(LEASE_MS + 1);
      await world.queue.reap();
      expect(await world.task(lost.id)).to.include({ state: 'READY', losses: 1 });
      expect(await world.queue.reap(), 'no more are begun while these are verified').to.equal(0);
      gate.resolve(undefined);
      await world.queue.close();
      await world.queue.reap();
      await world.queue.close();
      const done = await world.database.knex('task').where({ state: 'SUCCEEDED' });
      expect(done, 'two at a time').to.have.length(4);
    });

    it('take each line of the log down once, however often an answer is lost', async () => {
      const { world, worker } = stage;
      const task = await world.addTask();
      const claimed = await world.take(worker);
      const lines = async () => (await readTaskLog(world.database, task.id)).map(({ line }) => line);
      await world.start(claimed, { log: ['a', 'b'], logFrom: 0, memoryBytes: 1 });
      // The answer is lost: the lines come again, with others and with another use of memory.
      await world.beat(claimed, { log: ['a', 'b', 'b', 'c'], logFrom: 0, memoryBytes: 2 });
      await world.beat(claimed, { log: ['a', 'b', 'b', 'c'], logFrom: 0, memoryBytes: 3 });
      await world.beat(claimed, { log: [], logFrom: 4, memoryBytes: 4 });
      expect(await lines()).to.deep.equal(['a', 'b', 'b', 'c']);
      await world.beat(claimed, { log: ['c', 'd'], logFrom: 3, memoryBytes: 5 });
      const { leaseToken, taskId, fence } = claimed;
      const problem = toProblem(new AppError('TASK_CHILD_DIED', 'it died'), null, true);
      const failure = { fence, blame: 'worker' as const, problem, log: ['d', 'e'], logFrom: 4 };
      await world.protocol.fail(leaseToken, taskId, failure);
      await world.protocol.fail(leaseToken, taskId, failure);
      expect(await lines()).to.deep.equal(['a', 'b', 'b', 'c', 'd', 'e']);
      const next = await world.take(worker);
      await world.start(next, { log: ['a'], logFrom: 0 });
      expect((await lines()).slice(-2), 'another attempt counts anew').to.deep.equal(['e', 'a']);
      const files = await world.writeFiles(next);
      const seal = { fence: next.fence, files, outcome: OUTCOME, log: ['a', 'z'], logFrom: 0 };
      await world.protocol.seal(next.leaseToken, taskId, seal);
      expect((await lines()).slice(-2)).to.deep.equal(['a', 'z']);
    });

    it('are all extended when nobody could beat', async () => {
      const task = await stage.world.addTask();
      const claimed = await stage.world.take(stage.worker);
      await stage.world.advance(10 * LEASE_MS);
      expect(await stage.world.database.transaction((trx) => stage.world.queue.extendLeases(trx))).to.equal(1);
      expect(await stage.world.queue.reap()).to.equal(0);
      await stage.world.advance(LEASE_MS);
      await stage.world.beat(claimed);
      expect(await stage.world.task(task.id)).to.include({ state: 'LEASED', fence: 1 });
    });

    it('tell a draining worker so', async () => {
      await stage.world.addTask();
      const claimed = await stage.world.take(stage.worker);
      await drainWorker(stage.world.database, stage.worker.id, 'test');
      expect((await stage.world.beat(claimed)).directive).to.equal('drain');
    });
  });
}
