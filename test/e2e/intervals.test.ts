import { expect } from 'chai';
import { Deployment } from '#contracts';
import { Api, csvRecords } from '../support/api.ts';
import { batchPredicted, batchRows, deployed, modelled, predict, readyDeployment } from '../support/modelling.ts';
import { sharedPlatform } from '../support/platform.ts';
import { csvText, jsonRow, randomNumbers, without, type SampleTable } from '../support/sample-data.ts';

const COVERAGE = 0.9;
const TRAINED = 3_000;
const FRESH = 4_000;

/** A price, never below 0, whose error is skewed and grows with it. */
function priceTable(rowCount: number, seed: number): SampleTable {
  const random = randomNumbers(seed);
  const rows = Array.from({ length: rowCount }, () => {
    const [size, age] = [1 + 9 * random(), random()];
    const price = size * (1 + (age > 0.5 ? 1 : 0)) * (0.6 - 0.4 * Math.log(1 - random()));
    return [size.toFixed(3), age.toFixed(3), price.toFixed(3)];
  });
  return { columns: ['size', 'age', 'price'], rows };
}

describe('main job over HTTP: prediction intervals', function () {
  this.timeout(180_000);
  let api: Api;
  before(async () => {
    const platform = await sharedPlatform();
    api = new Api(platform.url, platform.adminKey);
  });

  it('hold nine in ten values of fresh rows, longer where errors are, the same digits in every way of asking', async () => {
    const run = await modelled(
      api,
      { content: csvText(priceTable(TRAINED, 21)) },
      { target: 'price', metric: 'rmse', maxModels: 3, seed: 1 },
    );
    const { id, predictionUrl } = await deployed(api, run.modelId);
    const table = priceTable(FRESH, 22);
    const rows = without(table, 'price');
    const json = rows.rows.map((row) => jsonRow(rows, row));
    const before = await predict(api, predictionUrl, json);
    expect(before.data[0]).to.not.have.property('interval');
    const changed = await api.call('PATCH', `/deployments/${id}`, 200, Deployment, {
      json: { settings: { interval: COVERAGE } },
    });
    expect(changed.intervals).to.include({ coverage: COVERAGE, isNonNegative: true });
    expect(changed.intervals?.ranges.length).to.be.greaterThan(8);
    await readyDeployment(api, id);
    const { data } = await predict(api, predictionUrl, json);
    expect(data.map(({ prediction }) => prediction)).to.deep.equal(before.data.map(({ prediction }) => prediction));

    const cells = data.map(({ prediction, interval }) => [prediction, interval?.lower, interval?.upper].map(String));
    const overCsv = await api.request('POST', predictionUrl, {
      body: csvText(rows),
      headers: { 'content-type': 'text/csv', accept: 'text/csv' },
    });
    expect(csvRecords(overCsv.text)).to.deep.equal([['prediction', 'lower', 'upper'], ...cells]);
    const datasetId = await api.dataset({ content: csvText(rows) });
    const resource = await batchPredicted(api, { deploymentId: id, input: { datasetId }, passthroughColumns: ['age'] });
    const [header, ...batch] = csvRecords((await batchRows(api, resource)).text);
    expect(header).to.deep.equal(['age', 'prediction', 'lower', 'upper']);
    expect(batch.map((row) => row.slice(1))).to.deep.equal(cells);

    const ends = data.map(({ interval }) => interval ?? expect.fail('every row has one'));
    const isInside = (row: number): boolean => {
      const { lower, upper } = ends[row] ?? { lower: NaN, upper: NaN };
      const value = Number(table.rows[row]?.at(-1));
      return value >= lower && value <= upper;
    };
    const byPrediction = [...data.keys()].sort((a, b) => Number(data[a]?.prediction) - Number(data[b]?.prediction));
    const shareOf = (places: readonly number[]) => places.filter(isInside).length / places.length;
    expect(shareOf(byPrediction)).to.be.closeTo(COVERAGE, 0.04);
    // Where errors are small as where they are large: intervals of one length would hold all of the one, and too few of the other.
    const [low, high] = [byPrediction.slice(0, FRESH / 4), byPrediction.slice(-FRESH / 4)];
    for (const part of [low, high]) expect(shareOf(part)).to.be.closeTo(COVERAGE, 0.05);
    const lengthOf = (places: readonly number[]) =>
      places.reduce((sum, row) => sum + (ends[row]?.upper ?? NaN) - (ends[row]?.lower ?? NaN), 0) / places.length;
    expect(lengthOf(high)).to.be.greaterThan(3 * lengthOf(low));
    expect(Math.min(...ends.map(({ lower }) => lower))).to.be.at.least(0);
  });
});
