import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { Job, parse } from '#contracts';
import { FileObjectStore } from '#object-store';
import { openDatabase, rawRows, type Database } from '#store';
import { Api } from '../../support/api.ts';
import { Program } from '../../support/faults/program.ts';
import { modelled } from '../../support/modelling.ts';
import { differenceOf } from '../../support/named-objects.ts';
import { freePorts, healthStatus } from '../../support/platform.ts';
import { until } from '../../support/processes.ts';
import { churnCsv } from '../../integration/worker/support.ts';

const ADMIN_KEY = 'admin-key-of-the-housekeeping-tests';
/** Nothing is kept longer than it takes to be sure, so that a test sees the end of it. */
const KEPT_MS = 1_000;

/** Statements of a deletion, and of the sweep after it, at which the server is killed. */
export const HOUSEKEEPING_POINTS = [
  'delete.beforeDatabase',
  'delete.inDatabase',
  'delete.afterDatabase',
  'sweep.beforeDelete@2',
  'sweep.afterDelete@3',
  'sweep.afterDoomed@2',
];

/** Real programs over a folder: what is on its disk must be what its database names, whoever is killed when. */
export function housekeepingKilledSuite(points: readonly string[]): void {
  describe('housekeeping with killed programs', function () {
    this.timeout(240_000);
    const dataDir = mkdtempSync(path.join(os.tmpdir(), 'trainyard-housekeeping-'));
    const objectsDir = path.join(dataDir, 'objects');
    const store = new FileObjectStore(objectsDir);
    let flags: Record<string, string | number> = {};
    let api: Api;
    let database: Database;
    const programs: Program[] = [];

    before(async () => {
      const [port = 0] = await freePorts(1);
      flags = {
        dataDir,
        'server.port': port,
        'server.healthNeeds': '',
        'server.closeTimeoutMs': 1_000,
        'queue.leaseMs': 2_000,
        'queue.beatMs': 500,
        'queue.claimWaitMs': 500,
        'queue.reaperIntervalMs': 200,
        'queue.backoffMs': 100,
        'retention.sweepIntervalMs': 100,
        'retention.attemptMs': KEPT_MS,
        'retention.orphanMs': KEPT_MS,
        'worker.memoryBytes': 1024 ** 3,
        'worker.drainMs': 1_000,
        'worker.lightgbmLibrary': process.env['TRAINYARD_LIGHTGBM_LIBRARY'] ?? '',
        'worker.xgboostLibrary': process.env['TRAINYARD_XGBOOST_LIBRARY'] ?? '',
      };
      api = new Api(`http://127.0.0.1:${port}`, ADMIN_KEY);
    });
    // What a failed test leaves running would fail the next ones, which start a server on the same port.
    afterEach(async () => {
      for (const program of programs.splice(0)) if (program.isRunning) await program.stop();
    });
    after(async () => {
      await database.close();
      rmSync(dataDir, { recursive: true, force: true });
    });

    async function startServer(failpoints = ''): Promise<Program> {
      const env = { TRAINYARD_ADMIN_API_KEY: ADMIN_KEY, TRAINYARD_FAILPOINTS: failpoints };
      const server = new Program({ program: 'server', flags, env });
      programs.push(server);
      await until('a healthy server', async () => {
        if (!server.isRunning) throw new Error(`the server has ended\n${server.output.slice(-2_000)}`);
        return (await healthStatus(api.url)) === 200;
      });
      const file = path.join(dataDir, 'trainyard.db');
      const options = { client: 'sqlite', file, url: '', poolMax: 1, statementTimeoutMs: 10_000 } as const;
      database ??= await openDatabase(options);
      return server;
    }

    function startWorker(failpoints = ''): Program {
      const env = { TRAINYARD_FAILPOINTS: failpoints };
      const worker = new Program({ program: 'worker', flags: { ...flags, 'worker.serverUrl': api.url }, env });
      programs.push(worker);
      return worker;
    }

    const objects = async (): Promise<string[]> =>
      (await Array.fromAsync(store.list(''))).map(({ path: name }) => name);
    const make = () =>
      modelled(
        api,
        { content: churnCsv(120), fileName: 'churn.csv' },
        { target: 'label', blueprints: ['baseline'], maxModels: 1 },
      );

    /** Deletes again what a killed server may or may not have deleted. */
    async function remove(route: string): Promise<void> {
      const { status, text } = await api.request('DELETE', route);
      expect(status, `${route}: ${text}`).to.be.oneOf([204, 404]);
    }

    async function expectEmpty(): Promise<void> {
      await until('an empty object store', async () => (await objects()).length === 0);
      expect(await rawRows(database, 'select id from datasets')).to.deep.equal([]);
      await until(
        'no doomed folders',
        async () => (await rawRows(database, 'select path from doomed_object')).length === 0,
      );
    }

    it('leaves what rows name after killed attempts, and nothing when all is deleted', async () => {
      const server = await startServer();
      // The first worker dies between its files and its seal, the second one's children between two files.
      const first = startWorker('worker.seal=kill');
      const upload = api.upload({ content: churnCsv(120), fileName: 'churn.csv' });
      expect((await first.ended).signal).to.equal('SIGKILL');
      const firstJob = parse(Job, (await upload).json, 'job');
      const second = startWorker('worker.write=kill@2');
      const { projectId, datasetId } = await make();
      await api.final(firstJob.id);
      const attempts = await rawRows<{ ending: string }>(database, 'select ending from attempt');
      expect(attempts.filter(({ ending }) => ending !== 'committed').length, 'killed attempts').to.be.at.least(2);
      await until('the files of killed attempts gone', async () => {
        const { missing, unnamed } = await differenceOf(database, await objects());
        expect(missing).to.deep.equal([]);
        return unnamed.length === 0;
      });
      await second.stop();
      await remove(`/projects/${projectId}`);
      const rest = (await api.request('GET', '/datasets')).json as { data: { id: string }[] }; // a page
      expect(rest.data.map(({ id }) => id)).to.include(datasetId);
      for (const { id } of rest.data) await remove(`/datasets/${id}`);
      await expectEmpty();
      await server.stop();
    });

    for (const point of points) {
      it(`a server killed at ${point} leaves the same end`, async () => {
        const before = await startServer();
        const worker = startWorker();
        const { projectId, datasetId } = await make();
        await worker.stop();
        await before.stop();
        const [name = '', pass = '1'] = point.split('@');
        const killed = await startServer(`${name}=kill@${pass}`);
        await api.request('DELETE', `/projects/${projectId}`).catch(() => undefined); // its server may be gone
        expect((await killed.ended).signal).to.equal('SIGKILL');
        const after = await startServer();
        const named = await rawRows(database, 'select id from projects');
        if (point === 'delete.beforeDatabase' || point === 'delete.inDatabase')
          expect(named, 'nothing has happened').to.have.length(1);
        else expect(named, 'it is deleted').to.have.length(0);
        await remove(`/projects/${projectId}`);
        await remove(`/datasets/${datasetId}`);
        await expectEmpty();
        await after.stop();
      });
    }

    for (const point of ['rest.patch.inDatabase', 'rest.patch.afterHandler'])
      it(`a server killed at ${point} leaves a version that becomes ready, or none`, async () => {
        const before = await startServer();
        const worker = startWorker();
        const first = await api.dataset({ content: churnCsv(120), fileName: 'churn.csv' });
        await worker.stop();
        await before.stop();
        const killed = await startServer(`${point}=kill`);
        const change = () => api.request('PATCH', `/datasets/${first}/features/age`, { json: { type: 'categorical' } });
        await change().catch(() => undefined); // its server is gone
        expect((await killed.ended).signal).to.equal('SIGKILL');
        const after = await startServer();
        // The first worker dies in its task, and the lease ends.
        const dying = startWorker('worker.seal=kill');
        const states = async () =>
          (await rawRows<{ version: number; state: string }>(database, 'select version, state from datasets')).map(
            ({ version, state }) => `${version} ${state}`,
          );
        const isMade = point === 'rest.patch.afterHandler';
        expect((await states()).sort()).to.deep.equal(isMade ? ['1 ready', '2 ingesting'] : ['1 ready']);
        if (!isMade) expect((await change()).status).to.equal(202);
        expect((await dying.ended).signal).to.equal('SIGKILL');
        startWorker();
        await until('a ready version', async () => (await states()).sort().join() === '1 ready,2 ready', 30_000);
        for (const { id } of await rawRows<{ id: string }>(database, 'select id from datasets'))
          await remove(`/datasets/${id}`);
        await expectEmpty();
        await after.stop();
      });

    it('leaves no file at all, not even an unfinished one', async () => {
      const server = await startServer();
      const files = () =>
        readdirSync(objectsDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
      await until('no file', () => files().length === 0);
      await server.stop();
    });
  });
}
