import { expect } from 'chai';
import { newId } from '#runtime';
import { createTask, getJob, holdTasks, now, pauseRun, rawRows, releaseTasks, resumeRun } from '#store';
import type { Stage } from './stage.ts';
import { LEASE_MS, refused } from './world.ts';

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

  describe('a pause', () => {
    /** A run of a new job with that many tasks; `pause` and `resume` do what the routes do. */
    async function pausable(count: number) {
      const { world } = stage;
      const { database } = world;
      const jobId = await world.addJob();
      const ids: string[] = [];
      for (let index = 0; index < count; index += 1) ids.push((await world.addTask({ jobId })).id);
      const made = { created_at: now(database), created_by: 'u1' };
      const ingest = { source: '{}', warnings: '[]', job_id: jobId };
      const [ds, p, run] = [newId('dataset'), newId('project'), newId('run')];
      await database.knex('datasets').insert({ id: ds, name: 'd', state: 'ready', ...ingest, ...made });
      const project = { id: p, name: 'p', description: '', dataset_id: ds, updated_at: now(database) };
      await database.knex('projects').insert({ ...project, ...made });
      await database.knex('autopilot_runs').insert({
        ...{ id: run, project_id: p, job_id: jobId, started_by: 'u1', plan: '{}', state: 'running' },
        ...{ started_at: now(database), paused_ms: 0 },
      });
      const pause = () =>
        database.transaction(async (trx) => {
          await pauseRun(trx, run);
          await holdTasks(trx, jobId);
        });
      const resume = () =>
        database.transaction(async (trx) => {
          await resumeRun(trx, run, 'running', 0);
          await releaseTasks(trx, jobId);
        });
      const end = () => database.knex('projects').where({ id: p }).delete();
      return { ids, pause, resume, end };
    }

    it('holds for a task that is lost, or fails, while it lasts', async () => {
      const { world, worker, other } = stage;
      const { ids, pause, resume, end } = await pausable(2);
      const lost = await world.take(worker);
      const failing = await world.take(other);
      await pause();
      expect(await world.fail(failing, 'worker'), 'its worker is told as ever').to.deep.equal({ state: 'READY' });
      expect(await world.fail(failing, 'worker')).to.deep.equal({ state: 'READY' });
      await world.advance(LEASE_MS + 1);
      await world.queue.reap();
      await world.advance(600_000);
      for (const id of ids) expect((await world.task(id)).state).to.equal('WAITING');
      expect(await world.claim(worker)).to.equal(null);
      await resume();
      const again = [await world.take(worker), await world.take(other)].map(({ taskId }) => taskId);
      expect(again).to.have.members([lost.taskId, failing.taskId]);
      await end();
    });

    it('leaves alone who works, also one that could not be reached for longer than its lease', async () => {
      const { world, worker } = stage;
      const { ids, pause, resume, end } = await pausable(1);
      const claimed = await world.take(worker);
      await world.start(claimed);
      await pause();
      await world.advance(LEASE_MS + 1);
      await world.queue.reap();
      expect((await world.resume(claimed)).directive).to.equal('continue');
      await world.seal(claimed);
      expect(await world.commit(claimed)).to.deep.equal({ state: 'SUCCEEDED' });
      await resume();
      expect(await world.task(ids[0] ?? '')).to.include({ state: 'SUCCEEDED', losses: 0 });
      await end();
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
