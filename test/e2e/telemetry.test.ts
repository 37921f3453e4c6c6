import path from 'node:path';
import { expect } from 'chai';
import { AssignmentFeed, Deployment, DeploymentTelemetry, FEED_KNOWS_HEADER, parse } from '#contracts';
import { KEY_FILES, loadConfig, readSecret } from '#runtime';
import { openDatabase, readHours, telemetryTotals, type Database } from '#store';
import type { FeatureStateData, OutcomeStateData } from '#statistics';
import { Api } from '../support/api.ts';
import { deployed, modelled, predict, readyDeployment } from '../support/modelling.ts';
import { startPlatform, type TestPlatform } from '../support/platform.ts';
import { until } from '../support/processes.ts';
import { csvText, jsonRow, randomNumbers, without, type SampleTable } from '../support/sample-data.ts';

/** Prices of sizes from 1 on, in three towns. */
function priceTable(rowCount: number, seed: number): SampleTable {
  const random = randomNumbers(seed);
  const rows = Array.from({ length: rowCount }, () => {
    const size = 1 + 9 * random();
    const town = ['Aachen', 'Bonn', 'Celle'][Math.floor(3 * random())] ?? 'Bonn';
    return [size.toFixed(3), town, (size * (town === 'Bonn' ? 2 : 1) + random()).toFixed(3)];
  });
  return { columns: ['size', 'town', 'price'], rows };
}

describe('telemetry on one machine', function () {
  this.timeout(180_000);
  let platform: TestPlatform;
  before(async () => {
    platform = await startPlatform({ flags: ['--telemetry.segmentMs', '100'] });
  });
  after(() => platform?.close());

  const monitoring = async <T>(read: (database: Database) => Promise<T>): Promise<T> => {
    const { config } = loadConfig({ env: {}, flags: { dataDir: platform.dataDir } });
    const { poolMax, statementTimeoutMs } = config.database;
    const database = await openDatabase({ ...config.monitor.database, poolMax, statementTimeoutMs, readOnly: true });
    try {
      return await read(database);
    } finally {
      await database.close();
    }
  };

  it('counts every prediction once, beside what the model was trained on, as far as its deployment allows', async () => {
    const api = new Api(platform.url, platform.adminKey);
    const trained = priceTable(600, 5);
    const run = await modelled(
      api,
      { content: csvText(trained) },
      { target: 'price', metric: 'rmse', maxModels: 2, seed: 1 },
    );
    const { id, predictionUrl } = await deployed(api, run.modelId);
    const table = without(priceTable(500, 6), 'price');
    const rows = table.rows.map((row) => jsonRow(table, row));
    const { data } = await predict(api, predictionUrl, [...rows, { town: 'Dessau' }]);
    for (const row of rows.slice(0, 20)) await predict(api, predictionUrl, [row]);

    await monitoring(async (database) => {
      const whole = { from: 0, to: Number.MAX_SAFE_INTEGER };
      const hours = await until('all events', async () => {
        const found = await readHours(database, id, whole);
        return found.reduce((sum, { eventCount }) => sum + eventCount, 0) >= 521 ? found : null;
      });
      expect(await telemetryTotals(database)).to.deep.equal({
        events: 521,
        duplicates: 0,
        lost: {},
        missing: 0,
        refused: {},
      });
      expect(await api.get(`/deployments/${id}/telemetry`, DeploymentTelemetry)).to.deep.include({
        ...{ deploymentId: id, transport: 'http', received: 521, duplicate: 0, lost: 0 },
        lostBy: {},
        lastHour: new Date(hours.at(-1)?.key.hour ?? 0).toISOString(),
      });
      const [hour] = hours;
      expect(hours.length, 'an hour, or two around its end').to.be.at.most(2);
      const sizeCounts = hours.map(({ features }) => features.find(({ feature }) => feature === 'size'));
      const towns = hours.map(({ features }) => features.find(({ feature }) => feature === 'town'));
      expect(sizeCounts.reduce((sum, counts) => sum + (counts?.missingCount ?? 0), 0)).to.equal(1);
      expect(towns.reduce((sum, counts) => sum + (counts?.unseenCount ?? 0), 0)).to.equal(1);
      const binned = sizeCounts.map((counts) => (counts?.state as FeatureStateData).histogram); // written by the monitor
      const total = binned.reduce((sum, bins) => sum + (bins?.counts ?? []).reduce((all, count) => all + count, 0), 0);
      expect(total + binned.reduce((sum, bins) => sum + (bins?.belowCount ?? 0) + (bins?.aboveCount ?? 0), 0)).to.equal(
        520,
      );
      const { moments } = hour?.state as OutcomeStateData; // written by the monitor
      const largest = Math.max(...data.map(({ prediction }) => Number(prediction)));
      if (hours.length === 1) expect(moments?.max).to.equal(largest);
    });

    const sizes = () =>
      monitoring(async (database) =>
        (await readHours(database, id, { from: 0, to: Number.MAX_SAFE_INTEGER })).reduce(
          (sum, { features, eventCount }) => ({
            events: sum.events + eventCount,
            sizes: sum.sizes + (features.find(({ feature }) => feature === 'size')?.eventCount ?? 0),
          }),
          { events: 0, sizes: 0 },
        ),
      );
    const set = async (telemetry: unknown) => {
      const { settings } = await api.call('PATCH', `/deployments/${id}`, 200, Deployment, {
        json: { settings: { telemetry } },
      });
      await readyDeployment(api, id);
      return settings.telemetry;
    };
    expect(await set({ enabled: true, features: ['town'] })).to.deep.equal({ enabled: true, features: ['town'] });
    await predict(api, predictionUrl, rows.slice(0, 30));
    await until('thirty events more', async () => (await sizes()).events === 551);
    expect(await sizes()).to.deep.equal({ events: 551, sizes: 521 });
    await set({ enabled: false });
    await predict(api, predictionUrl, rows.slice(0, 30));
    expect(await set(null)).to.equal(undefined);
    await predict(api, predictionUrl, rows.slice(0, 10));
    await until('ten events more', async () => (await sizes()).events === 561);
    expect(await sizes()).to.deep.equal({ events: 561, sizes: 531 });

    const token = readSecret(path.join(platform.dataDir, 'keys', KEY_FILES.predictionServerToken));
    await set({ enabled: false });
    for (const [words, expected] of [
      ['intervals', undefined],
      ['intervals,telemetry', { enabled: false }],
    ] as const) {
      const headers = { authorization: `Bearer ${token}`, [FEED_KNOWS_HEADER]: words };
      const answer = await fetch(`${platform.url}/internal/v1/assignments?after=-1`, { headers });
      const feed = parse(AssignmentFeed, await answer.json(), 'feed');
      expect(feed.deployments.find(({ deploymentId }) => deploymentId === id)?.settings.telemetry).to.deep.equal(
        expected,
      );
    }
  });
});
