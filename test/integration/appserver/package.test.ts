import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import {
  AssignmentFeed,
  Deployment,
  DeploymentTelemetry,
  ImportedTelemetry,
  Job,
  Leaderboard,
  PACKAGE_FILES,
  PACKAGE_FOLDER,
  PackageContents,
  parse,
  Project,
  CreatedApiKey,
  TELEMETRY_MEDIA_TYPE,
} from '#contracts';
import { startMonitor } from '#monitor';
import { startPredictionServer, type RunningPredictionServer } from '#prediction-server';
import { createLogger, loadConfig } from '#runtime';
import { createRandom } from '#statistics';
import type { Api } from '../../support/api.ts';
import { makeAuthority } from '../../support/certificates.ts';
import { startTestAppServer, type TestAppServer } from '../../support/app-server.ts';
import { testEngine } from '../../support/boosting-engine.ts';
import { noClosedHost, openClosedHost, type ClosedHost } from '../../support/closed-host/closed-host.ts';
import { numberRule, textRule, type MemoryColumn } from '../../support/memory-table.ts';
import { readyDeployment } from '../../support/modelling.ts';
import { until } from '../../support/processes.ts';
import { ProtocolWorker } from '../../support/protocol-worker.ts';
import { skipBecause } from '../../support/skip.ts';

const ROWS = 300;
const TIMEOUT_MS = 120_000;
/** `PACKAGE_INVALID` and `PACKAGE_OUTDATED` as exit code: the same again would end the same. */
const NEVER_RETRY = 10;

function columnsOf(): MemoryColumn[] {
  const random = createRandom(6);
  const rows = Array.from({ length: ROWS }, () => ({
    x: random.uniform(),
    town: `t${Math.floor(random.uniform() * 5)}`,
    noise: random.uniform(),
  }));
  const isYes = ({ x, town, noise }: (typeof rows)[number]): boolean =>
    noise < 1 / (1 + Math.exp(-8 * (x - 0.5) - (town === 't1' ? 2 : 0)));
  return [
    { name: 'x', cells: rows.map(({ x }) => String(x)), parse: numberRule },
    { name: 'town', cells: rows.map(({ town }) => town), parse: textRule },
    { name: 'y', cells: rows.map((row) => (isYes(row) ? 'yes' : 'no')), parse: textRule },
  ];
}

/** Rows to be predicted: numbers, texts, nulls, what was never seen. */
const QUESTION = JSON.stringify([
  ...Array.from({ length: 40 }, (_, row) => ({ x: row / 40, town: `t${row % 6}` })),
  { x: null, town: null },
  { x: '0.25', town: 'nowhere' },
  { town: 't1' },
]);

describe('app server: package of a deployment', function () {
  this.timeout(TIMEOUT_MS);
  let world: TestAppServer;
  let worker: ProtocolWorker;
  let served: RunningPredictionServer;
  let api: Api;
  /** Of `api`: may do everything. */
  let ownKey = '';
  let board: Leaderboard;
  let deployment: Deployment;
  let folder = '';
  let host: ClosedHost | null = null;
  let why: string | null = null;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'trainyard-package-'));
    world = await startTestAppServer({ 'autopilot.insights': 'none' });
    worker = new ProtocolWorker(world.server.url, world.config, world.store, columnsOf(), {
      ...{ protocolVersion: 2, engine: testEngine() },
    });
    ({ api, key: ownKey } = await world.user('ann'));
    const answer = await api.upload({ content: 'x,town,y\n1,t1,yes\n', fileName: 'data.csv' });
    await worker.workAll();
    const datasetId = (await api.get(`/jobs/${(answer.json as Job).id}`, Job)).resource?.split('/').at(-1) ?? '';
    const projectId = (await api.call('POST', '/projects', 201, Project, { json: { name: 'p', datasetId } })).id;
    const json = { target: 'y', blueprints: ['ensemble', 'baseline', 'linear', 'lightgbm-fast'], seed: 1 };
    await api.call('POST', `/projects/${projectId}/autopilot`, 202, Job, { json });
    await worker.workAll();
    board = await api.get(`/projects/${projectId}/leaderboard`, Leaderboard);
    const { config } = loadConfig({
      env: {},
      flags: {
        dataDir: world.config.dataDir,
        'predictionServer.port': 0,
        'predictionServer.appServerUrl': world.server.url,
        'predictionServer.statusMs': 100,
        // What is counted at home is what packages have carried there.
        'telemetry.transport': 'off',
      },
    });
    served = await startPredictionServer(config, createLogger({ program: 'served', write: () => undefined }));
    const [model] = board.data;
    const made = { modelId: model?.modelId ?? '', name: 'churn' };
    deployment = await api.call('POST', '/deployments', 201, Deployment, { json: made });
    deployment = await readyDeployment(api, deployment.id);
    why = noClosedHost();
    host = why === null ? openClosedHost() : null;
  });
  after(async () => {
    await host?.close();
    await served.close();
    worker.close();
    await world.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const route = () => `/deployments/${deployment.id}/package`;
  const download = (headers: Readonly<Record<string, string>> = {}, query = '') =>
    api.request('GET', route() + query, { headers });
  /** What the app's own prediction server answers. */
  const appAnswer = async (): Promise<string> => {
    const answer = await api.request('POST', deployment.predictionUrl, {
      body: QUESTION,
      headers: { 'content-type': 'application/json' },
    });
    expect(answer.status, answer.text).to.equal(200);
    return answer.text;
  };

  /** Unpacks into an empty folder, or over what is there. */
  async function unpacked(name: string): Promise<string> {
    const { status, bytes, text } = await download();
    expect(status, status === 200 ? '' : text).to.equal(200);
    const file = path.join(folder, `${name}.tar.gz`);
    const dir = path.join(folder, name);
    writeFileSync(file, bytes);
    mkdirSync(dir, { recursive: true });
    execFileSync('tar', ['-xzf', file, '--strip-components=1', '-C', dir]);
    return dir;
  }
  const start = (dir: string, ...words: string[]) =>
    closed().listening(path.join(dir, 'start'), ['--port', '0', ...words]);
  function closed(): ClosedHost {
    if (host === null) throw new Error('asked for although there is none');
    return host;
  }
  const ask = (url: string, key = ownKey, ca?: string) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    return closed().ask(`${url}/predict/${deployment.id}`, { headers, body: QUESTION }, ca);
  };
  const isReady = (url: string) =>
    until('the package to be ready', async () => (await closed().ask(`${url}/v2/health/ready`)).status === 200);

  it('says length and hash before the first byte, and has the same bytes the next time', async () => {
    const { status, headers, bytes } = await download();
    expect(status).to.equal(200);
    expect(headers.get('content-type')).to.equal('application/gzip');
    expect(headers.get('content-length')).to.equal(String(bytes.length));
    const sha256 = createHash('sha256').update(bytes);
    const hex = sha256.copy().digest('hex');
    expect(headers.get('etag')).to.equal(`"${hex}"`);
    expect(headers.get('repr-digest')).to.equal(`sha-256=:${sha256.digest('base64')}:`);
    expect(headers.get('content-disposition')).to.match(
      new RegExp(`^attachment; filename="trainyard-package-${deployment.id}-\\d+\\.tar\\.gz"$`),
    );
    const head = await api.request('HEAD', route());
    expect(head.headers.get('content-length')).to.equal(String(bytes.length));
    expect((await download()).bytes.equals(bytes)).to.equal(true);
    expect((await download({ 'if-none-match': `"${hex}"` })).status).to.equal(304);
  });

  it('goes on where a download broke off, while it is still the same package', async () => {
    const whole = await download();
    const etag = whole.headers.get('etag') ?? '';
    const size = whole.bytes.length;
    // In the deployment's part, and in the runtime's.
    for (const at of [1_000, size - 1_000_000]) {
      const rest = await download({ range: `bytes=${at}-`, 'if-range': etag });
      expect(rest.status).to.equal(206);
      expect(rest.headers.get('content-range')).to.equal(`bytes ${at}-${size - 1}/${size}`);
      expect(rest.headers.get('etag')).to.equal(etag);
      expect(rest.bytes.equals(whole.bytes.subarray(at))).to.equal(true);
    }
    const across = await download({ range: 'bytes=20-5000000' });
    expect(across.bytes.equals(whole.bytes.subarray(20, 5_000_001))).to.equal(true);
    const changed = await download({ range: 'bytes=10-', 'if-range': '"another"' });
    expect([changed.status, changed.bytes.length]).to.deep.equal([200, size]);
    const behind = await download({ range: `bytes=${size}-` });
    expect([behind.status, behind.headers.get('content-range')]).to.deep.equal([416, `bytes */${size}`]);
  });

  it('holds what its signed list says: files, modes, one deployment, hashes of keys', async () => {
    const dir = await unpacked('listed');
    const contents = parse(
      PackageContents,
      JSON.parse(readFileSync(path.join(dir, PACKAGE_FILES.contents), 'utf8')),
      'contents',
    );
    const names = execFileSync('tar', ['-tzf', path.join(folder, 'listed.tar.gz')], { encoding: 'utf8' });
    const listed = [...contents.files.map((file) => file.path), PACKAGE_FILES.contents];
    expect(names.trim().split('\n')).to.have.members(listed.map((name) => `${PACKAGE_FOLDER}/${name}`));
    for (const { path: name, mode, sizeBytes, sha256 } of contents.files) {
      const bytes = readFileSync(path.join(dir, name));
      expect([name, bytes.length, createHash('sha256').update(bytes).digest('hex')]).to.deep.equal([
        name,
        sizeBytes,
        sha256,
      ]);
      expect(statSync(path.join(dir, name)).mode & 0o777, name).to.equal(mode);
    }
    expect(statSync(path.join(dir, PACKAGE_FILES.feed)).mode & 0o777).to.equal(0o600);
    const feed = parse(AssignmentFeed, JSON.parse(readFileSync(path.join(dir, PACKAGE_FILES.feed), 'utf8')), 'feed');
    expect(feed.deployments.map(({ deploymentId }) => deploymentId)).to.deep.equal([deployment.id]);
    expect(feed.apiKeys.map(({ scopes }) => scopes)).to.deep.equal([['predict']]);
    expect(names).to.not.match(/\.node$|\.so/m);
    expect(statSync(path.join(dir, PACKAGE_FILES.telemetryKey)).mode & 0o777).to.equal(0o600);
  });

  it('takes keys that may only predict, and not those of others', async () => {
    const narrow = { json: { name: 'etl', scopes: ['predict'] } };
    const { id, key } = await api.call('POST', '/api-keys', 201, CreatedApiKey, narrow);
    const other = (await world.user('bob')).api;
    await other.call('POST', '/api-keys', 201, CreatedApiKey, narrow);
    const dir = path.join(folder, 'keys');
    mkdirSync(dir);
    const { bytes } = await download({}, '?ownKey=false');
    spawnSync('tar', ['-xzC', dir], { input: bytes });
    const text = readFileSync(path.join(dir, PACKAGE_FOLDER, PACKAGE_FILES.feed), 'utf8');
    const { apiKeys } = parse(AssignmentFeed, JSON.parse(text), 'feed');
    expect(apiKeys.map(({ keyId }) => keyId)).to.deep.equal([id]);
    expect(text).to.not.include(key);
    await api.request('DELETE', `/api-keys/${id}`);
    await api.refused('GET', `${route()}?ownKey=false`, {
      status: 409,
      code: 'CONFLICT',
      says: ['--deployments dep_'],
    });
    await other.refused('GET', route(), { status: 404, code: 'NOT_FOUND' });
  });

  it('answers on a host without a route, without Node and without any environment as the app does', async function () {
    if (why !== null) skipBecause(this, why);
    const dir = await unpacked('first');
    const state = path.join(folder, 'state');
    const url = await start(dir, '--data-dir', state);
    expect(url).to.match(/^http:\/\/127\.0\.0\.1:\d+$/);
    await isReady(url);
    const answer = await ask(url);
    expect(answer).to.deep.equal({ status: 200, text: await appAnswer() });
    expect((await ask(url, 'nobody')).status).to.equal(401);
    const away = await closed().ask(world.server.url + '/api/v1/health');
    expect(away.status, 'the app server cannot be reached').to.equal(0);
    expect([existsSync(state), existsSync(path.join(dir, 'data'))]).to.deep.equal([true, false]);
    await closed().stop();
    expect(closed().lines.filter((line) => line.includes('"level":"error"'))).to.deep.equal([]);
  });

  it('leaves what it has predicted in a folder, from which it is counted at home once', async function () {
    if (why !== null) skipBecause(this, why);
    const dir = await unpacked('counted');
    const url = await start(dir);
    await isReady(url);
    for (let time = 0; time < 3; time += 1) expect((await ask(url)).status).to.equal(200);
    const rowCount = (JSON.parse((await ask(url)).text) as { data: unknown[] }).data.length;
    await closed().stop();
    const carried = path.join(dir, 'data', 'telemetry');
    const files = readdirSync(carried).filter((name) => name.endsWith('.seg'));
    expect(files.length).to.be.greaterThan(0);
    const take = async () => {
      for (const name of files) {
        const body = Uint8Array.from(readFileSync(path.join(carried, name)));
        const headers = { 'content-type': TELEMETRY_MEDIA_TYPE };
        await api.call('POST', '/telemetry/import', 200, ImportedTelemetry, { body, headers });
      }
    };
    const { received } = await api.get(`/deployments/${deployment.id}/telemetry`, DeploymentTelemetry);
    await take();
    await take();
    const { config } = loadConfig({
      env: {},
      flags: { dataDir: world.config.dataDir, 'predictionServer.appServerUrl': world.server.url },
    });
    const monitor = await startMonitor(config, createLogger({ program: 'monitor', write: () => undefined }));
    const expected = { received: received + 4 * rowCount, lost: 0, refusedSegments: {} };
    try {
      const told = await until('all of it', async () => {
        const now = await api.get(`/deployments/${deployment.id}/telemetry`, DeploymentTelemetry);
        return now.received >= expected.received ? now : null;
      });
      expect(told).to.deep.include(expected);
    } finally {
      await monitor.close();
    }
  });

  it('is upgraded by a newer package over it, and refuses an older one after that', async function () {
    if (why !== null) skipBecause(this, why);
    const dir = await unpacked('upgraded');
    const older = readFileSync(path.join(folder, 'upgraded.tar.gz'));
    let url = await start(dir);
    await isReady(url);
    const before = await ask(url);
    const next = board.data.find(({ modelId, family }) => modelId !== deployment.modelId && family !== 'baseline');
    const json = { modelId: next?.modelId, reason: 'better' };
    deployment = await api.call('PUT', `/deployments/${deployment.id}/model`, 200, Deployment, { json });
    deployment = await readyDeployment(api, deployment.id);
    const expected = await appAnswer();
    expect(expected).to.not.equal(before.text);
    await unpacked('upgraded');
    await until('the newer model', async () => {
      const { status, text } = await ask(url);
      expect(status, text).to.equal(200);
      return text === expected;
    });
    await closed().stop();
    // By its own, newer program.
    url = await start(dir);
    await isReady(url);
    expect((await ask(url)).text).to.equal(expected);
    await closed().stop();
    spawnSync('tar', ['-xz', '--strip-components=1', '-C', dir], { input: older });
    expect((await closed().run(path.join(dir, 'start'), [])).code).to.equal(NEVER_RETRY);
    expect(closed().lines.at(-1)).to.include('PACKAGE_OUTDATED');
  });

  it('does not start when a file of it is damaged', async function () {
    if (why !== null) skipBecause(this, why);
    const dir = await unpacked('damaged');
    const file = path.join(dir, PACKAGE_FILES.blob);
    const blob = readFileSync(file);
    blob[blob.length >> 1] = (blob[blob.length >> 1] ?? 0) ^ 1;
    writeFileSync(file, blob);
    expect((await closed().run(path.join(dir, 'start'), ['--port=0'])).code).to.equal(NEVER_RETRY);
    expect(closed().lines.at(-1)).to.include('PACKAGE_INVALID').and.include(PACKAGE_FILES.blob);
  });

  it('listens on loopback alone without a certificate', async function () {
    if (why !== null) skipBecause(this, why);
    const dir = await unpacked('open');
    expect((await closed().run(path.join(dir, 'start'), ['--host', '0.0.0.0', '--port=0'])).code).to.equal(NEVER_RETRY);
    expect(closed().lines.at(-1)).to.include('CONFIG_INVALID').and.include('loopback');
  });

  it('answers by several processes', async function () {
    if (why !== null) skipBecause(this, why);
    const url = await start(await unpacked('several'), '--predictionServer.processes=2');
    await isReady(url);
    const expected = { status: 200, text: await appAnswer() };
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(url)));
    expect(answers).to.deep.equal(answers.map(() => expected));
    await closed().stop();
  });

  it('serves HTTPS on all addresses with a certificate', async function () {
    if (why !== null) skipBecause(this, why);
    const dir = await unpacked('secured');
    mkdirSync(path.join(folder, 'authority'));
    const authority = await makeAuthority(path.join(folder, 'authority'));
    const { certificateFile, keyFile } = await authority.issue();
    const url = await start(dir, '--host=0.0.0.0', '--certificate', certificateFile, `--key=${keyFile}`);
    const { protocol, port } = new URL(url);
    expect(protocol).to.equal('https:');
    const ca = readFileSync(authority.caFile, 'utf8');
    const here = `https://127.0.0.1:${port}`;
    const answer = await until('the package to be ready', async () => {
      const found = await ask(here, ownKey, ca);
      return found.status === 503 ? null : found;
    });
    expect(answer).to.deep.equal({ status: 200, text: await appAnswer() });
    expect((await ask(`http://127.0.0.1:${port}`)).status).to.not.equal(200);
    expect((await ask(here)).status, 'an unknown authority').to.equal(0);
    await closed().stop();
  });

  it('is refused where the model is not the one that was verified', async () => {
    const { database } = world.server;
    const where = { id: deployment.modelId };
    const [signature = ''] = (await database.knex('models').where(where).pluck('signature')) as string[]; // the column asked for
    const [artifactPath = ''] = (await database.knex('models').where(where).pluck('artifact_path')) as string[];
    const swapped = (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1);
    await database.knex('models').where(where).update({ signature: swapped });
    await api.refused('GET', route(), { status: 403, code: 'ARTIFACT_SIGNATURE' });
    await database.knex('models').where(where).update({ signature });
    const blob = path.join(world.config.objectStore.root, artifactPath, 'blob');
    const bytes = readFileSync(blob);
    rmSync(blob);
    writeFileSync(blob, Buffer.concat([bytes.subarray(1), bytes.subarray(0, 1)]));
    await api.refused('GET', route(), { status: 500, code: 'ARTIFACT_INVALID' });
    writeFileSync(blob, bytes);
    expect((await api.request('HEAD', route())).status).to.equal(200);
  });
});
