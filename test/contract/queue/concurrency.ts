import { expect } from 'chai';
import type { ClaimedTask } from '#contracts';
import { migrate } from '#store';
import type { TestWorker, World } from './world.ts';

/** Many at a time. */
export function concurrencyCases(now: () => { world: World; worker: TestWorker }): void {
  describe('at the same time', () => {
    it('many claims get each task once', async () => {
      const { world } = now();
      const taskIds = [];
      for (let index = 0; index < 60; index += 1) {
        taskIds.push((await world.addTask({ project: `p${index % 4}` })).id);
      }
      const workers = await Promise.all(Array.from({ length: 12 }, () => world.addWorker()));
      const taken: ClaimedTask[] = [];
      await Promise.all(
        workers.map(async (worker) => {
          for (let claimed = await world.claim(worker); claimed !== null; claimed = await world.claim(worker)) {
            taken.push(claimed);
          }
        }),
      );
      expect(taken.map(({ taskId }) => taskId).sort()).to.deep.equal(taskIds.sort());
      expect(taken.every(({ fence }) => fence === 1)).to.equal(true);
    });

    it('repeats of one claim get one task', async () => {
      const { world, worker } = now();
      for (let index = 0; index < 8; index += 1) await world.addTask();
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => world.claim(worker, { requestId: 'one', waitMs: 0 })),
      );
      expect(new Set(answers.map((answer) => answer?.taskId)).size).to.equal(1);
      expect(new Set(answers.map((answer) => answer?.leaseToken)).size).to.equal(1);
      expect(await world.database.knex('attempt')).to.have.length(1);
    });

    it('seals, commits, cancellations and the reaper end each task once', async () => {
      const { world } = now();
      const workers = await Promise.all(Array.from({ length: 6 }, () => world.addWorker()));
      const taskIds: string[] = [];
      for (let index = 0; index < 24; index += 1) taskIds.push((await world.addTask({ project: `p${index % 3}` })).id);
      // Each worker leaves when there is nothing; refusals by the cancellation are part of the game.
      const work = workers.map(async (worker, index) => {
        for (let claimed = await world.claim(worker); claimed !== null; claimed = await world.claim(worker)) {
          await world.start(claimed);
          await Promise.allSettled([
            world.seal(claimed).then(() => Promise.all([world.commit(claimed), world.commit(claimed)])),
            world.beat(claimed),
            index % 3 === 0 ? world.cancelTask(claimed.taskId) : Promise.resolve(),
            world.queue.reap(),
          ]);
          await Promise.allSettled([world.beat(claimed), world.commit(claimed)]);
        }
      });
      await Promise.all(work);
      const states = new Set<string>();
      for (const id of taskIds) states.add((await world.task(id)).state);
      expect([...states].every((state) => state === 'SUCCEEDED' || state === 'CANCELLED')).to.equal(true);
      expect(states.has('SUCCEEDED')).to.equal(true);
    });

    it('replicas that start migrate once', async () => {
      const { world } = now();
      const answers = await Promise.all([migrate(world.database), migrate(world.database), migrate(world.database)]);
      expect(new Set(answers.map(({ to }) => to)).size).to.equal(1);
    });
  });
}
