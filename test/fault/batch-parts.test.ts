import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { BatchPrediction, Dataset, Job } from '#contracts';
import { rawRows } from '#store';
import type { WebHdfsClient } from '#webhdfs';
import { churnCsv } from '../integration/worker/support.ts';
import type { Api } from '../support/api.ts';
import { ContainerShell } from '../support/faults/container-shell.ts';
import { violationsOf } from '../support/faults/invariants.ts';
import { settledJob } from '../support/faults/settled-job.ts';
import { WAIT_MS, YarnLab } from '../support/faults/yarn-lab.ts';
import { startHadoopCluster, type HadoopCluster } from '../support/hadoop/index.ts';
import { modelled } from '../support/modelling.ts';
import { until } from '../support/processes.ts';
import { TableLab } from '../support/tables.ts';

const ROWS = 20_000;
const FILE_ROWS = 7_000;
const GROUP_ROWS = 2_048;
const FOLDER = '/user/alice/parts';
const SOURCE = `${FOLDER}/in`;
const OUT = `${FOLDER}/out`;
/** Cells are five for each row: of `age`, `plan` and `since`, `id` and what is predicted. */
const FLAGS = { 'parts.cellsMin': 20_000, 'queue.reconcileMs': 1_000, 'yarn.containerIdleMs': 500 } as const;
const CHARGED_MAX = 3;

/** Where a worker or its task child dies; at the files of the second part, of the gathering task, and so on. */
const WORKER_STEPS = [
  'worker.read=kill@2',
  'worker.write=kill@2',
  'worker.close=kill@3',
  'worker.seal=kill@2',
  'worker.commit.sent=kill@2',
  'worker.commit.answered=kill@2',
  'worker.gather=kill@3',
];
/** Where the app server dies. */
const SERVER_STEPS = ['queue.commit.inDatabase=kill@3', 'publish.beforeRename=kill', 'publish.afterRename=kill'];

/** In the order of the rows. */
const fileOf = (firstRow: number): string => `${SOURCE}/${String(firstRow).padStart(5, '0')}.parquet`;

describe('faults on YARN: batch predictions in parts', function () {
  this.timeout(300_000);
  let folder = '';
  let shell: ContainerShell;
  let cluster: HadoopCluster;
  let lab: YarnLab;
  let tables: TableLab;
  let isOpen = false;
  let hdfs: WebHdfsClient;
  let alice: Api;
  let request: { readonly modelId: string; readonly input: object; readonly passthroughColumns: readonly string[] };
  let undisturbed: readonly string[];
  let partCount = 0;
  let count = 0;

  /** Names of files with the hash of their content. */
  async function contents(place: string): Promise<string[]> {
    const found: string[] = [];
    for await (const { path: file } of hdfs.list(place)) {
      const hash = createHash('sha256');
      for await (const chunk of hdfs.open(file)) hash.update(chunk);
      const name = file.slice(place.length + 1);
      // The mark names the batch prediction.
      found.push(name === '_SUCCESS' ? name : `${name} ${hash.digest('hex')}`);
    }
    return found.sort();
  }

  async function start(): Promise<{ readonly place: string; readonly job: Job }> {
    count += 1;
    const place = `${OUT}/${count}`;
    const json = { ...request, output: { type: 'hdfs', path: place } };
    return { place, job: await alice.call('POST', '/batch-predictions', 202, Job, { json }) };
  }

  const tasks = ({ id }: Job): Promise<{ kind: string; state: string; losses: number }[]> =>
    rawRows(lab.database, 'select kind, state, losses from task where job_id = ? order by job_position', [id]);

  const stagingGone = (): Promise<unknown> =>
    until(
      'the staging folder to go',
      async () => {
        for await (const { path: file } of hdfs.list(OUT)) if (path.posix.basename(file).startsWith('_')) return null;
        return true;
      },
      WAIT_MS,
    );

  /** The job succeeds with exactly the output that it has when nothing disturbs it, and nothing else is left. */
  async function expectSameOutput({ place, job }: Awaited<ReturnType<typeof start>>): Promise<void> {
    const final = await settledJob(alice, job.id, WAIT_MS);
    expect(final.state, JSON.stringify(final.error)).to.equal('succeeded');
    expect(await contents(place)).to.deep.equal(undisturbed);
    const made = await alice.get(String(final.resource).replace('/api/v1', ''), BatchPrediction);
    expect(made.rowCount).to.equal(ROWS);
    expect((await tasks(job)).map(({ kind, state }) => `${kind} ${state}`)).to.deep.equal([
      ...Array.from({ length: partCount }, () => 'batch-predict SUCCEEDED'),
      'batch-gather SUCCEEDED',
    ]);
    await stagingGone();
    expect(violationsOf(await lab.history(), { chargedAttemptsMax: CHARGED_MAX })).to.deep.equal([]);
  }

  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-shell-'));
    shell = new ContainerShell(folder);
    tables = await TableLab.open();
    cluster = await startHadoopCluster({ shape: 'plain', properties: shell.properties });
    lab = await YarnLab.open(cluster);
    isOpen = true;
    hdfs = lab.hdfs('alice');
    alice = await lab.user('alice');
    writeFileSync(tables.at('in', 'all.csv'), churnCsv(ROWS));
    const all = `read_csv('${tables.at('in', 'all.csv')}', types = {'label': 'VARCHAR'}, parallel = false)`;
    for (let from = 0; from < ROWS; from += FILE_ROWS) {
      await tables.duckdb.execute(
        `COPY (SELECT * FROM ${all} OFFSET ${from} LIMIT ${FILE_ROWS}) TO '${tables.at('in', 'part')}' (FORMAT parquet, ROW_GROUP_SIZE ${GROUP_ROWS})`,
      );
      await hdfs.create(fileOf(from), readFileSync(tables.at('in', 'part')));
    }
    await lab.restartServer({ flags: FLAGS });
    const json = { name: 'parts', source: { type: 'hdfs', path: SOURCE } };
    const job = await alice.succeeded(await alice.call('POST', '/datasets', 202, Job, { json }));
    const dataset = await alice.get(String(job.resource).replace('/api/v1', ''), Dataset);
    const { modelId } = await modelled(alice, { datasetId: dataset.id }, { target: 'label', maxModels: 1 });
    request = { modelId, input: { datasetId: dataset.id }, passthroughColumns: ['id'] };
  });
  after(async () => {
    if (isOpen) await lab.close();
    await tables.close();
    await cluster.close();
    rmSync(folder, { recursive: true });
  });
  afterEach(function () {
    if (this.currentTest?.state === 'failed') console.log(String(this.currentTest.err), lab.newestLog());
  });

  it('undisturbed: one row for each row, in order by the names of files', async () => {
    const { place, job } = await start();
    const final = await alice.succeeded(job);
    undisturbed = await contents(place);
    partCount = (await tasks(job)).length - 1;
    expect(partCount).to.be.within(4, 8);
    const names = undisturbed.map((entry) => entry.split(' ')[0] ?? '').filter((name) => name !== '_SUCCESS');
    expect(names.length).to.be.within(4, partCount);
    const ids: number[] = [];
    for (const name of names) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of hdfs.open(`${place}/${name}`)) chunks.push(chunk);
      writeFileSync(tables.at('in', 'out.parquet'), Buffer.concat(chunks));
      const rows = await tables.duckdb.rows(`SELECT id FROM read_parquet('${tables.at('in', 'out.parquet')}')`);
      for (const [id] of rows) ids.push(Number(id));
    }
    expect(ids).to.deep.equal(Array.from({ length: ROWS }, (_, row) => 1_000 + row));
    const made = await alice.get(String(final.resource).replace('/api/v1', ''), BatchPrediction);
    expect(made).to.include({ rowCount: ROWS, partCount, rows: null });
    expect(made.rowsPerSecond).to.be.within(1, 1e6);
    expect(made.rowsPerCoreSecond).to.be.within(1, 1e7);
    expect(made.warnings.map(({ code }) => code)).to.deep.equal(['COLUMN_IGNORED']);
    await stagingGone();
  });

  for (const step of WORKER_STEPS)
    it(`a worker is killed: ${step}`, async () => {
      await lab.untilIdle();
      await lab.forgiveNodes();
      // The only worker takes what is armed, and comes to its step.
      if (step === WORKER_STEPS[0]) await lab.restartServer({ flags: { ...FLAGS, 'yarn.containersMax': 1 } });
      const taken = shell.armFailpoints(step);
      const started = await start();
      await taken();
      await expectSameOutput(started);
      const lost = (await tasks(started.job)).reduce((sum, { losses }) => sum + losses, 0);
      // Whoever dies after the seal has lost nothing.
      if (!step.includes('commit')) expect(lost).to.equal(1);
    });

  it('a container is killed while two work', async () => {
    await lab.untilIdle();
    await lab.forgiveNodes();
    await lab.restartServer({ flags: FLAGS });
    const taken = shell.armFailpoints('worker.write=pause:240000@2');
    const started = await start();
    const { containerId } = await taken();
    await until(
      'the other to do the rest',
      async () => (await tasks(started.job)).filter(({ state }) => state === 'SUCCEEDED').length >= partCount - 1,
      WAIT_MS,
    );
    await lab.killContainer(containerId);
    await expectSameOutput(started);
  });

  for (const step of SERVER_STEPS)
    it(`the app server is killed: ${step}`, async () => {
      await lab.untilIdle();
      const server = await lab.restartServer({ flags: FLAGS, failpoints: step });
      const started = await start();
      await server.ended;
      expect(server.isKilled).to.be.true;
      await lab.startServer({ flags: FLAGS });
      await expectSameOutput(started);
    });

  it('cancelled while it runs: all parts end, and no row is left', async () => {
    await lab.untilIdle();
    await lab.restartServer({ flags: { ...FLAGS, 'yarn.containersMax': 1 } });
    const taken = shell.armFailpoints('worker.write=pause:240000@2');
    const { place, job } = await start();
    await taken();
    await until('the first part', async () => (await tasks(job)).some(({ state }) => state === 'SUCCEEDED'), WAIT_MS);
    await alice.call('DELETE', `/jobs/${job.id}`, 200, Job);
    expect((await settledJob(alice, job.id, WAIT_MS)).state).to.equal('cancelled');
    const states = (await tasks(job)).map(({ state }) => state);
    expect(states).to.deep.equal(['SUCCEEDED', ...Array.from({ length: partCount - 1 }, () => 'CANCELLED')]);
    await stagingGone();
    expect(await hdfs.find(place)).to.equal(null);
  });

  it('a part that cannot be predicted ends all of it with its reason', async () => {
    await hdfs.setModifiedAt(fileOf(FILE_ROWS), new Date(0));
    const { place, job } = await start();
    await alice.failed(job, { status: 409, code: 'DATASET_CHANGED', says: [/07000\.parquet changed/] });
    await until(
      'the end of the others',
      async () => (await tasks(job)).every(({ state }) => /SUCC|FAIL|CANC/.test(state)),
      WAIT_MS,
    );
    expect((await tasks(job)).some(({ kind }) => kind === 'batch-gather')).to.be.false;
    await stagingGone();
    expect(await hdfs.find(place)).to.equal(null);
    expect(violationsOf(await lab.history(), { chargedAttemptsMax: CHARGED_MAX })).to.deep.equal([]);
  });
});
