import { utimes } from 'node:fs/promises';
import { expect } from 'chai';
import { AppError, type ClaimedTask } from '#contracts';
import { binsFolder, projectBins, type ListOptions, type ObjectEntry, type ObjectStore } from '#object-store';
import {
  attemptFolders,
  deleteOldJobs,
  doomFolder,
  doomJobs,
  dropOldUploads,
  dueDoomedFolders,
  findDataset,
  forgetDoomedFolder,
  getJob,
  getTask,
  insertBatchPrediction,
  insertDataset,
  insertProject,
  lead,
  postponeDoomedFolder,
  readClock,
  readSweep,
  referencedFolders,
  trimIdempotencyKeys,
  trimSessions,
  trimTaskLogs,
  type HistoryPosition,
  type Leadership,
} from '#store';
import { sweeperDuty } from '../../../appserver/server/duties/index.ts';
import { objectSweeperDuty, type SweepLimits } from '../../../appserver/server/services/object-sweeper.ts';
import { unneededBins } from '../../../appserver/server/services/sweep-bins.ts';
import { LEASE_MS, refused, SILENT_LOGGER, World, type TestStore, type TestWorker } from '../queue/world.ts';
import { plansOf, scansOf } from './plans.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const RETENTION = { sweepIntervalMs: 60_000, attemptMs: HOUR_MS, orphanMs: DAY_MS, binsBytesMax: 100 };
const HISTORY = { jobsDays: 90, logDays: 30, uploadDays: 7 };

/** What may be deleted and what may not, by the rows of the database; and the sweeper that deletes it. */
export function housekeepingSuite(name: string, open: () => Promise<TestStore>): void {
  describe(`housekeeping: ${name}`, function () {
    this.timeout(30_000);
    let store: TestStore;
    let world: World;
    let worker: TestWorker;

    beforeEach(async () => {
      store = await open();
      world = await World.open(store);
      worker = await world.addWorker();
    });
    afterEach(async () => {
      await world.close();
      await store.close();
    });

    const isNeeded = async ({ attemptPath }: ClaimedTask): Promise<boolean> =>
      (await referencedFolders(world.database, [attemptPath, 'models/other/1-x'])).has(attemptPath);

    async function expire(): Promise<void> {
      await world.advance(LEASE_MS + 1);
      await world.queue.reap();
    }

    /** A task that was done: its attempt's folder holds the result. */
    async function done(options: Parameters<World['addTask']>[0] = {}): Promise<ClaimedTask> {
      await world.addTask(options);
      const claimed = await world.take(worker);
      await world.start(claimed);
      await world.seal(claimed);
      await world.commit(claimed);
      return claimed;
    }

    const jobOf = async ({ taskId }: ClaimedTask): Promise<string> => (await world.task(taskId)).jobId;
    const doom = async (claimed: ClaimedTask): Promise<void> => {
      const jobId = await jobOf(claimed);
      await world.database.transaction((trx) => doomJobs(trx, { jobId }));
    };

    describe('what is needed', () => {
      it('is an attempt from its claim to its result, and no longer than what the result is for', async () => {
        await world.addTask();
        const claimed = await world.take(worker);
        expect(await isNeeded(claimed), 'claimed').to.equal(true);
        await world.start(claimed);
        await world.seal(claimed);
        expect(await isNeeded(claimed), 'sealed').to.equal(true);
        await world.advance(10 * LEASE_MS);
        expect(await isNeeded(claimed), 'sealed, and its worker gone').to.equal(true);
        await world.queue.reap();
        await world.queue.close();
        expect((await world.task(claimed.taskId)).state, 'adopted').to.equal('SUCCEEDED');
        expect(await isNeeded(claimed), 'committed').to.equal(true);
        await doom(claimed);
        expect(await isNeeded(claimed), 'doomed').to.equal(false);
        expect((await world.task(claimed.taskId)).state).to.equal('SUCCEEDED');
      });

      it('is an attempt that may still come back, until somebody else has claimed', async () => {
        await world.addTask();
        const first = await world.take(worker);
        await expire();
        expect((await world.task(first.taskId)).state).to.equal('READY');
        expect(await isNeeded(first), 'expired, nobody has claimed since').to.equal(true);
        await world.resume(first);
        expect(await isNeeded(first), 'back').to.equal(true);
        await expire();
        await world.advance(HOUR_MS);
        const second = await world.take(worker);
        expect(await isNeeded(first), 'claimed by another').to.equal(false);
        expect(await isNeeded(second)).to.equal(true);
        await refused(world.resume(first), 'TASK_FENCED');
      });

      it('is no attempt that failed, was cancelled, or whose task has ended without it', async () => {
        const task = await world.addTask();
        const failed = await world.take(worker);
        await world.fail(failed);
        expect(await isNeeded(failed), 'failed').to.equal(false);
        await world.advance(HOUR_MS);
        const expired = await world.take(worker);
        await expire();
        await world.cancelTask(task.id);
        expect(await isNeeded(expired), 'expired, then cancelled').to.equal(false);
      });

      it('is the folder of the checkpoint of an unfinished task', async () => {
        const task = await world.addTask();
        const first = await world.take(worker);
        const checkpoint = {
          path: `${first.attemptPath}/checkpoint-7`,
          sizeBytes: 1,
          sha256: 'a'.repeat(64),
          position: 7,
        };
        await world.database
          .knex('task')
          .where({ id: task.id })
          .update({ checkpoint: JSON.stringify(checkpoint) });
        await world.fail(first);
        expect(await isNeeded(first), 'failed').to.equal(true);
        await world.advance(HOUR_MS);
        const second = await world.take(worker);
        expect(await isNeeded(first), 'while another goes on from it').to.equal(true);
        await world.seal(second);
        await world.commit(second);
        expect(await isNeeded(first), 'the task is done').to.equal(false);
        expect(await isNeeded(second)).to.equal(true);
      });

      it('is what resources name, whatever became of the task', async () => {
        const { database } = world;
        const dataset = { name: 'd', source: {}, jobId: 'j', createdBy: 'u' };
        await insertDataset(database, { ...dataset, id: 'd1', uploadPath: 'uploads/d1/1' });
        await insertDataset(database, { ...dataset, id: 'd2', uploadPath: null });
        const table = { rowCount: 1, columns: [], files: [{ path: 'datasets/d2/1-a/part-0' }] };
        await database
          .knex('datasets')
          .where({ id: 'd2' })
          .update({ stored_table: JSON.stringify(table) });
        const prediction = { modelId: 'm', deploymentId: null, datasetId: 'd', passthroughColumns: [], createdBy: 'u' };
        await insertBatchPrediction(database, { ...prediction, id: 'b1', jobId: 'j' });
        await database.knex('batch_predictions').update({ result_path: 'predictions/t1/1-a' });
        const needed = ['uploads/d1', 'datasets/d2/1-a', 'predictions/t1/1-a'];
        const others = [
          'uploads/d2',
          'uploads/d',
          'datasets/d2/1-',
          'datasets/d1/1-a',
          'predictions/t1/1-b',
          'models/m/1-a',
        ];
        const found = await referencedFolders(database, [...others, ...needed]);
        expect([...found].sort()).to.deep.equal([...needed].sort());
        // More than one statement's worth.
        const many = Array.from({ length: 1_000 }, (_, index) => `models/x${index}/1-a`);
        expect([...(await referencedFolders(database, [...many, ...needed]))].sort()).to.deep.equal([...needed].sort());
      });

      it('knows the attempts of folders: over or not, and the files of their results', async () => {
        const committed = await done();
        await world.addTask();
        const running = await world.take(worker);
        const ask = () =>
          attemptFolders(world.database, [committed.attemptPath, running.attemptPath, 'models/x/1-a'], HOUR_MS);
        expect([...(await ask()).keys()].sort()).to.deep.equal([committed.attemptPath, running.attemptPath].sort());
        expect((await ask()).get(committed.attemptPath)).to.deep.equal({
          isOver: false,
          files: new Set(['manifest.json']),
        });
        expect((await ask()).get(running.attemptPath)).to.deep.equal({ isOver: false, files: null });
        await world.advance(HOUR_MS + 1);
        expect((await ask()).get(committed.attemptPath)?.isOver).to.equal(true);
        expect((await ask()).get(running.attemptPath)?.isOver).to.equal(false);
      });
    });

    describe('doomed folders', () => {
      it('are due until they are forgotten, later when they are put off, once each', async () => {
        const { database } = world;
        for (const path of ['b', 'a', 'b']) await database.transaction((trx) => doomFolder(trx, path));
        expect(await dueDoomedFolders(database, 10)).to.have.members(['a', 'b']);
        expect(await dueDoomedFolders(database, 1)).to.have.length(1);
        await postponeDoomedFolder(database, 'a', 1_000);
        expect(await dueDoomedFolders(database, 10)).to.deep.equal(['b']);
        await forgetDoomedFolder(database, 'b');
        await world.advance(1_000);
        expect(await dueDoomedFolders(database, 10)).to.deep.equal(['a']);
      });

      it('are those of all attempts of the jobs of a project, and of no other', async () => {
        const mine = [await done({ project: 'p1' }), await done({ project: 'p1' })];
        const other = await done({ project: 'p2' });
        await world.addTask({ project: 'p1' });
        const running = await world.take(worker);
        await world.database.transaction((trx) => doomJobs(trx, { projectId: 'p1' }));
        const folders = [...mine, running].map(({ attemptPath }) => attemptPath);
        expect(await dueDoomedFolders(world.database, 10)).to.have.members(folders);
        expect(await isNeeded(other)).to.equal(true);
        expect(await isNeeded(running), 'its worker has not stopped yet').to.equal(true);
      });
    });

    describe('the object sweeper', () => {
      const objects = async (): Promise<string[]> =>
        (await Array.fromAsync(world.objects.list(''))).map(({ path }) => path);
      const write = (path: string) => world.objects.write(path, Buffer.from(path));
      async function age(path: string, ms: number): Promise<void> {
        const then = new Date(Date.now() - ms);
        await utimes(world.objects.localPath(path), then, then);
      }
      const leadership = async (): Promise<Leadership> => {
        const mine = await lead(world.database, 'object-sweeper', 'tester', DAY_MS * 1_000);
        if (mine === null) throw new Error('nobody else leads');
        return mine;
      };
      async function sweep(
        options: { store?: ObjectStore; limits?: SweepLimits; signal?: AbortSignal; as?: Leadership } = {},
      ): Promise<void> {
        const { signal = new AbortController().signal, limits } = options;
        const duty = objectSweeperDuty(options.store ?? world.objects, RETENTION, limits);
        const as = options.as ?? (await leadership());
        await duty.run({ database: world.database, logger: SILENT_LOGGER, leadership: as, signal });
      }

      it('deletes what ended attempts left after a while, and nothing else', async () => {
        const kept = await done();
        await write(`${kept.attemptPath}/checkpoint-3`);
        await world.addTask();
        const failed = await world.take(worker);
        await write(`${failed.attemptPath}/part-0`);
        await world.fail(failed);
        const all = await objects();
        await sweep();
        expect(await objects(), 'not yet').to.deep.equal(all);
        await world.advance(HOUR_MS + 1);
        const again = await world.take(worker);
        await write(`${again.attemptPath}/part-0`);
        await sweep();
        const left = [`${kept.attemptPath}/manifest.json`, `${again.attemptPath}/part-0`].sort();
        expect(await objects(), 'the result without its checkpoint, the open attempt').to.deep.equal(left);
        // A worker that does not know yet that it is fenced.
        await write(`${failed.attemptPath}/part-1`);
        await sweep();
        expect(await objects(), 'late writes go with the next round').to.deep.equal(left);
        expect(await readSweep(world.database)).to.deep.include({
          position: '',
          removed: { objects: 3, bytes: await removedBytes() },
        });
      });

      const removedBytes = async () => (await readSweep(world.database)).removed.bytes;

      it('deletes doomed folders at once, those in work when their attempts have ended', async () => {
        const first = await done();
        await world.addTask();
        const running = await world.take(worker);
        await write(`${running.attemptPath}/part-0`);
        const jobId = await jobOf(running);
        await doom(first);
        await world.cancelJob(jobId);
        await doom(running);
        await sweep();
        expect(await objects(), 'its holder has not stopped').to.deep.equal([`${running.attemptPath}/part-0`]);
        expect((await world.beat(running)).directive).to.equal('cancel');
        await sweep();
        expect(await objects(), 'put off').to.have.length(1);
        await world.advance(RETENTION.sweepIntervalMs);
        await sweep();
        expect(await objects()).to.deep.equal([]);
        expect(await world.database.knex('doomed_object')).to.deep.equal([]);
      });

      it('keeps what is committed while it looks', async () => {
        await world.addTask();
        const claimed = await world.take(worker);
        await world.seal(claimed);
        await world.advance(DAY_MS * 2);
        const store = hooked(world.objects, { afterList: () => world.commit(claimed).then(() => undefined) });
        await sweep({ store });
        expect((await world.task(claimed.taskId)).state).to.equal('SUCCEEDED');
        expect(await objects()).to.deep.equal([`${claimed.attemptPath}/manifest.json`]);
      });

      it('keeps what comes back between its look and its deletion', async () => {
        await world.addTask();
        const claimed = await world.take(worker);
        await world.writeFiles(claimed);
        await expire();
        await world.advance(DAY_MS * 2);
        await write('models/unknown/1-a/x');
        await age('models/unknown/1-a/x', 2 * DAY_MS);
        const store = hooked(world.objects, { beforeDelete: () => world.resume(claimed).then(() => undefined) });
        await sweep({ store });
        expect(await objects()).to.deep.equal([`${claimed.attemptPath}/manifest.json`]);
        await world.seal(claimed);
        await world.commit(claimed);
        expect((await world.task(claimed.taskId)).state).to.equal('SUCCEEDED');
      });

      it('deletes what no row knows when it is old by the store’s clock; what is no folder of ours stays', async () => {
        const paths = ['datasets/d/1-a/x', 'models/m/1-a/x', 'predictions/t/1-a/x', 'uploads/d/1'];
        const foreign = ['README', 'models/file', 'other/a/b/c'];
        for (const path of [...paths, ...foreign]) {
          await write(path);
          await age(path, DAY_MS * 2);
        }
        await write('models/m/1-b/fresh');
        await sweep({ store: hooked(world.objects, { fullDisk: true }) });
        expect(await objects(), 'without the store’s clock nothing is old').to.have.length(8);
        await sweep();
        expect(await objects()).to.have.members([...foreign, 'models/m/1-b/fresh']);
        const { lastRound } = await readSweep(world.database);
        expect(lastRound).to.deep.equal({ referenced: { objects: 0, bytes: 0 }, waiting: { objects: 1, bytes: 18 } });
      });

      it('goes on after a deletion that fails, and tries that one again', async () => {
        for (const name of ['a', 'b', 'c']) {
          await write(`models/m/1-x/${name}`);
          await age(`models/m/1-x/${name}`, DAY_MS * 2);
        }
        await sweep({ store: hooked(world.objects, { failsFor: 'models/m/1-x/b' }) });
        expect(await objects()).to.deep.equal(['models/m/1-x/b']);
        await sweep();
        expect(await objects()).to.deep.equal([]);
      });

      it('goes on where it stopped, in pieces, and stops when it does not lead any more', async () => {
        const total = 25;
        for (let index = 0; index < total; index += 1) {
          const path = `models/m${String(index).padStart(2, '0')}/1-x/a`;
          await write(path);
          await age(path, DAY_MS * 2);
        }
        const limits = { objectsMax: 10, pageObjects: 5 };
        await sweep({ limits });
        expect((await readSweep(world.database)).position).to.equal('models/m09/1-x/a');
        expect(await objects()).to.have.length(15);
        const frozen = await leadership();
        await world.database
          .knex('leader')
          .where({ duty: 'object-sweeper' })
          .update({ fence: frozen.fence + 1 });
        await sweep({ limits, as: frozen });
        expect((await readSweep(world.database)).position, 'a frozen leader moves nothing').to.equal(
          'models/m09/1-x/a',
        );
        const lost = new AbortController();
        const store = hooked(world.objects, { beforeDelete: async () => lost.abort() });
        const before = (await objects()).length;
        await sweep({ limits, store, signal: lost.signal });
        expect(before - (await objects()).length, 'no more than the one that had begun').to.be.at.most(1);
        for (let run = 0; run < 4; run += 1) await sweep({ limits });
        expect(await objects()).to.deep.equal([]);
        expect((await readSweep(world.database)).position).to.equal('');
      });
    });

    describe('the sweeper of tables in bins', () => {
      const KEYS = ['a', 'b', 'c'].map((digit) => digit.repeat(64));
      const leadership = async (): Promise<Leadership> => {
        const mine = await lead(world.database, 'object-sweeper', 'tester', DAY_MS * 1_000);
        if (mine === null) throw new Error('nobody else leads');
        return mine;
      };
      const sweep = async (bins: ObjectStore = world.objects): Promise<void> => {
        const { signal } = new AbortController();
        const duty = objectSweeperDuty(bins, RETENTION);
        await duty.run({ database: world.database, logger: SILENT_LOGGER, leadership: await leadership(), signal });
      };
      const names = async (): Promise<string[]> =>
        (await Array.fromAsync(world.objects.list('bins'))).map(({ path }) => path);
      /** An object of so many bytes that was written so many hours ago. */
      async function write(path: string, sizeBytes: number, hoursAgo: number): Promise<string> {
        await world.objects.write(path, new Uint8Array(sizeBytes));
        const then = new Date(Date.now() - hoursAgo * HOUR_MS);
        await utimes(world.objects.localPath(path), then, then);
        return path;
      }
      /** A set of 40 bytes; without an index it is not whole. */
      const writeSet = async (project: string, key: number, hoursAgo: number, isWhole = true): Promise<string[]> => {
        const set = `${binsFolder(project, 'alice')}/${KEYS[key] ?? ''}.bins_${key}`;
        const shards = [await write(`${set}.training-000000`, 20, hoursAgo)];
        return [...shards, await write(`${set}.${isWhole ? 'index' : 'holdout-000000'}`, 20, hoursAgo)];
      };
      const addProject = async (id: string): Promise<void> => {
        const dataset = { id: `d-${id}`, name: 'd', source: {}, jobId: 'j', createdBy: 'u', uploadPath: null };
        await insertDataset(world.database, dataset);
        const project = { id, name: id, description: '', datasetId: dataset.id, createdBy: 'u' };
        await insertProject(world.database, project);
      };

      it('takes those of projects that do not exist, and keeps those that do', async () => {
        await addProject('p1');
        const kept = await writeSet('p1', 0, 100);
        await writeSet('p2', 0, 0);
        await writeSet('p2', 1, 0, false);
        await write('bins/p2/x/something', 1, 0);
        await sweep();
        expect(await names()).to.deep.equal(kept.sort());
        expect((await readSweep(world.database)).removed).to.deep.equal({ objects: 5, bytes: 81 });
      });

      it('takes what writers that died have begun, a day after their last word', async () => {
        await addProject('p1');
        const young = await writeSet('p1', 0, 23, false);
        await writeSet('p1', 1, 25, false);
        await sweep(hooked(world.objects, { fullDisk: true }));
        expect(await names(), 'without the store’s clock nothing is old').to.have.length(4);
        await sweep();
        expect(await names()).to.deep.equal(young.sort());
      });

      it('takes the set that was used longest ago where they are too many, its index first', async () => {
        await addProject('p1');
        await addProject('p2');
        const sets = [await writeSet('p1', 0, 50), await writeSet('p2', 1, 40), await writeSet('p1', 2, 30)];
        const used = await write(sets[0]?.[0]?.replace('training-000000', 'used-1') ?? '', 0, 1);
        const order: string[] = [];
        await sweep(hooked(world.objects, { onDelete: (path) => order.push(path) }));
        expect(order.slice(0, 2)).to.deep.equal([...(sets[1] ?? [])].reverse());
        expect(await names()).to.deep.equal([...(sets[0] ?? []), ...(sets[2] ?? []), used].sort());
      });

      it('judges no set of which it has not seen all', async () => {
        await addProject('p1');
        const sets = [await writeSet('p1', 0, 50), await writeSet('p1', 1, 50)];
        const rules = {
          ...{ bytesMax: 0, orphanMs: HOUR_MS, signal: new AbortController().signal },
          existing: async (ids: readonly string[]) => new Set(ids),
          storeClock: async () => Date.now(),
        };
        const seen = async (objectsMax: number): Promise<string[]> =>
          (await unneededBins(world.objects, rules, objectsMax)).map(({ path }) => path).sort();
        expect(await seen(1)).to.deep.equal([]);
        expect(await seen(3)).to.deep.equal([...(sets[0] ?? [])].sort());
        expect(await seen(4)).to.deep.equal(sets.flat().sort());
      });

      it('takes all of a deleted project at once, whatever is being written', async () => {
        await writeSet('p1', 0, 0);
        await writeSet('p1', 1, 0, false);
        await world.database.transaction((trx) => doomFolder(trx, projectBins('p1')));
        await sweep();
        expect(await names()).to.deep.equal([]);
        expect(await dueDoomedFolders(world.database, 10)).to.deep.equal([]);
      });
    });

    describe('history', () => {
      const context = async () => {
        const leadership = await lead(world.database, 'sweeper', 'tester', DAY_MS * 10_000);
        if (leadership === null) throw new Error('nobody else leads');
        return { database: world.database, logger: SILENT_LOGGER, leadership, signal: new AbortController().signal };
      };
      const rowsOf = async (table: string) => (await world.database.knex(table)).length;

      it('forgets ended jobs that nothing shows any more, with all that hangs on them, in small steps', async () => {
        const shown = await done();
        const jobId = await jobOf(shown);
        const prediction = { modelId: 'm', deploymentId: null, datasetId: 'd', passthroughColumns: [], createdBy: 'u' };
        await insertBatchPrediction(world.database, { ...prediction, id: 'b1', jobId });
        const old = [await done(), await done(), await done()];
        await world.addTask();
        const open = await world.take(worker);
        await world.advance(90 * DAY_MS + 1);
        const young = await done();
        let after: HistoryPosition = null;
        let deleted = 0;
        do {
          const look = await deleteOldJobs(world.database, { olderThanMs: 90 * DAY_MS, after, limit: 2 });
          deleted += look.deleted;
          after = look.next;
        } while (after !== null);
        expect(deleted).to.equal(old.length);
        for (const { taskId } of old) expect(await getTask(world.database, taskId)).to.equal(null);
        for (const claimed of [shown, open, young])
          expect(await getJob(world.database, await jobOf(claimed))).to.not.equal(null);
        expect([await rowsOf('attempt'), await rowsOf('task_seal'), await rowsOf('result')]).to.deep.equal([3, 2, 2]);
        expect(await dueDoomedFolders(world.database, 10)).to.have.members(old.map(({ attemptPath }) => attemptPath));
        for (const claimed of old) expect(await isNeeded(claimed)).to.equal(false);
        await refused(world.beat(old[0] ?? open), 'TASK_FENCED', 'LEASE_TOKEN_INVALID');
      });

      it('lets go of uploads a while after they were read, or could not be', async () => {
        const { database } = world;
        const dataset = { name: 'd', source: {}, createdBy: 'u' };
        const finished = await jobOf(await done());
        const { jobId: running } = await world.addTask();
        for (const [id, state, jobId] of [
          ['d1', 'failed', finished],
          ['d2', 'ready', finished],
          ['d3', 'ingesting', running],
        ] as const) {
          await insertDataset(database, { ...dataset, id, uploadPath: `uploads/${id}/1`, jobId });
          await database.knex('datasets').where({ id }).update({ state });
        }
        const drop = () => database.transaction((trx) => dropOldUploads(trx, 7 * DAY_MS, 10));
        expect(await drop()).to.equal(0);
        await world.advance(7 * DAY_MS + 1);
        expect(await drop()).to.equal(2);
        expect(await drop()).to.equal(0);
        expect(await dueDoomedFolders(database, 10)).to.have.members(['uploads/d1', 'uploads/d2']);
        expect((await findDataset(database, 'd3'))?.uploadPath).to.equal('uploads/d3/1');
        expect([...(await referencedFolders(database, ['uploads/d1', 'uploads/d3']))]).to.deep.equal(['uploads/d3']);
      });

      it('trims sessions, keys and logs by their age, a bounded number at a time', async () => {
        const { database } = world;
        const { knex } = database;
        const at = await readClock(database);
        await knex('users').insert({ id: 'u', name: 'u', role: 'user', active: 1, created_at: at });
        for (let index = 0; index < 3; index += 1) {
          const session = { csrf_sha256: 'c', user_id: 'u', created_at: at, expires_at: at + 1_000 };
          await knex('sessions').insert({ token_sha256: `t${index}`, ...session });
          const key = { user_id: 'u', request_sha256: 'r', created_at: at };
          await knex('idempotency_keys').insert({ key_text: `k${index}`, ...key });
        }
        await done();
        const lines = await rowsOf('task_log');
        expect(lines).to.be.above(0);
        const trims = {
          sessions: () => trimSessions(database, 2),
          idempotency_keys: () => trimIdempotencyKeys(database, 2),
          task_log: () => trimTaskLogs(database, 30 * DAY_MS, 1),
        };
        for (const trim of Object.values(trims)) expect(await trim()).to.equal(0);
        await world.advance(31 * DAY_MS);
        expect([await trims.sessions(), await rowsOf('sessions')]).to.deep.equal([2, 1]);
        expect([await trims.idempotency_keys(), await rowsOf('idempotency_keys')]).to.deep.equal([2, 1]);
        expect([await trims.task_log(), await rowsOf('task_log')]).to.deep.equal([1, lines - 1]);
        await sweeperDuty(HISTORY).run(await context());
        for (const table of Object.keys(trims)) expect(await rowsOf(table), table).to.equal(0);
      });

      it('has an index behind each statement', async () => {
        await done();
        const { database } = world;
        const work = async () => {
          await sweeperDuty(HISTORY).run(await context());
          await referencedFolders(database, ['models/m/1-a', 'uploads/d']);
          await attemptFolders(database, ['models/m/1-a'], 1);
          await dueDoomedFolders(database, 10);
          await database.transaction((trx) => doomJobs(trx, { jobId: 'j' }));
          await database.transaction((trx) => doomJobs(trx, { projectId: 'p' }));
        };
        const plans = await plansOf(database, work);
        expect(plans.length).to.be.above(15);
        const scans = plans.flatMap(({ sql, plan }) =>
          scansOf(database, plan).map((scan) => `${scan}: ${sql}\n${plan}`),
        );
        expect(scans.join('\n\n')).to.equal('');
      });
    });
  });
}

interface Hooks {
  /** Sees each path that is to be deleted. */
  readonly onDelete?: (path: string) => void;
  /** Once, when the first list has ended. */
  readonly afterList?: () => Promise<void>;
  /** Once, before the first deletion. */
  readonly beforeDelete?: () => Promise<void>;
  readonly failsFor?: string;
  readonly fullDisk?: boolean;
}

/** The store with something happening in the middle. */
function hooked(store: ObjectStore, hooks: Hooks): ObjectStore {
  let { afterList, beforeDelete } = hooks;
  const overrides: Partial<ObjectStore> = {
    async *list(prefix: string, options: ListOptions = {}): AsyncIterable<ObjectEntry> {
      yield* store.list(prefix, options);
      const act = afterList;
      afterList = undefined;
      await act?.();
    },
    async delete(path) {
      const act = beforeDelete;
      beforeDelete = undefined;
      await act?.();
      hooks.onDelete?.(path);
      if (path === hooks.failsFor) throw new AppError('STORE_UNAVAILABLE', 'not now');
      await store.delete(path);
    },
    async write(path, body) {
      if (hooks.fullDisk === true) throw new AppError('DISK_FULL', 'no space left');
      return store.write(path, body);
    },
  };
  return new Proxy(store, {
    get: (target, name) => {
      // Names of the interface, whichever side has them.
      const found: unknown = Reflect.get(overrides, name) ?? Reflect.get(target, name);
      return typeof found === 'function' ? (found.bind(target) as unknown) : found;
    },
  });
}
