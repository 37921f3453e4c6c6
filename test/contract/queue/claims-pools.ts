import { expect } from 'chai';
import { addPoolSecret, createGroup, createJob } from '#store';
import { claimTogether, wish } from './claims-model.ts';
import type { Stage } from './stage.ts';
import { newTask, REGISTER, type TaskOptions } from './world.ts';

const POOL = 'yarn:ml:alice';

/** Whose workers do a job's tasks. */
export function claimsPoolsCases(stage: Stage): void {
  const jobIn = (pool: string) =>
    stage.world.database.transaction(async (trx) => {
      const { id } = await createJob(trx, { kind: 'autopilot', userId: 'u1', projectId: 'p1', resource: null, pool });
      stage.world.openJobs.add(id);
      return id;
    });
  const taskIn = async (pool: string, options: TaskOptions = {}) =>
    (await stage.world.addTask({ ...options, jobId: await jobIn(pool) })).id;

  describe('claims of pools', () => {
    it('give a task to workers of its job’s pool only', async () => {
      const { world } = stage;
      const ofPool = await taskIn(POOL, { priority: 9 });
      const ofDefault = await world.addTask();
      const answers = await claimTogether(world, [wish(), wish({ pool: POOL }), wish(), wish({ pool: 'yarn:ml:bob' })]);
      expect(answers).to.deep.equal([ofDefault.id, ofPool, null, null]);
    });

    it('are those of the pool that the worker registered in, whatever it asks for', async () => {
      const { world } = stage;
      await addPoolSecret(world.database, POOL, 'secret of alice');
      const request = { ...REGISTER, pool: POOL, container: { id: 'container_e17_1_0001_01_000002', node: 'n1:8041' } };
      const { workerId: id, workerToken: token } = await world.protocol.register('secret of alice', request);
      await world.addTask();
      const own = await taskIn(POOL);
      expect((await world.take({ id, token })).taskId).to.equal(own);
      expect(await world.claim({ id, token })).to.equal(null);
    });

    it('share within a pool: what runs in another one does not count', async () => {
      const { world } = stage;
      const inPool = { project: 'a' };
      await taskIn(POOL, inPool);
      await claimTogether(world, [wish({ pool: POOL })]);
      const a = await world.addTask({ project: 'a' });
      await world.advance(1);
      const b = await world.addTask({ project: 'b' });
      expect(await claimTogether(world, [wish()])).to.deep.equal([a.id]);
      expect(await claimTogether(world, [wish()])).to.deep.equal([b.id]);
    });

    it('find a task behind more tasks of other pools than are looked at', async () => {
      const { world } = stage;
      const jobId = await jobIn('yarn:ml:bob');
      for (let index = 0; index < 100; index += 1) await world.addTask({ jobId, priority: 5 });
      const own = await taskIn(POOL);
      expect(await claimTogether(world, [wish({ pool: POOL })])).to.deep.equal([own]);
    });

    it('begin a group in each pool at a time', async () => {
      const { world } = stage;
      const groupIn = async (pool: string) => {
        const jobId = await jobIn(pool);
        const members = [newTask({}), newTask({})];
        return (await world.database.transaction((trx) => createGroup(trx, jobId, members))).tasks;
      };
      const here = await groupIn('default');
      const there = await groupIn(POOL);
      expect(await claimTogether(world, [wish(), wish({ pool: POOL })])).to.deep.equal([here[0]?.id, there[0]?.id]);
      expect(await claimTogether(world, [wish({ pool: POOL }), wish()])).to.deep.equal([there[1]?.id, here[1]?.id]);
    });
  });
}
