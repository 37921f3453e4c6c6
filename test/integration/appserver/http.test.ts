import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import http from 'node:http';
import { connect } from 'node:net';
import { expect } from 'chai';
import { Me, Project, type Job } from '#contracts';
import { Api, type ApiAnswer } from '../../support/api.ts';
import { startTestAppServer, TEST_ADMIN_KEY, type TestAppServer } from '../../support/app-server.ts';
import { numberRule, textRule } from '../../support/memory-table.ts';
import { until } from '../../support/processes.ts';
import { ProtocolWorker } from '../../support/protocol-worker.ts';

const columns = [
  { name: 'x', cells: Array.from({ length: 40 }, (_, row) => String(row)), parse: numberRule },
  { name: 'y', cells: Array.from({ length: 40 }, (_, row) => (row % 2 === 0 ? 'a' : 'b')), parse: textRule },
];
const CSV = { content: 'x,y\n1,a\n2,b\n', fileName: 'small.csv' };

/** More than the kernel takes while nobody reads. */
const SENT_BYTES = 16 * 1024 * 1024;

/** What a server answers a client that reads nothing before it has sent its whole body. */
async function sendAllThenRead(url: string, head: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.write(Buffer.concat([Buffer.from(head), Buffer.alloc(SENT_BYTES, 0x20)]), (err) => {
        if (err) reject(err);
        else resolve();
      });
    });
    let text = '';
    for await (const part of socket) {
      text += String(part);
      if (text.endsWith('}')) break;
    }
    return text;
  } finally {
    socket.destroy();
  }
}

describe('app server: HTTP', () => {
  let world: TestAppServer;
  let worker: ProtocolWorker;
  let ann: Api;
  let bob: Api;
  let datasetId = '';

  before(async () => {
    world = await startTestAppServer({ 'server.bodyBytesMax': 2_000, 'server.uploadBytesMax': 100_000 });
    worker = new ProtocolWorker(world.server.url, world.config, world.store, columns);
    ann = (await world.user('ann')).api;
    bob = (await world.user('bob')).api;
    datasetId = await newDataset(ann);
    await worker.workAll();
  });
  after(async () => {
    worker.close();
    await world.close();
  });

  const newDataset = async (api: Api): Promise<string> => {
    const answer = await api.upload(CSV);
    expect(answer.status, answer.text).to.equal(202);
    return (answer.json as Job).resource?.split('/').at(-1) ?? '';
  };
  const newProject = (api: Api, name: string) =>
    api.call('POST', '/projects', 201, Project, { json: { name, datasetId } });

  describe('errors', () => {
    it('answers 404 for an unknown path, 405 with Allow, both as problem documents', async () => {
      await ann.refused('GET', '/nonsense', { status: 404, code: 'NOT_FOUND' });
      await ann.refused('GET', `${world.server.url}/elsewhere`, { status: 404, code: 'NOT_FOUND' });
      const answer = await ann.request('DELETE', '/projects');
      expect([answer.status, answer.headers.get('allow')]).to.deep.equal([405, 'GET, HEAD, POST']);
    });

    it('names the place of a JSON error and never repeats the text', async () => {
      const bad = (body: string) =>
        ann.refused(
          'POST',
          '/projects',
          { status: 400, code: 'INVALID_JSON' },
          {
            body,
            headers: { 'content-type': 'application/json' },
          },
        );
      expect((await bad('{"name": "secret-value",\n oops}')).detail)
        .to.match(/line 2, column 2/)
        .and.not.include('secret');
      expect((await bad('')).detail).to.include('found nothing');
      expect((await bad('[1, 2')).detail).to.include('ends');
      const bytes = new Uint8Array([0x22, 0xff, 0x22]);
      const answer = await ann.request('POST', '/projects', {
        body: bytes,
        headers: { 'content-type': 'application/json' },
      });
      expect(answer.json).to.include({ code: 'INVALID_JSON' });
    });

    it('lists every wrong field', async () => {
      const problem = await ann.refused(
        'POST',
        '/projects',
        { status: 422, code: 'VALIDATION_FAILED' },
        { json: { name: 3, extra: true, ['__proto__']: { x: 1 } } },
      );
      expect(problem.errors.map((error) => error.path)).to.have.members([
        '/name',
        '/datasetId',
        '/extra',
        '/__proto__',
      ]);
    });

    it('refuses other media types, too large bodies, unknown and repeated query fields', async () => {
      const form = { body: 'name=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } };
      await ann.refused(
        'POST',
        '/projects',
        { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE', says: ['application/json'] },
        form,
      );
      const zipped = { body: '{}', headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' } };
      await ann.refused('POST', '/projects', { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' }, zipped);
      const large = { json: { name: 'x'.repeat(3_000), datasetId } };
      await ann.refused('POST', '/projects', { status: 413, code: 'BODY_TOO_LARGE', says: ['2000'] }, large);
      await ann.refused('GET', '/projects?nonsense=1', { status: 422, code: 'VALIDATION_FAILED', says: ['/nonsense'] });
      await ann.refused('GET', '/projects?limit=1&limit=2', {
        status: 422,
        code: 'VALIDATION_FAILED',
        says: ['/limit'],
      });
      await ann.refused('GET', '/projects?limit=0', { status: 422, code: 'VALIDATION_FAILED', says: ['/limit'] });
      await ann.refused('GET', '/projects?limit=1001', { status: 422, code: 'VALIDATION_FAILED', says: ['/limit'] });
      await ann.refused('GET', '/projects?cursor=x', { status: 422, code: 'VALIDATION_FAILED', says: ['/cursor'] });
      await ann.refused(
        'GET',
        '/projects',
        { status: 406, code: 'NOT_ACCEPTABLE' },
        { headers: { accept: 'text/html' } },
      );
    });

    it('answers 501 for what is not built, after it has asked who is there', async () => {
      await ann.refused('GET', '/connections', { status: 501, code: 'NOT_AVAILABLE' });
      await ann.as(null).refused('GET', '/connections', { status: 401, code: 'UNAUTHENTICATED' });
    });

    it('answers bytes that are no HTTP with a problem document', async () => {
      const socket = connect(Number(new URL(world.server.url).port), '127.0.0.1');
      socket.end('NONSENSE\r\n\r\n');
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      await once(socket, 'close');
      expect(text)
        .to.match(/^HTTP\/1.1 400 /)
        .and.include('application/problem+json')
        .and.include('BAD_REQUEST');
    });

    it('takes an Accept that names the charset, and answers 406 to one that nothing fits', async () => {
      for (const accept of ['application/json; charset=utf-8', 'application/json;charset=UTF-8', 'text/*, */*;q=0.1'])
        expect((await ann.request('GET', '/me', { headers: { accept } })).status, accept).to.equal(200);
      const latin = await ann.request('GET', '/me', { headers: { accept: 'application/json; charset=iso-8859-1' } });
      expect(latin.json).to.include({ status: 406, code: 'NOT_ACCEPTABLE' });
    });

    it('answers clients that ask to close and read only once all is sent', async () => {
      const head = (key: string, type: string) =>
        `POST /api/v1/projects HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${key}\r\n` +
        `Content-Type: ${type}\r\nContent-Length: ${SENT_BYTES}\r\n\r\n`;
      const cases = [
        { key: TEST_ADMIN_KEY, type: 'application/json', status: 413, code: 'BODY_TOO_LARGE' },
        { key: TEST_ADMIN_KEY, type: 'text/csv', status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' },
        { key: 'wrong', type: 'application/json', status: 401, code: 'UNAUTHENTICATED' },
      ];
      for (const { key, type, status, code } of cases) {
        const text = await sendAllThenRead(world.server.url, head(key, type));
        expect(text, code)
          .to.match(new RegExp(`^HTTP/1.1 ${status} `))
          .and.include(code);
      }
    });

    it('takes over a request id that is safe, and sends security headers', async () => {
      const answer = await ann.request('GET', '/me', { headers: { 'x-request-id': 'my-id:1' } });
      expect(answer.headers.get('x-request-id')).to.equal('my-id:1');
      const odd = await ann.request('GET', '/me', { headers: { 'x-request-id': 'a b<c>' } });
      expect(odd.headers.get('x-request-id')).to.match(/^req_/);
      expect(answer.headers.get('x-content-type-options')).to.equal('nosniff');
      expect(answer.headers.get('access-control-allow-origin')).to.equal(null);
    });
  });

  describe('who may', () => {
    it('tells 401, 403 and 404 apart', async () => {
      await ann.as(null).refused('GET', '/projects', { status: 401, code: 'UNAUTHENTICATED' });
      await ann.as('ty_wrong_key').refused('GET', '/projects', { status: 401, code: 'UNAUTHENTICATED' });
      const basic = { headers: { authorization: 'Basic eDp5' } };
      const answer = await ann.as(null).request('GET', '/projects', basic);
      expect([answer.status, answer.headers.get('www-authenticate')]).to.deep.equal([401, 'Bearer realm="trainyard"']);
      await ann.refused('GET', '/users', { status: 403, code: 'FORBIDDEN', says: ['admin'] });
      await ann.refused('POST', '/users', { status: 403, code: 'FORBIDDEN' }, { json: { name: 'eve' } });
      await ann.refused('GET', '/queue', { status: 403, code: 'FORBIDDEN' });
    });

    it('shows users their own objects only, and administrators all', async () => {
      const { id } = await newProject(ann, 'mine');
      for (const path of [
        `/projects/${id}`,
        `/projects/${id}/leaderboard`,
        `/datasets/${datasetId}`,
        `/datasets/${datasetId}/rows`,
      ])
        await bob.refused('GET', path, { status: 404, code: 'NOT_FOUND' });
      await bob.refused('DELETE', `/projects/${id}`, { status: 404, code: 'NOT_FOUND' });
      await bob.refused('POST', '/projects', { status: 404, code: 'NOT_FOUND' }, { json: { name: 'x', datasetId } });
      expect((await bob.request('GET', '/datasets')).json).to.deep.equal({ data: [], next: null });
      expect((await bob.request('GET', '/jobs')).json).to.deep.equal({ data: [], next: null });
      expect((await world.admin.request('GET', `/projects/${id}`)).status).to.equal(200);
    });

    it('holds keys to their scopes and expiry, and forgets revoked ones', async () => {
      const made = await ann.request('POST', '/api-keys', { json: { name: 'reader', scopes: ['read'] } });
      const { id, key } = made.json as { id: string; key: string };
      expect(key).to.match(/^ty_[0-9a-z]{20}_[\w-]{43}$/);
      const reader = ann.as(key);
      expect(await reader.get('/me', Me)).to.deep.include({ scopes: ['read'], keyId: id });
      await reader.refused('POST', '/projects', { status: 403, code: 'FORBIDDEN', says: ['write'] }, { json: {} });
      await reader.refused('POST', '/api-keys', { status: 403, code: 'FORBIDDEN' }, { json: { name: 'more' } });
      expect((await ann.request('GET', '/api-keys')).text).to.not.include(key);
      await bob.refused('DELETE', `/api-keys/${id}`, { status: 404, code: 'NOT_FOUND' });
      expect((await ann.request('DELETE', `/api-keys/${id}`)).status).to.equal(204);
      await reader.refused('GET', '/me', { status: 401, code: 'UNAUTHENTICATED' });
      const narrow = await ann.request('POST', '/api-keys', { json: { name: 'predictor', scopes: ['predict'] } });
      const predictor = ann.as((narrow.json as { key: string }).key);
      expect(await predictor.get('/me', Me)).to.deep.include({ scopes: ['predict'] });
      await predictor.refused('GET', '/datasets', { status: 403, code: 'FORBIDDEN', says: ['read'] });
      // What it may start it may wait for and fetch.
      for (const path of ['/jobs/none', '/batch-predictions/none', '/batch-predictions/none/rows'])
        await predictor.refused('GET', path, { status: 404, code: 'NOT_FOUND' });
      const past = new Date(Date.now() - 1000).toISOString();
      const old = await ann.request('POST', '/api-keys', { json: { name: 'old', expiresAt: past } });
      await ann.as((old.json as { key: string }).key).refused('GET', '/me', { status: 401, code: 'UNAUTHENTICATED' });
    });

    it('lets a browser log in, needs its CSRF token, and ends the session', async () => {
      const password = 'correct horse';
      await world.admin.request('POST', '/users', { json: { name: 'carl', password } });
      const nobody = new Api(world.server.url, null);
      const wrong = { json: { name: 'carl', password: 'wrong horse' } };
      await nobody.refused('POST', '/auth/login', { status: 401, code: 'UNAUTHENTICATED' }, wrong);
      const unknown = { json: { name: 'nobody', password } };
      await nobody.refused('POST', '/auth/login', { status: 401, code: 'UNAUTHENTICATED' }, unknown);
      const login = await nobody.request('POST', '/auth/login', { json: { name: 'carl', password } });
      const setCookie = login.headers.get('set-cookie') ?? '';
      expect(setCookie)
        .to.match(/HttpOnly/)
        .and.match(/SameSite=Strict/)
        .and.match(/Path=\//);
      const cookie = setCookie.split(';')[0] ?? '';
      const { csrfToken } = login.json as { csrfToken: string };
      expect((await nobody.request('GET', '/me', { headers: { cookie } })).json).to.include({ name: 'carl' });
      const json = { name: 'k' };
      await nobody.refused('POST', '/api-keys', { status: 403, code: 'FORBIDDEN' }, { json, headers: { cookie } });
      const headers = { cookie, 'x-csrf-token': csrfToken };
      expect((await nobody.request('POST', '/api-keys', { json, headers })).status).to.equal(201);
      expect((await nobody.request('POST', '/auth/logout', { headers })).status).to.equal(204);
      await nobody.refused('GET', '/me', { status: 401, code: 'UNAUTHENTICATED' }, { headers: { cookie } });
    });

    it('keeps one administrator, unique names, and deactivates users', async () => {
      await world.admin.refused(
        'PATCH',
        '/users/user_admin',
        { status: 409, code: 'CONFLICT' },
        { json: { active: false } },
      );
      await world.admin.refused('POST', '/users', { status: 409, code: 'CONFLICT' }, { json: { name: 'ann' } });
      const dora = await world.user('dora');
      expect((await dora.api.request('GET', '/me')).status).to.equal(200);
      await world.admin.request('PATCH', `/users/${dora.id}`, { json: { active: false } });
      await dora.api.refused('GET', '/me', { status: 401, code: 'UNAUTHENTICATED' });
      expect((await world.admin.request('DELETE', `/users/${dora.id}`)).status).to.equal(204);
    });

    it('answers health and version to everybody', async () => {
      const nobody = new Api(world.server.url, null);
      for (const path of ['/health', '/version', '/openapi.json'])
        expect((await nobody.request('GET', path)).status, path).to.equal(200);
      expect(world.log.join('')).to.not.include(TEST_ADMIN_KEY);
    });
  });

  describe('repeats', () => {
    const post = (key: string, json: unknown, api = ann) =>
      api.request('POST', '/projects', { json, headers: { 'idempotency-key': key } });
    const same = (a: ApiAnswer, b: ApiAnswer) => {
      expect(b.status).to.equal(a.status);
      expect(b.text).to.equal(a.text);
      for (const name of ['location', 'etag', 'content-type'])
        expect(b.headers.get(name), name).to.equal(a.headers.get(name));
    };

    it('gets the first answer again; another request under the key is refused', async () => {
      const body = { name: 'once', datasetId };
      const first = await post('key-1', body);
      expect(first.status).to.equal(201);
      same(first, await post('key-1', { datasetId, name: 'once' }));
      expect((await post('key-1', { ...body, name: 'other' })).json).to.include({ code: 'IDEMPOTENCY_KEY_REUSED' });
      const elsewhere = { json: body, headers: { 'idempotency-key': 'key-1' } };
      await ann.refused(
        'POST',
        '/api-keys',
        { status: 409, code: 'IDEMPOTENCY_KEY_REUSED' },
        { json: { name: 'k' }, headers: elsewhere.headers },
      );
      expect((await post('key-1', body, world.admin)).status, 'keys are per user').to.equal(201);
      await ann.refused(
        'POST',
        '/projects',
        { status: 422, code: 'VALIDATION_FAILED' },
        { json: body, headers: { 'idempotency-key': 'a b' } },
      );
    });

    it('makes one object for requests that come at once', async () => {
      const body = { name: 'race', datasetId };
      const answers = await Promise.all(Array.from({ length: 8 }, () => post('key-2', body)));
      expect(new Set(answers.map((answer) => answer.text)).size).to.equal(1);
      const projects = (await ann.request('GET', '/projects?limit=1000')).json as { data: { name: string }[] };
      expect(projects.data.filter((project) => project.name === 'race')).to.have.length(1);
    });

    it('does not record a refusal', async () => {
      expect((await post('key-3', { name: 'late', datasetId: 'ds_none' })).status).to.equal(404);
      expect((await post('key-3', { name: 'late', datasetId })).status).to.equal(201);
    });

    it('recognises an upload by its content and keeps one file', async () => {
      const headers = { 'idempotency-key': 'key-4' };
      const first = await bob.upload(CSV, headers);
      same(first, await bob.upload(CSV, headers));
      expect((await bob.upload({ ...CSV, content: 'x,y\n9,z\n' }, headers)).json).to.include({
        code: 'IDEMPOTENCY_KEY_REUSED',
      });
      const owned = (await bob.request('GET', '/datasets')).json as { data: { id: string }[] };
      expect(owned.data).to.have.length(1);
      const uploads = await Array.fromAsync(world.store.list('uploads'));
      const datasets = (await world.admin.request('GET', '/datasets?limit=1000')).json as { data: { id: string }[] };
      expect(uploads.map((entry) => entry.path.split('/')[1]).sort()).to.deep.equal(
        datasets.data.map((entry) => entry.id).sort(),
      );
    });

    it('gives a new key’s secret again without keeping it in clear', async () => {
      const request = { json: { name: 'twice' }, headers: { 'idempotency-key': 'key-5' } };
      const first = await ann.request('POST', '/api-keys', request);
      same(first, await ann.request('POST', '/api-keys', request));
      const { key } = first.json as { key: string };
      const rows: unknown = await world.server.database.knex('idempotency_keys').select('*');
      expect(JSON.stringify(rows)).to.not.include(key);
    });
  });

  describe('lists and versions', () => {
    it('pages stably while objects are added', async () => {
      const { api } = await world.user('pager');
      for (const _ of [1, 2, 3, 4, 5]) await newDataset(api);
      const seen: string[] = [];
      let path: string | null = '/datasets?limit=2';
      let pages = 0;
      while (path !== null) {
        const page = (await api.request('GET', path)).json as { data: { id: string }[]; next: string | null };
        seen.push(...page.data.map((entry) => entry.id));
        if (pages === 0) await newDataset(api);
        pages += 1;
        path = page.next;
        if (path !== null) expect(path).to.match(/^\/api\/v1\/datasets\?/);
      }
      expect([pages, seen.length, new Set(seen).size]).to.deep.equal([3, 5, 5]);
    });

    it('answers 304 to If-None-Match and 412 to a stale If-Match', async () => {
      const { id } = await newProject(ann, 'etag');
      const first = await ann.request('GET', `/projects/${id}`);
      const etag = first.headers.get('etag') ?? '';
      expect(etag).to.match(/^"[\w-]{27}"$/);
      const again = await ann.request('GET', `/projects/${id}`, { headers: { 'if-none-match': etag } });
      expect([again.status, again.text]).to.deep.equal([304, '']);
      const patch = (name: string, ifMatch: string) =>
        ann.request('PATCH', `/projects/${id}`, { json: { name }, headers: { 'if-match': ifMatch } });
      const changed = await patch('new', etag);
      expect([changed.status, (changed.json as Project).name]).to.deep.equal([200, 'new']);
      expect((await patch('newer', etag)).json).to.include({ code: 'STALE', status: 412 });
      expect((await patch('newer', changed.headers.get('etag') ?? '')).status).to.equal(200);
      expect((await patch('newest', '*')).status).to.equal(200);
      await ann.refused('DELETE', `/projects/${id}`, { status: 412, code: 'STALE' }, { headers: { 'if-match': etag } });
    });

    it('answers HEAD like GET without a body', async () => {
      const answer = await ann.request('HEAD', '/me');
      expect([answer.status, answer.text]).to.deep.equal([200, '']);
    });
  });

  describe('jobs', () => {
    it('holds a POST and a GET until the job is final, or the time is over', async () => {
      const early = await ann.upload(CSV, { prefer: 'wait=1' });
      expect(early.json).to.include({ state: 'queued' });
      expect(early.headers.get('preference-applied')).to.equal('wait=1');
      const { id } = early.json as Job;
      const held = ann.request('GET', `/jobs/${id}`, { headers: { prefer: 'respond-async, wait=500' } });
      await worker.workAll();
      const done = await held;
      expect(done.json).to.include({ state: 'succeeded' });
      expect(done.headers.get('preference-applied')).to.equal('wait=60');
      const headers = { prefer: 'wait=30', 'idempotency-key': 'key-wait' };
      const posted = ann.upload(CSV, headers);
      await until('the queued task', async () => worker.workOnce(), 5_000);
      const first = await posted;
      expect(first.json).to.include({ state: 'succeeded' });
      expect((await ann.upload(CSV, headers)).text, 'a repeat gets the answer that was waited for').to.equal(
        first.text,
      );
    });

    it('cancels a job, shows the log of a task, and lists by state', async () => {
      const job = (await ann.upload(CSV)).json as Job;
      const cancelled = await ann.request('DELETE', `/jobs/${job.id}`);
      expect(cancelled.json).to.include({ state: 'cancelled' });
      expect((await ann.request('GET', job.resource ?? '')).json).to.include({ state: 'failed' });
      const list = (await ann.request('GET', '/jobs?state=cancelled')).json as { data: { id: string }[] };
      expect(list.data.map((entry) => entry.id)).to.deep.equal([job.id]);
      await bob.refused('DELETE', `/jobs/${job.id}`, { status: 404, code: 'NOT_FOUND' });
      await ann.refused('GET', '/tasks/task_none/log', { status: 404, code: 'NOT_FOUND' });
    });
  });

  describe('uploads', () => {
    const countUploads = async (): Promise<number> => (await Array.fromAsync(world.store.list('uploads'))).length;

    it('refuses what cannot become a dataset, and keeps nothing of it', async () => {
      const before = await countUploads();
      const refused = async (file: Parameters<Api['upload']>[0], status: number, code: string) => {
        const answer = await ann.upload(file);
        expect([answer.status, (answer.json as { code: string }).code], answer.text).to.deep.equal([status, code]);
      };
      await refused({ content: '', fileName: 'empty.csv' }, 422, 'DATASET_EMPTY');
      await refused({ content: 'PK\x03\x04....', fileName: 'book.xlsx' }, 422, 'UNSUPPORTED_FORMAT');
      await refused({ content: 'ORC....', fileName: 'table.orc' }, 422, 'UNSUPPORTED_FORMAT');
      await refused({ ...CSV, options: { delimiter: ';;' } }, 422, 'VALIDATION_FAILED');
      await refused({ ...CSV, options: { unknown: 1 } }, 422, 'VALIDATION_FAILED');
      await refused({ content: 'x'.repeat(100_001), fileName: 'large.csv' }, 413, 'BODY_TOO_LARGE');
      const form = new FormData();
      form.set('name', 'without file');
      await ann.refused(
        'POST',
        '/datasets',
        { status: 422, code: 'VALIDATION_FAILED', says: ['/file'] },
        { body: form },
      );
      expect(await countUploads()).to.equal(before);
    });

    it('leaves nothing of an upload that breaks off', async () => {
      const before = await countUploads();
      const { port } = new URL(world.server.url);
      const headers = { authorization: `Bearer ${ann.key ?? ''}`, 'content-type': 'multipart/form-data; boundary=b' };
      const head = '--b\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\n';
      // The end of the body comes, the end of the form does not.
      const short = await ann.request('POST', '/datasets', { body: `${head}x,y\n1,2\n`, headers });
      expect(short.json).to.include({ status: 400, code: 'UPLOAD_INCOMPLETE' });
      const request = http.request({ port, method: 'POST', path: '/api/v1/datasets', headers });
      request.on('error', () => undefined);
      request.write(`${head}${'x'.repeat(5_000)}`);
      await until('the beginning of the file', async () => temporaryFiles(world) > 0, 5_000);
      request.destroy();
      await until('the end of the file', async () => temporaryFiles(world) === 0, 5_000);
      expect(await countUploads()).to.equal(before);
    });

    it('holds sources against the allow-lists', async () => {
      const post = (source: object, status: number, code: Parameters<Api['refused']>[2]['code']) =>
        ann.refused('POST', '/datasets', { status, code }, { json: { name: 's', source } });
      await post({ type: 'url', url: 'http://169.254.169.254/x.csv' }, 403, 'SOURCE_NOT_ALLOWED');
      await post({ type: 'url', url: 'file:///etc/passwd' }, 422, 'VALIDATION_FAILED');
      await post({ type: 'path', path: '/etc/passwd' }, 403, 'SOURCE_NOT_ALLOWED');
      await post({ type: 's3', bucket: 'b', key: 'k' }, 501, 'NOT_AVAILABLE');
      await post({ type: 'nonsense' }, 422, 'VALIDATION_FAILED');
    });
  });

  it('ends held requests and closes when it is asked to', async () => {
    const other = await startTestAppServer();
    const { id } = (await other.admin.upload(CSV)).json as Job;
    const headers = { authorization: `Bearer ${TEST_ADMIN_KEY}`, prefer: 'wait=60' };
    const request = http.get(`${other.server.url}/api/v1/jobs/${id}`, { headers });
    const answered = once(request, 'response') as Promise<[http.IncomingMessage]>;
    await once(request, 'finish');
    // The server reads what came first first.
    await other.admin.request('GET', '/me');
    const started = performance.now();
    const [[answer]] = await Promise.all([answered, other.close()]);
    expect(answer.statusCode).to.equal(200);
    answer.resume();
    expect(performance.now() - started).to.be.below(2_000);
  });
});

/** Files in the upload folder that are being written. */
function temporaryFiles({ config }: TestAppServer): number {
  return readdirSync(config.objectStore.root, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && entry.name.startsWith('.'),
  ).length;
}
