import { expect } from 'chai';
import { getJob, readClock, readTaskLog } from '#store';
import type { Stage } from './stage.ts';
import { LEASE_MS } from './world.ts';

/** What a failed attempt means. */
export function failuresCases(stage: Stage): void {
  describe('failures', () => {
    it('charge the task three times, with back-off, and then end it', async () => {
      const task = await stage.world.addTask();
      const delays = [];
      for (let attempt = 1; attempt <= 2; attempt += 1) {
        const claimed = await stage.world.take(stage.worker);
        await stage.world.start(claimed);
        expect(await stage.world.fail(claimed, 'task')).to.deep.equal({ state: 'READY' });
        expect(await stage.world.claim(stage.worker), 'before the back-off is over').to.equal(null);
        const { notBefore } = await stage.world.task(task.id);
        delays.push(notBefore - (await readClock(stage.world.database)));
        await stage.world.advance(notBefore - (await readClock(stage.world.database)));
      }
      expect(delays[0]).to.be.within(2_500, 5_000);
      expect(delays[1]).to.be.within(5_000, 10_000);
      expect(await stage.world.fail(await stage.world.take(stage.worker), 'task')).to.deep.equal({ state: 'FAILED' });
      const after = await stage.world.task(task.id);
      expect(after).to.include({ state: 'FAILED', charged: 3 });
      expect(after.problem?.code).to.equal('TASK_POISONED');
      expect(after.problem?.detail).to.include('it died');
      const job = await getJob(stage.world.database, task.jobId);
      expect(job).to.include({ state: 'failed' });
      expect(job?.error?.code).to.equal('TASK_POISONED');
    });

    it('end at once when the user is to blame, with the worker’s problem', async () => {
      const task = await stage.world.addTask();
      expect(await stage.world.fail(await stage.world.take(stage.worker), 'user', ['bad row'])).to.deep.equal({
        state: 'FAILED',
      });
      expect((await getJob(stage.world.database, task.jobId))?.error?.code).to.equal('TASK_CHILD_DIED');
      expect((await readTaskLog(stage.world.database, task.id)).map(({ line }) => line)).to.deep.equal(['bad row']);
    });

    it('are never charged to the task when the worker is to blame, however many', async () => {
      const task = await stage.world.addTask();
      for (let attempt = 1; attempt <= 6; attempt += 1) {
        expect(await stage.world.fail(await stage.world.take(stage.worker), 'worker')).to.deep.equal({
          state: 'READY',
        });
        await stage.world.advance(60_000);
      }
      expect(await stage.world.task(task.id)).to.include({ state: 'READY', charged: 0, losses: 6 });
    });

    it('for lack of memory are tried once more only', async () => {
      await stage.world.addTask();
      expect(await stage.world.fail(await stage.world.take(stage.worker), 'memory')).to.deep.equal({ state: 'READY' });
      expect(await stage.world.fail(await stage.world.take(stage.worker), 'memory')).to.deep.equal({ state: 'FAILED' });
    });

    it('of workers that fall silent with their memory in use are taken for lack of memory, and end', async () => {
      const { world } = stage;
      const small = await world.addWorker({ memoryBytes: 1_000 });
      const task = await world.addTask();
      const lose = async (memoryBytes: number) => {
        const claimed = await world.take(small);
        await world.start(claimed, { memoryBytes });
        await world.beat(claimed, { memoryBytes: 1 });
        await world.advance(LEASE_MS + 1);
        await world.queue.reap();
        await world.advance(60_000);
        return (await world.task(task.id)).state;
      };
      for (let loss = 0; loss < 4; loss += 1) expect(await lose(900), 'not near the limit').to.equal('READY');
      expect(await lose(901)).to.equal('READY');
      expect(await lose(950)).to.equal('READY');
      expect(await lose(990)).to.equal('FAILED');
      const { problem, charged } = await world.task(task.id);
      expect(problem?.code).to.equal('TASK_MEMORY');
      expect(problem?.detail).to.contain('raise worker.memoryBytes');
      expect(charged).to.equal(0);
    });

    it('keep at most the last lines of a log', async () => {
      const task = await stage.world.addTask();
      const claimed = await stage.world.take(stage.worker);
      for (let beat = 0; beat < 7; beat += 1) {
        const log = Array.from({ length: 200 }, (_, index) => `line ${beat * 200 + index}`);
        await stage.world.beat(claimed, { log, memoryBytes: beat });
      }
      const lines = await readTaskLog(stage.world.database, task.id);
      expect(lines).to.have.length(1000);
      expect(lines[0]?.line).to.equal('line 400');
      expect(lines.at(-1)?.line).to.equal('line 1399');
      await stage.world.beat(claimed, { log: ['a\0b', 'x'.repeat(5_000)], memoryBytes: 99 });
      const [nul, long] = (await readTaskLog(stage.world.database, task.id)).slice(-2);
      expect(nul?.line).to.equal('a\u{FFFD}b');
      expect(long?.line).to.have.length(2_000);
    });
  });
}
