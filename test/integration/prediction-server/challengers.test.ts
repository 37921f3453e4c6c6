import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { FEED_CHALLENGERS, FEED_KNOWS_HEADER, type DeploymentRecord } from '#contracts';
import { KEY_FILES } from '#runtime';
import { call, until } from '../../support/serving/call.ts';
import { binary, constant, regression, type TestModel } from '../../support/serving/models.ts';
import { createServing, predict, ROW, untilReady, type Server, type Serving } from '../../support/serving/serving.ts';
import { TEST_KEYS_TEXT, toldBy } from '../../support/telemetry/segments.ts';

const FLAGS = { 'telemetry.transport': 'http', 'telemetry.segmentMs': '20' };

describe('prediction server: challengers', function () {
  this.timeout(60_000);
  let serving: Serving;
  beforeEach(async () => {
    serving = await createServing();
    mkdirSync(path.join(serving.dataDir, 'keys'), { recursive: true });
    writeFileSync(path.join(serving.dataDir, 'keys', KEY_FILES.telemetryKeys), TEST_KEYS_TEXT);
  });
  afterEach(() => serving.close());

  const beside = (...models: TestModel[]): Partial<DeploymentRecord> => ({
    challengers: models.map(({ modelId, manifestSha256 }) => ({ modelId, manifestSha256, sampleFraction: 1 })),
  });
  const challenged = () => toldBy(serving.app.segments).events.filter(({ champion }) => champion !== null);
  const answered = () => toldBy(serving.app.segments).events.filter(({ champion }) => champion === null);
  const countsOf = async (server: Server): Promise<Record<string, number>> => {
    const { text } = await call(`${server.url}/metrics`);
    const found = text.matchAll(
      /^trainyard_challenger_rows_total\{deployment="dep_1",model="(.*)",outcome="(.*)"\} (\d+)$/gm,
    );
    return Object.fromEntries(
      [...found].map(([, model = '', outcome = '', count]) => [`${model} ${outcome}`, Number(count)]),
    );
  };

  it('predict answered rows after the answer, which stays the champion’s, and are told beside it', async () => {
    const [champion, challenger] = [serving.model('mdl_1', regression()), serving.model('mdl_2', regression(0.5))];
    serving.deploy(champion, beside(challenger));
    const server = await serving.start(FLAGS);
    await untilReady(server);
    await until('the challenger predicts', async () => {
      await predict(server);
      return challenged().length > 0;
    });
    const rows = [
      { ...ROW, associationId: 'order 7' },
      { ...ROW, age: 50, associationId: 'order 8' },
    ];
    const answer = await predict(server, rows);
    expect(answer.headers['x-trainyard-model']).to.equal('mdl_1');
    expect(answer.text).to.not.include('mdl_2');
    const ordered = (events: ReturnType<typeof challenged>) =>
      events.filter(({ associationId }) => associationId !== null);
    await until('two pairs', () => ordered(challenged()).length === 2 && ordered(answered()).length === 2);
    expect(
      ordered(challenged()).map((event) => [event.value, event.champion?.value, event.associationId]),
    ).to.deep.equal([
      [111.5, 111, 'order 7'],
      [110.5, 110, 'order 8'],
    ]);
    expect(challenged()[0]?.schema).to.deep.equal({
      ...{
        deploymentId: 'dep_1',
        modelId: 'mdl_2',
        manifestSha256: challenger.manifestSha256,
        classes: [],
        features: [],
      },
      champion: { modelId: 'mdl_1', manifestSha256: champion.manifestSha256 },
    });
    expect(ordered(answered()).map(({ schema }) => schema.modelId)).to.deep.equal(['mdl_1', 'mdl_1']);
    const asked = serving.app.polls.map((headers) => String(headers[FEED_KNOWS_HEADER]).split(','));
    expect(asked.every((words) => words.includes(FEED_CHALLENGERS))).to.equal(true);
  });

  it('that cannot be had, or predict something else, harm no answer, and are counted', async () => {
    const champion = serving.model('mdl_1', regression());
    const absent = serving.model('mdl_2', constant(2));
    serving.app.models.delete('mdl_2');
    const other = serving.model('mdl_3', binary());
    serving.deploy(champion, beside(absent, other));
    const server = await serving.start(FLAGS);
    await untilReady(server);
    await until('the other one fails', async () => {
      expect((await predict(server)).status).to.equal(200);
      const counts = await countsOf(server);
      return (counts['mdl_2 dropped'] ?? 0) > 0 && (counts['mdl_3 failed'] ?? 0) > 0;
    });
    expect(challenged()).to.have.length(0);
    expect(serving.log.some(({ event }) => event === 'challenger_not_taken')).to.equal(true);
  });

  it('draw the part of the rows that the record says, drop what is too much, and go with the record', async () => {
    const [champion, challenger] = [serving.model('mdl_1', regression()), serving.model('mdl_2', constant(2))];
    const half = { modelId: 'mdl_2', manifestSha256: challenger.manifestSha256, sampleFraction: 0.5 };
    serving.deploy(champion, { challengers: [half] });
    const server = await serving.start({ ...FLAGS, 'predictionServer.rowsMax': '30000' });
    await untilReady(server);
    await until('the challenger predicts', async () => {
      await predict(server);
      return ((await countsOf(server))['mdl_2 predicted'] ?? 0) > 0;
    });
    const before = (await countsOf(server))['mdl_2 predicted'] ?? 0;
    const rows = Array.from({ length: 1_000 }, () => ROW);
    expect((await predict(server, rows)).status).to.equal(200);
    const drawn = await until('what was drawn of a thousand', async () => {
      const first = (await countsOf(server))['mdl_2 predicted'] ?? 0;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return first > before && first === ((await countsOf(server))['mdl_2 predicted'] ?? 0) ? first - before : null;
    });
    // 500 with a standard deviation of 16: seven of them.
    expect(drawn).to.be.within(390, 610);
    const many = Array.from({ length: 25_000 }, () => ({ age: 1 }));
    expect((await predict(server, many)).status).to.equal(200);
    await until('they are dropped', async () => ((await countsOf(server))['mdl_2 dropped'] ?? 0) > 10_000);
    serving.deploy(champion, { sequence: 2 });
    const artifacts = path.join(serving.cacheDir, 'artifacts');
    await until('its artefact is gone', () => readdirSync(artifacts).length === 1);
  });

  it('predict in several processes, from the disk alone after a restart', async () => {
    const [champion, challenger] = [serving.model('mdl_1', regression()), serving.model('mdl_2', regression(0.5))];
    serving.deploy(champion, beside(challenger));
    const flags = { ...FLAGS, 'predictionServer.processes': '2' };
    const first = await serving.startProgram(flags);
    await untilReady(first);
    await until('the challenger predicts', async () => {
      await predict(first);
      return ((await countsOf(first))['mdl_2 predicted'] ?? 0) > 0;
    });
    await first.close();
    serving.app.models.clear();
    const second = await serving.startProgram(flags);
    await untilReady(second);
    await until('the challenger predicts again', async () => {
      await predict(second);
      return ((await countsOf(second))['mdl_2 predicted'] ?? 0) > 0;
    });
  });
});
