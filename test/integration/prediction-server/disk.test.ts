import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { constant, regression } from '../../support/serving/models.ts';
import { call, until } from '../../support/serving/call.ts';
import { createServing, predict, ROW, untilReady, type Serving } from '../../support/serving/serving.ts';

const codeOf = ({ text }: { readonly text: string }) => (JSON.parse(text) as { code: string }).code;
const eventsOf = ({ log }: Serving) => log.map(({ event }) => event);

describe('prediction server: its own disk', () => {
  let serving: Serving;
  const artifactsDir = () => path.join(serving.cacheDir, 'artifacts');

  beforeEach(async () => {
    serving = await createServing();
  });
  afterEach(() => serving.close());

  it('answers 503 with Retry-After until it has heard of its deployments, then 200', async () => {
    await serving.app.stop();
    const server = await serving.start();
    const early = await predict(server);
    expect([early.status, codeOf(early), early.headers['retry-after']]).to.deep.equal([
      503,
      'DEPLOYMENT_NOT_READY',
      '1',
    ]);
    const ready = await call(`${server.url}/v2/health/ready`);
    expect([ready.status, ready.headers['retry-after']]).to.deep.equal([503, '1']);
    expect((await call(`${server.url}/health`)).status).to.equal(200);
    await serving.app.listen();
    serving.deploy(serving.model('mdl_1', constant(1)));
    await untilReady(server);
    await until('ready', async () => (await call(`${server.url}/v2/health/ready`)).status === 200);
  });

  it('answers 503 with Retry-After while the artefact cannot be had, and tells the app server why', async () => {
    const model = serving.model('mdl_1', constant(1));
    serving.app.models.delete('mdl_1');
    serving.deploy(model);
    const server = await serving.start();
    const answer = await until('the deployment is known', async () => {
      const found = await predict(server);
      return found.status === 503 && found.text.includes('deployment dep_1') && found;
    });
    expect([codeOf(answer), answer.headers['retry-after']]).to.deep.equal(['DEPLOYMENT_NOT_READY', '1']);
    await until('the trouble is reported', () =>
      serving.app.reports.some(({ status }) => status.deployments[0]?.error === 'there is no model mdl_1'),
    );
    serving.app.models.set('mdl_1', model);
    await untilReady(server);
    await until('readiness is reported', () => {
      const { serverId, status } = serving.app.reports.at(-1) ?? { serverId: '', status: null };
      expect(serverId).to.match(/^ps_/);
      expect(status?.url).to.equal(server.url);
      const entry = { deploymentId: 'dep_1', modelId: 'mdl_1', sequence: 1, ready: true, error: null };
      return JSON.stringify(status?.deployments) === JSON.stringify([entry]);
    });
  });

  it('takes up a token file that appears later', async () => {
    rmSync(path.join(serving.dataDir, 'keys'), { recursive: true });
    serving.deploy(serving.model('mdl_1', constant(1)));
    const server = await serving.start();
    await until('the server misses the token', () => eventsOf(serving).includes('app_server_away'));
    expect((await predict(server)).status).to.equal(503);
    serving.writeToken('');
    serving.writeToken();
    await untilReady(server);
    expect(serving.log.some(({ event, level }) => event === 'feed_failed' || level === 'error')).to.be.false;
  });

  it('tells once that its token is wrong, and takes up a right one', async () => {
    serving.writeToken('wrong');
    serving.deploy(serving.model('mdl_1', constant(1)));
    const server = await serving.start();
    await until('it is told', () => eventsOf(serving).includes('feed_failed'));
    serving.writeToken();
    await untilReady(server);
    expect(eventsOf(serving).filter((event) => event === 'feed_failed')).to.have.length(1);
  });

  it('starts and answers without the app server, and is glad when it comes back', async () => {
    const model = serving.model('mdl_1', regression());
    serving.deploy(model);
    const first = await serving.start();
    const wanted = (await untilReady(first)).text;
    await first.close();
    await serving.app.stop();

    const second = await serving.start();
    const answer = await predict(second);
    expect([answer.status, answer.text]).to.deep.equal([200, wanted]);
    expect((await call(`${second.url}/v2/health/ready`)).status).to.equal(200);
    expect((await predict(second, ROW, { headers: { authorization: 'Bearer nobody' } })).status).to.equal(401);
    expect((await predict(second, ROW, { id: 'dep_none' })).status).to.equal(404);
    await until('the absence is told', () => eventsOf(serving).includes('app_server_away'));

    await serving.app.listen();
    serving.deploy(serving.model('mdl_2', constant(2)), { sequence: 2 });
    await untilReady(second, 'mdl_2');
    const ids = new Set(serving.app.reports.map(({ serverId }) => serverId));
    expect(ids.size, 'the server keeps its name over restarts').to.equal(1);
  });

  it('goes on with what answered before when a restart finds the new model missing', async () => {
    serving.deploy(serving.model('mdl_1', constant(1)));
    const first = await serving.start();
    await untilReady(first);
    const next = serving.model('mdl_2', constant(2));
    serving.app.models.delete('mdl_2');
    serving.deploy(next, { sequence: 2 });
    await until('the new model is asked for', () => serving.app.downloads.some((url) => url.includes('mdl_2')));
    await first.close();
    await serving.app.stop();
    const second = await serving.start();
    expect((await predict(second)).headers['x-trainyard-model']).to.equal('mdl_1');
    await serving.app.listen();
    serving.app.models.set('mdl_2', next);
    await untilReady(second, 'mdl_2');
    await until('only the new artefact is kept', () => readdirSync(artifactsDir()).length === 1);
  });

  it('answers from disk alone after kill -9', async () => {
    serving.deploy(serving.model('mdl_1', regression()));
    const first = await serving.startProgram();
    const wanted = (await untilReady(first)).text;
    await until('it is written down', () =>
      readFileSync(path.join(serving.cacheDir, 'assignments.json'), 'utf8').includes('"served":{'),
    );
    await first.kill();
    await serving.app.stop();
    const second = await serving.startProgram();
    const answer = await predict(second);
    expect([answer.status, answer.text]).to.deep.equal([200, wanted]);
  }).timeout(20_000);

  for (const [point, answering] of [
    ['predictionServer.feed.beforeKeep=kill@2', ['mdl_1']],
    ['predictionServer.artifact.beforeRename=kill@2', ['mdl_1']],
    // The new artefact is on disk: it answers as soon as it is verified.
    ['predictionServer.artifact.beforeSwap=kill@2', ['mdl_1', 'mdl_2']],
  ] as const) {
    it(`survives ${point} in the middle of a replacement`, async () => {
      serving.deploy(serving.model('mdl_1', constant(1)));
      const first = await serving.startProgram({}, point);
      await untilReady(first);
      serving.deploy(serving.model('mdl_2', constant(2)), { sequence: 2 });
      await until('the program is killed', () =>
        call(`${first.url}/health`).then(
          () => false,
          () => true,
        ),
      );
      await first.kill();
      await serving.app.stop();
      const second = await serving.startProgram();
      const answer = await predict(second);
      expect(answer.status).to.equal(200);
      expect(answering).to.include(answer.headers['x-trainyard-model']);
      await serving.app.listen();
      await untilReady(second, 'mdl_2');
      expect(readdirSync(artifactsDir()).filter((name) => name.endsWith('.tmp'))).to.deep.equal([]);
    }).timeout(20_000);
  }

  for (const [what, file, damage] of [
    ['a corrupt blob', 'blob', (bytes: Buffer) => bytes.fill(0xff, 8, 16)],
    ['a short blob', 'blob', (bytes: Buffer) => bytes.subarray(0, bytes.length - 8)],
    [
      'an altered manifest',
      'manifest.json',
      (bytes: Buffer) => Buffer.from(bytes.toString().replace('"seed":1', '"seed":2')),
    ],
    [
      'an altered signature',
      'signature.json',
      (bytes: Buffer) => Buffer.from(bytes.toString().replace('"signature":"', '"signature":"AA')),
    ],
    ['a signature that is no JSON', 'signature.json', () => Buffer.alloc(0)],
    ['a missing blob', 'blob', () => null],
  ] as const) {
    it(`refuses ${what} on its disk and downloads it again`, async () => {
      const model = serving.model('mdl_1', regression());
      serving.deploy(model);
      const first = await serving.start();
      await untilReady(first);
      await first.close();
      const place = path.join(artifactsDir(), model.manifestSha256, file);
      const damaged = damage(readFileSync(place));
      if (damaged === null) rmSync(place);
      else writeFileSync(place, damaged);

      await serving.app.stop();
      const second = await serving.start();
      expect((await predict(second)).status).to.equal(503);
      expect(eventsOf(serving)).to.include('artifact_damaged');
      expect(existsSync(place)).to.be.false;
      await serving.app.listen();
      await untilReady(second, 'mdl_1');
      expect(readFileSync(place).length).to.be.greaterThan(0);
    });
  }

  it('starts empty when its own notes are damaged, and never pins another key for it', async () => {
    serving.deploy(serving.model('mdl_1', constant(1)));
    const first = await serving.start();
    await untilReady(first);
    await first.close();
    writeFileSync(path.join(serving.cacheDir, 'assignments.json'), '{"sequence":');
    const second = await serving.start();
    expect(eventsOf(serving)).to.include('feed_damaged');
    await untilReady(second);
    await second.close();
    writeFileSync(path.join(serving.cacheDir, 'app-server.pub'), 'not a key');
    let message = '';
    await serving.start().catch((err: unknown) => (message = String(err)));
    expect(message).to.include('app-server.pub');
  });

  it('ends with the exit code of the error table when it cannot start', async () => {
    let message = '';
    await serving.startProgram({ 'predictionServer.host': '0.0.0.0' }).catch((err: unknown) => (message = String(err)));
    expect(message).to.include('ended with 10');
  }).timeout(20_000);
});
