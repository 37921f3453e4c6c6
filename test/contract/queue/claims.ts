import { expect } from 'chai';
import {
  createJob,
  drainWorker,
  getJob,
  holdTasks,
  readClock,
  releaseTasks,
  setTaskPriority,
  tasksOfJob,
} from '#store';
import type { Stage } from './stage.ts';
import { LEASE_MS, World, refused } from './world.ts';

/** Which task a worker gets. */
export function claimsCases(stage: Stage): void {
  describe('claim', () => {
    it('gives nothing when there is nothing', async () => {
      expect(await stage.world.claim(stage.worker)).to.equal(null);
    });

    it('raises the fence, names an attempt folder of its own and what is left of the deadline', async () => {
      const now = await readClock(stage.world.database);
      const task = await stage.world.addTask({ deadlineAt: now + 5_000 });
      const first = await stage.world.take(stage.worker);
      expect(first).to.include({ taskId: task.id, fence: 1, leaseMs: LEASE_MS, remainingMs: 5_000 });
      expect(first.attemptPath).to.match(new RegExp(`^predictions/${task.id}/1-[0-9a-f]{12}$`));
      expect(first.spec).to.deep.equal(task.spec);
      await stage.world.advance(1_000);
      expect((await stage.world.beat(first)).remainingMs).to.equal(4_000);
      await stage.world.fail(first, 'worker');
      const second = await stage.world.take(stage.other);
      expect(second.fence).to.equal(2);
      expect(second.attemptPath).not.to.equal(first.attemptPath);
      expect(second.leaseToken).not.to.equal(first.leaseToken);
    });

    it('answers a repeated request with the same task and token, and nothing once its lease is over', async () => {
      await stage.world.addTask();
      await stage.world.addTask();
      const first = await stage.world.take(stage.worker, 'request-1');
      expect(await stage.world.take(stage.worker, 'request-1')).to.deep.equal(first);
      await stage.world.start(first);
      expect(await stage.world.take(stage.worker, 'request-1')).to.deep.equal(first);
      const second = await stage.world.take(stage.other, 'request-1');
      expect(second.taskId).not.to.equal(first.taskId);
      await stage.world.fail(first, 'user');
      expect(await stage.world.claim(stage.worker, { requestId: 'request-1' })).to.equal(null);
    });

    it('refuses a token that is not the worker’s', async () => {
      await refused(stage.world.claim({ id: stage.worker.id, token: stage.other.token }), 'UNAUTHENTICATED');
      await refused(stage.world.claim({ id: 'worker_unknown', token: stage.other.token }), 'UNAUTHENTICATED');
    });

    it('goes by the fewest held tasks of a project, then priority, then age', async () => {
      const a1 = await stage.world.addTask({ project: 'a' });
      await stage.world.advance(1);
      const a2 = await stage.world.addTask({ project: 'a' });
      await stage.world.advance(1);
      const b1 = await stage.world.addTask({ project: 'b' });
      await stage.world.advance(1);
      const a3 = await stage.world.addTask({ project: 'a', priority: 5 });
      await stage.world.advance(1);
      const c1 = await stage.world.addTask({ project: null, user: 'someone' });
      const order = [];
      for (let index = 0; index < 5; index += 1) order.push((await stage.world.take(stage.worker)).taskId);
      // One each first (a's is the one of priority 5, and goes before b and c), then the rest of a by age.
      expect(order).to.deep.equal([a3.id, b1.id, c1.id, a1.id, a2.id]);
    });

    it('gives a task of priority below 0 only when no project has another one', async () => {
      const first = await stage.world.addTask({ project: 'idle', priority: -1 });
      await stage.world.advance(1);
      const busy = [];
      for (let index = 0; index < 3; index += 1) busy.push((await stage.world.addTask({ project: 'busy' })).id);
      const later = await stage.world.addTask({ project: 'busy', priority: -2 });
      const order = [];
      for (let index = 0; index < 5; index += 1) order.push((await stage.world.take(stage.worker)).taskId);
      expect(order).to.have.members([...busy, first.id, later.id]);
      expect(order.slice(0, 3)).to.have.members(busy);
      expect(order.slice(3), 'then by the share again').to.deep.equal([first.id, later.id]);
    });

    it('takes a task of priority below 0 from its holder, uncharged, once another one has waited for a second', async () => {
      const insight = await stage.world.addTask({ project: 'idle', priority: -1 });
      const another = await stage.world.addTask({ project: 'idle', priority: -1 });
      const [first, second] = [await stage.world.take(stage.worker), await stage.world.take(stage.other)];
      for (const claimed of [first, second]) await stage.world.start(claimed);
      await stage.world.advance(60_000);
      expect(await stage.world.beat(first), 'nobody waits').to.include({ directive: 'continue' });
      const urgent = await stage.world.addTask({ project: 'busy' });
      expect(await stage.world.beat(first), 'not yet').to.include({ directive: 'continue' });
      await stage.world.advance(1_000);
      expect(await stage.world.beat(first)).to.include({ directive: 'cancel' });
      expect(await stage.world.beat(second), 'one is enough').to.include({ directive: 'continue' });
      expect(await stage.world.task(first.taskId)).to.include({ state: 'READY', charged: 0, losses: 1 });
      await refused(stage.world.beat(first), 'TASK_FENCED');
      const claimed = await stage.world.take(stage.worker);
      expect(claimed.taskId).to.equal(urgent.id);
      await stage.world.advance(10_000);
      expect(await stage.world.beat(second), 'nobody waits any more').to.include({ directive: 'continue' });
      expect([insight.id, another.id]).to.include((await stage.world.take(stage.worker)).taskId);
    });

    it('leaves a task of priority below 0 with a worker that ends after it and would claim nothing in its place', async () => {
      await stage.world.addTask({ project: 'idle', priority: -1 });
      const held = await stage.world.take(stage.worker);
      await stage.world.start(held);
      await drainWorker(stage.world.database, stage.worker.id, 'test');
      await stage.world.addTask({ project: 'busy' });
      await stage.world.advance(1_000);
      expect(await stage.world.beat(held)).to.include({ directive: 'drain' });
      expect((await stage.world.task(held.taskId)).state).to.equal('RUNNING');
    });

    it('lets a task of priority below 0 end that gave way five times', async () => {
      await stage.world.addTask({ project: 'idle', priority: -1 });
      let held = await stage.world.take(stage.worker);
      for (let time = 0; time < 5; time += 1) {
        await stage.world.start(held);
        const urgent = await stage.world.addTask({ project: 'busy' });
        await stage.world.addTask({ project: 'idle', priority: -2 });
        await stage.world.advance(1_000);
        expect(await stage.world.beat(held), `time ${time}`).to.include({ directive: 'cancel' });
        const next = await stage.world.take(stage.worker);
        expect(next.taskId).to.equal(urgent.id);
        await stage.world.fail(next, 'user');
        await stage.world.advance(60_000);
        held = await stage.world.take(stage.worker);
      }
      await stage.world.start(held);
      const waiting = await stage.world.addTask({ project: 'busy' });
      await stage.world.advance(1_000);
      expect(await stage.world.beat(held)).to.include({ directive: 'continue' });
      expect((await stage.world.task(waiting.id)).state).to.equal('READY');
    });

    it('counts a project’s share again when its tasks end', async () => {
      for (const project of ['a', 'a', 'a', 'b', 'b']) await stage.world.addTask({ project });
      const projectOf = async () => {
        const claimed = await stage.world.take(stage.worker);
        return { claimed, project: (await stage.world.task(claimed.taskId)).projectId };
      };
      const first = await projectOf();
      const second = await projectOf();
      expect(new Set([first.project, second.project])).to.deep.equal(new Set(['a', 'b']));
      const a = first.project === 'a' ? first : second;
      await stage.world.fail(a.claimed, 'user');
      expect((await projectOf()).project).to.equal('a');
    });

    it('keeps the order in which a job’s tasks were made, also within one millisecond', async () => {
      const job = await stage.world.database.transaction((trx) =>
        createJob(trx, { kind: 'autopilot', userId: 'u1', projectId: 'p1', resource: null }),
      );
      const made = [];
      for (let index = 0; index < 12; index += 1) made.push((await stage.world.addTask({ jobId: job.id })).id);
      const taken = [];
      for (let index = 0; index < 12; index += 1) taken.push((await stage.world.take(stage.worker)).taskId);
      expect(taken).to.deep.equal(made);
      expect((await tasksOfJob(stage.world.database, job.id)).map(({ id }) => id)).to.deep.equal(made);
    });

    it('breaks ties between projects by what the worker has cached', async () => {
      await stage.world.addTask({ project: 'a', datasetId: 'da' });
      await stage.world.advance(1);
      const b = await stage.world.addTask({ project: 'b', datasetId: 'db' });
      const claimed = await stage.world.claim(stage.worker, { cached: ['db'] });
      expect(claimed?.taskId).to.equal(b.id);
    });

    it('obeys a changed priority, and leaves held-back tasks alone', async () => {
      const first = await stage.world.addTask();
      await stage.world.advance(1);
      const second = await stage.world.addTask();
      expect(await setTaskPriority(stage.world.database, second.id, 9)).to.equal(true);
      const held = await stage.world.addTask({ project: 'held' });
      expect(await stage.world.database.transaction((trx) => holdTasks(trx, held.jobId))).to.equal(1);
      expect((await stage.world.take(stage.worker)).taskId).to.equal(second.id);
      expect((await stage.world.take(stage.worker)).taskId).to.equal(first.id);
      expect(await stage.world.claim(stage.worker)).to.equal(null);
      expect(await stage.world.database.transaction((trx) => releaseTasks(trx, held.jobId))).to.equal(1);
      expect((await stage.world.take(stage.worker)).taskId).to.equal(held.id);
      expect(await setTaskPriority(stage.world.database, 'task_unknown', 9)).to.equal(false);
    });

    it('gives up a task whose user may not run it any more, and gives the next one', async () => {
      await stage.world.close();
      stage.world = await World.open(stage.store, { mayRun: async (_trx, userId) => userId !== 'left' });
      stage.worker = await stage.world.addWorker();
      const refusedTask = await stage.world.addTask({ user: 'left', priority: 1 });
      const task = await stage.world.addTask({ user: 'here' });
      expect((await stage.world.take(stage.worker)).taskId).to.equal(task.id);
      expect(await stage.world.task(refusedTask.id)).to.include({ state: 'FAILED', charged: 0 });
      expect((await getJob(stage.world.database, refusedTask.jobId))?.error?.code).to.equal('FORBIDDEN');
    });

    it('wakes a held claim when a task comes, and lets it go when its client does', async () => {
      const held = stage.world.claim(stage.worker, { waitMs: 30_000 });
      const task = await stage.world.addTask();
      expect((await held)?.taskId).to.equal(task.id);
      const controller = new AbortController();
      const request = { workerId: stage.other.id, requestId: 'r', waitMs: 30_000, cachedDatasets: [] };
      const abandoned = stage.world.protocol.claim(stage.other.token, request, controller.signal);
      setImmediate(() => controller.abort());
      expect(await abandoned).to.equal(null);
    });

    it('finds by looking what another replica has made ready', async () => {
      const task = await stage.world.addTask();
      await stage.world.database.knex('task').where({ id: task.id }).update({ state: 'WAITING' });
      const held = stage.world.claim(stage.worker, { waitMs: 30_000 });
      await stage.world.database.knex('task').where({ id: task.id }).update({ state: 'READY' });
      expect((await held)?.taskId).to.equal(task.id);
    });
  });
}
