import { expect } from 'chai';
import { AppError } from '#contracts';
import { newId } from '#runtime';
import {
  createJob,
  createTask,
  expireTask,
  getJob,
  getTask,
  holdTasks,
  listQueue,
  migrate,
  readClock,
  readTaskLog,
  releaseTasks,
  setTaskPriority,
  setWorkerDraining,
  tasksOfJob,
} from '#store';
import { checkAlways } from './invariants.ts';
import { concurrencyCases } from './concurrency.ts';
import { walkCases } from './walk.ts';
import { LEASE_MS, POOL_SECRET, refused, World, type TestStore, type TestWorker } from './world.ts';

/** A database to hold the queue's contract against. */
export interface QueueDriver {
  /** A fresh, empty database whose clock is simulated. */
  readonly open: () => Promise<TestStore>;
  /** Seeds of the random walk; cheap databases walk further. */
  readonly walks: { readonly seeds: number; readonly steps: number };
}

/** What the queue does on every database. */
export function queueSuite(name: string, driver: QueueDriver): void {
  describe(`queue: ${name}`, function () {
    this.timeout(60_000);
    let store: TestStore;
    let world: World;
    let worker: TestWorker;
    let other: TestWorker;

    beforeEach(async () => {
      store = await driver.open();
      world = await World.open(store);
      worker = await world.addWorker();
      other = await world.addWorker();
    });
    afterEach(async () => {
      await checkAlways(world);
      await world.close();
      await store.close();
    });

    describe('creation', () => {
      it('makes one task of a repeated idempotency key', async () => {
        const first = await world.addTask({ key: 'same' });
        const second = await world.addTask({ key: 'same', jobId: first.jobId });
        expect(second.id).to.equal(first.id);
        expect(await world.database.knex('task').count({ n: '*' })).to.deep.equal([{ n: 1 }]);
      });

      it('refuses tasks of a job that is finished or being cancelled', async () => {
        const task = await world.addTask();
        await world.cancelJob(task.jobId);
        await refused(world.addTask({ jobId: task.jobId }), 'JOB_CANCELLED', 'JOB_FINISHED');
      });

      it('undoes job and task together when the transaction fails', async () => {
        const jobId = newId('job');
        const failing = world.database.transaction(async (trx) => {
          await createJob(trx, { id: jobId, kind: 'ingest', userId: 'u1', projectId: null, resource: null });
          throw new AppError('CONFLICT', 'changed my mind');
        });
        await refused(failing, 'CONFLICT');
        expect(await getJob(world.database, jobId)).to.equal(null);
      });

      it('refuses a spec that is none', async () => {
        const creating = world.database.transaction(async (trx) => {
          const job = await createJob(trx, { kind: 'ingest', userId: 'u1', projectId: null, resource: null });
          const spec = { kind: 'ingest' } as never; // what a careless caller might pass
          await createTask(trx, { jobId: job.id, projectId: null, runAs: 'u1', idempotencyKey: 'k', spec });
        });
        await refused(creating, 'INTERNAL');
      });
    });

    describe('claim', () => {
      it('gives nothing when there is nothing', async () => {
        expect(await world.claim(worker)).to.equal(null);
      });

      it('raises the fence, names an attempt folder of its own and what is left of the deadline', async () => {
        const now = await readClock(world.database);
        const task = await world.addTask({ deadlineAt: now + 5_000 });
        const first = await world.take(worker);
        expect(first).to.include({ taskId: task.id, fence: 1, leaseMs: LEASE_MS, remainingMs: 5_000 });
        expect(first.attemptPath).to.match(new RegExp(`^predictions/${task.id}/1-[0-9a-f]{12}$`));
        expect(first.spec).to.deep.equal(task.spec);
        await world.advance(1_000);
        expect((await world.beat(first)).remainingMs).to.equal(4_000);
        await world.fail(first, 'worker');
        const second = await world.take(other);
        expect(second.fence).to.equal(2);
        expect(second.attemptPath).not.to.equal(first.attemptPath);
        expect(second.leaseToken).not.to.equal(first.leaseToken);
      });

      it('answers a repeated request with the same task and token, and nothing once its lease is over', async () => {
        await world.addTask();
        await world.addTask();
        const first = await world.take(worker, 'request-1');
        expect(await world.take(worker, 'request-1')).to.deep.equal(first);
        await world.start(first);
        expect(await world.take(worker, 'request-1')).to.deep.equal(first);
        const second = await world.take(other, 'request-1');
        expect(second.taskId).not.to.equal(first.taskId);
        await world.fail(first, 'user');
        expect(await world.claim(worker, { requestId: 'request-1' })).to.equal(null);
      });

      it('refuses a token that is not the worker’s', async () => {
        await refused(world.claim({ id: worker.id, token: other.token }), 'UNAUTHENTICATED');
        await refused(world.claim({ id: 'worker_unknown', token: other.token }), 'UNAUTHENTICATED');
      });

      it('goes by the fewest held tasks of a project, then priority, then age', async () => {
        const a1 = await world.addTask({ project: 'a' });
        await world.advance(1);
        const a2 = await world.addTask({ project: 'a' });
        await world.advance(1);
        const b1 = await world.addTask({ project: 'b' });
        await world.advance(1);
        const a3 = await world.addTask({ project: 'a', priority: 5 });
        await world.advance(1);
        const c1 = await world.addTask({ project: null, user: 'someone' });
        const order = [];
        for (let index = 0; index < 5; index += 1) order.push((await world.take(worker)).taskId);
        // One each first (a's is the one of priority 5, and goes before b and c), then the rest of a by age.
        expect(order).to.deep.equal([a3.id, b1.id, c1.id, a1.id, a2.id]);
      });

      it('counts a project’s share again when its tasks end', async () => {
        for (const project of ['a', 'a', 'a', 'b', 'b']) await world.addTask({ project });
        const projectOf = async () => {
          const claimed = await world.take(worker);
          return { claimed, project: (await world.task(claimed.taskId)).projectId };
        };
        const first = await projectOf();
        const second = await projectOf();
        expect(new Set([first.project, second.project])).to.deep.equal(new Set(['a', 'b']));
        const a = first.project === 'a' ? first : second;
        await world.fail(a.claimed, 'user');
        expect((await projectOf()).project).to.equal('a');
      });

      it('keeps the order in which a job’s tasks were made, also within one millisecond', async () => {
        const job = await world.database.transaction((trx) =>
          createJob(trx, { kind: 'autopilot', userId: 'u1', projectId: 'p1', resource: null }),
        );
        const made = [];
        for (let index = 0; index < 12; index += 1) made.push((await world.addTask({ jobId: job.id })).id);
        const taken = [];
        for (let index = 0; index < 12; index += 1) taken.push((await world.take(worker)).taskId);
        expect(taken).to.deep.equal(made);
        expect((await tasksOfJob(world.database, job.id)).map(({ id }) => id)).to.deep.equal(made);
      });

      it('breaks ties between projects by what the worker has cached', async () => {
        await world.addTask({ project: 'a', datasetId: 'da' });
        await world.advance(1);
        const b = await world.addTask({ project: 'b', datasetId: 'db' });
        const claimed = await world.claim(worker, { cached: ['db'] });
        expect(claimed?.taskId).to.equal(b.id);
      });

      it('obeys a changed priority, and leaves held-back tasks alone', async () => {
        const first = await world.addTask();
        await world.advance(1);
        const second = await world.addTask();
        expect(await setTaskPriority(world.database, second.id, 9)).to.equal(true);
        const held = await world.addTask({ project: 'held' });
        expect(await world.database.transaction((trx) => holdTasks(trx, held.jobId))).to.equal(1);
        expect((await world.take(worker)).taskId).to.equal(second.id);
        expect((await world.take(worker)).taskId).to.equal(first.id);
        expect(await world.claim(worker)).to.equal(null);
        expect(await world.database.transaction((trx) => releaseTasks(trx, held.jobId))).to.equal(1);
        expect((await world.take(worker)).taskId).to.equal(held.id);
        expect(await setTaskPriority(world.database, 'task_unknown', 9)).to.equal(false);
      });

      it('gives up a task whose user may not run it any more, and gives the next one', async () => {
        await world.close();
        world = await World.open(store, { mayRun: async (_trx, task) => task.runAs !== 'left' });
        worker = await world.addWorker();
        const refusedTask = await world.addTask({ user: 'left', priority: 1 });
        const task = await world.addTask({ user: 'here' });
        expect((await world.take(worker)).taskId).to.equal(task.id);
        expect(await world.task(refusedTask.id)).to.include({ state: 'FAILED', charged: 0 });
        expect((await getJob(world.database, refusedTask.jobId))?.error?.code).to.equal('FORBIDDEN');
      });

      it('wakes a held claim when a task comes, and lets it go when its client does', async () => {
        const held = world.claim(worker, { waitMs: 30_000 });
        const task = await world.addTask();
        expect((await held)?.taskId).to.equal(task.id);
        const controller = new AbortController();
        const request = { workerId: other.id, requestId: 'r', waitMs: 30_000, cachedDatasets: [] };
        const abandoned = world.protocol.claim(other.token, request, controller.signal);
        setImmediate(() => controller.abort());
        expect(await abandoned).to.equal(null);
      });

      it('finds by looking what another replica has made ready', async () => {
        const task = await world.addTask();
        await world.database.knex('task').where({ id: task.id }).update({ state: 'WAITING' });
        const held = world.claim(worker, { waitMs: 30_000 });
        await world.database.knex('task').where({ id: task.id }).update({ state: 'READY' });
        expect((await held)?.taskId).to.equal(task.id);
      });
    });

    describe('tokens and registration', () => {
      it('accept the pool’s secret and this protocol only', async () => {
        const request = {
          protocolVersion: 1,
          programVersion: '0',
          pool: 'p',
          hostName: 'h',
          processId: 1,
          memoryBytes: 1,
          threadCount: 1,
        };
        await refused(world.protocol.register('wrong', request), 'POOL_SECRET_INVALID');
        await refused(world.protocol.register(POOL_SECRET, { ...request, protocolVersion: 99 }), 'PROTOCOL_VERSION');
      });

      it('are good for their own task and fence only', async () => {
        await world.addTask();
        await world.addTask();
        const mine = await world.take(worker);
        const theirs = await world.take(other);
        const before = await world.snapshot(theirs.taskId);
        const stolen = { ...theirs, leaseToken: mine.leaseToken };
        for (const statement of [world.start, world.beat, world.resume, world.commit, world.fail]) {
          await refused(statement(stolen), 'LEASE_TOKEN_INVALID');
        }
        await refused(world.seal(stolen), 'LEASE_TOKEN_INVALID');
        await refused(world.beat({ ...mine, fence: 2 }), 'LEASE_TOKEN_INVALID');
        await refused(world.beat({ ...mine, taskId: 'task_unknown' }), 'LEASE_TOKEN_INVALID');
        await refused(world.beat({ ...mine, leaseToken: worker.token }), 'LEASE_TOKEN_INVALID');
        expect(await world.snapshot(theirs.taskId)).to.deep.equal(before);
      });

      it('are nowhere in the database', async () => {
        await world.addTask();
        const claimed = await world.take(worker);
        const tables = ['worker', 'attempt', 'task', 'outbox'];
        for (const table of tables) {
          const text = JSON.stringify(await world.database.knex(table).select('*'));
          expect(text).not.to.include(claimed.leaseToken);
          expect(text).not.to.include(worker.token);
        }
      });
    });

    describe('the way to a result', () => {
      it('goes through start, beat, seal and commit; the job follows', async () => {
        const task = await world.addTask();
        const job = () => getJob(world.database, task.jobId);
        expect((await job())?.state).to.equal('queued');
        const claimed = await world.take(worker);
        expect((await world.task(task.id)).state).to.equal('LEASED');
        await world.start(claimed);
        expect((await world.task(task.id)).state).to.equal('RUNNING');
        expect((await job())?.state).to.equal('running');
        const progress = { fraction: 0.5, phase: 'half', message: 'way', iteration: 7 };
        await world.advance(LEASE_MS - 1);
        const answer = await world.beat(claimed, { progress, memoryBytes: 5, log: ['one', 'two'] });
        expect(answer).to.deep.equal({ directive: 'continue', leaseMs: LEASE_MS, remainingMs: null });
        expect((await job())?.progress).to.deep.equal({ fraction: 0.5, phase: 'half', message: 'way' });
        expect(await world.seal(claimed)).to.deep.equal({ state: 'COMMITTING' });
        expect(await world.commit(claimed)).to.deep.equal({ state: 'SUCCEEDED' });
        expect(await job()).to.deep.include({ state: 'succeeded', error: null });
        expect((await job())?.progress.fraction).to.equal(1);
        const rows = await world.database.knex('result');
        const [file] = await world.writeFiles(claimed);
        expect(rows).to.have.length(1);
        expect(rows[0]).to.deep.include({ task_id: task.id, path: claimed.attemptPath, manifest_sha256: file?.sha256 });
        expect((await world.notes()).get(task.id)).to.deep.equal(['SUCCEEDED']);
        const lines = (await readTaskLog(world.database, task.id)).map(({ line }) => line);
        expect(lines).to.deep.equal(['one', 'two', 'sealing']);
      });

      it('answers repeats of every statement as the first time, and records nothing twice', async () => {
        const task = await world.addTask();
        const claimed = await world.take(worker);
        const twice = async (statement: () => Promise<unknown>) => {
          const first = await statement();
          const after = await world.snapshot(task.id);
          expect(await statement()).to.deep.equal(first);
          expect(await world.snapshot(task.id)).to.deep.equal(after);
        };
        await twice(() => world.start(claimed));
        await twice(() => world.beat(claimed, { log: ['once'], memoryBytes: 3 }));
        await twice(() => world.resume(claimed, { memoryBytes: 4 }));
        await twice(() => world.seal(claimed));
        await twice(() => world.commit(claimed));
        expect(await world.seal(claimed)).to.deep.equal({ state: 'SUCCEEDED' });
        expect(await world.fail(claimed)).to.deep.equal({ state: 'SUCCEEDED' });
      });

      it('answers a repeated fail as the first time, also when the task is elsewhere', async () => {
        const task = await world.addTask();
        const claimed = await world.take(worker);
        expect(await world.fail(claimed, 'worker', ['last words'])).to.deep.equal({ state: 'READY' });
        const next = await world.take(other);
        const before = await world.snapshot(task.id);
        expect(await world.fail(claimed, 'worker', ['last words'])).to.deep.equal({ state: 'READY' });
        expect(await world.snapshot(task.id)).to.deep.equal(before);
        await world.start(next);
      });

      it('refuses another content under the same fence, and a commit of nothing', async () => {
        await world.addTask();
        const claimed = await world.take(worker);
        await refused(world.commit(claimed), 'CONFLICT');
        const files = await world.writeFiles(claimed);
        await world.seal(claimed, files);
        await refused(world.seal(claimed, []), 'CONFLICT');
        expect(await world.seal(claimed, files)).to.deep.equal({ state: 'COMMITTING' });
        await world.commit(claimed);
      });

      it('refuses an outcome of another kind and a file named twice', async () => {
        await world.addTask();
        const claimed = await world.take(worker);
        const [file] = await world.writeFiles(claimed);
        if (file === undefined) throw new Error('one file was written');
        await refused(world.seal(claimed, [file, file]), 'VALIDATION_FAILED');
        const outcome = { kind: 'ingest' } as never; // only the kind matters
        const { leaseToken, taskId, fence } = claimed;
        await refused(
          world.protocol.seal(leaseToken, taskId, { fence, files: [], outcome, log: [] }),
          'VALIDATION_FAILED',
        );
      });

      it('rolls everything back when the follow-up fails, and succeeds later', async () => {
        const task = await world.addTask();
        const claimed = await world.take(worker);
        await world.seal(claimed);
        const before = await world.snapshot(task.id);
        world.committed = async () => {
          throw new AppError('DATABASE_UNAVAILABLE', 'just now');
        };
        await refused(world.commit(claimed), 'DATABASE_UNAVAILABLE');
        expect(await world.snapshot(task.id)).to.deep.equal(before);
        world.committed = async () => undefined;
        expect(await world.commit(claimed)).to.deep.equal({ state: 'SUCCEEDED' });
      });

      it('lets a follow-up make the next tasks in the same transaction', async () => {
        const task = await world.addTask({ project: 'a' });
        const job = await world.database.transaction((trx) =>
          createJob(trx, { kind: 'autopilot', userId: 'u1', projectId: 'a', resource: null }),
        );
        world.committed = async (trx) => {
          await createTask(trx, {
            jobId: job.id,
            projectId: 'a',
            runAs: 'u1',
            idempotencyKey: 'next',
            spec: task.spec,
          });
          world.committed = async () => undefined;
        };
        const claimed = await world.take(worker);
        await world.seal(claimed);
        await world.commit(claimed);
        expect((await listQueue(world.database, { limit: 10 })).items.map((next) => next.jobId)).to.deep.equal([
          job.id,
        ]);
      });
    });

    describe('verification', () => {
      const damages = {
        'a missing file': (size: number, sha256: string) => ({ name: 'other', sizeBytes: size, sha256 }),
        'another size': (size: number, sha256: string) => ({ name: 'manifest.json', sizeBytes: size + 1, sha256 }),
        'another hash': (size: number) => ({ name: 'manifest.json', sizeBytes: size, sha256: 'a'.repeat(64) }),
      };
      for (const [what, damage] of Object.entries(damages)) {
        it(`charges the attempt for ${what}`, async () => {
          const task = await world.addTask();
          const claimed = await world.take(worker);
          const [file] = await world.writeFiles(claimed);
          if (file === undefined) throw new Error('one file was written');
          await world.seal(claimed, [damage(file.sizeBytes, file.sha256)]);
          expect(await world.commit(claimed)).to.deep.equal({ state: 'READY' });
          expect(await world.commit(claimed)).to.deep.equal({ state: 'READY' });
          const after = await world.task(task.id);
          expect(after).to.include({ state: 'READY', charged: 1 });
          expect(after.problem?.code).to.equal('RESULT_MISMATCH');
          expect(await world.database.knex('result')).to.have.length(0);
        });
      }

      it('charges what the follow-up finds invalid, and leaves sealed what nobody could read', async () => {
        const task = await world.addTask();
        const claimed = await world.take(worker);
        await world.seal(claimed);
        world.verify = async () => {
          throw new AppError('STORE_UNAVAILABLE', 'not now');
        };
        await refused(world.commit(claimed), 'STORE_UNAVAILABLE');
        expect(await world.task(task.id)).to.include({ state: 'COMMITTING', charged: 0 });
        world.verify = async () => {
          throw new AppError('ARTIFACT_INVALID', 'a tree has no root');
        };
        expect(await world.commit(claimed)).to.deep.equal({ state: 'READY' });
        expect(await world.task(task.id)).to.include({ state: 'READY', charged: 1 });
      });

      it('is done once for commits that come at the same time', async () => {
        await world.addTask();
        const claimed = await world.take(worker);
        await world.seal(claimed);
        let count = 0;
        world.verify = async () => void (count += 1);
        const answers = await Promise.all([world.commit(claimed), world.commit(claimed), world.commit(claimed)]);
        expect(answers).to.deep.equal([{ state: 'SUCCEEDED' }, { state: 'SUCCEEDED' }, { state: 'SUCCEEDED' }]);
        expect(count).to.equal(1);
      });
    });

    describe('failures', () => {
      it('charge the task three times, with back-off, and then end it', async () => {
        const task = await world.addTask();
        const delays = [];
        for (let attempt = 1; attempt <= 2; attempt += 1) {
          const claimed = await world.take(worker);
          await world.start(claimed);
          expect(await world.fail(claimed, 'task')).to.deep.equal({ state: 'READY' });
          expect(await world.claim(worker), 'before the back-off is over').to.equal(null);
          const { notBefore } = await world.task(task.id);
          delays.push(notBefore - (await readClock(world.database)));
          await world.advance(notBefore - (await readClock(world.database)));
        }
        expect(delays[0]).to.be.within(2_500, 5_000);
        expect(delays[1]).to.be.within(5_000, 10_000);
        expect(await world.fail(await world.take(worker), 'task')).to.deep.equal({ state: 'FAILED' });
        const after = await world.task(task.id);
        expect(after).to.include({ state: 'FAILED', charged: 3 });
        expect(after.problem?.code).to.equal('TASK_POISONED');
        expect(after.problem?.detail).to.include('it died');
        const job = await getJob(world.database, task.jobId);
        expect(job).to.include({ state: 'failed' });
        expect(job?.error?.code).to.equal('TASK_POISONED');
      });

      it('end at once when the user is to blame, with the worker’s problem', async () => {
        const task = await world.addTask();
        expect(await world.fail(await world.take(worker), 'user', ['bad row'])).to.deep.equal({ state: 'FAILED' });
        expect((await getJob(world.database, task.jobId))?.error?.code).to.equal('TASK_CHILD_DIED');
        expect((await readTaskLog(world.database, task.id)).map(({ line }) => line)).to.deep.equal(['bad row']);
      });

      it('are never charged to the task when the worker is to blame, however many', async () => {
        const task = await world.addTask();
        for (let attempt = 1; attempt <= 6; attempt += 1) {
          expect(await world.fail(await world.take(worker), 'worker')).to.deep.equal({ state: 'READY' });
          await world.advance(60_000);
        }
        expect(await world.task(task.id)).to.include({ state: 'READY', charged: 0, losses: 6 });
      });

      it('for lack of memory are tried once more only', async () => {
        await world.addTask();
        expect(await world.fail(await world.take(worker), 'memory')).to.deep.equal({ state: 'READY' });
        expect(await world.fail(await world.take(worker), 'memory')).to.deep.equal({ state: 'FAILED' });
      });

      it('keep at most the last lines of a log', async () => {
        const task = await world.addTask();
        const claimed = await world.take(worker);
        for (let beat = 0; beat < 7; beat += 1) {
          const log = Array.from({ length: 200 }, (_, index) => `line ${beat * 200 + index}`);
          await world.beat(claimed, { log, memoryBytes: beat });
        }
        const lines = await readTaskLog(world.database, task.id);
        expect(lines).to.have.length(1000);
        expect(lines[0]?.line).to.equal('line 400');
        expect(lines.at(-1)?.line).to.equal('line 1399');
        await world.beat(claimed, { log: ['a\0b', 'x'.repeat(5_000)], memoryBytes: 99 });
        const [nul, long] = (await readTaskLog(world.database, task.id)).slice(-2);
        expect(nul?.line).to.equal('a\u{FFFD}b');
        expect(long?.line).to.have.length(2_000);
      });
    });

    describe('leases', () => {
      it('expire without beats: uncharged, to another worker, at once the first time', async () => {
        const task = await world.addTask();
        const lost = await world.take(worker);
        await world.start(lost);
        await world.advance(LEASE_MS);
        expect(await world.queue.reap(), 'a lease is over only after its last millisecond').to.equal(0);
        await world.advance(1);
        expect(await world.queue.reap()).to.equal(1);
        expect(await world.task(task.id)).to.include({ state: 'READY', charged: 0, losses: 1, fence: 1 });
        const next = await world.take(other);
        expect(next).to.include({ taskId: task.id, fence: 2 });
      });

      it('are not taken from a holder whose beat came just before the reaper', async () => {
        const task = await world.addTask();
        const claimed = await world.take(worker);
        const holder = { taskId: task.id, fence: claimed.fence };
        const before = await world.snapshot(task.id);
        const done = await world.database.transaction((trx) => expireTask(trx, holder, world.queue.policy));
        expect(done).to.equal(null);
        expect(await world.snapshot(task.id)).to.deep.equal(before);
      });

      it('live as long as beats come', async () => {
        const task = await world.addTask();
        const claimed = await world.take(worker);
        for (let beat = 0; beat < 5; beat += 1) {
          await world.advance(LEASE_MS - 1);
          await world.beat(claimed);
          expect(await world.queue.reap()).to.equal(0);
        }
        expect(await world.task(task.id)).to.include({ state: 'LEASED', fence: 1 });
      });

      it('back off longer each time a task is lost, up to a bound', async () => {
        const task = await world.addTask();
        const delays = [];
        for (let loss = 0; loss < 12; loss += 1) {
          await world.take(worker);
          await world.advance(LEASE_MS + 1);
          await world.queue.reap();
          delays.push((await world.task(task.id)).notBefore - (await readClock(world.database)));
          await world.advance(60_000);
        }
        expect(delays[0]).to.equal(0);
        expect(delays[1]).to.be.within(500, 1_000);
        expect(delays.at(-1)).to.be.within(30_000, 60_000);
      });

      it('are resumed while nobody else has claimed, as if nothing had happened', async () => {
        const task = await world.addTask();
        const claimed = await world.take(worker);
        await world.start(claimed);
        await world.advance(LEASE_MS + 1);
        await world.queue.reap();
        await refused(world.beat(claimed), 'TASK_FENCED');
        await refused(world.seal(claimed), 'TASK_FENCED');
        expect((await world.resume(claimed)).directive).to.equal('continue');
        expect(await world.task(task.id)).to.include({ state: 'RUNNING', losses: 0, fence: 1 });
        await world.seal(claimed);
        expect(await world.commit(claimed)).to.deep.equal({ state: 'SUCCEEDED' });
      });

      it('are not resumed once another worker has claimed, nor after a failure', async () => {
        await world.addTask();
        const lost = await world.take(worker);
        await world.advance(LEASE_MS + 1);
        await world.queue.reap();
        const next = await world.take(other);
        await refused(world.resume(lost), 'TASK_FENCED');
        await world.fail(next, 'worker');
        await refused(world.resume(next), 'TASK_FENCED');
      });

      it('of sealed results: the result is committed without its worker, not computed again', async () => {
        const task = await world.addTask();
        const claimed = await world.take(worker);
        await world.seal(claimed);
        await world.advance(LEASE_MS + 1);
        expect(await world.queue.reap()).to.equal(1);
        await world.queue.close();
        expect(await world.task(task.id)).to.include({ state: 'SUCCEEDED', fence: 1, losses: 0 });
        expect(await world.commit(claimed), 'the worker comes back').to.deep.equal({ state: 'SUCCEEDED' });
      });

      it('of sealed results that do not verify: charged and tried again', async () => {
        const task = await world.addTask();
        const claimed = await world.take(worker);
        await world.seal(claimed, [{ name: 'nothing', sizeBytes: 1, sha256: 'a'.repeat(64) }]);
        await world.advance(LEASE_MS + 1);
        await world.queue.reap();
        await world.queue.close();
        expect(await world.task(task.id)).to.include({ state: 'READY', charged: 1 });
        expect(await world.commit(claimed)).to.deep.equal({ state: 'READY' });
      });

      it('of sealed results whose follow-up is broken: given up after three charges, not tried for ever', async () => {
        const task = await world.addTask();
        world.committed = async () => {
          throw new Error('a bug');
        };
        for (let attempt = 1; attempt <= 3; attempt += 1) {
          await world.advance(600_000);
          await world.seal(await world.take(worker));
          await world.advance(LEASE_MS + 1);
          await world.queue.reap();
          await world.queue.close();
        }
        expect(await world.task(task.id)).to.include({ state: 'FAILED', charged: 3 });
      });

      it('are all extended when nobody could beat', async () => {
        const task = await world.addTask();
        const claimed = await world.take(worker);
        await world.advance(10 * LEASE_MS);
        expect(await world.database.transaction((trx) => world.queue.extendLeases(trx))).to.equal(1);
        expect(await world.queue.reap()).to.equal(0);
        await world.advance(LEASE_MS);
        await world.beat(claimed);
        expect(await world.task(task.id)).to.include({ state: 'LEASED', fence: 1 });
      });

      it('tell a draining worker so', async () => {
        await world.addTask();
        const claimed = await world.take(worker);
        await setWorkerDraining(world.database, worker.id, true);
        expect((await world.beat(claimed)).directive).to.equal('drain');
      });
    });

    describe('a stale fence', () => {
      const laterStates = {
        'claimed by another': () => world.take(other),
        'running elsewhere': async () => world.start(await world.take(other)),
        'sealed elsewhere': async () => world.seal(await world.take(other)),
        'committed elsewhere': async () => {
          const claimed = await world.take(other);
          await world.seal(claimed);
          await world.commit(claimed);
        },
        'failed elsewhere': async () => world.fail(await world.take(other), 'user'),
        'cancelled while held elsewhere': async () => {
          const claimed = await world.take(other);
          await world.cancelTask(claimed.taskId);
          await world.beat(claimed);
        },
      };
      for (const [state, arrange] of Object.entries(laterStates)) {
        it(`changes nothing by any statement: ${state}`, async () => {
          const task = await world.addTask();
          const stale = await world.take(worker);
          const files = await world.writeFiles(stale);
          await world.start(stale);
          await world.advance(LEASE_MS + 1);
          await world.queue.reap();
          await arrange();
          const before = await world.snapshot(task.id);
          const statements = [
            () => world.start(stale, { log: ['stale'] }),
            () => world.beat(stale, { log: ['stale'] }),
            () => world.resume(stale, { log: ['stale'] }),
            () => world.seal(stale, files),
            () => world.commit(stale),
            () => world.fail(stale, 'task', ['stale']),
          ];
          for (const statement of statements) {
            await refused(statement(), 'TASK_FENCED');
            expect(await world.snapshot(task.id)).to.deep.equal(before);
          }
        });
      }
    });

    describe('cancellation', () => {
      it('ends a task at once when nobody holds it', async () => {
        const task = await world.addTask();
        await world.cancelTask(task.id);
        expect((await world.task(task.id)).state).to.equal('CANCELLED');
        expect((await getJob(world.database, task.jobId))?.state).to.equal('cancelled');
        expect(await world.claim(worker)).to.equal(null);
        await world.cancelTask(task.id);
      });

      it('ends a waiting task too', async () => {
        const task = await world.addTask();
        await world.database.transaction((trx) => holdTasks(trx, task.jobId));
        await world.cancelTask(task.id);
        expect((await world.task(task.id)).state).to.equal('CANCELLED');
      });

      const words = {
        start: () => world.start,
        beat: () => world.beat,
        resume: () => world.resume,
      };
      for (const [word, statement] of Object.entries(words)) {
        it(`ends a held task at its holder’s ${word}, which says so, again and again`, async () => {
          const task = await world.addTask();
          const claimed = await world.take(worker);
          await world.cancelTask(task.id);
          expect((await world.task(task.id)).state, 'not before its holder knows').to.equal('LEASED');
          const answer = await statement()(claimed);
          expect(answer.directive).to.equal('cancel');
          expect((await world.task(task.id)).state).to.equal('CANCELLED');
          expect(await statement()(claimed)).to.deep.equal(answer);
          expect(await world.seal(claimed)).to.deep.equal({ state: 'CANCELLED' });
          expect(await world.commit(claimed)).to.deep.equal({ state: 'CANCELLED' });
        });
      }

      it('ends a held task at its seal, its commit, its failure or its lease’s end', async () => {
        const ends = {
          seal: async () => {
            const claimed = await world.take(worker);
            await world.cancelTask(claimed.taskId);
            expect(await world.seal(claimed)).to.deep.equal({ state: 'CANCELLED' });
          },
          commit: async () => {
            const claimed = await world.take(worker);
            await world.seal(claimed);
            await world.cancelTask(claimed.taskId);
            expect(await world.commit(claimed)).to.deep.equal({ state: 'CANCELLED' });
          },
          fail: async () => {
            const claimed = await world.take(worker);
            await world.cancelTask(claimed.taskId);
            expect(await world.fail(claimed)).to.deep.equal({ state: 'CANCELLED' });
          },
          expiry: async () => {
            const claimed = await world.take(worker);
            await world.cancelTask(claimed.taskId);
            await world.advance(LEASE_MS + 1);
            await world.queue.reap();
            await refused(world.resume({ ...claimed, leaseToken: 'wrong' }), 'LEASE_TOKEN_INVALID');
          },
          'expiry when sealed': async () => {
            const claimed = await world.take(worker);
            await world.seal(claimed);
            await world.cancelTask(claimed.taskId);
            await world.advance(LEASE_MS + 1);
            await world.queue.reap();
            await world.queue.close();
          },
        };
        for (const [end, act] of Object.entries(ends)) {
          const task = await world.addTask();
          await act();
          expect((await world.task(task.id)).state, end).to.equal('CANCELLED');
          expect(await world.database.knex('result'), end).to.have.length(0);
        }
      });

      it('of a verification under way wins: the task does not succeed after the cancel was acknowledged', async () => {
        const task = await world.addTask();
        const claimed = await world.take(worker);
        await world.seal(claimed);
        world.verify = () => world.cancelTask(task.id);
        expect(await world.commit(claimed)).to.deep.equal({ state: 'CANCELLED' });
      });

      it('of a job ends it when the last of its tasks has ended', async () => {
        const job = await world.database.transaction((trx) =>
          createJob(trx, { kind: 'autopilot', userId: 'u1', projectId: 'p1', resource: null }),
        );
        const first = await world.addTask({ jobId: job.id });
        await world.addTask({ jobId: job.id });
        const claimed = await world.take(worker);
        expect(claimed.taskId).to.equal(first.id);
        expect(await world.cancelJob(job.id)).to.include({ cancelAsked: true, finishedAt: null });
        expect((await world.beat(claimed)).directive).to.equal('cancel');
        expect((await getJob(world.database, job.id))?.state).to.equal('cancelled');
        await refused(world.cancelJob(job.id), 'JOB_FINISHED');
        await refused(world.cancelJob('job_unknown'), 'NOT_FOUND');
      });

      it('of a job without tasks ends it at once', async () => {
        const job = await world.database.transaction((trx) =>
          createJob(trx, { kind: 'autopilot', userId: 'u1', projectId: 'p1', resource: null }),
        );
        expect((await world.cancelJob(job.id)).state).to.equal('cancelled');
      });
    });

    describe('deadlines', () => {
      it('give up a task that nobody claimed, and it is not given out any more', async () => {
        const deadlineAt = (await readClock(world.database)) + 1_000;
        const task = await world.addTask({ deadlineAt });
        expect(await world.queue.giveUpOverdue()).to.equal(0);
        await world.advance(1_000);
        expect(await world.claim(worker)).to.equal(null);
        expect(await world.queue.giveUpOverdue()).to.equal(1);
        expect((await world.task(task.id)).problem?.code).to.equal('TASK_DEADLINE');
        expect((await getJob(world.database, task.jobId))?.state).to.equal('failed');
      });

      it('leave a holder one more lease, then refuse it', async () => {
        const deadlineAt = (await readClock(world.database)) + 1_000;
        const task = await world.addTask({ deadlineAt });
        const claimed = await world.take(worker);
        await world.advance(1_000 + LEASE_MS - 1);
        expect((await world.beat(claimed)).remainingMs).to.equal(-LEASE_MS + 1);
        expect(await world.queue.giveUpOverdue()).to.equal(0);
        await world.advance(1);
        expect(await world.queue.giveUpOverdue()).to.equal(1);
        expect((await world.task(task.id)).state).to.equal('FAILED');
        await refused(world.beat(claimed), 'TASK_FENCED');
        await refused(world.seal(claimed), 'TASK_FENCED');
      });

      it('spare what is sealed', async () => {
        const deadlineAt = (await readClock(world.database)) + 1_000;
        await world.addTask({ deadlineAt });
        const claimed = await world.take(worker);
        await world.seal(claimed);
        await world.advance(10 * LEASE_MS);
        expect(await world.queue.giveUpOverdue()).to.equal(0);
        expect(await world.commit(claimed)).to.deep.equal({ state: 'SUCCEEDED' });
      });
    });

    describe('the schema', () => {
      it('is brought up once, and a newer one is refused', async () => {
        const { from, to } = await migrate(world.database);
        expect(from).to.equal(to);
        await world.database.knex('schema_version').insert({ version: to + 1, name: 'future', applied_at: 0 });
        await refused(migrate(world.database), 'SCHEMA_TOO_NEW');
        expect(await getTask(world.database, 'task_unknown')).to.equal(null);
      });
    });

    concurrencyCases(() => ({ world, worker }));
    walkCases(() => world, driver.walks);
  });
}
