import http from 'node:http';
import { expect } from 'chai';
import {
  constant,
  createSigner,
  makeGrant,
  makeModel,
  makeRecord,
  regression,
  type TestModel,
} from '../../support/serving/models.ts';
import { until } from '../../support/serving/call.ts';
import { createServing, predict, ROW, untilReady, type Server, type Serving } from '../../support/serving/serving.ts';

describe('prediction server: another model', () => {
  let serving: Serving;
  let server: Server;
  let first: TestModel;

  beforeEach(async () => {
    serving = await createServing();
    first = serving.model('mdl_1', regression(10_000));
    serving.deploy(first, { sequence: 5 });
    server = await serving.start();
    await untilReady(server);
  });
  afterEach(() => serving.close());

  /** The old model still answers, and goes on answering after a restart without the app server. */
  const expectTheOldOneStays = async () => {
    const answer = await predict(server);
    expect([answer.status, answer.headers['x-trainyard-model']]).to.deep.equal([200, 'mdl_1']);
    expect(answer.text).to.include('"prediction":10111');
    await server.close();
    await serving.app.stop();
    server = await serving.start();
    expect((await predict(server)).text).to.equal(answer.text);
  };
  const untilReported = (part: string) =>
    until(`a report of ${part}`, () =>
      serving.app.reports.some(({ status }) => status.deployments.some(({ error }) => error?.includes(part))),
    );

  it('replaces a model under load: no request fails, header and body are of one model', async () => {
    const models = [first, serving.model('mdl_2', constant(2)), serving.model('mdl_3', regression(30_000))];
    const expected: Record<string, number> = { mdl_1: 10_111, mdl_2: 2, mdl_3: 30_111 };
    const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
    const seen = new Map<string, number>();
    let isOver = false;
    const client = async () => {
      while (!isOver) {
        const answer = await predict(server, [ROW, ROW], { agent });
        expect(answer.status, answer.text).to.equal(200);
        const body = JSON.parse(answer.text) as { modelId: string; data: { prediction: number }[] };
        expect(answer.headers['x-trainyard-model']).to.equal(body.modelId);
        expect(body.data.map(({ prediction }) => prediction)).to.deep.equal([
          expected[body.modelId],
          expected[body.modelId],
        ]);
        seen.set(body.modelId, (seen.get(body.modelId) ?? 0) + 1);
      }
    };
    const clients = Array.from({ length: 8 }, client);
    try {
      for (let round = 1; round <= 12; round += 1) {
        const model = models[round % models.length] ?? first;
        const before = seen.get(model.modelId) ?? 0;
        serving.deploy(model, { sequence: 5 + round });
        await Promise.race([
          Promise.all(clients),
          until(`${model.modelId} answers`, () => (seen.get(model.modelId) ?? 0) > before + 20),
        ]);
      }
    } finally {
      isOver = true;
    }
    await Promise.all(clients);
    agent.destroy();
    expect([...seen.keys()].sort()).to.deep.equal(['mdl_1', 'mdl_2', 'mdl_3']);
    expect(serving.log.filter(({ level }) => level === 'error' || level === 'warn')).to.deep.equal([]);
  });

  it('refuses a corrupt blob', async () => {
    const model = serving.model('mdl_2', regression(2));
    const blob = Uint8Array.from(model.blob);
    blob[blob.length - 1] = (blob.at(-1) ?? 0) ^ 1;
    serving.app.models.set('mdl_2', { ...model, blob });
    serving.deploy(model, { sequence: 6 });
    await untilReported('another SHA-256');
    await expectTheOldOneStays();
  });

  it('refuses a blob that is longer or shorter than the manifest says', async () => {
    const model = serving.model('mdl_2', regression(2));
    serving.deploy(model, { sequence: 6 });
    serving.app.models.set('mdl_2', { ...model, blob: Buffer.concat([model.blob, Buffer.alloc(1_000)]) });
    await untilReported('body of more than');
    serving.app.models.set('mdl_2', { ...model, blob: model.blob.subarray(8) });
    await untilReported('expected');
    await expectTheOldOneStays();
  });

  it('refuses an altered manifest, and does not ask for its blob', async () => {
    const model = serving.model('mdl_2', constant(2));
    const manifest = Buffer.from(Buffer.from(model.manifest).toString().replace('"scores":[2]', '"scores":[3]'));
    expect(manifest.equals(model.manifest)).to.be.false;
    serving.app.models.set('mdl_2', { ...model, manifest });
    serving.deploy(model, { sequence: 6 });
    await untilReported('expected SHA-256');
    expect(serving.app.downloads.filter((url) => url.endsWith('mdl_2/blob'))).to.deep.equal([]);
    await expectTheOldOneStays();
  });

  it('refuses a model that somebody else signed', async () => {
    const model = makeModel(createSigner(), 'mdl_2', constant(2));
    serving.app.models.set('mdl_2', model);
    serving.deploy(model, { sequence: 6 });
    await untilReported('model mdl_2: wrong signature');
    await expectTheOldOneStays();
  });

  it('refuses another signed model under the wanted one’s id', async () => {
    const wanted = serving.model('mdl_2', constant(2));
    const other = serving.model('mdl_3', constant(3));
    serving.app.models.set('mdl_2', other);
    serving.deploy(wanted, { sequence: 6 });
    await untilReported('mdl_2');
    await expectTheOldOneStays();
  });

  it('refuses a signed record that points to a manifest of another model', async () => {
    const other = serving.model('mdl_3', constant(3));
    const { manifestSha256 } = other;
    const signature = serving.signer.sign({ modelId: 'mdl_2', manifestSha256 });
    serving.app.models.set('mdl_2', { ...other, signature: { modelId: 'mdl_2', manifestSha256, signature } });
    serving.deploy({ ...other, modelId: 'mdl_2' }, { sequence: 6 });
    await untilReported('expected the manifest of model mdl_2, found mdl_3');
    await expectTheOldOneStays();
  });

  it('refuses a record that was changed after it was signed, but takes the rest of the feed', async () => {
    const record = makeRecord(serving.signer, first, { sequence: 6 });
    const other = makeRecord(serving.signer, first, { deploymentId: 'dep_2' });
    const deployments = [{ ...record, readers: ['usr_1', 'usr_9'] }, other];
    serving.app.publish({ deployments, apiKeys: [makeGrant(), makeGrant('nine', { userId: 'usr_9' })] });
    await untilReported('sequence 6: wrong signature');
    expect((await predict(server, ROW, { id: 'dep_2' })).status).to.equal(200);
    expect((await predict(server, ROW, { headers: { authorization: 'Bearer nine' } })).status).to.equal(404);
    await expectTheOldOneStays();
  });

  it('does not serve a new deployment whose record is not signed, and reports it', async () => {
    const stranger = makeRecord(createSigner(), first, { deploymentId: 'dep_2' });
    serving.app.publish({ deployments: [makeRecord(serving.signer, first, { sequence: 5 }), stranger] });
    await untilReported('deployment record dep_2, sequence 1: wrong signature');
    expect((await predict(server, ROW, { id: 'dep_2' })).status).to.equal(404);
    await expectTheOldOneStays();
  });

  it('refuses an older record that is replayed, also after a restart', async () => {
    const older = serving.model('mdl_0', constant(0));
    serving.deploy(older, { sequence: 4 });
    await untilReported('sequence 4 is older than the known 5');
    await expectTheOldOneStays();
    await serving.app.listen();
    const before = serving.app.reports.length;
    serving.deploy(older, { sequence: 4 });
    await until('the restarted server reports', () =>
      serving.app.reports.slice(before).some(({ status }) => status.deployments[0]?.error?.includes('older')),
    );
    expect((await predict(server)).headers['x-trainyard-model']).to.equal('mdl_1');
  });

  it('refuses an older record of a deployment that was taken away meanwhile, also after a restart', async () => {
    serving.app.publish({ deployments: [] });
    await until('it is gone', async () => (await predict(server)).status === 404);
    await server.close();
    server = await serving.start();
    serving.deploy(serving.model('mdl_0', constant(0)), { sequence: 4 });
    await untilReported('sequence 4 is older than the known 5');
    expect((await predict(server)).status).to.equal(404);
    serving.deploy(first, { sequence: 6 });
    await untilReady(server, 'mdl_1');
  });

  it('refuses a feed with another public key, however well it is signed', async () => {
    const stranger = createSigner();
    const model = makeModel(stranger, 'mdl_2', constant(2));
    serving.app.models.set('mdl_2', model);
    serving.app.publish({
      publicKey: stranger.publicKey,
      deployments: [makeRecord(stranger, model, { sequence: 9 })],
      apiKeys: [makeGrant(), makeGrant('theirs', { role: 'admin' })],
    });
    await until('the change is told', () =>
      serving.log.some(
        ({ event, err }) => event === 'feed_failed' && JSON.stringify(err).includes('public key changed'),
      ),
    );
    expect((await predict(server, ROW, { headers: { authorization: 'Bearer theirs' } })).status).to.equal(401);
    await expectTheOldOneStays();
  });

  it('gives up a download that nobody wants any more, and hears of keys meanwhile', async () => {
    const { app } = serving;
    app.hanging.add('mdl_2');
    const record = serving.deploy(serving.model('mdl_2', constant(2)), { sequence: 6 });
    await until('the download has begun', () => app.downloads.at(-1)?.endsWith('mdl_2/blob'));
    app.publish({ deployments: [record], apiKeys: [makeGrant(), makeGrant('new')] });
    const answer = await predict(server, ROW, { headers: { authorization: 'Bearer new' } });
    expect([answer.status, answer.headers['x-trainyard-model']]).to.deep.equal([200, 'mdl_1']);
    expect(app.abandoned).to.deep.equal([]);
    serving.deploy(serving.model('mdl_3', constant(3)), { sequence: 7 });
    await untilReady(server, 'mdl_3');
    expect(app.abandoned).to.deep.equal(['mdl_2']);
    app.publish({ deployments: [] });
    await until('the deployment is gone', async () => (await predict(server)).status === 404);
  });

  it('follows an app server that was restored from a backup', async () => {
    const { app, signer } = serving;
    await app.stop();
    app.publish({ deployments: [makeRecord(signer, first, { sequence: 6, name: 'restored' })], sequence: 1 });
    await app.listen();
    await until('the older feed is taken', () => app.reports.at(-1)?.status.feedSequence === 1);
    expect(serving.log.map(({ event }) => event)).to.include('feed_went_back');
    serving.deploy(serving.model('mdl_2', constant(2)), { sequence: 7 });
    await untilReady(server, 'mdl_2');
  });
});
