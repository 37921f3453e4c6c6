import http from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import {
  BeatAnswer,
  ClaimedTask,
  isAppError,
  parse,
  RegisterAnswer,
  TransitionAnswer,
  type ErrorCode,
} from '#contracts';
import { HttpClient, loadConfig } from '#runtime';
import { openDatabase } from '#store';
import { createApp } from '../../../appserver/server/app.ts';
import type { AppContext } from '../../../appserver/server/context.ts';
import { queueRoutes } from '../../../appserver/server/queue/index.ts';
import { RequestMetrics } from '../../../appserver/server/services/metrics.ts';
import { OUTCOME, POOL_SECRET, REGISTER, SILENT_LOGGER, World } from '../../contract/queue/world.ts';

describe('worker protocol over HTTP', () => {
  let world: World;
  let server: http.Server;
  let client: HttpClient;

  beforeEach(async () => {
    const options = { client: 'sqlite', file: ':memory:', url: '', poolMax: 1, statementTimeoutMs: 5_000 } as const;
    const database = await openDatabase(options);
    world = await World.open({ database, close: () => database.close() });
    const context = {
      config: loadConfig({ env: {}, cwd: '/' }).config,
      logger: SILENT_LOGGER,
      database,
      store: world.objects,
      queue: world.queue,
      requests: new RequestMetrics(),
      closing: new AbortController().signal,
    } as unknown as AppContext; // the routes under test use nothing else of it
    server = http.createServer(createApp(context, queueRoutes(world.protocol), { checkAnswers: true }));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo; // listening on TCP
    client = new HttpClient({ baseUrl: `http://127.0.0.1:${port}`, timeoutMs: 5_000 });
  });
  afterEach(async () => {
    client.close();
    server.closeAllConnections();
    server.close();
    await world.close();
    await world.database.close();
  });

  const post = async (path: string, json: unknown, token?: string, signal?: AbortSignal) =>
    (
      await client.request({
        method: 'POST',
        path: `/internal/v1/${path}`,
        json,
        ...(token === undefined ? {} : { token }),
        ...(signal === undefined ? {} : { signal }),
      })
    ).json;
  async function refusedWith(code: ErrorCode, promise: Promise<unknown>): Promise<void> {
    const err = await promise.then(
      () => new Error('it was answered'),
      (reason: unknown) => reason,
    );
    if (!isAppError(err, code)) throw err;
  }

  it('takes a task from registration to its result', async () => {
    const { workerId, workerToken } = parse(RegisterAnswer, await post('workers', REGISTER, POOL_SECRET), 'answer');
    const request = { workerId, requestId: 'r1', waitMs: 0, cachedDatasets: [] };
    expect(await post('claims', request, workerToken), 'nothing yet').to.equal(null);
    const task = await world.addTask();
    const claimed = parse(ClaimedTask, await post('claims', { ...request, requestId: 'r2' }, workerToken), 'answer');
    expect(claimed.taskId).to.equal(task.id);
    const say = (verb: string, body: object) =>
      post(`tasks/${claimed.taskId}/${verb}`, { fence: claimed.fence, ...body }, claimed.leaseToken);
    const beat = { progress: { fraction: 0, phase: 'p', message: 'm', iteration: null }, memoryBytes: 1, log: ['l'] };
    for (const verb of ['start', 'beat', 'resume']) {
      expect(parse(BeatAnswer, await say(verb, beat), verb).directive).to.equal('continue');
    }
    const { name, ...checkpoint } = await world.writeCheckpoint(claimed, 7);
    const kept = await say('checkpoint', { file: { name, ...checkpoint }, position: 7 });
    expect(parse(BeatAnswer, kept, 'checkpoint').directive).to.equal('continue');
    const path = `${claimed.attemptPath}/${name}`;
    const again = parse(ClaimedTask, await post('claims', { ...request, requestId: 'r2' }, workerToken), 'answer');
    expect(again.checkpoint).to.deep.equal({ path, ...checkpoint, position: 7 });
    const files = await world.writeFiles(claimed);
    const sealed = await say('seal', { files, outcome: OUTCOME, log: [] });
    expect(parse(TransitionAnswer, sealed, 'seal').state).to.equal('COMMITTING');
    expect(parse(TransitionAnswer, await say('commit', {}), 'commit').state).to.equal('SUCCEEDED');
    await refusedWith('TASK_FENCED', say('beat', beat));
    const drained = await post(`workers/${workerId}/drain`, { reason: 'the end' }, workerToken);
    expect(drained).to.deep.equal({ draining: true });
    await refusedWith('WORKER_DRAINING', post('claims', { ...request, requestId: 'r3' }, workerToken));
  });

  it('refuses by code: secrets, versions, tokens, bodies', async () => {
    await refusedWith('UNAUTHENTICATED', post('workers', REGISTER));
    await refusedWith('POOL_SECRET_INVALID', post('workers', REGISTER, 'wrong'));
    await refusedWith('PROTOCOL_VERSION', post('workers', { ...REGISTER, protocolVersion: 99 }, POOL_SECRET));
    await refusedWith('VALIDATION_FAILED', post('workers', { ...REGISTER, hostName: 7 }, POOL_SECRET));
    const claim = { workerId: 'worker_none', requestId: 'r', waitMs: 0, cachedDatasets: [] };
    await refusedWith('UNAUTHENTICATED', post('claims', claim, 'token'));
    await refusedWith('LEASE_TOKEN_INVALID', post('tasks/task_none/commit', { fence: 1 }, 'token'));
    await refusedWith('VALIDATION_FAILED', post('tasks/task_none/commit', { fence: 0 }, 'token'));
  });

  it('gives no task to a claim whose client has gone', async () => {
    const { workerId, workerToken } = parse(RegisterAnswer, await post('workers', REGISTER, POOL_SECRET), 'answer');
    const request = { workerId, requestId: 'r1', waitMs: 30_000, cachedDatasets: [] };
    const leaving = new AbortController();
    const held = post('claims', request, workerToken, leaving.signal).catch(() => 'gone');
    const [, response] = (await once(server, 'request')) as [http.IncomingMessage, http.ServerResponse];
    const closed = once(response, 'close');
    leaving.abort();
    expect(await held).to.equal('gone');
    await closed;
    const task = await world.addTask();
    const again = await post('claims', { ...request, requestId: 'r2', waitMs: 0 }, workerToken);
    expect(parse(ClaimedTask, again, 'answer')).to.include({ taskId: task.id, fence: 1 });
  });
});
