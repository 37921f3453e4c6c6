import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { ApiKeyPage, CreatedApiKey, Job, LoginAnswer, parse, Project, ProjectPage } from '#contracts';
import { FileObjectStore } from '#object-store';
import { HttpClient, KEY_FILES, loadConfig, type Config } from '#runtime';
import { Api, isFinal } from '../../support/api.ts';
import { startBalancer, type Balancer } from '../../support/balancer.ts';
import { Program } from '../../support/faults/program.ts';
import { numberRule, textRule, type MemoryColumn } from '../../support/memory-table.ts';
import { newProject, startAutopilot } from '../../support/modelling.ts';
import { freePorts, healthStatus } from '../../support/platform.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres.ts';
import { until } from '../../support/processes.ts';
import { ProtocolWorker } from '../../support/protocol-worker.ts';
import { churnCsv } from '../worker/support.ts';

const MIB = 1024 ** 2;
const REPLICAS = 3;
/** How late a replica may see what another one did: one look at the database, on a busy machine. */
const NOTICED_MS = 1_500;
const ROWS = 120;
const columns: readonly MemoryColumn[] = [
  { name: 'x', cells: Array.from({ length: ROWS }, (_, row) => String((row * 37) % 101)), parse: numberRule },
  { name: 'y', cells: Array.from({ length: ROWS }, (_, row) => (row % 4 === 0 ? 'yes' : 'no')), parse: textRule },
];

/** Three app servers as on three machines: folders of their own, one database, one object store, one keys folder. */
describe('app server: replicas on one PostgreSQL', function () {
  this.timeout(120_000);
  let folder = '';
  let database: TestDatabase;
  let ports: number[] = [];
  const servers: Program[] = [];
  let apis: Api[] = [];
  let balancer: Balancer;
  let api: Api;
  let config: Config;
  let worker: ProtocolWorker;

  const flagsOf = (index: number, more: Readonly<Record<string, string>> = {}) => ({
    dataDir: path.join(folder, `host-${index}`),
    'keys.dir': path.join(folder, 'keys'),
    'objectStore.root': path.join(folder, 'objects'),
    'server.port': ports[index] ?? 0,
    'server.healthNeeds': '',
    'queue.leaseMs': 3_000,
    'queue.beatMs': 500,
    'queue.claimWaitMs': 5_000,
    'queue.pollMs': 100,
    'queue.reaperIntervalMs': 200,
    'queue.backoffMs': 200,
    ...more,
  });
  const startServer = (index: number, more: Readonly<Record<string, string>> = {}) =>
    new Program({
      program: 'server',
      flags: flagsOf(index, more),
      env: { TRAINYARD_DATABASE_CLIENT: 'postgres', TRAINYARD_DATABASE_URL: database.url },
    });
  const listening = (index: number) =>
    until(`app server ${index}`, async () => (await healthStatus(`http://127.0.0.1:${ports[index] ?? 0}`)) === 200);
  const at = (index: number): Api => {
    const found = apis[index];
    if (found === undefined) throw new Error(`there is no replica ${index}`);
    return found;
  };
  const refusalOf = async (keysDir: string): Promise<string> => {
    const refused = startServer(REPLICAS, { 'keys.dir': keysDir });
    expect((await refused.ended).code, refused.output).to.equal(10);
    return refused.output;
  };

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'trainyard-replicas-'));
    database = await createDatabase();
    ports = await freePorts(REPLICAS);
    for (let index = 0; index < REPLICAS; index += 1) servers.push(startServer(index));
    for (let index = 0; index < REPLICAS; index += 1) await listening(index);
    const keyFile = path.join(folder, `host-${keyHolders()[0] ?? 0}`, 'admin.key');
    const key = readFileSync(keyFile, 'utf8').trim();
    apis = ports.map((port) => new Api(`http://127.0.0.1:${port}`, key));
    balancer = await startBalancer(apis.map(({ url }) => url));
    api = new Api(balancer.url, key);
    config = loadConfig({ env: {}, cwd: folder, flags: flagsOf(0) }).config;
    worker = new ProtocolWorker(balancer.url, config, new FileObjectStore(config.objectStore.root), columns);
  });
  after(async () => {
    worker.close();
    await balancer.close();
    await Promise.all(servers.map((server) => server.stop()));
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Replicas that keep an administrator's key. */
  const keyHolders = (): number[] =>
    Array.from({ length: REPLICAS }, (_, index) => index).filter((index) =>
      existsSync(path.join(folder, `host-${index}`, 'admin.key')),
    );

  it('start at once on an empty database: one schema, one administrator’s key, one signing key', async () => {
    expect(keyHolders()).to.have.length(1);
    const printed = servers.filter(({ output }) => output.includes("Administrator's API key"));
    expect(printed).to.have.length(1);
    for (const replica of apis) {
      expect((await replica.request('GET', '/me')).json).to.include({ role: 'admin' });
      expect((await replica.get('/api-keys', ApiKeyPage)).data).to.have.length(1);
    }
    expect(servers.filter(({ lines }) => lines.some(({ event }) => event === 'migrated'))).to.have.length(1);
  });

  it('refuse a replica that has another signing key, or none, and leave its folder as it was', async () => {
    const empty = path.join(folder, 'empty-keys');
    mkdirSync(empty);
    expect(await refusalOf(empty))
      .to.include('CONFIG_INVALID')
      .and.include('keys.dir')
      .and.include('does not exist');
    expect(existsSync(path.join(empty, KEY_FILES.signingKey))).to.equal(false);
    expect(existsSync(path.join(empty, KEY_FILES.poolSecret))).to.equal(false);
    const foreign = path.join(folder, 'foreign-keys');
    const other = await createDatabase();
    const elsewhere = new Program({
      program: 'server',
      flags: { ...flagsOf(REPLICAS), 'keys.dir': foreign },
      env: { TRAINYARD_DATABASE_CLIENT: 'postgres', TRAINYARD_DATABASE_URL: other.url },
    });
    await elsewhere.line('an app server of another database', ({ event }) => event === 'listening');
    await elsewhere.stop();
    await other.close();
    expect(await refusalOf(foreign))
      .to.include('CONFIG_INVALID')
      .and.include('has fingerprint');
  });

  it('see at once what another one has written, page by page', async () => {
    const datasetId = await workDataset();
    const made: string[] = [];
    for (let index = 0; index < REPLICAS; index += 1) made.push(await newProject(at(index), datasetId, `p${index}`));
    for (const replica of apis)
      for (const id of made) expect((await replica.get(`/projects/${id}`, Project)).id).to.equal(id);
    const found: string[] = [];
    const turnPage = async (index: number, route: string): Promise<string | null> => {
      const { data, next } = await at(index).get(route, ProjectPage);
      found.push(...data.map(({ id }) => id));
      return next;
    };
    let next = await turnPage(0, '/projects?limit=1');
    for (let index = 1; next !== null; index += 1) next = await turnPage(index % REPLICAS, next);
    expect(found).to.deep.equal(made.toReversed());
  });

  it('answer a repeat under one Idempotency-Key as the first replica did, also at the same moment', async () => {
    const datasetId = await workDataset();
    const post = (replica: Api, key: string) =>
      replica.request('POST', '/projects', { json: { name: 'once', datasetId }, headers: { 'idempotency-key': key } });
    const first = await post(at(0), 'k1');
    expect(first.status).to.equal(201);
    for (const replica of apis) {
      const again = await post(replica, 'k1');
      expect({ status: again.status, body: again.text, location: again.headers.get('location') }).to.deep.equal({
        status: 201,
        body: first.text,
        location: first.headers.get('location'),
      });
    }
    const together = await Promise.all(apis.flatMap((replica) => [post(replica, 'k2'), post(replica, 'k2')]));
    expect(new Set(together.map(({ text }) => text)).size).to.equal(1);
  });

  it('let one of several changes under the same If-Match through', async () => {
    const projectId = await newProject(at(0), await workDataset(), 'changed');
    const etag = (await at(1).request('GET', `/projects/${projectId}`)).headers.get('etag') ?? '';
    const rename = (replica: Api, name: string) =>
      replica.request('PATCH', `/projects/${projectId}`, { json: { name }, headers: { 'if-match': etag } });
    const answers = await Promise.all([...apis, ...apis].map((replica, index) => rename(replica, `name ${index}`)));
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([200, 412, 412, 412, 412, 412]);
    const winner = answers.find(({ status }) => status === 200)?.json;
    expect((await at(2).get(`/projects/${projectId}`, Project)).name).to.equal((winner as Project).name); // 200 of PATCH
  });

  it('share sessions, and forget a key everywhere at once', async () => {
    await at(0).request('POST', '/users', { json: { name: 'ann', password: 'a long password' } });
    const login = await at(0)
      .as(null)
      .request('POST', '/auth/login', { json: { name: 'ann', password: 'a long password' } });
    const { csrfToken } = parse(LoginAnswer, login.json, 'login');
    const cookie = login.headers.get('set-cookie')?.split(';')[0] ?? '';
    for (const replica of apis)
      expect((await replica.as(null).request('GET', '/me', { headers: { cookie } })).json).to.include({ name: 'ann' });
    const headers = { cookie, 'x-csrf-token': csrfToken };
    expect((await at(1).as(null).request('POST', '/auth/logout', { headers })).status).to.equal(204);
    expect((await at(2).as(null).request('GET', '/me', { headers: { cookie } })).status).to.equal(401);
    const made = await at(0).call('POST', '/api-keys', 201, CreatedApiKey, { json: { name: 'short-lived' } });
    const { id, key } = made;
    for (const replica of apis) expect((await replica.as(key).request('GET', '/me')).status).to.equal(200);
    await at(1).request('DELETE', `/api-keys/${id}`);
    for (const replica of apis) expect((await replica.as(key).request('GET', '/me')).status).to.equal(401);
  });

  it('answer Prefer: wait for a job that ends at another replica', async () => {
    const { id } = (await at(0).upload({ content: 'x,y\n1,no\n' })).json as Job; // Job of the contract
    const waiting = apis.map(async (replica) => {
      const answer = await replica.request('GET', `/jobs/${id}`, { headers: { prefer: 'wait=30' } });
      return { job: answer.json as Job, atMs: performance.now() }; // likewise
    });
    expect(await worker.workAll()).to.equal(1);
    const endedMs = performance.now();
    for (const { job, atMs } of await Promise.all(waiting)) {
      expect(isFinal(job)).to.equal(true);
      expect(atMs - endedMs).to.be.below(NOTICED_MS);
    }
  });

  it('give a task that was made at one replica to a claim that is held at another', async () => {
    const http = new HttpClient({ baseUrl: at(1).url });
    const identity = await worker.register();
    const json = { workerId: identity.workerId, requestId: 'held', waitMs: 10_000, cachedDatasets: [] };
    const claim = http.request({ method: 'POST', path: '/internal/v1/claims', json, token: identity.workerToken });
    const { id } = (await at(0).upload({ content: 'x,y\n1,no\n' })).json as Job; // Job of the contract
    const madeMs = performance.now();
    expect((await claim).status).to.equal(200);
    expect(performance.now() - madeMs).to.be.below(NOTICED_MS);
    // A lost answer is asked for again at whichever replica.
    const again = await api
      .as(identity.workerToken)
      .request('POST', '/internal/v1/claims', { json: { ...json, waitMs: 0 } });
    expect(again.json).to.deep.equal((await claim).json);
    http.close();
    await at(2).request('DELETE', `/jobs/${id}`);
    const { taskId, fence, leaseToken } = again.json as { taskId: string; fence: number; leaseToken: string }; // ClaimedTask
    const beat = { fence, progress: null, memoryBytes: 0, log: [] };
    const told = await api.as(leaseToken).request('POST', `/internal/v1/tasks/${taskId}/beat`, { json: beat });
    expect(told.json).to.include({ directive: 'cancel' });
    expect((await at(0).get(`/jobs/${id}`, Job)).state).to.equal('cancelled');
  });

  it('serve one worker in turns: claimed, beaten, sealed and committed at different replicas', async () => {
    const before = [...balancer.answerCounts];
    const datasetId = await workDataset();
    const projectId = await newProject(api, datasetId);
    const job = await startAutopilot(api, projectId, { target: 'y', blueprints: ['baseline'] });
    await until('the end of the run', async () => {
      await worker.workOnce();
      return isFinal(await api.get(`/jobs/${job.id}`, Job));
    });
    for (const replica of apis) expect((await replica.get(`/projects/${projectId}`, Project)).state).to.equal('ready');
    balancer.answerCounts.forEach((count, index) => expect(count).to.be.greaterThan(before[index] ?? 0));
  });

  it('make the same models although each of them is killed in turn', async () => {
    const workers = [0, 1].map(
      (index) =>
        new Program({
          program: 'worker',
          flags: {
            ...flagsOf(0),
            dataDir: path.join(folder, `worker-${index}`),
            'worker.serverUrl': balancer.url,
            'worker.memoryBytes': 1024 * MIB,
            'worker.drainMs': 1_000,
            'worker.lightgbmLibrary': process.env['TRAINYARD_LIGHTGBM_LIBRARY'] ?? '',
            'worker.xgboostLibrary': process.env['TRAINYARD_XGBOOST_LIBRARY'] ?? '',
          },
        }),
    );
    try {
      const datasetId = await api.dataset({ content: churnCsv(4_000), fileName: 'churn.csv' });
      const request = { target: 'label', maxModels: 6, seed: 3 } as const;
      const calm = await newProject(api, datasetId, 'calm');
      await api.succeeded(await startAutopilot(api, calm, request));
      const disturbed = await newProject(api, datasetId, 'disturbed');
      const job = await startAutopilot(api, disturbed, request);
      let killsInTime = 0;
      for (let index = 0; index < REPLICAS; index += 1) {
        await until('a task at work', async () => (await queuedStates()).includes('RUNNING') || (await isOver(job)));
        if (!(await isOver(job))) killsInTime += 1;
        await servers[index]?.kill();
        servers[index] = startServer(index);
        await listening(index);
      }
      expect(killsInTime, 'app servers killed before the end of the run').to.be.at.least(2);
      await until('the end of the run', () => isOver(job), 90_000);
      expect((await at(0).get(`/jobs/${job.id}`, Job)).state).to.equal('succeeded');
      const expected = await contentHashes(calm);
      expect(expected.length, 'six models, their ensemble, a refit').to.be.at.least(8);
      expect(await contentHashes(disturbed)).to.deep.equal(expected);
    } finally {
      await Promise.all(workers.map((program) => program.stop()));
    }
  });

  /** A dataset, made at some replica by the test's worker. */
  async function workDataset(): Promise<string> {
    const { id } = (await api.upload({ content: 'x,y\n1,no\n' })).json as Job; // Job of the contract
    await worker.workAll();
    return (await api.get(`/jobs/${id}`, Job)).resource?.split('/').at(-1) ?? '';
  }

  async function queuedStates(): Promise<string[]> {
    const answer = await api.request('GET', '/queue').catch(() => null);
    const { data = [] } = (answer?.json ?? {}) as { data?: { state: string }[] }; // QueueEntry of the contract, or a problem
    return data.map(({ state }) => state);
  }

  /** Whether a job is final, by whoever answers. */
  async function isOver({ id }: Job): Promise<boolean> {
    const response = await fetch(`${balancer.url}/api/v1/jobs/${id}`, {
      headers: { authorization: `Bearer ${api.key ?? ''}` },
    });
    const job = response.ok ? ((await response.json()) as Job) : null; // Job of the contract
    await response.body?.cancel().catch(() => undefined);
    return job !== null && isFinal(job);
  }

  async function contentHashes(projectId: string): Promise<string[]> {
    const { json } = await api.request('GET', `/projects/${projectId}/leaderboard`);
    const { data } = json as { data: { modelId: string }[] }; // Leaderboard of the contract
    const models = await Promise.all(data.map(({ modelId }) => api.request('GET', `/models/${modelId}`)));
    return models.map((model) => (model.json as { contentHash: string }).contentHash).sort(); // Model of the contract
  }
});
