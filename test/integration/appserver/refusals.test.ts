import http from 'node:http';
import { once } from 'node:events';
import path from 'node:path';
import { expect } from 'chai';
import {
  AuditEntry,
  parse,
  PoolEntry,
  QueueEntry,
  RegisterAnswer,
  Type,
  WorkerEntry,
  type ErrorCode,
  type Static,
  type TSchema,
} from '#contracts';
import { KEY_FILES, readSecret } from '#runtime';
import { createJob, createTask, type Task } from '#store';
import { startTestAppServer, type TestAppServer } from '../../support/app-server.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres.ts';
import { REGISTER } from '../../contract/queue/world.ts';

interface Sent {
  readonly status: number;
  readonly code: string | null;
  readonly json: unknown;
}

for (const client of ['sqlite', 'postgres'] as const)
  describe(`what workers are refused on ${client}`, () => refusals(client));

function refusals(client: 'sqlite' | 'postgres'): void {
  let app: TestAppServer;
  let postgres: TestDatabase | null = null;
  let secret: string;

  beforeEach(async function () {
    this.timeout(60_000);
    postgres = client === 'postgres' ? await createDatabase() : null;
    const database = postgres === null ? {} : { 'database.client': 'postgres', 'database.url': postgres.url };
    app = await startTestAppServer(database);
    secret = readSecret(path.join(app.config.keys.dir, KEY_FILES.poolSecret));
  });
  afterEach(async () => {
    await app.close();
    await postgres?.close();
  });

  /** Sends any bytes, whatever they are. */
  async function send(route: string, body: string | Buffer, token: string, headers: object = {}): Promise<Sent> {
    const request = http.request(`${app.server.url}/internal/v1/${route}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    });
    request.end(body);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    let text = '';
    for await (const part of response) text += String(part);
    const json: unknown = text === '' ? null : JSON.parse(text);
    const code = (json as { code?: string } | null)?.code ?? null; // null of an answer that is no problem
    return { status: response.statusCode ?? 0, code, json };
  }
  const say = (route: string, json: unknown, token: string) => send(route, JSON.stringify(json), token);

  async function register(): Promise<RegisterAnswer> {
    return parse(RegisterAnswer, (await say('workers', REGISTER, secret)).json, 'answer');
  }

  async function addTask(): Promise<Task> {
    return app.server.database.transaction(async (trx) => {
      const common = { userId: 'u1', projectId: null, resource: null };
      const job = await createJob(trx, { kind: 'batch-predict', ...common });
      const table = { rowCount: 0, columns: [], files: [] };
      const model = { modelId: 'm1', artifactPath: 'models/m1/1-a', manifestSha256: '0'.repeat(64) };
      const spec = { kind: 'batch-predict' as const, batchPredictionId: 'b1', datasetId: 'd1', passthroughColumns: [] };
      const wanted = { jobId: job.id, projectId: null, runAs: 'u1', idempotencyKey: 'k' };
      return (await createTask(trx, { ...wanted, spec: { ...spec, ...model, table } })).task;
    });
  }

  /** A page of a list, its entries as their schema says. */
  async function list<E extends TSchema>(entry: E, route: string): Promise<Static<E>[]> {
    const { json } = await app.admin.request('GET', route);
    return parse(Type.Array(entry), (json as { data: unknown }).data, route); // a page
  }

  it('is answered by code, counted in /metrics and /audit, and named nowhere by its text', async () => {
    const task = await addTask();
    const { workerId } = await register();
    const token = 'stolen-token-of-a-worker';
    const beat = { fence: 1, progress: null, memoryBytes: 0, log: [] };
    const progress = { fraction: 0, phase: 'p', message: 'm', iteration: null };
    const file = { name: 'f', sizeBytes: 0, sha256: '0'.repeat(64) };
    const outcome = { kind: 'batch-predict', rowCount: 1, rowsPerSecond: 1, warnings: [] };
    const claim = { workerId, requestId: 'r', waitMs: 0, cachedDatasets: [] };
    const of = (verb: string) => `tasks/${task.id}/${verb}`;
    const cases: readonly (readonly [statement: string, route: string, body: unknown, code: ErrorCode])[] = [
      ['register', 'workers', REGISTER, 'POOL_SECRET_INVALID'],
      ['register', 'workers', { ...REGISTER, protocolVersion: 'two' }, 'VALIDATION_FAILED'],
      ['register', 'workers', { ...REGISTER, pool: 'a\0b' }, 'VALIDATION_FAILED'],
      ['register', 'workers', { ...REGISTER, hostName: 'a\0b' }, 'VALIDATION_FAILED'],
      ['register', 'workers', { ...REGISTER, programVersion: '\0' }, 'VALIDATION_FAILED'],
      ['register', 'workers', { ...REGISTER, processId: 2 ** 31 }, 'VALIDATION_FAILED'],
      ['register', 'workers', { ...REGISTER, threadCount: 1e30 }, 'VALIDATION_FAILED'],
      ['register', 'workers', { ...REGISTER, memoryBytes: 1e30 }, 'VALIDATION_FAILED'],
      ['register', 'workers', { ...REGISTER, protocolVersion: -1e30 }, 'VALIDATION_FAILED'],
      ['claim', 'claims', { ...claim, workerId: 'a\0b' }, 'VALIDATION_FAILED'],
      ['claim', 'claims', { ...claim, requestId: '\0' }, 'VALIDATION_FAILED'],
      ['claim', 'claims', { ...claim, cachedDatasets: ['\0'] }, 'VALIDATION_FAILED'],
      ['drain', 'workers/a%00b/drain', { reason: 'r' }, 'NOT_FOUND'],
      ['beat', 'tasks/a%00b/beat', beat, 'NOT_FOUND'],
      ['beat', of('beat'), { ...beat, fence: 1e30 }, 'VALIDATION_FAILED'],
      ['beat', of('beat'), { ...beat, memoryBytes: 1e30 }, 'VALIDATION_FAILED'],
      ['commit', of('commit'), { fence: 1e19 }, 'VALIDATION_FAILED'],
      ['commit', of('commit'), { fence: Number.MAX_SAFE_INTEGER }, 'LEASE_TOKEN_INVALID'],
      ['checkpoint', of('checkpoint'), { fence: 1, position: 1e30, file }, 'VALIDATION_FAILED'],
      ['claim', 'claims', claim, 'UNAUTHENTICATED'],
      ['claim', 'claims', { ...claim, waitMs: 10 ** 9 }, 'VALIDATION_FAILED'],
      ['drain', `workers/${workerId}/drain`, { reason: 'r' }, 'UNAUTHENTICATED'],
      ['start', of('start'), beat, 'LEASE_TOKEN_INVALID'],
      ['beat', 'tasks/task_none/beat', beat, 'LEASE_TOKEN_INVALID'],
      ['beat', of('beat'), { ...beat, now: 0 }, 'VALIDATION_FAILED'],
      ['beat', of('beat'), { ...beat, log: Array.from({ length: 201 }, () => 'l') }, 'VALIDATION_FAILED'],
      ['beat', of('beat'), { ...beat, log: ['x'.repeat(2_001)] }, 'VALIDATION_FAILED'],
      ['beat', of('beat'), { ...beat, log: ['x'.repeat(5 * 1024 * 1024)] }, 'BODY_TOO_LARGE'],
      ['beat', of('beat'), { ...beat, progress: { ...progress, fraction: 2 } }, 'VALIDATION_FAILED'],
      ['resume', of('resume'), { ...beat, progress: { ...progress, message: 'x'.repeat(501) } }, 'VALIDATION_FAILED'],
      ['checkpoint', of('checkpoint'), { fence: 1, position: 0, file }, 'VALIDATION_FAILED'],
      ['checkpoint', of('checkpoint'), { fence: 1, position: 1, file: { ...file, name: '../x' } }, 'VALIDATION_FAILED'],
      ['seal', of('seal'), { fence: 1, files: Array(1_001).fill(file), outcome, log: [] }, 'VALIDATION_FAILED'],
      ['seal', of('seal'), { fence: 1, files: [], outcome: { kind: 'other' }, log: [] }, 'VALIDATION_FAILED'],
      ['commit', of('commit'), { fence: -1 }, 'VALIDATION_FAILED'],
      ['fail', of('fail'), { fence: 1, blame: 'nobody', problem: {}, log: [] }, 'VALIDATION_FAILED'],
    ];
    const expected = new Map<string, number>();
    const count = (statement: string, code: string) =>
      expected.set(`${statement} ${code}`, (expected.get(`${statement} ${code}`) ?? 0) + 1);
    for (const [statement, route, body, code] of cases) {
      expect((await say(route, body, token)).code, `${statement} ${JSON.stringify(body).slice(0, 200)}`).to.equal(code);
      count(statement, code);
    }
    const raw: readonly (readonly [statement: string, body: string | Buffer, headers: object, code: ErrorCode])[] = [
      ['beat', '{', {}, 'INVALID_JSON'],
      ['beat', Buffer.from([0xff, 0xfe]), {}, 'INVALID_JSON'],
      ['beat', 'x', { 'content-type': 'text/plain' }, 'UNSUPPORTED_MEDIA_TYPE'],
      ['commit', 'x', { 'content-encoding': 'gzip' }, 'UNSUPPORTED_MEDIA_TYPE'],
      ['commit', '{"fence":1}', { authorization: 'Basic x' }, 'UNAUTHENTICATED'],
    ];
    for (const [statement, body, headers, code] of raw) {
      expect((await send(of(statement), body, token, headers)).code).to.equal(code);
      count(statement, code);
    }
    const entries = (await list(AuditEntry, '/audit?limit=1000')).filter(({ event }) => event === 'worker.refused');
    const counted = new Map<string, number>();
    for (const { statement, code, count: times } of entries) {
      const kind = `${statement ?? ''} ${code ?? ''}`;
      counted.set(kind, (counted.get(kind) ?? 0) + times);
    }
    expect(counted).to.deep.equal(expected);
    expect(new Set(entries.map(({ subject }) => subject))).to.deep.equal(new Set([null, task.id, workerId]));
    expect(JSON.stringify(entries)).not.to.include(token).and.not.to.include(secret);
    const metrics = (await app.admin.request('GET', '/metrics')).text;
    for (const [kind, times] of expected) {
      const [statement = '', code = ''] = kind.split(' ');
      const line = `trainyard_worker_refusals_total{statement="${statement}",code="${code}"} ${times}`;
      expect(metrics.split('\n')).to.include(line);
    }
    expect(app.log.filter((line) => line.includes('"worker_refused"'))).to.have.length(expected.size);
    expect(app.log.join('\n')).not.to.include(token);
    expect((await app.server.database.knex('attempt')) as unknown[], 'nothing has happened').to.have.length(0);
  });

  it('refuses a body by its announced length before it is sent', async () => {
    const headers = { 'content-length': String(400 * 1024 * 1024), connection: 'close' };
    const request = http.request(`${app.server.url}/internal/v1/tasks/t/seal`, {
      method: 'POST',
      headers: { authorization: 'Bearer x', 'content-type': 'application/json', ...headers },
    });
    request.flushHeaders();
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    expect(response.statusCode).to.equal(413);
    request.destroy();
  });

  it('lets administrators give a task another priority, and shows it in the queue', async () => {
    const { id } = await addTask();
    const route = `/queue/${id}`;
    const changed = await app.admin.call('PATCH', route, 200, QueueEntry, { json: { priority: 7 } });
    expect(changed).to.include({ taskId: id, state: 'READY', priority: 7, pool: 'default', waitReason: null });
    expect((await list(QueueEntry, '/queue')).map(({ taskId, priority }) => [taskId, priority])).to.deep.equal([
      [id, 7],
    ]);
    const missing = { status: 404, code: 'NOT_FOUND' } as const;
    await app.admin.refused('PATCH', '/queue/task_none', missing, { json: { priority: 1 } });
  });

  it('lets administrators drain a worker and take it back, and writes that down', async () => {
    const { workerId, workerToken } = await register();
    const claim = { workerId, requestId: 'r', waitMs: 0, cachedDatasets: [] };
    const one = async () => (await list(WorkerEntry, '/workers')).find(({ id }) => id === workerId);
    expect(await one()).to.include({ state: 'live', drainReason: null, protocolVersion: 2, pool: 'default' });
    const bob = (await app.user('bob')).api;
    await bob.refused(
      'PATCH',
      `/workers/${workerId}`,
      { status: 403, code: 'FORBIDDEN' },
      { json: { draining: true } },
    );
    await bob.refused('GET', '/audit', { status: 403, code: 'FORBIDDEN' });
    await app.admin.request('PATCH', `/workers/${workerId}`, { json: { draining: true } });
    expect(await one()).to.include({ state: 'draining', drainReason: 'asked for by admin' });
    expect(await say('claims', claim, workerToken)).to.include({ status: 409, code: 'WORKER_DRAINING' });
    expect(await list(PoolEntry, '/pools')).to.deep.equal([
      {
        ...{ name: 'default', archiveSha256: null, secretCount: 1, workersLive: 1, workersDraining: 1 },
        ...{ userName: null, queue: null, waitReason: null, application: null },
      },
    ]);
    await app.admin.request('PATCH', `/workers/${workerId}`, { json: { draining: false } });
    expect(await one()).to.include({ state: 'live', drainReason: null });
    expect(await say('claims', claim, workerToken)).to.include({ status: 204 });
    await app.admin.refused(
      'PATCH',
      '/workers/worker_none',
      { status: 404, code: 'NOT_FOUND' },
      { json: { draining: true } },
    );
    const archiveSha256 = 'a'.repeat(64);
    const denied = { status: 403, code: 'FORBIDDEN' } as const;
    await bob.refused('PATCH', '/pools/default', denied, { json: { archiveSha256 } });
    const missing = { status: 404, code: 'NOT_FOUND' } as const;
    await app.admin.refused('PATCH', '/pools/none', missing, { json: { archiveSha256 } });
    const stale = { json: { archiveSha256 }, headers: { 'if-match': '"another"' } };
    await app.admin.refused('PATCH', '/pools/default', { status: 412, code: 'STALE' }, stale);
    const named = await app.admin.request('PATCH', '/pools/default', { json: { archiveSha256 } });
    expect(named.json).to.include({ name: 'default', archiveSha256, workersDraining: 1 });
    expect(await one()).to.include({ state: 'draining', drainReason: 'another archive is wanted' });
    await app.admin.request('PATCH', '/pools/default', { json: { archiveSha256: null } });
    expect(await one()).to.include({ state: 'live', drainReason: null });
    const events = (await list(AuditEntry, '/audit')).map(({ event, subject }) => [event, subject]);
    expect(events).to.deep.include.members([
      ['worker.drained', workerId],
      ['worker.kept', workerId],
      ['worker.refused', workerId],
      ['pool.archive', 'default'],
    ]);
  });
}
