import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { Dataset, FeaturePage, isAppError, Job } from '#contracts';
import { rawRows } from '#store';
import type { WebHdfsClient } from '#webhdfs';
import { churnCsv } from '../integration/worker/support.ts';
import type { Api } from '../support/api.ts';
import { ContainerShell } from '../support/faults/container-shell.ts';
import { violationsOf } from '../support/faults/invariants.ts';
import { settledJob } from '../support/faults/settled-job.ts';
import { WAIT_MS, YarnLab } from '../support/faults/yarn-lab.ts';
import { startHadoopCluster, type HadoopCluster } from '../support/hadoop/index.ts';
import { until } from '../support/processes.ts';
import { TableLab } from '../support/tables.ts';
import { HDFS_FOLDERS } from '../support/yarn-platform.ts';

const ROWS = 20_000;
const FILE_ROWS = 7_000;
const GROUP_ROWS = 2_048;
const SOURCE = '/user/alice/profiled';
/** 100,000 cells. */
const PARTS = 5;
const FLAGS = { 'parts.cellsMin': 20_000, 'queue.reconcileMs': 1_000, 'yarn.containerIdleMs': 500 } as const;
const ONE_WORKER = { ...FLAGS, 'yarn.containersMax': 1 } as const;
const CHARGED_MAX = 3;

/** The only worker registers, passes over five parts, puts them together, passes over them again, puts them together. */
const TASKS = [
  'ingest',
  ...Array.from({ length: PARTS }, () => 'profile-part'),
  'profile-merge',
  ...Array.from({ length: PARTS }, () => 'profile-part'),
  'profile-merge',
];
/** Where a worker or its task child dies. */
const WORKER_STEPS = [
  'worker.read=kill@3',
  'worker.write=kill@2',
  'worker.close=kill@3',
  'worker.merge=kill@2',
  'worker.write=kill@6',
  'worker.write=kill@9',
  'worker.merge=kill@7',
  'worker.seal=kill@2',
  'worker.commit.sent=kill@7',
  'worker.commit.answered=kill@6',
];
/** Where the app server dies: in the transactions that make the tasks of each step, and in the one that ends the job. */
const SERVER_STEPS = [1, 6, 7, 12, 13].map((commit) => `queue.commit.inDatabase=kill@${commit}`);

/** In the order of the rows. */
const fileOf = (firstRow: number): string => `${SOURCE}/${String(firstRow).padStart(5, '0')}.parquet`;

describe('faults on YARN: profiles in parts', function () {
  this.timeout(300_000);
  let folder = '';
  let shell: ContainerShell;
  let cluster: HadoopCluster;
  let lab: YarnLab;
  let tables: TableLab;
  let isOpen = false;
  let hdfs: WebHdfsClient;
  let alice: Api;
  let undisturbed: unknown;

  const register = (): Promise<Job> =>
    alice.call('POST', '/datasets', 202, Job, { json: { name: 'parts', source: { type: 'hdfs', path: SOURCE } } });
  const datasetOf = ({ resource }: Job): Promise<Dataset> =>
    alice.get(String(resource).replace('/api/v1', ''), Dataset);
  const featuresOf = async (job: Job) =>
    (await alice.get(`${String(job.resource).replace('/api/v1', '')}/features`, FeaturePage)).data;
  const tasks = ({ id }: Job): Promise<{ kind: string; state: string; losses: number }[]> =>
    rawRows(lab.database, 'select kind, state, losses from task where job_id = ? order by job_position', [id]);
  /** The profile as its row has it, to the last digit. */
  async function profileOf({ resource }: Job): Promise<unknown> {
    const [row] = await rawRows(
      lab.database,
      'select features, distinct_values, time_counts, sample_rows from dataset_profiles where dataset_id = ?',
      [String(resource).split('/').at(-1) ?? ''],
    );
    return row ?? expect.fail('no profile');
  }
  /** What the passes found is deleted when it has become a profile, or is of no use. */
  const statesGone = (): Promise<unknown> =>
    until(
      'the states of all parts to go',
      async () => {
        const service = lab.hdfs();
        if ((await service.find(`${HDFS_FOLDERS.objects}/profiles`)) === null) return true;
        try {
          for await (const { path: ofTask } of service.list(`${HDFS_FOLDERS.objects}/profiles`))
            for await (const { path: ofAttempt } of service.list(ofTask))
              for await (const _ of service.list(ofAttempt)) return null;
          return true;
        } catch (err) {
          // A folder that the sweeper took away while it was looked for.
          if (isAppError(err, 'HDFS_FILE_MISSING')) return null;
          throw err;
        }
      },
      WAIT_MS,
    );

  /** The job succeeds with exactly the profile that it has when nothing disturbs it, and nothing else is left. */
  async function expectSameProfile(job: Job): Promise<void> {
    const final = await settledJob(alice, job.id, WAIT_MS);
    expect(final.state, JSON.stringify(final.error)).to.equal('succeeded');
    expect(final.progress.fraction).to.equal(1);
    expect((await tasks(job)).map(({ kind, state }) => `${kind} ${state}`)).to.deep.equal(
      TASKS.map((kind) => `${kind} SUCCEEDED`),
    );
    expect(await datasetOf(final)).to.include({ state: 'ready', rowCount: ROWS, featureCount: 5 });
    expect(await profileOf(final)).to.deep.equal(undisturbed);
    await statesGone();
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

  it('undisturbed: the counts of one task', async () => {
    await lab.restartServer({ flags: { ...FLAGS, 'parts.countMax': 1 } });
    const whole = await alice.succeeded(await register());
    expect((await tasks(whole)).map(({ kind }) => kind)).to.deep.equal(['ingest']);
    await lab.restartServer({ flags: FLAGS });
    const job = await alice.succeeded(await register());
    undisturbed = await profileOf(job);
    const [expected, found] = [await featuresOf(whole), await featuresOf(job)];
    for (const [position, feature] of expected.entries()) {
      const { name, type, missingCount, min, max, histogram, topValues } = feature;
      expect(found[position]).to.deep.include({ name, type, missingCount, min, max, histogram, topValues });
    }
    await expectSameProfile(job);
    const told = await rawRows<{ line: string }>(
      lab.database,
      'select line from task_log join task on task.id = task_log.task_id where task.job_id = ?',
      [job.id],
    );
    expect(told.map(({ line }) => line)).to.include(`to be profiled in ${PARTS} parts`);
    expect(told.map(({ line }) => line)).to.include(`${ROWS} rows profiled in ${PARTS} parts`);
  });

  for (const step of WORKER_STEPS)
    it(`a worker is killed: ${step}`, async () => {
      await lab.untilIdle();
      await lab.forgiveNodes();
      // The only worker takes what is armed, and comes to its step.
      if (step === WORKER_STEPS[0]) await lab.restartServer({ flags: ONE_WORKER });
      const taken = shell.armFailpoints(step);
      const job = await register();
      await taken();
      await expectSameProfile(job);
      const lost = (await tasks(job)).reduce((sum, { losses }) => sum + losses, 0);
      // Whoever dies after the seal has lost nothing.
      if (!step.includes('commit')) expect(lost).to.equal(1);
    });

  it('a container is killed while two work', async () => {
    await lab.untilIdle();
    await lab.forgiveNodes();
    await lab.restartServer({ flags: FLAGS });
    const taken = shell.armFailpoints('worker.write=pause:240000');
    const job = await register();
    const { containerId } = await taken();
    await until(
      'the other to do the rest of the first pass',
      async () => (await tasks(job)).filter(({ state }) => state === 'SUCCEEDED').length === PARTS,
      WAIT_MS,
    );
    await lab.killContainer(containerId);
    await expectSameProfile(job);
  });

  for (const step of SERVER_STEPS)
    it(`the app server is killed: ${step}`, async () => {
      await lab.untilIdle();
      const server = await lab.restartServer({ flags: ONE_WORKER, failpoints: step });
      const job = await register();
      await server.ended;
      expect(server.isKilled).to.be.true;
      await lab.startServer({ flags: ONE_WORKER });
      await expectSameProfile(job);
    });

  it('cancelled while it runs: all parts end, and so does the dataset', async () => {
    await lab.untilIdle();
    await lab.restartServer({ flags: ONE_WORKER });
    const taken = shell.armFailpoints('worker.write=pause:240000@2');
    const job = await register();
    await taken();
    await until('the first part', async () => (await tasks(job))[1]?.state === 'SUCCEEDED', WAIT_MS);
    await alice.call('DELETE', `/jobs/${job.id}`, 200, Job);
    const final = await settledJob(alice, job.id, WAIT_MS);
    expect(final.state).to.equal('cancelled');
    expect((await tasks(job)).map(({ state }) => state)).to.deep.equal([
      ...['SUCCEEDED', 'SUCCEEDED'],
      ...Array.from({ length: PARTS - 1 }, () => 'CANCELLED'),
    ]);
    const { state, error } = await datasetOf(final);
    expect(state).to.equal('failed');
    expect(error).to.include({ code: 'JOB_CANCELLED' });
    await statesGone();
  });

  it('a part that cannot be read ends all of it with its reason', async () => {
    await lab.untilIdle();
    const taken = shell.armFailpoints('worker.read=pause:10000@2');
    const job = await register();
    await taken();
    await until('the parts', async () => (await tasks(job)).length === PARTS + 1, WAIT_MS);
    await hdfs.setModifiedAt(fileOf(FILE_ROWS), new Date(0));
    await alice.failed(job, { status: 409, code: 'DATASET_CHANGED', says: [/07000\.parquet changed/] });
    await until(
      'the end of the others',
      async () => (await tasks(job)).every(({ state }) => /SUCC|FAIL|CANC/.test(state)),
      WAIT_MS,
    );
    expect((await tasks(job)).some(({ kind }) => kind === 'profile-merge')).to.be.false;
    const { state, error } = await datasetOf(job);
    expect(state).to.equal('failed');
    expect(error).to.include({ code: 'DATASET_CHANGED' });
    await statesGone();
    expect(violationsOf(await lab.history(), { chargedAttemptsMax: CHARGED_MAX })).to.deep.equal([]);
  });
});
