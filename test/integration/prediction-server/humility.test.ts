import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { FEED_HUMILITY, FEED_KNOWS_HEADER, HeldRule, parse, Problem, type HumilityRules } from '#contracts';
import { KEY_FILES } from '#runtime';
import { call, until } from '../../support/serving/call.ts';
import { API_KEY, binary, regression, STATISTICS, type TestContent } from '../../support/serving/models.ts';
import { createServing, predict, ROW, type Server, type Serving, untilReady } from '../../support/serving/serving.ts';
import { TEST_KEYS_TEXT, toldBy } from '../../support/telemetry/segments.ts';

const TELEMETRY = { 'telemetry.transport': 'http', 'telemetry.segmentMs': '20' };
const RULES: HumilityRules = [
  { name: 'strange age', when: { type: 'outsideRange', features: ['age'] }, then: { type: 'warn' } },
  {
    name: 'new color',
    when: { type: 'unseenLevel', features: ['color'] },
    then: { type: 'override', prediction: -5 },
  },
  {
    name: 'no height',
    when: { type: 'missingValue', features: ['height'] },
    then: { type: 'override', prediction: 7 },
  },
  { name: 'too much', when: { type: 'predictionOutside', most: 1_000 }, then: { type: 'refuse' } },
];
const SETTINGS = { missingColumns: 'warn', humility: RULES } as const;
/** Predicted as 111, 110, 101 and 11. */
const ROWS = [
  ROW,
  { ...ROW, age: 61 },
  { ...ROW, age: 17, color: 'violet' },
  { ...ROW, color: 'violet', height: null },
];
const known = (made: TestContent): TestContent => ({ ...made, statistics: STATISTICS });

describe('prediction server: humility rules', () => {
  let serving: Serving;
  let server: Server;
  before(async () => {
    serving = await createServing();
    mkdirSync(path.join(serving.dataDir, 'keys'), { recursive: true });
    writeFileSync(path.join(serving.dataDir, 'keys', KEY_FILES.telemetryKeys), TEST_KEYS_TEXT);
    const model = serving.model('mdl_1', known(regression()));
    serving.deploy(model, { settings: SETTINGS });
    server = await serving.start(TELEMETRY);
    await untilReady(server);
  });
  after(() => serving.close());

  const heldIn = (row: Record<string, unknown>) =>
    ((row['humility'] ?? []) as unknown[]).map((held) => parse(HeldRule, held, 'held rule'));

  it('warn and override, and say so with what the model had predicted', async () => {
    const { data } = JSON.parse((await predict(server, ROWS)).text) as { data: Record<string, unknown>[] };
    expect(data.map(({ prediction }) => prediction)).to.deep.equal([111, 110, -5, -5]);
    expect(data.map(heldIn)).to.deep.equal([
      [],
      [{ rule: 'strange age', action: 'warn' }],
      [
        { rule: 'strange age', action: 'warn' },
        { rule: 'new color', action: 'override', modelPrediction: 101 },
      ],
      [
        { rule: 'new color', action: 'override', modelPrediction: 1 },
        { rule: 'no height', action: 'override' },
      ],
    ]);
    expect(Object.keys(data[0] ?? {})).to.deep.equal(['rowIndex', 'prediction']);
  });

  it('refuse the request, naming row and rule', async () => {
    const answer = await predict(server, [ROW, { ...ROW, ['__proto__']: -1 }]);
    expect(answer.status).to.equal(422);
    const problem = parse(Problem, JSON.parse(answer.text), 'problem');
    expect(problem.code).to.equal('PREDICTION_REFUSED');
    expect(problem.detail).to.equal('row 2: humility rule "too much" holds');
    expect(problem.errors).to.deep.equal([{ path: 'row 2', message: 'humility rule "too much" holds' }]);
  });

  it('have a column in CSV and a tensor', async () => {
    const csv = 'age,color,height,__proto__\n30,red,1.7,1\n61,violet,1.7,1\n';
    const headers = { 'content-type': 'text/csv', accept: 'text/csv' };
    expect((await predict(server, csv, { headers })).text).to.equal(
      'prediction,humility\r\n111,\r\n-5,strange age; new color\r\n',
    );
    const inputs = [
      { name: 'age', shape: [2], datatype: 'FP64', data: [30, 61] },
      { name: 'color', shape: [2], datatype: 'BYTES', data: ['red', 'violet'] },
      { name: 'height', shape: [2], datatype: 'FP64', data: [1.7, 1.7] },
      { name: '__proto__', shape: [2], datatype: 'FP64', data: [1, 1] },
    ];
    const answer = await call(`${server.url}/v2/models/dep_1/infer`, {
      method: 'POST',
      headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ inputs }),
    });
    const { outputs } = JSON.parse(answer.text) as { outputs: { name: string; data: unknown[] }[] };
    expect(outputs.map(({ name, data }) => [name, ...data])).to.deep.equal([
      ['prediction', 111, -5],
      ['humility', '', 'strange age; new color'],
    ]);
  });

  it('are counted in metrics, refused rows too, and told in events, which keep what the model predicted', async () => {
    const counted = async () => {
      const { text } = await call(`${server.url}/metrics`);
      return [
        ...text.matchAll(/^trainyard_humility_rows_total\{deployment="dep_1",rule="(.*)",action="(.*)"\} (\d+)$/gm),
      ];
    };
    const before = new Map((await counted()).map(([, rule = '', , count]) => [rule, Number(count)]));
    const told = () => toldBy(serving.app.segments).events;
    await until('all events of before', () => told().length > 0 && told().at(-1)?.values[0] === 61);
    serving.app.segments.length = 0;
    expect((await predict(server, ROWS)).status).to.equal(200);
    expect((await predict(server, { ...ROW, ['__proto__']: -1 })).status).to.equal(422);
    const added = (await counted()).map(([, rule = '', action, count]) => [
      rule,
      action,
      Number(count) - (before.get(rule) ?? 0),
    ]);
    expect(added).to.deep.equal([
      ['strange age', 'warn', 2],
      ['new color', 'override', 2],
      ['no height', 'override', 1],
      ['too much', 'refuse', 1],
    ]);
    await until('four events', () => told().length === ROWS.length);
    expect(told().map(({ rules }) => rules)).to.deep.equal([0, 0b1, 0b11, 0b110]);
    expect(told().map(({ value }) => value)).to.deep.equal([111, 110, 101, 1]);
    expect(told()[0]?.schema.rules).to.deep.equal(RULES.map(({ name }) => name));
  });

  it('leave the interval out where they override', async () => {
    const intervals = {
      ...{ modelId: 'mdl_1', coverage: 0.9, isNonNegative: false },
      ranges: [{ upTo: null, lower: -1, upper: 1, rowCount: 100 }],
    };
    serving.deploy(serving.app.models.get('mdl_1') ?? expect.fail('it is there'), {
      ...{ sequence: 2, intervals, settings: SETTINGS },
    });
    await until('intervals', async () => (await predict(server)).text.includes('interval'));
    const { data } = JSON.parse((await predict(server, ROWS)).text) as { data: Record<string, unknown>[] };
    expect(data.map(({ interval }) => interval !== undefined)).to.deep.equal([true, true, false, false]);
    const headers = { 'content-type': 'application/json', accept: 'text/csv' };
    expect((await predict(server, JSON.stringify(ROWS.slice(1, 3)), { headers })).text).to.equal(
      'prediction,lower,upper,humility\r\n110,109,111,strange age\r\n-5,,,strange age; new color\r\n',
    );
  });

  it('are of the deployment’s threshold, and give classes by their text', async () => {
    const humility: HumilityRules = [
      { name: 'unsure', when: { type: 'nearThreshold', within: 0.02 }, then: { type: 'override', prediction: 'no' } },
    ];
    const settings = { missingColumns: 'warn', threshold: 0.9, humility } as const;
    serving.deploy(serving.model('mdl_2', known(binary())), { sequence: 3, settings });
    await until('classes', async () => (await predict(server)).text.includes('probabilities'));
    // Log odds 3 and 2: probabilities of 0.953 and 0.881, the second near 0.9.
    const { text } = await predict(server, [ROW, { ...ROW, color: 'blue' }, { ...ROW, age: 50, color: 'blue' }]);
    const { data } = JSON.parse(text) as { data: Record<string, unknown>[] };
    expect(data.map(({ prediction }) => prediction)).to.deep.equal(['yes, "sure"', 'no', 'no']);
    expect(data.map(heldIn)).to.deep.equal([[], [{ rule: 'unsure', action: 'override', modelPrediction: 'no' }], []]);
  });

  it('are said to be known to whoever sends the feed, and are kept over a restart without it', async () => {
    const asked = serving.app.polls.map((headers) => String(headers[FEED_KNOWS_HEADER]).split(','));
    expect(asked.every((words) => words.includes(FEED_HUMILITY))).to.equal(true);
    await server.close();
    await serving.app.stop();
    server = await serving.start(TELEMETRY);
    await untilReady(server);
    const { text } = await predict(server, { ...ROW, color: 'blue' });
    expect(text).to.include('"humility":[{"rule":"unsure"');
  });
});
