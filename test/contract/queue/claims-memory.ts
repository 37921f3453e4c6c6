import { expect } from 'chai';
import { createJob, drainWorker, ensureYarnPool } from '#store';
import { claimTogether, wish } from './claims-model.ts';
import type { Stage } from './stage.ts';
import { REGISTER, type TaskOptions } from './world.ts';

const GIB = 1024 ** 3;

/** Tasks go to workers that have the memory which they are predicted to need. */
export function claimsMemoryCases(stage: Stage): void {
  const taskOf = async (memoryBytes: number | null, options: TaskOptions = {}) => {
    const { id } = await stage.world.addTask(options);
    await stage.world.database.knex('task').where({ id }).update({ memory_bytes: memoryBytes });
    await stage.world.advance(1);
    return id;
  };

  describe('claims and memory', () => {
    it('leave a large task to the worker that has the memory, however long others wait', async () => {
      const { world } = stage;
      await world.addWorker({ memoryBytes: 8 * GIB });
      const [large, small] = [await taskOf(6 * GIB), await taskOf(GIB)];
      const wishes = [wish(), wish({ memoryBytes: 8 * GIB }), wish()];
      expect(await claimTogether(world, wishes)).to.deep.equal([small, large, null]);
    });

    it('keep the only worker that can do a large task for it, though it waited longest for any', async () => {
      const { world } = stage;
      await world.addWorker({ memoryBytes: 8 * GIB });
      const small = await taskOf(GIB);
      const large = await taskOf(6 * GIB);
      const wishes = [wish({ memoryBytes: 8 * GIB }), wish()];
      expect(await claimTogether(world, wishes)).to.deep.equal([large, small]);
    });

    it('give the largest worker what nobody has the memory for', async () => {
      const { world } = stage;
      const [first, second] = [await taskOf(64 * GIB), await taskOf(64 * GIB)];
      const large = await world.addWorker({ memoryBytes: 8 * GIB });
      expect(await claimTogether(world, [wish(), wish({ memoryBytes: 8 * GIB })])).to.deep.equal([null, first]);
      await drainWorker(world.database, large.id, 'it leaves');
      expect(await claimTogether(world, [wish()]), 'none larger is left').to.deep.equal([second]);
    });

    it('give a small worker other tasks than the many that it is too small for', async () => {
      const { world } = stage;
      await world.addWorker({ memoryBytes: 8 * GIB });
      for (let index = 0; index < 60; index += 1) await taskOf(6 * GIB, { priority: 5 });
      const small = await taskOf(null);
      expect(await claimTogether(world, [wish()])).to.deep.equal([small]);
    });

    it('wait in YARN for a container of the size', async () => {
      const { world } = stage;
      const pool = await ensureYarnPool(world.database, 'alice', 'ml');
      const { id: jobId } = await world.database.transaction((trx) =>
        createJob(trx, { kind: 'batch-predict', userId: 'u1', projectId: 'p1', resource: '/r', pool }),
      );
      const large = await taskOf(6 * GIB, { jobId });
      expect(await claimTogether(world, [wish({ pool })])).to.deep.equal([null]);
      expect(await claimTogether(world, [wish({ pool, memoryBytes: 7 * GIB })])).to.deep.equal([large]);
    });

    it('ask for half as much again once a worker’s memory did not suffice', async () => {
      const { world, worker } = stage;
      const { id, memoryBytes } = await world.addTask();
      expect(memoryBytes).to.equal(null);
      expect(await world.fail(await world.take(worker), 'memory')).to.deep.equal({ state: 'READY' });
      expect((await world.task(id)).memoryBytes).to.equal(Math.ceil(1.5 * REGISTER.memoryBytes));
      const larger = await world.addWorker({ memoryBytes: 8 * GIB });
      expect(await world.claim(worker), 'the same worker is too small now').to.equal(null);
      expect((await world.take(larger)).taskId).to.equal(id);
    });
  });
}
