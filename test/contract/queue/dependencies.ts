import { expect } from 'chai';
import { createTask, getJob, holdTasks, rawRows, releaseTasks } from '#store';
import type { Stage } from './stage.ts';
import { refused } from './world.ts';

/** Tasks that need others first. */
export function dependenciesCases(stage: Stage): void {
  describe('dependencies', () => {
    const succeed = async () => {
      const claimed = await stage.world.take(stage.worker);
      await stage.world.seal(claimed);
      await stage.world.commit(claimed);
      return claimed.taskId;
    };
    const stateOf = async (id: string) => (await stage.world.task(id)).state;

    it('keep a task from being given out until all of them have succeeded', async () => {
      const { world, worker } = stage;
      const jobId = await world.addJob();
      const a = await world.addTask({ jobId });
      const b = await world.addTask({ jobId });
      const both = await world.addTask({ jobId, dependsOn: [a.id, b.id, a.id], priority: 9 });
      const after = await world.addTask({ jobId, dependsOn: [both.id] });
      expect([both.state, after.state]).to.deep.equal(['WAITING', 'WAITING']);
      expect(await succeed()).to.equal(a.id);
      expect(await stateOf(both.id)).to.equal('WAITING');
      expect(await succeed()).to.equal(b.id);
      expect(await succeed()).to.equal(both.id);
      expect(await succeed()).to.equal(after.id);
      expect(await world.claim(worker)).to.equal(null);
      expect((await world.addTask({ jobId, dependsOn: [a.id] })).state, 'nothing to wait for').to.equal('READY');
    });

    it('wake a held claim when the last one succeeds', async () => {
      const { world, worker, other } = stage;
      const jobId = await world.addJob();
      const first = await world.addTask({ jobId });
      const second = await world.addTask({ jobId, dependsOn: [first.id] });
      const claimed = await world.take(worker);
      const held = world.claim(other, { waitMs: 30_000 });
      await world.seal(claimed);
      await world.commit(claimed);
      expect((await held)?.taskId).to.equal(second.id);
    });

    it('that fail end all that need them, in one transaction, with their follow-ups', async () => {
      const { world, worker } = stage;
      const jobId = await world.addJob();
      const first = await world.addTask({ jobId });
      const second = await world.addTask({ jobId, dependsOn: [first.id] });
      const third = await world.addTask({ jobId, dependsOn: [second.id, first.id] });
      const apart = await world.addTask({ jobId });
      expect(await world.fail(await world.take(worker), 'user')).to.deep.equal({ state: 'FAILED' });
      for (const { id } of [second, third]) {
        const task = await world.task(id);
        expect(task).to.include({ state: 'FAILED', fence: 0, charged: 0 });
        expect(task.problem?.code).to.equal('DEPENDENCY_FAILED');
      }
      expect(await stateOf(apart.id)).to.equal('READY');
      const notes = await world.notes();
      expect([notes.get(second.id), notes.get(third.id)]).to.deep.equal([['FAILED'], ['FAILED']]);
      await refused(world.addTask({ jobId, dependsOn: [first.id] }), 'DEPENDENCY_FAILED');
    });

    it('that are tried again keep what needs them waiting', async () => {
      const { world, worker } = stage;
      const jobId = await world.addJob();
      const first = await world.addTask({ jobId });
      const second = await world.addTask({ jobId, dependsOn: [first.id] });
      await world.fail(await world.take(worker), 'worker');
      expect(await stateOf(second.id)).to.equal('WAITING');
      expect(await succeed()).to.equal(first.id);
      expect(await stateOf(second.id)).to.equal('READY');
    });

    it('that are cancelled cancel all that need them, and the job ends', async () => {
      const { world } = stage;
      const jobId = await world.addJob();
      const first = await world.addTask({ jobId });
      const second = await world.addTask({ jobId, dependsOn: [first.id] });
      const third = await world.addTask({ jobId, dependsOn: [second.id] });
      await world.cancelTask(first.id);
      for (const { id } of [first, second, third]) expect(await stateOf(id)).to.equal('CANCELLED');
      expect((await world.cancelJob(jobId)).state).to.equal('cancelled');
      expect((await getJob(world.database, jobId))?.state).to.equal('cancelled');
    });

    it('and a pause are two reasons to wait: both must be gone', async () => {
      const { world } = stage;
      const jobId = await world.addJob();
      const first = await world.addTask({ jobId });
      const second = await world.addTask({ jobId, dependsOn: [first.id] });
      const { database } = world;
      expect(await database.transaction((trx) => holdTasks(trx, jobId))).to.equal(2);
      expect(await world.claim(stage.worker)).to.equal(null);
      expect(await database.transaction((trx) => releaseTasks(trx, jobId))).to.equal(1);
      expect(await stateOf(second.id)).to.equal('WAITING');
      const claimed = await world.take(stage.worker);
      await database.transaction((trx) => holdTasks(trx, jobId));
      await world.seal(claimed);
      expect(await world.commit(claimed)).to.deep.equal({ state: 'SUCCEEDED' });
      expect(await stateOf(second.id), 'still put aside').to.equal('WAITING');
      await database.transaction((trx) => releaseTasks(trx, jobId));
      expect(await succeed()).to.equal(second.id);
      expect(first.id).to.equal(claimed.taskId);
    });

    it('are tasks of the same job, and a repeat of the creation finds the task', async () => {
      const { world } = stage;
      const jobId = await world.addJob();
      const elsewhere = await world.addTask();
      await refused(world.addTask({ jobId, dependsOn: [elsewhere.id] }), 'INTERNAL');
      await refused(world.addTask({ jobId, dependsOn: ['task_unknown'] }), 'INTERNAL');
      const first = await world.addTask({ jobId });
      const second = await world.addTask({ jobId, dependsOn: [first.id], key: 'same' });
      expect((await world.addTask({ jobId, dependsOn: [first.id], key: 'same' })).id).to.equal(second.id);
      expect(await world.database.knex('task_dependency')).to.have.length(1);
    });
  });

  describe('costs', () => {
    it('are the threads of a training and one for anything else, unless they are given', async () => {
      const { world } = stage;
      const { id, spec, jobId } = await world.addTask();
      const costOf = async (taskId: string) => {
        const rows = await rawRows<{ cost: number }>(world.database, 'select cost from task where id = ?', [taskId]);
        return rows[0]?.cost;
      };
      expect(await costOf(id)).to.equal(1);
      const common = { jobId, projectId: 'p1', runAs: 'u1', spec };
      const given = await world.database.transaction((trx) =>
        createTask(trx, { ...common, idempotencyKey: 'given', cost: 7 }),
      );
      expect(await costOf(given.task.id)).to.equal(7);
      const training = await world.database.transaction((trx) =>
        createTask(trx, { ...common, idempotencyKey: 'training', spec: TRAINING }),
      );
      expect(await costOf(training.task.id)).to.equal(6);
      for (const task of [given.task, training.task]) {
        await world.database.knex('task').where({ id: task.id }).delete();
      }
    });
  });
}

const TRAINING = {
  kind: 'train' as const,
  modelId: 'm1',
  projectId: 'p1',
  datasetId: 'd1',
  table: { rowCount: 0, columns: [], files: [] },
  target: { name: 'y', targetType: 'regression' as const, classes: [], positiveClass: null },
  features: [{ name: 'x', type: 'numeric' as const, uniqueCount: 2 }],
  metric: 'rmse' as const,
  partitioning: {
    method: 'random' as const,
    validation: 'tvh' as const,
    folds: 1,
    validationFraction: 0.2,
    holdoutFraction: 0,
    column: null,
    seed: 0,
  },
  weightColumn: null,
  monotonic: { increasing: [], decreasing: [] },
  blueprintId: 'b',
  parameters: {},
  sampleFraction: 1,
  refit: null,
  seed: 0,
  threadCount: 6,
};
