import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { run as runCommandLine } from '#cli';
import {
  AssignmentFeed,
  Challenger,
  ChallengerComparison,
  ChallengerPage,
  Deployment,
  FEED_CHALLENGERS,
  FEED_KNOWS_HEADER,
  Job,
  Leaderboard,
  parse,
  Project,
} from '#contracts';
import { KEY_FILES, readSecret } from '#runtime';
import { createRandom } from '#statistics';
import { addPairs, migrate, MONITORING_MIGRATIONS, openDatabase, type PredictionPair } from '#store';
import { Api, idOf } from '../../support/api.ts';
import { startTestAppServer, type TestAppServer } from '../../support/app-server.ts';
import { numberRule, textRule, type MemoryColumn } from '../../support/memory-table.ts';
import { ProtocolWorker } from '../../support/protocol-worker.ts';

function columnsOf(): MemoryColumn[] {
  const random = createRandom(8);
  const values = Array.from({ length: 200 }, () => random.uniform());
  return [
    { name: 'x', cells: values.map(String), parse: numberRule },
    { name: 'kind', cells: values.map((x) => (x > 0.5 ? 'b' : 'a')), parse: textRule },
  ];
}

describe('app server: challengers of deployments', function () {
  this.timeout(60_000);
  let world: TestAppServer;
  let worker: ProtocolWorker;
  let api: Api;
  let models: readonly string[];
  let foreign = '';
  let key = '';
  let own = '';

  const deploy = () => api.call('POST', '/deployments', 201, Deployment, { json: { modelId: models[0], name: 'd' } });
  const challenge = (id: string, modelId: string | undefined, more: object = {}) =>
    api.call('POST', `/deployments/${id}/challengers`, 201, Challenger, { json: { modelId, ...more } });
  const challengersOf = async (id: string) =>
    (await api.get(`/deployments/${id}/challengers`, ChallengerPage)).data.map(({ modelId }) => modelId);

  /** Models of a new project. */
  const modelled = async (datasetId: string, blueprints: readonly string[]): Promise<string[]> => {
    const { id } = await api.call('POST', '/projects', 201, Project, { json: { name: 'p', datasetId } });
    const json = { target: 'kind', blueprints, seed: 1 };
    await api.call('POST', `/projects/${id}/autopilot`, 202, Job, { json });
    await worker.workAll();
    return (await api.get(`/projects/${id}/leaderboard`, Leaderboard)).data.map(({ modelId }) => modelId);
  };

  before(async () => {
    world = await startTestAppServer();
    worker = new ProtocolWorker(world.server.url, world.config, world.store, columnsOf(), { protocolVersion: 2 });
    ({ api, key } = await world.user('ann'));
    const answer = await api.upload({ content: 'x,kind\n1,a\n', fileName: 'data.csv' });
    await worker.workAll();
    const datasetId = (own = idOf(await api.get(`/jobs/${(answer.json as Job).id}`, Job)));
    models = await modelled(datasetId, ['baseline', 'linear', 'linear-splines', 'extra-trees']);
    [foreign = ''] = await modelled(datasetId, ['baseline']);
  });
  after(async () => {
    worker.close();
    await world.close();
  });

  it('are added, listed and taken away; one that is promoted is none any more', async () => {
    const { id, sequence } = await deploy();
    expect(await challengersOf(id)).to.deep.equal([]);
    const added = await challenge(id, models[1], { sampleFraction: 0.25 });
    expect(added).to.include({ modelId: models[1], sampleFraction: 0.25 });
    expect((await challenge(id, models[2])).sampleFraction).to.equal(1);
    expect(await challengersOf(id)).to.deep.equal([models[1], models[2]]);
    expect((await api.get(`/deployments/${id}`, Deployment)).sequence).to.equal(sequence + 2);
    await api.request('DELETE', `/deployments/${id}/challengers/${models[1] ?? ''}`);
    expect(await challengersOf(id)).to.deep.equal([models[2]]);
    const json = { modelId: models[2], reason: 'it was better' };
    await api.call('PUT', `/deployments/${id}/model`, 200, Deployment, { json });
    expect(await challengersOf(id)).to.deep.equal([]);
    expect((await api.request('DELETE', `/deployments/${id}`)).status).to.equal(204);
  });

  it('are refused with what is wrong', async () => {
    const { id } = await deploy();
    const path = `/deployments/${id}/challengers`;
    const refuse = (
      status: number,
      code: 'CONFLICT' | 'MODEL_MISMATCH' | 'NOT_FOUND' | 'VALIDATION_FAILED',
      says: string[],
      json: object,
    ) => api.refused('POST', path, { status, code, says }, { json });
    await refuse(409, 'CONFLICT', ['is the one that deployment'], { modelId: models[0] });
    await refuse(422, 'MODEL_MISMATCH', ['/modelId'], { modelId: foreign });
    await refuse(404, 'NOT_FOUND', [], { modelId: 'model_unknown' });
    for (const sampleFraction of [0, 1.01, '0.5'])
      await refuse(422, 'VALIDATION_FAILED', ['/sampleFraction'], { modelId: models[1], sampleFraction });
    for (const modelId of models.slice(1, 4)) await challenge(id, modelId);
    await refuse(409, 'CONFLICT', ['is a challenger of deployment', 'already'], { modelId: models[1] });
    await refuse(409, 'CONFLICT', ['has 3 challengers, the most'], { modelId: models[4] });
    await api.refused('DELETE', `${path}/${models[4] ?? ''}`, { status: 404, code: 'NOT_FOUND', says: [] });
    const { api: bob } = await world.user('bob');
    await bob.refused('GET', path, { status: 404, code: 'NOT_FOUND', says: [] });
    await bob.refused('GET', `${path}/comparison`, { status: 404, code: 'NOT_FOUND', says: [] });
  });

  it('are managed, promoted and rolled back by the command line', async () => {
    const [first = '', second = '', third = ''] = models;
    const { id } = await deploy();
    const cli = async (...words: string[]) => {
      const written = { out: '', err: '' };
      const code = await runCommandLine(words, {
        out: { write: (text) => (written.out += text) },
        err: { write: (text) => (written.err += text) },
        env: { TRAINYARD_URL: world.server.url, TRAINYARD_API_KEY: key },
        signal: new AbortController().signal,
      });
      return { code, ...written };
    };
    const served = async () => (await api.get(`/deployments/${id}`, Deployment)).modelId;
    const lonely = await cli('deployments', 'rollback', id, '--reason', 'why not');
    expect([lonely.code, lonely.err]).to.satisfy(
      ([code, err]: [number, string]) => code === 10 && err.includes('no other model'),
    );
    expect((await cli('deployments', 'challengers', 'add', id, '--model', second, '--sample', '0.5')).code).to.equal(0);
    expect((await cli('deployments', 'challengers', 'add', id, '--model', third, '--sample', 'half')).err).to.include(
      '--sample',
    );
    expect((await cli('deployments', 'challengers', 'list', id)).out).to.match(new RegExp(`${second} .*0\\.5`));
    expect((await cli('deployments', 'challengers', 'compare', id)).out).to.match(new RegExp(`${second} .*0`));
    await cli('deployments', 'replace', id, '--model', second, '--reason', 'better');
    expect(await served()).to.equal(second);
    await cli('deployments', 'rollback', id, '--reason', 'complaints');
    expect(await served()).to.equal(first);
    await cli('deployments', 'replace', id, '--model', third, '--reason', 'another try');
    const { out } = await cli('deployments', 'history', id, '--json');
    const history = JSON.parse(out) as { sequence: number; modelId: string; reason: string }[];
    expect(history.map(({ modelId }) => modelId)).to.deep.equal([third, first, second, first]);
    expect(history[1]?.reason).to.equal('rollback to 1: complaints');
    const toSecond = String(history[2]?.sequence);
    expect((await cli('deployments', 'rollback', id, '--reason', 'x', '--sequence', '99')).err).to.include(
      '--sequence',
    );
    expect((await cli('deployments', 'rollback', id, '--reason', 'x', '--sequence', toSecond)).code).to.equal(0);
    expect(await served()).to.equal(second);
    await cli('deployments', 'challengers', 'add', id, '--model', first);
    expect((await cli('deployments', 'challengers', 'remove', id, '--model', first)).code).to.equal(0);
    expect(await challengersOf(id)).to.deep.equal([]);
    const file = path.join(world.config.dataDir, 'settings.json');
    writeFileSync(file, '{"missingColumns": "refuse"}');
    expect((await cli('deployments', 'settings', id, file)).code).to.equal(0);
    expect((await cli('deployments', 'settings', id)).out).to.include('"refuse"');
    writeFileSync(file, '{');
    expect((await cli('deployments', 'settings', id, file)).err).to.include('expected JSON');
  });

  it('are sent to prediction servers that know them', async () => {
    const { id } = await deploy();
    await challenge(id, models[1], { sampleFraction: 0.5 });
    const token = readSecret(`${world.config.keys.dir}/${KEY_FILES.predictionServerToken}`);
    const internal = new Api(world.server.url, token);
    const recordFor = async (headers: Record<string, string>) => {
      const { json } = await internal.request('GET', '/internal/v1/assignments?after=-1', { headers });
      return parse(AssignmentFeed, json, 'feed').deployments.find(({ deploymentId }) => deploymentId === id);
    };
    const known = await recordFor({ [FEED_KNOWS_HEADER]: FEED_CHALLENGERS });
    expect(known?.challengers?.map(({ modelId, sampleFraction }) => [modelId, sampleFraction])).to.deep.equal([
      [models[1], 0.5],
    ]);
    expect(await recordFor({})).to.not.have.property('challengers');
  });

  it('are compared with what serves by what the monitoring store has of both', async () => {
    const { id } = await deploy();
    await challenge(id, models[1]);
    const compare = () => api.get(`/deployments/${id}/challengers/comparison`, ChallengerComparison);
    expect((await compare()).challengers).to.deep.equal([
      {
        ...{ modelId: models[1], pairCount: 0, from: null, to: null, agreement: null },
        ...{ champion: null, challenger: null, actualCount: 0, metrics: [] },
      },
    ]);
    const place = world.config.monitor.database;
    const monitoring = await openDatabase({ ...place, poolMax: 1, statementTimeoutMs: 5_000 });
    await migrate(monitoring, MONITORING_MIGRATIONS);
    const outcome = (probability: number) => ({
      classIndex: probability >= 0.5 ? 1 : 0,
      probabilities: [1 - probability, probability],
    });
    const pairs = Array.from({ length: 100 }, (_, number): PredictionPair => ({
      ...{ epoch: 'ab'.repeat(16), number, timeMs: 1_700_000_000_000 + number, associationId: `order ${number}` },
      champion: outcome(number < 40 ? 0.25 : 0.75),
      challenger: outcome(number < 50 ? 0.25 : 0.75),
    }));
    const key = { deploymentId: id, championId: models[0] ?? '', challengerId: models[1] ?? '' };
    await monitoring.transaction((trx) => addPairs(trx, key, pairs));
    await monitoring.close();
    const { challengers, coverage, targetType, championModelId } = await compare();
    expect([coverage, targetType, championModelId]).to.deep.equal([0.95, 'binary', models[0]]);
    const [found] = challengers;
    expect(found).to.include({ pairCount: 100, from: '2023-11-14T22:13:20.000Z', to: '2023-11-14T22:13:20.099Z' });
    expect(found?.agreement?.sameClass?.value).to.equal(0.9);
    expect(found?.agreement?.sameClass?.lower).to.be.closeTo(0.8256, 1e-4);
    expect(found?.agreement?.meanDistance?.value).to.be.closeTo(0.05, 1e-12);
    expect(found?.champion?.classShares).to.deep.equal({ a: 0.4, b: 0.6 });
    expect(found?.challenger?.meanProbability).to.be.closeTo(0.5, 1e-12);
    expect(found?.metrics).to.deep.equal([]);
    // The challenger is right in 70 of the first 75 rows, the champion in 60.
    const actuals = Array.from({ length: 75 }, (_, number) => ({
      associationId: `order ${number}`,
      actual: number < 55 ? 'a' : 'b',
    }));
    expect((await api.request('POST', `/deployments/${id}/actuals`, { json: actuals })).status).to.equal(200);
    const [judged] = (await compare()).challengers;
    expect(judged).to.include({ pairCount: 100, actualCount: 75 });
    const accuracy = judged?.metrics.find(({ metric }) => metric === 'accuracy');
    expect(accuracy).to.deep.include({
      champion: 60 / 75,
      challenger: 70 / 75,
      better: 'challenger',
      direction: 'higher',
    });
    expect(accuracy?.difference.lower).to.be.greaterThan(0);
    const { datasetId } = await api.get(`/deployments/${id}/challengers/comparison`, ChallengerComparison);
    expect(datasetId).to.equal(null);
    await api.refused('GET', `/deployments/${id}/challengers/comparison?datasetId=${own}`, {
      ...{ status: 409, code: 'CONFLICT', says: ['has predicted no batch', 'passthroughColumns', '"kind"'] },
    });
    await api.refused('GET', `/deployments/${id}/challengers/comparison?datasetId=ds_unknown`, {
      ...{ status: 404, code: 'NOT_FOUND', says: [] },
    });
  });
});
