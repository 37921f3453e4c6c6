import { expect } from 'chai';
import type { Deployment } from '#contracts';
import {
  ApiKeyPage,
  CreatedApiKey,
  Dataset,
  Health,
  Job,
  Leaderboard,
  Me,
  Model,
  pageOf,
  PredictionServerEntry,
  Project,
  QueueEntry,
  User,
  Version,
  WorkerEntry,
} from '#contracts';
import { Api, type Refusal } from '../support/api.ts';
import { batchPredicted, deployed, modelled, newProject, predict, type Modelled } from '../support/modelling.ts';
import { sharedPlatform, type SharedPlatform } from '../support/platform.ts';
import { until } from '../support/processes.ts';
import { csvText, multiclassSample } from '../support/sample-data.ts';

const CSV = csvText(multiclassSample(60));

describe('rules of the REST API', function () {
  this.timeout(60_000);
  let platform: SharedPlatform;
  let admin: Api;
  let alice: Api;
  let bob: Api;
  let mine: Modelled;
  let deployment: Deployment;
  let resource = '';

  before(async () => {
    platform = await sharedPlatform();
    admin = new Api(platform.url, platform.adminKey);
    alice = await userOf('alice');
    bob = await userOf('bob');
    mine = await modelled(alice, { content: CSV }, { target: 'kind', maxModels: 1 });
    deployment = await deployed(alice, mine.modelId);
    resource = await batchPredicted(alice, { modelId: mine.modelId, input: { datasetId: mine.datasetId } });
  });

  async function userOf(name: string): Promise<Api> {
    const user = await admin.call('POST', '/users', 201, User, { json: { name: `${name}-${Date.now()}` } });
    expect(user.role).to.equal('user');
    const { key } = await admin.call('POST', '/api-keys', 201, CreatedApiKey, { json: { name, userId: user.id } });
    return admin.as(key);
  }

  describe('who may do what', () => {
    it('answers 401 without a key or with a wrong one, and says how to send one', async () => {
      const refusal: Refusal = { status: 401, code: 'UNAUTHENTICATED', says: ['key'] };
      for (const stranger of [admin.as(null), admin.as('ty_nobody'), admin.as(`${platform.adminKey}x`)]) {
        await stranger.refused('GET', '/datasets', refusal);
        await stranger.refused('POST', '/projects', refusal, { json: {} });
        await stranger.refused('GET', '/projects/prj_unknown', refusal);
      }
      const answer = await admin.as(null).request('GET', '/me');
      expect(answer.headers.get('www-authenticate')).to.match(/^Bearer/);
    });

    it('answers health, version and OpenAPI without a key', async () => {
      const open = admin.as(null);
      const health = await open.get('/health', Health);
      expect(health.status).to.equal('ok');
      expect(health.checks.map(({ name }) => name).length).to.be.greaterThan(2);
      expect((await open.get('/version', Version)).version).to.match(/^\d+\.\d+\.\d+/);
      expect((await open.request('GET', '/openapi.json')).status).to.equal(200);
    });

    it('keeps administrators’ routes from users: 403', async () => {
      const refusal: Refusal = { status: 403, code: 'FORBIDDEN', says: [/administrator|admin/i] };
      await alice.refused('GET', '/users', refusal);
      await alice.refused('POST', '/users', refusal, { json: { name: 'mallory' } });
      const { id } = await bob.get('/me', Me);
      await alice.refused('PATCH', `/users/${id}`, refusal, { json: { role: 'admin' } });
      await alice.refused(
        'POST',
        '/api-keys',
        { status: 403, code: 'FORBIDDEN', says: ['userId'] },
        {
          json: { name: 'for bob', userId: id },
        },
      );
      expect((await alice.get('/me', Me)).role).to.equal('user');
      expect((await admin.get('/me', Me)).role).to.equal('admin');
    });

    it('shows others’ objects as if they did not exist: the same 404 as an unknown id', async () => {
      const routes: readonly (readonly [method: string, route: (id: string) => string, id: string, json?: unknown])[] =
        [
          ['GET', (id) => `/datasets/${id}`, mine.datasetId],
          ['GET', (id) => `/datasets/${id}/rows`, mine.datasetId],
          ['DELETE', (id) => `/datasets/${id}`, mine.datasetId],
          ['GET', (id) => `/projects/${id}`, mine.projectId],
          ['PATCH', (id) => `/projects/${id}`, mine.projectId, { name: 'mine now' }],
          ['DELETE', (id) => `/projects/${id}`, mine.projectId],
          ['GET', (id) => `/projects/${id}/leaderboard`, mine.projectId],
          ['POST', (id) => `/projects/${id}/autopilot`, mine.projectId, { target: 'kind' }],
          ['POST', (id) => `/projects/${id}/holdout/unlock`, mine.projectId],
          ['GET', (id) => `/models/${id}`, mine.modelId],
          ['GET', (id) => `/models/${id}/artifact`, mine.modelId],
          ['GET', (id) => `/models/${id}/training-predictions`, mine.modelId],
          ['GET', (id) => `/jobs/${id}`, mine.job.id],
          ['DELETE', (id) => `/jobs/${id}`, mine.job.id],
          ['GET', (id) => `/deployments/${id}`, deployment.id],
          ['PUT', (id) => `/deployments/${id}/model`, deployment.id, { modelId: mine.modelId, reason: 'x' }],
          ['GET', (id) => `/batch-predictions/${id}/rows`, resource.split('/').at(-1) ?? ''],
          ['POST', () => '/projects', mine.datasetId, { name: 'x', datasetId: mine.datasetId }],
          ['POST', () => '/deployments', mine.modelId, { name: 'x', modelId: mine.modelId }],
          [
            'POST',
            () => '/batch-predictions',
            mine.modelId,
            { modelId: mine.modelId, input: { datasetId: mine.datasetId } },
          ],
        ];
      for (const [method, route, id, json] of routes) {
        const foreign = await bob.refused(method, route(id), { status: 404, code: 'NOT_FOUND' }, { json });
        const unknownId = `${id.slice(0, -4)}zzzz`;
        const body =
          json === undefined ? undefined : (JSON.parse(JSON.stringify(json).replaceAll(id, unknownId)) as unknown);
        const unknown = await bob.refused(method, route(unknownId), { status: 404, code: 'NOT_FOUND' }, { json: body });
        expect(foreign.detail.replaceAll(id, '').length, route(id)).to.equal(
          unknown.detail.replaceAll(unknownId, '').length,
        );
      }
      const row = { width: '1', colour: 'red', noise: '3' };
      await bob.refused('POST', deployment.predictionUrl, { status: 404, code: 'DEPLOYMENT_UNKNOWN' }, { json: row });
      expect((await predict(alice, deployment.predictionUrl, row)).data).to.have.length(1);
      expect((await predict(admin, deployment.predictionUrl, row)).data).to.have.length(1);
      for (const list of ['/datasets', '/projects', '/deployments', '/batch-predictions', '/jobs'])
        expect((await bob.request('GET', list)).json, list).to.deep.equal({ data: [], next: null });
      expect((await admin.get(`/projects/${mine.projectId}`, Project)).id).to.equal(mine.projectId);
    });

    it('honours scopes, expiry and revocation of keys, also on the prediction server', async () => {
      const make = async (json: unknown) => alice.call('POST', '/api-keys', 201, CreatedApiKey, { json });
      const row = { width: '1', colour: 'red', noise: '3' };
      const reader = await make({ name: 'read only', scopes: ['read'] });
      const readOnly = alice.as(reader.key);
      expect((await readOnly.get(`/projects/${mine.projectId}`, Project)).id).to.equal(mine.projectId);
      await readOnly.refused(
        'PATCH',
        `/projects/${mine.projectId}`,
        { status: 403, code: 'FORBIDDEN', says: ['write'] },
        {
          json: { name: 'x' },
        },
      );
      await readOnly.refused('POST', '/api-keys', { status: 403, code: 'FORBIDDEN' }, { json: { name: 'more' } });
      const predictor = await make({ name: 'predict only', scopes: ['predict'] });
      const { predictionUrl } = deployment;
      const asked = async (key: string) => (await alice.as(key).request('POST', predictionUrl, { json: row })).status;
      await until('the new key to be known', async () => (await asked(predictor.key)) === 200);
      expect(await asked(reader.key)).to.equal(403);
      await alice.as(predictor.key).refused('GET', '/projects', { status: 403, code: 'FORBIDDEN', says: ['read'] });
      expect((await alice.request('DELETE', `/api-keys/${predictor.id}`)).status).to.equal(204);
      await until('the revoked key to be refused', async () => (await asked(predictor.key)) === 401);
      const expired = await make({ name: 'yesterday', expiresAt: new Date(Date.now() - 86_400_000).toISOString() });
      await alice.as(expired.key).refused('GET', '/me', { status: 401, code: 'UNAUTHENTICATED', says: ['expired'] });
      const { data } = await alice.get('/api-keys', ApiKeyPage);
      expect(JSON.stringify(data)).to.not.include(reader.key);
      expect(data.every((entry) => !('key' in entry))).to.be.true;
    });
  });

  describe('requests', () => {
    it('takes a request id over, or makes one', async () => {
      const given = await admin.request('GET', '/me', { headers: { 'x-request-id': 'etl-job-7' } });
      expect(given.headers.get('x-request-id')).to.equal('etl-job-7');
      const made = await admin.request('GET', '/me', { headers: { 'x-request-id': 'no good\tid' } });
      expect(made.headers.get('x-request-id')).to.match(/^req_/);
      const onPredictionServer = await admin.request('POST', deployment.predictionUrl, {
        json: {},
        headers: { 'x-request-id': 'etl-job-8' },
      });
      expect(onPredictionServer.headers.get('x-request-id')).to.equal('etl-job-8');
    });

    it('names each field that does not fit', async () => {
      const problem = await admin.refused(
        'POST',
        '/projects',
        { status: 422, code: 'VALIDATION_FAILED' },
        {
          json: { name: '', surprise: 1 },
        },
      );
      expect(problem.errors.map(({ path }) => path)).to.include.members(['/name']);
      expect(JSON.stringify(problem.errors)).to.include('datasetId').and.include('surprise');
      await admin.refused(
        'POST',
        '/projects',
        { status: 400, code: 'INVALID_JSON', says: ['line 2, column 3'] },
        {
          body: '{\n  nope: 1}',
          headers: { 'content-type': 'application/json' },
        },
      );
      await admin.refused(
        'POST',
        '/projects',
        { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE', says: ['text/plain'] },
        {
          body: 'x',
          headers: { 'content-type': 'text/plain' },
        },
      );
      await admin.refused('GET', '/datasets?limit=0', { status: 422, code: 'VALIDATION_FAILED', says: ['limit'] });
      await admin.refused('GET', '/datasets?limit=1001', { status: 422, code: 'VALIDATION_FAILED', says: ['limit'] });
      await admin.refused('GET', '/datasets?colour=red', { status: 422, code: 'VALIDATION_FAILED', says: ['colour'] });
      await admin.refused('GET', '/datasets?cursor=nonsense', {
        status: 422,
        code: 'VALIDATION_FAILED',
        says: ['cursor'],
      });
      await admin.refused('GET', '/nothing/here', { status: 404, code: 'NOT_FOUND' });
      await admin.refused('PUT', '/datasets', { status: 405, code: 'METHOD_NOT_ALLOWED', says: ['PUT'] });
    });

    it('answers a POST again under its Idempotency-Key, and 409 to another one', async () => {
      const headers = { 'idempotency-key': 'make-project-1' };
      const json = { name: 'once', datasetId: mine.datasetId };
      const first = await alice.call('POST', '/projects', 201, Project, { json, headers });
      const again = await alice.call('POST', '/projects', 201, Project, { json, headers });
      expect(again).to.deep.equal(first);
      const { data } = await alice.get('/projects', pageOf(Project));
      expect(data.filter(({ name }) => name === 'once')).to.have.length(1);
      await alice.refused(
        'POST',
        '/projects',
        { status: 409, code: 'IDEMPOTENCY_KEY_REUSED' },
        {
          json: { ...json, name: 'twice' },
          headers,
        },
      );
      const upload = async () => alice.upload({ content: 'a,b\n1,2\n2,3\n' }, { 'idempotency-key': 'upload-1' });
      const jobs = await Promise.all([upload(), upload()]);
      expect(jobs.map(({ status }) => status)).to.deep.equal([202, 202]);
      expect(jobs[0].json).to.deep.equal(jobs[1].json);
      const other = await alice.upload({ content: 'a,b\n1,2\n2,4\n' }, { 'idempotency-key': 'upload-1' });
      expect(other.status).to.equal(409);
      // Another user's key of the same text is another key.
      const dataset = await bob.dataset({ content: CSV });
      const theirs = await bob.call('POST', '/projects', 201, Project, {
        json: { name: 'x', datasetId: dataset },
        headers,
      });
      expect(theirs.id).to.not.equal(first.id);
    });

    it('does not remember a refused request', async () => {
      const headers = { 'idempotency-key': 'second-try' };
      await alice.refused(
        'POST',
        '/projects',
        { status: 404, code: 'NOT_FOUND' },
        {
          json: { name: 'x', datasetId: 'ds_unknown' },
          headers,
        },
      );
      await alice.call('POST', '/projects', 201, Project, { json: { name: 'x', datasetId: mine.datasetId }, headers });
    });

    it('walks a list page by page without gaps or repeats, whatever is added meanwhile', async () => {
      for (let index = 0; index < 5; index += 1) await newProject(alice, mine.datasetId, `page ${index}`);
      const all = await alice.get('/projects', pageOf(Project));
      const ids: string[] = [];
      let next: string | null = '/projects?limit=2';
      while (next !== null) {
        const page: typeof all = await alice.get(next, pageOf(Project));
        expect(page.data.length).to.be.within(1, 2);
        ids.push(...page.data.map(({ id }) => id));
        if (page.next !== null) expect(page.next).to.match(/^\/api\/v1\/projects\?.*limit=2/);
        if (ids.length === 2) await newProject(alice, mine.datasetId, 'added meanwhile');
        ({ next } = page);
      }
      expect(ids).to.deep.equal(all.data.map(({ id }) => id));
    });

    it('answers 501 where the contract is not built yet', async () => {
      const later: readonly (readonly [method: string, route: string, json?: unknown])[] = [
        ['POST', `/datasets/${mine.datasetId}/versions`, {}],
        ['GET', `/projects/${mine.projectId}/members`],
        ['GET', '/batch-prediction-schedules'],
        ...['/groups', '/quotas', '/connections', '/drivers'].map((route) => ['GET', route] as const),
      ];
      for (const [method, route, json] of later)
        await admin.refused(method, route, { status: 501, code: 'NOT_AVAILABLE' }, { json });
      await alice.refused(
        'POST',
        '/batch-predictions',
        { status: 501, code: 'NOT_AVAILABLE', says: ['/output/type', 'download'] },
        {
          json: { modelId: mine.modelId, input: { datasetId: mine.datasetId }, output: { type: 'hive' } },
        },
      );
    });
  });

  describe('work under way', () => {
    it('tells operators of workers, queue and prediction servers', async () => {
      const workers = await admin.get('/workers', pageOf(WorkerEntry));
      expect(workers.data.some(({ state }) => state === 'live')).to.be.true;
      await admin.get('/queue', pageOf(QueueEntry));
      const servers = await admin.get('/prediction-servers', pageOf(PredictionServerEntry));
      expect(servers.data.find(({ live }) => live)?.url).to.equal(platform.predictionUrl);
    });

    it('pauses, resumes and stops Autopilot; a stopped run recommends what there is', async () => {
      const projectId = await newProject(alice, mine.datasetId, 'stopped');
      const route = `/projects/${projectId}/autopilot`;
      const job = await alice.call('POST', route, 202, Job, { json: { target: 'kind', maxModels: 200, mode: 'full' } });
      await alice.refused('POST', route, { status: 409, code: 'AUTOPILOT_RUNNING' }, { json: { target: 'kind' } });
      expect(await stateAfter(`${route}/pause`)).to.equal('paused');
      await alice.refused('POST', `${route}/pause`, { status: 409, code: 'CONFLICT', says: ['paused'] });
      expect((await alice.get(`/jobs/${job.id}`, Job)).finishedAt).to.equal(null);
      expect(await stateAfter(`${route}/resume`)).to.equal('running');
      const first = await until('a first model', async () => {
        const { data } = await alice.get(`/projects/${projectId}/leaderboard`, Leaderboard);
        return data.length > 0 && data;
      });
      expect(first.length).to.be.greaterThan(0);
      expect(await stateAfter(`${route}/stop`)).to.match(/^(stopping|succeeded)$/);
      const done = await alice.succeeded(job);
      expect(done.state).to.equal('succeeded');
      const { modelId } = (await alice.request('GET', `/projects/${projectId}/recommended-model`)).json as {
        modelId: string;
      };
      expect((await alice.get(`/models/${modelId}`, Model)).state).to.equal('ready');
      await alice.refused('POST', `${route}/stop`, { status: 409, code: 'AUTOPILOT_NOT_RUNNING' });
    });

    async function stateAfter(route: string): Promise<string> {
      const answer = await alice.request('POST', route);
      expect(answer.status, answer.text).to.equal(200);
      return (answer.json as { state: string }).state;
    }

    it('cancels a job: its tasks stop, nothing is recommended, a final job cannot be cancelled', async () => {
      const projectId = await newProject(alice, mine.datasetId, 'cancelled');
      const route = `/projects/${projectId}/autopilot`;
      const job = await alice.call('POST', route, 202, Job, { json: { target: 'kind', maxModels: 200, mode: 'full' } });
      const answer = await alice.request('DELETE', `/jobs/${job.id}`);
      expect(answer.status, answer.text).to.be.oneOf([200, 202]);
      const done = await alice.final(job.id);
      expect(done.state).to.equal('cancelled');
      await until('an empty queue', async () => {
        const { data } = await admin.get('/queue', pageOf(QueueEntry));
        return data.every((entry) => entry.jobId !== job.id);
      });
      await alice.refused('GET', `/projects/${projectId}/recommended-model`, {
        status: 404,
        code: 'RECOMMENDED_MODEL_NOT_READY',
      });
      await alice.refused('DELETE', `/jobs/${job.id}`, { status: 409, code: 'JOB_FINISHED' });
      const list = await alice.get(`/jobs?state=cancelled&projectId=${projectId}`, pageOf(Job));
      expect(list.data.map(({ id }) => id)).to.deep.equal([job.id]);
    });

    it('refuses rows, profiles and projects of what is not finished', async () => {
      // Stopped workers claim nothing, so that the jobs stay where they are.
      const workers = platform.programs('worker');
      expect(workers.length).to.be.greaterThan(0);
      for (const { pid } of workers) process.kill(pid, 'SIGSTOP');
      try {
        const batch = await alice.call('POST', '/batch-predictions', 202, Job, {
          json: { modelId: mine.modelId, input: { datasetId: mine.datasetId } },
        });
        await alice.refused('GET', `${batch.resource ?? ''}/rows`, {
          status: 409,
          code: 'JOB_NOT_FINISHED',
          says: [batch.id],
        });
        const upload = (await alice.upload({ content: CSV })).json as Job;
        const datasetId = upload.resource?.split('/').at(-1) ?? '';
        expect((await alice.get(`/datasets/${datasetId}`, Dataset)).state).to.equal('ingesting');
        for (const part of ['features', 'rows', 'quality'])
          await alice.refused('GET', `/datasets/${datasetId}/${part}`, { status: 409, code: 'DATASET_NOT_READY' });
        await alice.refused(
          'POST',
          '/projects',
          { status: 409, code: 'DATASET_NOT_READY' },
          { json: { name: 'x', datasetId } },
        );
        const waited = await alice.request('GET', `/jobs/${upload.id}`, { headers: { prefer: 'wait=1' } });
        expect((waited.json as Job).finishedAt).to.equal(null);
        expect((await alice.request('DELETE', `/jobs/${upload.id}`)).status).to.be.oneOf([200, 202]);
        expect((await alice.request('DELETE', `/jobs/${batch.id}`)).status).to.be.oneOf([200, 202]);
      } finally {
        for (const { pid } of workers) process.kill(pid, 'SIGCONT');
      }
    });
  });
});
