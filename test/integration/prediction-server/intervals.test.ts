import { expect } from 'chai';
import { FEED_INTERVALS, FEED_KNOWS_HEADER, type PredictionIntervals } from '#contracts';
import { until } from '../../support/serving/call.ts';
import { regression } from '../../support/serving/models.ts';
import { createServing, predict, ROW, untilReady, type Server, type Serving } from '../../support/serving/serving.ts';

const INTERVALS: PredictionIntervals = {
  modelId: 'mdl_1',
  coverage: 0.9,
  isNonNegative: true,
  ranges: [
    { upTo: 100, lower: -20.5, upper: 3, rowCount: 200 },
    { upTo: 110, lower: -0.1, upper: 0.2, rowCount: 200 },
    { upTo: null, lower: -200, upper: 1e-3, rowCount: 200 },
  ],
};
/** Predicted as 111, 110, 101 and 11. */
const ROWS = [ROW, { ...ROW, age: 50 }, { ...ROW, age: 39.5, color: 'blue' }, { ...ROW, height: 1.9 }];
const CSV = 'age,color,height,__proto__\n30,red,1.7,1\n50,red,1.7,1\n39.5,blue,1.7,1\n30,red,1.9,1\n';

describe('prediction server: intervals', () => {
  let serving: Serving;
  let server: Server;
  before(async () => {
    serving = await createServing();
    serving.deploy(serving.model('mdl_1', regression()), { intervals: INTERVALS });
    server = await serving.start();
    await untilReady(server);
  });
  after(() => serving.close());

  const csvOf = async (id: string) => {
    const headers = { 'content-type': 'text/csv', accept: 'text/csv' };
    return (await predict(server, CSV, { id, headers })).text.trimEnd().split('\r\n');
  };

  it('are around every prediction, by its range, the same digits in JSON and CSV', async () => {
    const { data } = JSON.parse((await predict(server, ROWS)).text) as { data: unknown[] };
    expect(data).to.deep.equal([
      { rowIndex: 0, prediction: 111, interval: { lower: 0, upper: 111 + 1e-3 } },
      { rowIndex: 1, prediction: 110, interval: { lower: 110 - 0.1, upper: 110 + 0.2 } },
      { rowIndex: 2, prediction: 101, interval: { lower: 101 - 0.1, upper: 101 + 0.2 } },
      { rowIndex: 3, prediction: 11, interval: { lower: 0, upper: 14 } },
    ]);
    expect(await csvOf('dep_1')).to.deep.equal([
      'prediction,lower,upper',
      `111,0,${111 + 1e-3}`,
      `110,${110 - 0.1},${110 + 0.2}`,
      `101,${101 - 0.1},${101 + 0.2}`,
      '11,0,14',
    ]);
  });

  it('come before explanations', async () => {
    const answer = await predict(server, [ROW], { id: 'dep_1?explanations=1' });
    const [first] = (JSON.parse(answer.text) as { data: Record<string, unknown>[] }).data;
    expect(Object.keys(first ?? {})).to.deep.equal(['rowIndex', 'prediction', 'interval', 'explanations']);
    const [head, row] = await csvOf('dep_1?explanations=1');
    expect(head).to.match(/^prediction,lower,upper,explanation_base,explanation_1_feature,/);
    expect(row).to.match(new RegExp(`^111,0,${111 + 1e-3},833\\.25,`));
  });

  it('are kept over a restart without the app server, and are gone with the next record that has none', async () => {
    await server.close();
    await serving.app.stop();
    server = await serving.start();
    expect((await untilReady(server)).text).to.include('"interval":{"lower":0,');
    await serving.app.listen();
    const model = serving.app.models.get('mdl_1') ?? expect.fail('the model is there');
    serving.deploy(model, { sequence: 2 });
    await until('an answer without', async () => !(await predict(server)).text.includes('interval'));
    expect(await csvOf('dep_1'))
      .to.include('prediction')
      .and.have.length(5);
  });

  it('are said to be known to whoever sends the feed', () => {
    const asked = serving.app.polls.map((headers) => String(headers[FEED_KNOWS_HEADER]).split(','));
    expect(asked.every((words) => words.includes(FEED_INTERVALS))).to.equal(true);
  });
});
