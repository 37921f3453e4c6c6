import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { Me, Model, pageOf, Project, QueueEntry } from '#contracts';
import { loadConfig } from '#runtime';
import { migrate, openDatabase, SCHEMA_VERSION } from '#store';
import { Api } from '../support/api.ts';
import { deployed, modelled, newProject, predict, startAutopilot, type Modelled } from '../support/modelling.ts';
import {
  cliArguments,
  freePorts,
  healthStatus,
  readAdminKey,
  spawnPlatform,
  startPlatform,
  type ProgramName,
  type TestPlatform,
} from '../support/platform.ts';
import { descendantsOf, isAlive, processOf, until, type ProcessEntry } from '../support/processes.ts';
import { REPOSITORY_ROOT } from '../support/repository.ts';
import { csvText, multiclassSample } from '../support/sample-data.ts';

/** Leases short enough that a test may wait for one to end, long enough for a busy machine. */
const FLAGS = ['--queue.leaseMs=4000', '--queue.beatMs=800', '--queue.reaperIntervalMs=200', '--queue.backoffMs=100'];
const ROW = { width: '1', colour: 'red', noise: '3' };
const PROGRAMS: readonly ProgramName[] = ['server', 'worker', 'prediction-server'];

describe('trainyard up', function () {
  this.timeout(90_000);
  let dataDir = '';
  let ports: readonly [number, number] = [0, 0];
  let platform: TestPlatform;
  let api: Api;
  let model: Modelled;
  let predictionUrl = '';
  let expected: unknown;

  before(async () => {
    dataDir = mkdtempSync(path.join(tmpdir(), 'trainyard-up-'));
    const [port = 0, predictionPort = 0] = await freePorts(2);
    ports = [port, predictionPort];
    platform = await startPlatform({ dataDir, ports, flags: FLAGS, adminKey: null });
    api = new Api(platform.url, platform.adminKey);
  });
  after(async () => {
    await platform.close();
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 });
  });

  const running = (name: ProgramName): ProcessEntry => {
    const [entry] = platform.programs(name);
    if (entry === undefined) throw new Error(`${name} does not run`);
    return entry;
  };

  it('makes an administrator’s key, prints it once, and keeps it in a file of mode 600', async () => {
    const file = path.join(dataDir, 'admin.key');
    expect(statSync(file).mode & 0o777).to.equal(0o600);
    const key = readAdminKey(dataDir);
    expect(key.length).to.be.greaterThan(30);
    expect(platform.output().split(key)).to.have.length(2);
    expect((await api.get('/me', Me)).role).to.equal('admin');
    for (const secret of ['signing.key', 'pool.secret', 'prediction-server.token'])
      expect(statSync(path.join(dataDir, 'keys', secret)).mode & 0o777, secret).to.equal(0o600);
    for (const log of ['server', 'worker-1', 'prediction-server'])
      expect(readFileSync(path.join(dataDir, 'logs', `${log}.log`), 'utf8'), log).to.not.include(key);
  });

  it('does the job that the later tests look at', async () => {
    const content = csvText(multiclassSample(80));
    model = await modelled(api, { content }, { target: 'kind', maxModels: 2, seed: 1 });
    ({ predictionUrl } = await deployed(api, model.modelId));
    expected = (await predict(api, predictionUrl, ROW)).data;
  });

  it('refuses a second up on the same data folder and names the holder', async () => {
    const [port = 0, predictionPort = 0] = await freePorts(2);
    const second = await spawnPlatform({ dataDir, ports: [port, predictionPort], adminKey: null });
    expect(await second.ended).to.deep.equal({ code: 10, signal: null });
    expect(second.output()).to.include(`used by process ${platform.pid}`).and.include('CONFLICT');
    expect(await healthStatus(platform.url)).to.equal(200);
  });

  for (const name of PROGRAMS) {
    it(`starts a killed ${name} again`, async () => {
      const { length } = platform.programs(name);
      const killed = running(name);
      process.kill(killed.pid, 'SIGKILL');
      await until(`a new ${name}`, () => !isAlive(killed) && platform.programs(name).length === length);
      expect(platform.output()).to.match(new RegExp(`"name":"${name}(-\\d)?".*"signal":"SIGKILL".*"restartCount":1,`));
      await until('health', async () => (await healthStatus(platform.url)) === 200);
      const answer = await until('a prediction', async () => predict(api, predictionUrl, ROW).catch(() => null));
      expect(answer.data).to.deep.equal(expected);
    });
  }

  it('goes on with a job whose worker was killed: the task is done once more, the job succeeds', async () => {
    const projectId = await newProject(api, model.datasetId, 'interrupted');
    const blueprints = ['baseline', 'lightgbm-fast', 'lightgbm-default'];
    const job = await startAutopilot(api, projectId, { target: 'kind', blueprints, seed: 1 });
    await until('a running task', async () => {
      const { data } = await api.get('/queue', pageOf(QueueEntry));
      return data.some((entry) => entry.jobId === job.id && entry.state === 'RUNNING');
    });
    const tasks = platform.programs('task');
    expect(tasks.length).to.be.greaterThan(0);
    for (const worker of platform.programs('worker')) process.kill(worker.pid, 'SIGKILL');
    await until('the end of the task children', () => !tasks.some(isAlive));
    await api.succeeded(job);
    const project = await api.get(`/projects/${projectId}`, Project);
    expect(project.modelCount).to.equal(4);
    const repeated = await api.get(`/models/${project.recommendedModelId ?? ''}`, Model);
    expect(repeated.state).to.equal('ready');
  });

  it('predicts while the app server is gone', async () => {
    // A stopped `up` starts nothing again.
    platform.kill('SIGSTOP');
    try {
      const server = running('server');
      process.kill(server.pid, 'SIGKILL');
      await until('no app server', async () => (await healthStatus(platform.url)) === null);
      expect((await predict(api, predictionUrl, ROW)).data).to.deep.equal(expected);
    } finally {
      platform.kill('SIGCONT');
    }
    await until('health', async () => (await healthStatus(platform.url)) === 200);
  });

  it('ends by SIGTERM with exit code 0, everything below it first', async () => {
    const entries = platform.processes();
    expect(entries.length).to.be.greaterThan(3);
    platform.kill('SIGTERM');
    expect(await platform.ended).to.deep.equal({ code: 0, signal: null });
    expect(entries.filter(isAlive)).to.deep.equal([]);
    expect(existsSync(path.join(dataDir, 'up.lock'))).to.equal(false);
  });

  it('has a prediction server that starts and answers from its own disk, without the app server', async () => {
    const program = path.join(REPOSITORY_ROOT, 'prediction/server/main.ts');
    const child = spawn(
      process.execPath,
      [program, `--dataDir=${dataDir}`, `--server.port=${ports[0]}`, `--predictionServer.port=${ports[1]}`],
      { stdio: ['pipe', 'ignore', 'ignore'], env: { ...process.env, TRAINYARD_PARENT_WATCH: '1' } },
    );
    const ended = new Promise((resolve) => child.once('exit', resolve));
    try {
      expect(await healthStatus(platform.url)).to.equal(null);
      const answer = await until('a prediction', async () => predict(api, predictionUrl, ROW).catch(() => null));
      expect(answer.data).to.deep.equal(expected);
      await api.as('wrong').refused('POST', predictionUrl, { status: 401, code: 'UNAUTHENTICATED' }, { json: ROW });
    } finally {
      child.stdin.end();
      await ended;
    }
    expect(child.exitCode).to.equal(0);
  });

  it('keeps everything over a restart', async () => {
    const before = { key: platform.adminKey, url: platform.url };
    platform = await startPlatform({ dataDir, ports, flags: FLAGS, adminKey: null });
    expect({ key: platform.adminKey, url: platform.url }).to.deep.equal(before);
    expect(platform.output()).to.not.include(before.key);
    const project = await api.get(`/projects/${model.projectId}`, Project);
    expect(project.recommendedModelId).to.equal(model.modelId);
    const answer = await until('a prediction', async () => predict(api, predictionUrl, ROW).catch(() => null));
    expect(answer.data).to.deep.equal(expected);
    const projectId = await newProject(api, model.datasetId, 'after the restart');
    const again = await api.succeeded(await startAutopilot(api, projectId, { target: 'kind', maxModels: 1 }));
    expect(again.state).to.equal('succeeded');
  });

  it('leaves no process behind when it is killed itself', async () => {
    const entries = platform.processes();
    expect(entries.map(({ command }) => command.join(' ')).join('\n')).to.include('child/main.ts');
    platform.kill('SIGKILL');
    expect((await platform.ended).signal).to.equal('SIGKILL');
    await until('the end of all programs', () => !entries.some(isAlive), 20_000);
  });

  it('takes a data folder over whose up was killed', async () => {
    expect(existsSync(path.join(dataDir, 'up.lock'))).to.equal(true);
    platform = await startPlatform({ dataDir, ports, flags: FLAGS, adminKey: null });
    expect((await api.get('/me', Me)).role).to.equal('admin');
  });

  it('waits for the programs of a killed up before it starts its own', async () => {
    const worker = running('worker');
    process.kill(worker.pid, 'SIGSTOP');
    platform.kill('SIGKILL');
    await platform.ended;
    const next = await spawnPlatform({ dataDir, ports, flags: FLAGS, adminKey: null });
    await until('the word that it waits', () => next.output().includes('waiting for the programs of an earlier up'));
    expect(next.output()).to.include(String(worker.pid));
    expect(next.processes()).to.deep.equal([]);
    process.kill(worker.pid, 'SIGCONT');
    platform = next;
    await until('health', async () => (await healthStatus(next.url)) === 200);
    expect(isAlive(worker)).to.equal(false);
  });

  it('ends with the app server’s own words when that refuses the database', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'trainyard-up-'));
    const { config } = loadConfig({ env: {}, cwd: folder, flags: { dataDir: folder } });
    const database = await openDatabase(config.database);
    await migrate(database);
    await database.knex('schema_version').insert({ version: SCHEMA_VERSION + 1, name: 'future', applied_at: 0 });
    await database.close();
    const [port = 0] = await freePorts(2);
    const words = cliArguments('up', '--data-dir', folder, '--port', String(port));
    const { status, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8', timeout: 60_000 });
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
    expect(stderr).to.include(`the database has schema version ${SCHEMA_VERSION + 1}, this program knows`);
    expect(status, stderr).to.equal(10);
  });

  it('says what is wrong with its flags', () => {
    const refusals: readonly (readonly [readonly string[], string])[] = [
      [['--port', 'many'], 'server.port'],
      [['--colour', 'red'], 'colour (flag) is not a known key'],
      [['--port', '0'], 'fixed ports'],
      [['--workers', '-1'], '/up/workers'],
    ];
    const folder = path.join(dataDir, 'never-made');
    for (const [words, text] of refusals) {
      const { status, stderr } = spawnSync(process.execPath, cliArguments('up', '--data-dir', folder, ...words), {
        encoding: 'utf8',
        timeout: 30_000,
      });
      expect(stderr).to.include(text).and.include('CONFIG_INVALID');
      expect(status, stderr).to.equal(10);
    }
    expect(existsSync(folder)).to.equal(false);
    expect(descendantsOf(process.pid).every(({ pid }) => processOf(pid) !== null)).to.equal(true);
  });
});
