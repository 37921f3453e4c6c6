import { writeFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { expect } from 'chai';
import { run as runCommandLine } from '#cli';
import { Accuracy, ActualsTaken, FeatureDrift, PredictionsOverTime, ServiceHealth, TargetDrift } from '#contracts';
import { createRandom } from '#statistics';
import { someThing, startMonitoredWorld, type MonitoredWorld } from '../../support/monitored-world.ts';

const EVENTS = 600;

describe('app server: health of a deployment, of events that crossed the wire', function () {
  this.timeout(120_000);
  let world: MonitoredWorld;
  let path: string;
  before(async () => {
    world = await startMonitoredWorld();
    path = `/deployments/${world.deployment.id}`;
  });
  after(() => world.close());

  it('knows nothing before there was a prediction, and says so', async () => {
    const health = await world.api.get(`${path}/service-health`, ServiceHealth);
    expect(health).to.deep.include({ requests: 0, errorRate: null, latencyMs: null, bucket: 'day' });
    expect(health.data.length, 'seven days from the hour on').to.be.within(7, 8);
    expect(await world.api.get(`${path}/feature-drift`, FeatureDrift)).to.deep.include({ eventCount: 0, data: [] });
    const target = await world.api.get(`${path}/target-drift`, TargetDrift);
    expect([target.predictions.psi, target.predictions.drift]).to.deep.equal([null, 'unknown']);
    const predictions = await world.api.get(`${path}/predictions-over-time`, PredictionsOverTime);
    expect(predictions.data.every(({ models }) => models.length === 0)).to.equal(true);
  });

  it('refuses ranges that cannot be, and models that were never served', async () => {
    const refusals: readonly (readonly [query: string, says: string | RegExp])[] = [
      ['from=yesterday', /from.*yesterday.*2026-11-30T00:00:00Z/],
      ['to=2026-13-01', /to.*2026-13-01/],
      ['from=2026-02-01&to=2026-01-01', /is not before/],
      ['from=2001-01-01&to=2026-01-01', /732 at most/],
      ['from=2026-01-01&to=2026-06-01&bucket=hour', /makes 3624.*1000 at most/],
      ['bucket=minute', /bucket/],
      ['untill=2026-01-01', /untill/],
    ];
    for (const route of ['service-health', 'feature-drift', 'target-drift', 'predictions-over-time'])
      for (const [query, says] of refusals)
        await world.api.refused('GET', `${path}/${route}?${query}`, {
          ...{ status: 422, code: 'VALIDATION_FAILED', says: [says] },
        });
    for (const route of ['feature-drift', 'target-drift'])
      await world.api.refused('GET', `${path}/${route}?modelId=mdl_other`, {
        ...{ status: 422, code: 'VALIDATION_FAILED', says: [/never served model mdl_other/] },
      });
    const { api: bob } = await world.app.user('bob');
    await bob.refused('GET', `${path}/service-health`, { status: 404, code: 'NOT_FOUND' });
  });

  it('shows the one feature that has shifted, predictions and requests', async () => {
    const random = createRandom(8);
    const things = Array.from({ length: EVENTS }, () => ({ ...someThing(random), colour: 'red' }));
    const ids = things.map((_, index) => `thing ${index}`);
    await world.predict([...things.slice(1), { ...someThing(random), weight: 999, colour: 'violet' }], ids);
    expect(await world.post('[{"size": "large"}]')).to.equal(422);
    expect(await world.post('{')).to.equal(400);
    await world.settle();

    const drift = await world.api.get(`${path}/feature-drift?bucket=day`, FeatureDrift);
    expect(drift).to.deep.include({ eventCount: EVENTS, featureCount: 3, modelId: world.deployment.modelId });
    const byName = new Map(drift.data.map((entry) => [entry.feature, entry]));
    const [colour, size, weight] = ['colour', 'size', 'weight'].map((name) => byName.get(name) ?? expect.fail(name));
    expect([colour?.drift, size?.drift, weight?.drift]).to.deep.equal(['large', 'none', 'none']);
    expect(drift.data[0]?.feature, 'by impact x drift').to.equal('colour');
    expect(colour?.impact).to.be.within(0.01, 1);
    expect(size?.impact).to.equal(1);
    expect(colour?.pValue).to.be.below(1e-20);
    expect(colour?.adjustedPValue).to.equal(3 * (colour?.pValue ?? NaN));
    expect(colour?.unseenRate).to.be.closeTo(1 / EVENTS, 1e-12);
    expect(colour?.kolmogorovSmirnov).to.equal(null);
    expect(weight?.outOfRangeRate).to.be.closeTo(1 / EVENTS, 1e-12);
    expect(weight?.kolmogorovSmirnov).to.be.within(0, 0.1);
    expect(weight?.bins.reduce((sum, { liveCount }) => sum + liveCount, 0)).to.equal(EVENTS);
    expect(colour?.bins.find(({ level }) => level === 'red')?.liveCount).to.equal(EVENTS - 1);
    expect(colour?.overTime.reduce((sum, { liveCount }) => sum + liveCount, 0)).to.equal(EVENTS);
    expect((await world.api.get(`${path}/feature-drift?limit=1`, FeatureDrift)).data.length).to.equal(1);

    const target = await world.api.get(`${path}/target-drift`, TargetDrift);
    expect(target).to.deep.include({ eventCount: EVENTS, targetType: 'binary' });
    expect(target.probabilities?.drift).to.equal('large');
    expect(target.predictions.bins.map(({ level }) => level)).to.deep.equal(['no', 'yes']);
    const [no, yes] = target.predictions.bins;
    expect((no?.liveCount ?? 0) + (yes?.liveCount ?? 0)).to.equal(EVENTS);
    const trainingRate = (yes?.trainingCount ?? NaN) / target.predictions.trainingCount;
    expect((yes?.liveCount ?? NaN) / EVENTS, 'red things are yes more often').to.be.above(trainingRate + 0.05);

    const predictions = await world.api.get(`${path}/predictions-over-time`, PredictionsOverTime);
    const filled = predictions.data.flatMap(({ models }) => models);
    expect(filled.reduce((sum, { eventCount }) => sum + eventCount, 0)).to.equal(EVENTS);
    expect(filled[0]?.classCounts?.map(({ label }) => label)).to.deep.equal(['no', 'yes']);
    expect(filled[0]?.meanProbability).to.be.within(0.5, 0.95);

    const health = await world.api.get(`${path}/service-health?bucket=hour`, ServiceHealth);
    expect(health).to.deep.include({ requests: 5, succeeded: 3, clientErrors: 2, serverErrors: 0, overloaded: 0 });
    expect(health).to.deep.include({ rows: EVENTS, errorRate: 0 });
    const { latencyMs } = health;
    expect(latencyMs?.p50).to.be.within(0.01, latencyMs?.p99 ?? 0);
    expect(health.data.reduce((sum, { requests }) => sum + requests, 0)).to.equal(5);
  });

  it('is held against outcomes, which come late, again and corrected, as JSON and CSV', async () => {
    const ids = Array.from({ length: EVENTS }, (_, index) => `thing ${index}`);
    const say = (json: unknown) => world.api.call('POST', `${path}/actuals`, 200, ActualsTaken, { json });
    const { api } = world;
    for (const [json, says] of [
      [[{ associationId: 'thing 0', actual: 'perhaps' }], /row 1, column "actual".*"perhaps".*"no", "yes"/],
      [[{ associationId: 'thing 0' }], /actual/],
      [[], /body/],
    ] as const)
      await api.refused('POST', `${path}/actuals`, { status: 422, code: 'VALIDATION_FAILED', says: [says] }, { json });
    await api.refused(
      ...([
        'POST',
        `${path}/actuals`,
        { status: 422, code: 'VALIDATION_FAILED', says: [/expected the columns/] },
      ] as const),
      { body: 'id,outcome\na,yes\n', headers: { 'content-type': 'text/csv' } },
    );
    expect((await api.get(`${path}/accuracy`, Accuracy)).actualCount).to.equal(0);

    const early = ids.slice(0, 10).map((associationId) => ({ associationId, actual: 'yes' }));
    expect(await say(early)).to.deep.include({
      deploymentId: world.deployment.id,
      received: 10,
      added: 10,
      corrected: 0,
    });
    expect(await say(early)).to.deep.include({ added: 0, repeated: 10 });
    const csv = `associationId,actual\n${ids.map((id, index) => `${id},${index % 4 === 0 ? 'no' : 'yes'}`).join('\n')}\nnobody,no\n`;
    const answer = await api.request('POST', `${path}/actuals`, { body: csv, headers: { 'content-type': 'text/csv' } });
    expect(answer.status, answer.text).to.equal(200);
    expect(answer.json).to.deep.include({
      received: 601,
      added: 591,
      corrected: 3,
      repeated: 7,
      unmatched: 1,
      unmatchedIds: ['nobody'],
    });
    const earlier = [{ associationId: 'thing 0', actual: 'yes', at: '2020-01-01T00:00:00Z' }];
    expect(await say(earlier)).to.deep.include({ outdated: 1, corrected: 0 });

    const accuracy = await api.get(`${path}/accuracy`, Accuracy);
    expect(accuracy).to.deep.include({ predictionCount: EVENTS, actualCount: EVENTS, metric: 'logLoss' });
    expect(Object.keys(accuracy.metrics)).to.include.members(['accuracy', 'auc', 'logLoss', 'brier', 'mcc', 'prAuc']);
    const yesCount = (await api.get(`${path}/target-drift`, TargetDrift)).predictions.bins[1]?.liveCount ?? NaN;
    expect(yesCount).to.be.above(0);
    expect(accuracy.estimated?.accuracy).to.be.within(0.5, 0.95);
    expect(accuracy.estimated?.eventCount).to.equal(EVENTS);
    expect(accuracy.training?.metrics['auc']).to.be.above(0.6);
    expect(accuracy.data.reduce((sum, { actualCount }) => sum + actualCount, 0)).to.equal(EVENTS);
  });

  it('is shown by the command line', async () => {
    const run = async (...words: string[]): Promise<string> => {
      let text = '';
      const streams = {
        out: { write: (part: string) => (text += part) },
        err: { write: (part: string) => (text += part) },
      };
      const env = { TRAINYARD_URL: world.app.server.url, TRAINYARD_API_KEY: String(world.api.key) };
      const code = await runCommandLine(words, { ...streams, env, signal: new AbortController().signal });
      expect(code, text).to.equal(0);
      return text;
    };
    const { id } = world.deployment;
    expect(await run('deployments', 'drift', id, '--limit', '2')).to.match(/feature +drift[\s\S]*colour +large/);
    expect(await run('deployments', 'health', id, '--bucket', 'week')).to.match(/all +5 +0/);
    expect(await run('deployments', 'accuracy', id)).to.match(/all +600 +600 +0\./);
    const file = joinPath(world.app.config.dataDir, 'outcomes.csv');
    writeFileSync(file, 'associationId,actual\nthing 1,yes\nthing 2,no\n');
    expect(await run('deployments', 'actuals', id, file)).to.match(/2 received, 0 added, 1 corrected, 1 repeated/);
  });
});
