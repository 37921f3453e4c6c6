import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { Job, pageOf, QueueEntry } from '#contracts';
import { Api } from '../support/api.ts';
import {
  deployed,
  modelled,
  newProject,
  predict,
  readyDeployment,
  startAutopilot,
  type Modelled,
} from '../support/modelling.ts';
import { cliArguments, startPlatform, type TestPlatform } from '../support/platform.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { isAlive, until } from '../support/processes.ts';
import { csvText, jsonRow, multiclassSample } from '../support/sample-data.ts';
import { openDatabase, rawRows } from '#store';

const FLAGS = ['--queue.leaseMs=4000', '--queue.beatMs=800', '--queue.backoffMs=100', '--up.workers=1'];
const PLAN = { target: 'kind', maxModels: 3, seed: 1 };
type Client = 'sqlite' | 'postgres';

/** Where an installation lives: its data folder and database; gone as a whole when it is destroyed. */
interface Home {
  readonly dataDir: string;
  /** Words of the command line that name the database. */
  readonly words: readonly string[];
  readonly database: TestDatabase | null;
}

async function newHome(folder: string, name: string, client: Client): Promise<Home> {
  const database = client === 'postgres' ? await createDatabase() : null;
  const words = database === null ? [] : ['--database.client=postgres', `--database.url=${database.url}`];
  return { dataDir: path.join(folder, name), words, database };
}

async function destroy({ dataDir, database }: Home): Promise<void> {
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 });
  await database?.close();
}

function trainyard(words: readonly string[]): Record<string, unknown> {
  const { status, stdout, stderr } = spawnSync(process.execPath, cliArguments(...words, '--json'), {
    encoding: 'utf8',
    timeout: 120_000,
  });
  expect(status, stderr).to.equal(0);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** From the database of the first life to that of the second. */
const DRILLS: readonly (readonly [Client, Client])[] = [
  ['sqlite', 'sqlite'],
  ['postgres', 'postgres'],
  ['sqlite', 'postgres'],
];

for (const [from, to] of DRILLS) describe(`restore drill: ${from} to ${to}`, () => drill(from, to));

function drill(from: Client, to: Client): void {
  let folder: string;
  const homes: Home[] = [];
  let platform: TestPlatform;
  let api: Api;

  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'trainyard-drill-'));
  });
  after(async () => {
    await platform.close();
    await Promise.all(homes.map(destroy));
    rmSync(folder, { recursive: true, force: true });
  });

  const start = async (home: Home): Promise<void> => {
    platform = await startPlatform({ dataDir: home.dataDir, flags: [...FLAGS, ...home.words], adminKey: null });
    api = new Api(platform.url, platform.adminKey);
  };
  const hashesOf = async (projectId: string): Promise<string[]> => {
    const { json } = await api.request('GET', `/projects/${projectId}/leaderboard`);
    const { data } = json as { data: { modelId: string }[] }; // Leaderboard of the contract
    const models = await Promise.all(data.map(({ modelId }) => api.request('GET', `/models/${modelId}`)));
    return models.map(({ json: model }) => (model as { contentHash: string }).contentHash); // Model of the contract
  };

  /** The compliance reports of all models: what they say is the same in the next life, on the other database too. */
  const reportsOf = async ({ board }: Modelled): Promise<string[]> => {
    const answers = await Promise.all(
      board.data.map(({ modelId }) => api.request('GET', `/models/${modelId}/compliance-report`)),
    );
    expect(answers.map(({ status }) => status)).to.deep.equal(answers.map(() => 200));
    return answers.map(({ text }) => text);
  };

  it('brings everything back: leaderboards, predictions, and the run that was interrupted', async function () {
    this.timeout(240_000);
    const first = await newHome(folder, 'first', from);
    homes.push(first);
    await start(first);
    const table = multiclassSample(120);
    const run: Modelled = await modelled(api, { content: csvText(table) }, PLAN);
    const deployment = await deployed(api, run.modelId);
    const rows = table.rows.map((row) => jsonRow(table, row));
    const answers = (await predict(api, deployment.predictionUrl, rows)).data;
    const hashes = await hashesOf(run.projectId);
    // Feature impact and effects are computed when the run is over: reports must not change after the backup.
    for (const { id } of (await api.get('/jobs', pageOf(Job))).data) await api.final(id);
    const reports = await reportsOf(run);
    const openProjectId = await newProject(api, run.datasetId, 'interrupted');
    const openJob = await startAutopilot(api, openProjectId, PLAN);
    await until('a running task', async () =>
      (await api.get('/queue', pageOf(QueueEntry))).data.some(
        ({ jobId, state }) => jobId === openJob.id && state === 'RUNNING',
      ),
    );

    // Frozen in the middle of its task, so that the run is under way for certain when the snapshot is taken.
    for (const name of ['worker', 'task'] as const)
      for (const { pid } of platform.programs(name)) process.kill(pid, 'SIGSTOP');

    const backup = path.join(folder, 'backup');
    const made = trainyard(['backup', '--to', backup, '--data-dir', first.dataDir, ...first.words]);
    expect((await api.get(`/jobs/${openJob.id}`, Job)).state, 'the run went on meanwhile').to.equal('running');

    const key = platform.adminKey;
    const processes = platform.processes();
    platform.kill('SIGKILL');
    for (const { pid } of processes) process.kill(pid, 'SIGKILL');
    await until('the end of all processes', () => !processes.some(isAlive));
    await destroy(first);
    expect(existsSync(first.dataDir)).to.equal(false);

    const second = await newHome(folder, 'second', to);
    homes.push(second);
    const restored = trainyard(['restore', '--from', backup, '--data-dir', second.dataDir, ...second.words]);
    const startedAt = performance.now();
    await start(second);
    const upMs = Math.round(performance.now() - startedAt);
    expect(platform.adminKey).to.equal(key);
    expect(await hashesOf(run.projectId)).to.deep.equal(hashes);
    expect(await reportsOf(run)).to.deep.equal(reports);
    const again = await readyDeployment(api, deployment.id);
    expect((await predict(api, again.predictionUrl, rows)).data).to.deep.equal(answers);
    await api.succeeded(await api.get(`/jobs/${openJob.id}`, Job));
    expect((await hashesOf(openProjectId)).sort()).to.deep.equal([...hashes].sort());
    for (const { id } of (await api.get('/jobs', pageOf(Job))).data) await api.final(id);
    await expectNoFormerLife(second, to);
    process.stdout.write(
      `    drill ${from} to ${to}: backup ${String(made['tookMs'])} ms, restore ${String(restored['tookMs'])} ms, up ${upMs} ms\n`,
    );
  });

  /** No result was recorded twice, and none under a fence of the former life for a task that was at work in it. */
  async function expectNoFormerLife({ dataDir, database }: Home, client: Client): Promise<void> {
    const file = path.join(dataDir, 'trainyard.db');
    const url = database?.url ?? '';
    const opened = await openDatabase({ client, file, url, poolMax: 1, statementTimeoutMs: 10_000, readOnly: true });
    const rows = await rawRows(
      opened,
      `select result.task_id from result join attempt on attempt.task_id = result.task_id
       where attempt.ending = 'expired' and attempt.fence >= result.fence`,
    );
    const unfinished = await rawRows(opened, `select id from task where finished_at is null`);
    await opened.close();
    expect([rows, unfinished]).to.deep.equal([[], []]);
  }
}
