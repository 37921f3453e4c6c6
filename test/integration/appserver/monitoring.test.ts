import { expect } from 'chai';
import { run as runCommandLine } from '#cli';
import { FeatureDrift, PredictionsOverTime, ServiceHealth, TargetDrift } from '#contracts';
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
    await world.predict([...things.slice(1), { ...someThing(random), weight: 999, colour: 'violet' }]);
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
  });
});
