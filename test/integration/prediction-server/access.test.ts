import { expect } from 'chai';
import { API_KEY, constant, makeGrant, makeRecord, type TestModel } from '../../support/serving/models.ts';
import { call, until } from '../../support/serving/call.ts';
import { createServing, predict, ROW, untilReady, type Server, type Serving } from '../../support/serving/serving.ts';

const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });
const codeOf = ({ text }: { readonly text: string }) => (JSON.parse(text) as { code: string }).code;

describe('prediction server: who may ask', () => {
  let serving: Serving;
  let server: Server;
  let model: TestModel;

  before(async () => {
    serving = await createServing();
    model = serving.model('mdl_1', constant(1));
    const { signer, app } = serving;
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    app.publish({
      deployments: [
        makeRecord(signer, model),
        makeRecord(signer, model, { deploymentId: 'dep_other', readers: ['usr_2'] }),
      ],
      apiKeys: [
        makeGrant(),
        makeGrant('expired', { expiresAt: '2020-01-01T00:00:00Z' }),
        makeGrant('undated', { expiresAt: 'soonZ' }),
        makeGrant('current', { expiresAt: soon }),
        makeGrant('reader', { scopes: ['read', 'write'] }),
        makeGrant('useless', { scopes: [] }),
        makeGrant('admin', { userId: 'usr_0', role: 'admin' }),
        makeGrant('other', { userId: 'usr_2' }),
        makeGrant('held', { deploymentIds: ['dep_1'] }),
        makeGrant('held-and-expired', { deploymentIds: ['dep_1'], expiresAt: '2020-01-01T00:00:00Z' }),
        makeGrant('held-admin', { userId: 'usr_0', role: 'admin', deploymentIds: ['dep_other'] }),
        makeGrant('held-stranger', { userId: 'usr_9', deploymentIds: ['dep_1'] }),
      ],
    });
    server = await serving.start();
    await untilReady(server);
  });
  after(() => serving.close());

  for (const [what, headers] of [
    ['no key', { authorization: '' }],
    ['another scheme', { authorization: 'Basic dXNlcjpwYXNz' }],
    ['two keys', { authorization: `Bearer ${API_KEY} ${API_KEY}` }],
    ['an unknown key', { authorization: 'Bearer nobody' }],
    ['the hash of a key', { authorization: `Bearer ${makeGrant().keySha256}` }],
    ['an expired key', { authorization: 'Bearer expired' }],
    ['a key whose expiry cannot be read', { authorization: 'Bearer undated' }],
  ] as const) {
    it(`answers ${what} with 401`, async () => {
      const answer = await predict(server, ROW, { headers });
      expect([answer.status, codeOf(answer)]).to.deep.equal([401, 'UNAUTHENTICATED']);
      expect(answer.headers['www-authenticate']).to.equal('Bearer');
      expect(answer.text).to.not.include(API_KEY);
    });
  }

  it('takes an unexpired key, any case of the scheme, and spaces after it', async () => {
    expect((await predict(server, ROW, bearer('current'))).status).to.equal(200);
    expect((await predict(server, ROW, { headers: { authorization: `bearer  ${API_KEY}` } })).status).to.equal(200);
  });

  it('answers a key without the scope predict with 403', async () => {
    for (const key of ['reader', 'useless']) {
      const answer = await predict(server, ROW, bearer(key));
      expect([answer.status, codeOf(answer)]).to.deep.equal([403, 'FORBIDDEN']);
    }
  });

  it('answers another user’s deployment exactly as one that does not exist', async () => {
    const others = await predict(server, ROW, { id: 'dep_other' });
    const none = await predict(server, ROW, { id: 'dep_none' });
    for (const answer of [others, none]) {
      expect([answer.status, codeOf(answer)]).to.deep.equal([404, 'DEPLOYMENT_UNKNOWN']);
    }
    const detail = ({ text }: { text: string }) => (JSON.parse(text) as { detail: string }).detail;
    expect(detail(others)).to.equal(detail(none).replace('dep_none', 'dep_other'));
    expect((await predict(server, ROW, { ...bearer('other') })).status).to.equal(404);
  });

  it('lets administrators and the deployment’s readers ask', async () => {
    expect((await predict(server, ROW, bearer('admin'))).status).to.equal(200);
    expect((await predict(server, ROW, { id: 'dep_other', ...bearer('admin') })).status).to.equal(200);
    expect((await predict(server, ROW, { id: 'dep_other', ...bearer('other') })).status).to.equal(200);
  });

  it('holds a key to its deployments on every route, whether the others exist or not', async () => {
    expect((await predict(server, ROW, bearer('held'))).status).to.equal(200);
    expect((await predict(server, ROW, { id: 'dep_other', ...bearer('held-admin') })).status).to.equal(200);
    for (const [key, id] of [
      ['held', 'dep_other'],
      ['held', 'dep_none'],
      ['held-admin', 'dep_1'],
    ] as const) {
      const metadata = await call(`${server.url}/v2/models/${id}`, bearer(key));
      const inference = await call(`${server.url}/v2/models/${id}/infer`, {
        method: 'POST',
        body: '{}',
        ...bearer(key),
      });
      for (const answer of [await predict(server, ROW, { id, ...bearer(key) }), metadata, inference]) {
        expect([answer.status, codeOf(answer)]).to.deep.equal([403, 'FORBIDDEN']);
        expect(answer.text)
          .to.include(key === 'held' ? 'deployment dep_1 alone' : 'deployment dep_other alone')
          .and.include(id);
      }
    }
    expect((await predict(server, ROW, bearer('held-and-expired'))).status).to.equal(401);
    expect((await predict(server, ROW, bearer('held-stranger'))).status, 'no reader').to.equal(404);
  });

  it('asks nobody for a key on health routes and metrics, and tells no secrets there', async () => {
    for (const path of ['/health', '/v2/health/live', '/v2/health/ready', '/metrics']) {
      const answer = await call(`${server.url}${path}`);
      expect(answer.status, path).to.equal(200);
      expect(answer.text).to.not.include(makeGrant().keySha256);
    }
    const { text } = await call(`${server.url}/metrics`);
    expect(text).to.match(/^trainyard_predictions_total\{deployment="dep_1"\} [1-9]/m);
    expect(text).to.match(/^trainyard_prediction_requests_total\{deployment="dep_1",status="200"\} [1-9]/m);
    expect(text).to.include('trainyard_prediction_requests_total{deployment="",status="401"}');
    expect(text).to.match(/^trainyard_prediction_seconds_bucket\{deployment="dep_1",le="\+Inf"\} [1-9]/m);
    expect(text).to.match(/^trainyard_deployments_ready 2$/m);
    expect(text).to.match(/^process_resident_memory_bytes\{pid="\d+"\} \d+$/m);
    const kinds = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name);
    expect(new Set(kinds).size, 'each once').to.equal(kinds.length);
  });

  it('knows a new key and deployment as soon as the app server does, and forgets revoked ones', async () => {
    const { app, signer } = serving;
    const records = [makeRecord(signer, model), makeRecord(signer, model, { deploymentId: 'dep_new' })];
    app.publish({ deployments: records, apiKeys: [makeGrant(), makeGrant('new')] });
    // No waiting here: the request itself makes the server look.
    const answer = await predict(server, ROW, { id: 'dep_new', ...bearer('new') });
    expect([200, 503], answer.text).to.include(answer.status);
    expect(answer.headers['retry-after']).to.equal(answer.status === 503 ? '1' : undefined);
    await until(
      'the new deployment answers',
      async () => (await predict(server, ROW, { id: 'dep_new' })).status === 200,
    );
    app.publish({ deployments: [makeRecord(signer, model)], apiKeys: [makeGrant()] });
    await until('the key is revoked', async () => (await predict(server, ROW, bearer('new'))).status === 401);
    expect((await predict(server, ROW, { id: 'dep_new' })).status).to.equal(404);
  });

  it('changes readers and settings without another download', async () => {
    const { app, signer } = serving;
    const before = app.downloads.length;
    const changed = makeRecord(signer, model, {
      sequence: 2,
      readers: ['usr_9'],
      settings: { missingColumns: 'refuse' },
    });
    app.publish({ deployments: [changed], apiKeys: [makeGrant(), makeGrant('admin', { role: 'admin' })] });
    await until('the reader is out', async () => (await predict(server)).status === 404);
    expect((await predict(server, {}, bearer('admin'))).status).to.equal(422);
    expect(app.downloads.length).to.equal(before);
  });

  it('holds keys to deployments and expiry with the app server away, also after a restart', async () => {
    const { app, signer } = serving;
    const expiresAt = new Date(Date.now() + 4_000).toISOString();
    const records = [makeRecord(signer, model, { sequence: 3 }), makeRecord(signer, model, { deploymentId: 'dep_2' })];
    const held = makeGrant('held', { deploymentIds: ['dep_1'] });
    app.publish({
      deployments: records,
      apiKeys: [makeGrant(), held, makeGrant('ending', { deploymentIds: ['dep_2'], expiresAt })],
    });
    await until('the key is known', async () => (await predict(server, ROW, bearer('held'))).status === 200);
    expect((await predict(server, ROW, { id: 'dep_2', ...bearer('ending') })).status).to.equal(200);
    await app.stop();
    await server.close();
    server = await serving.start();
    expect((await predict(server, ROW, bearer('held'))).status).to.equal(200);
    expect((await predict(server, ROW, { id: 'dep_2', ...bearer('held') })).status).to.equal(403);
    await until(
      'the other key has ended',
      async () => (await predict(server, ROW, { id: 'dep_2', ...bearer('ending') })).status === 401,
    );
    await app.listen();
    app.publish({ deployments: records, apiKeys: [makeGrant()] });
    await until('the key is revoked', async () => (await predict(server, ROW, bearer('held'))).status === 401);
  });
});
