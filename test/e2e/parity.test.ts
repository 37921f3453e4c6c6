import { expect } from 'chai';
import {
  Deployment,
  FeaturePage,
  Leaderboard,
  Manifest,
  parse,
  Project,
  type LeaderboardEntry,
  type TargetType,
} from '#contracts';
import { BLUEPRINTS } from '#ml';
import { explanationColumns } from '#scoring';
import { Api, csvRecords } from '../support/api.ts';
import {
  batchPredicted,
  batchRows,
  deployed,
  modelled,
  predict,
  type ExplanationAnswer,
  type Modelled,
} from '../support/modelling.ts';
import { sharedPlatform } from '../support/platform.ts';
import { until } from '../support/processes.ts';
import { csvText, jsonRow, randomNumbers, type Cell, type SampleTable } from '../support/sample-data.ts';
import { unzip } from '../support/zip.ts';

const ROWS = 300;
/** Rows of the validation and of the holdout: 0.2 of all, then 0.2 of what is left. */
const HELD_OUT_ROWS = 60;
const VALIDATION_ROWS = 48;
/** Features that explain each prediction, fewer than there are. */
const TOP = 3;
/** The blueprint that reads texts and nothing else, and predicts classes only. */
const TEXTS_ONLY = 'naive-bayes-text';
/** Longest wait until a replaced model answers, milliseconds. */
const REPLACED_MS = 30_000;

const AMOUNTS = ['1.0', '+3', '1e2', '2.50', '-0', '.5', '12', '4E-1', null] as const;
const CODES = ['007', '7', '08', 'A-1', 'x,y', null] as const;
const WORDS = ['plain', 'comma, inside', 'a "quoted" word', 'two\nlines', 'ж', ' lead', '', null] as const;
const PHRASES = [
  'works well',
  'came broken, sadly',
  '坏了',
  'très bien',
  '😀 fine',
  'two\nlines "quoted"',
  'ÉTÉ e\u0301te\u0301',
] as const;
const FLAGS = ['TRUE', 'true', 'FALSE', 'false', null] as const;

/** What the columns must be read as, so that every kind of step is compared. */
const TYPES = {
  amount: 'numeric',
  code: 'categorical',
  word: 'categorical',
  flag: 'boolean',
  day: 'date',
  width: 'numeric',
  note: 'text',
  town: 'categorical',
  sent: 'date',
} as const;

const pick = (values: readonly Cell[], draw: number): Cell => values[Math.floor(draw * values.length)] ?? null;

/** Cells that can be read in two ways, before a target that follows from them. */
function oddTable(targetOf: (signal: number, row: number) => string): SampleTable {
  const random = randomNumbers(29);
  const rows = Array.from({ length: ROWS }, (_, row): Cell[] => {
    const amount = pick(AMOUNTS, random());
    const code = pick(CODES, random());
    const word = pick(WORDS, random());
    const flag = pick(FLAGS, random());
    const month = 1 + Math.floor(random() * 12);
    const day = random() < 0.1 ? null : `2026-${String(month).padStart(2, '0')}-15`;
    // Of some 150 values, so that the model that reads encodings is among those compared.
    const town = random() < 0.1 ? null : `t${(row * 7) % 150}${row % 40 === 3 ? ', city' : ''}`;
    const sent = day === null ? null : `2026-12-${String(10 + (row % 20))}`;
    const width = random() < 0.1 ? null : (random() * 10).toFixed(3);
    const phrases = Array.from({ length: 3 }, () => pick(PHRASES, random()));
    const note = random() < 0.1 ? null : `${phrases.join(' and ')}, it is ${row % 90}`;
    const signal =
      (phrases.includes('came broken, sadly') ? 1 : 0) +
      Math.min(Number(amount), 12) / 4 +
      (code === '007' ? 3 : 0) +
      (word === 'ж' || word === '' ? 3 : 0) +
      (flag?.toLowerCase() === 'true' ? 2 : 0) +
      (month > 6 ? 1 : 0) +
      Number(width) / 2 +
      random();
    return [amount, code, word, flag, day, width, note, town, sent, targetOf(signal, row)];
  });
  return { columns: ['amount', 'code', 'word', 'flag', 'day', 'width', 'note', 'town', 'sent', 'target'], rows };
}

interface Kind {
  readonly targetType: TargetType;
  readonly method: 'random' | 'stratified';
  readonly table: SampleTable;
  /** Columns of a prediction. */
  readonly header: readonly string[];
}

const KINDS: readonly Kind[] = [
  {
    targetType: 'binary',
    method: 'stratified',
    table: oddTable((signal) => (signal > 7 ? 'yes' : 'no')),
    header: ['prediction', 'probability_no', 'probability_yes'],
  },
  {
    targetType: 'multiclass',
    method: 'random',
    table: oddTable((signal) => (signal > 9 ? 'high, "top"' : signal > 6 ? 'middle' : '0low')),
    header: ['prediction', 'probability_0low', 'probability_high, "top"', 'probability_middle'],
  },
  {
    targetType: 'regression',
    method: 'random',
    table: oddTable((signal) => signal.toFixed(3)),
    header: ['prediction'],
  },
];

/** What a table says of JSON explanations: those of the predicted class, or the only ones. */
function explainedCells(all: readonly ExplanationAnswer[], prediction: string | number): string[] {
  const one = all.length === 1 ? all[0] : all.find(({ label }) => label === prediction);
  if (one === undefined) throw new Error(`nothing explains ${prediction}`);
  const named = Array.from({ length: TOP }, (_, index) => {
    const entry = one.contributions[index];
    return entry === undefined ? ['', ''] : [entry.feature, String(entry.contribution)];
  });
  const sum = one.contributions.reduce((total, { contribution }) => total + contribution, one.baseValue + one.rest);
  expect(sum).to.be.closeTo(one.rawScore, 1e-12 * (1 + Math.abs(one.rawScore)));
  return [String(one.baseValue), ...named.flat(), String(one.rest)];
}

describe('parity over HTTP: every blueprint, in training, in a batch, as CSV and as JSON', function () {
  this.timeout(120_000);
  let api: Api;

  before(async () => {
    const platform = await sharedPlatform();
    api = new Api(platform.url, platform.adminKey);
  });

  /** Makes a deployment answer with a model and waits until it does. */
  async function serve({ id, predictionUrl }: Deployment, modelId: string, probe: unknown): Promise<void> {
    const json = { modelId, reason: 'parity' };
    await api.call('PUT', `/deployments/${id}/model`, 200, Deployment, { json });
    await until(
      `model ${modelId} to answer`,
      async () => {
        const answer = await api.request('POST', predictionUrl, { json: probe });
        return answer.headers.get('x-trainyard-model') === modelId ? true : null;
      },
      REPLACED_MS,
    );
  }

  async function csvOverHttp({ predictionUrl }: Deployment, modelId: string, body: string): Promise<string[][]> {
    const headers = { 'content-type': 'text/csv', accept: 'text/csv' };
    const answer = await api.request('POST', `${predictionUrl}?explanations=${TOP}`, { body, headers });
    expect(answer.status, answer.text.slice(0, 500)).to.equal(200);
    expect(answer.headers.get('x-trainyard-model')).to.equal(modelId);
    return csvRecords(answer.text);
  }

  /** Records of the predictions made in training, by row of the dataset. */
  async function inTraining(modelId: string, header: readonly string[]): Promise<Map<number, string[]>> {
    const answer = await api.request('GET', `/models/${modelId}/training-predictions`);
    expect(answer.status, answer.text.slice(0, 500)).to.equal(200);
    const [names, ...records] = csvRecords(answer.text);
    expect(names).to.deep.equal(['rowIndex', 'partition', ...header]);
    const heldOut = records.filter(([, partition]) => partition === 'holdout');
    expect([heldOut.length, records.length - heldOut.length]).to.deep.equal([HELD_OUT_ROWS, VALIDATION_ROWS]);
    const byRow = new Map(records.map(([row = '', , ...cells]) => [Number(row), cells]));
    expect(byRow.size).to.equal(records.length);
    return byRow;
  }

  /** Compares all ways to ask one model, as text. @returns values that were compared, for each pair of ways */
  async function compareModel(kind: Kind, run: Modelled, deployment: Deployment, entry: LeaderboardEntry) {
    const { table, header } = kind;
    const { modelId } = entry;
    const what = `${kind.targetType}, ${entry.blueprintId}`;
    const jsonRows = table.rows.map((row) => jsonRow(table, row));
    await serve(deployment, modelId, jsonRows.slice(0, 1));
    const resource = await batchPredicted(api, {
      modelId,
      input: { datasetId: run.datasetId },
      explanations: { top: TOP },
    });
    const [batchHeader, ...batch] = csvRecords((await batchRows(api, resource)).text);
    const [csvHeader, ...csv] = await csvOverHttp(deployment, modelId, csvText(table));
    const answer = await predict(api, `${deployment.predictionUrl}?explanations=${TOP}`, jsonRows);
    expect(answer.modelId).to.equal(modelId);
    const json = answer.data.map(({ prediction, probabilities, explanations }) => [
      String(prediction),
      ...Object.values(probabilities ?? {}).map(String),
      ...explainedCells(explanations ?? [], prediction),
    ]);
    for (const { probabilities = {} } of answer.data)
      expect(Object.keys(probabilities).map((label) => `probability_${label}`)).to.deep.equal(header.slice(1));
    const explainedHeader = [...header, ...explanationColumns(TOP).map(({ name }) => name)];
    expect([batchHeader, csvHeader], what).to.deep.equal([explainedHeader, explainedHeader]);
    expect(batch.length, what).to.equal(ROWS);
    expect(csv, `${what}: CSV over HTTP and batch`).to.deep.equal(batch);
    expect(json, `${what}: JSON over HTTP and batch`).to.deep.equal(batch);
    // Naive Bayes reads one feature, so that the others explain nothing.
    const isExplainedByAll = entry.blueprintId !== TEXTS_ONLY;
    for (const place of [header.length - 1, ...(isExplainedByAll ? [explainedHeader.length - 1] : [])]) {
      const different = new Set(batch.map((cells) => cells[place])).size;
      if (entry.blueprintId === 'baseline') expect(different, what).to.equal(1);
      else expect(different, what).to.be.greaterThan(20);
    }
    const served = batch.flat().length;
    // An ensemble's rows were predicted with weights chosen without them: test/parity/ensemble.test.ts compares these.
    if (entry.refitOf !== null || entry.blueprintId === 'ensemble') return { served, trained: 0 };
    const trained = await inTraining(modelId, header);
    for (const [row, cells] of trained)
      expect(cells, `${what}: row ${row} in training`).to.deep.equal(batch[row]?.slice(0, header.length));
    return { served, trained: [...trained.values()].flat().length };
  }

  for (const kind of KINDS) {
    const { targetType, method, table, header } = kind;
    const ids = BLUEPRINTS.map(({ id }) => id).filter((id) => targetType !== 'regression' || id !== TEXTS_ONLY);
    it(`${targetType}: the same digits of all ${ids.length} blueprints, their ensemble and the refits`, async () => {
      const run = await modelled(
        api,
        { content: csvText(table), fileName: `${targetType}.csv` },
        {
          target: 'target',
          blueprints: [...ids, 'ensemble'],
          seed: 1,
          partitioning: { method, validation: 'tvh', holdoutFraction: 0.2 },
        },
      );
      const project = await api.call('POST', `/projects/${run.projectId}/holdout/unlock`, 200, Project);
      expect(project).to.deep.include({ targetType });
      const features = await api.get(`/datasets/${run.datasetId}/features?limit=100`, FeaturePage);
      expect(Object.fromEntries(features.data.map(({ name, type }) => [name, type]))).to.include(TYPES);
      expect(project.partitioning).to.include({ method, validation: 'tvh', holdoutFraction: 0.2 });
      const { data } = await api.get(`/projects/${run.projectId}/leaderboard`, Leaderboard);
      const search = data.filter(({ refitOf }) => refitOf === null);
      expect(search.map(({ blueprintId }) => blueprintId).toSorted()).to.deep.equal([...ids, 'ensemble'].toSorted());
      expect(data.length - search.length, 'refits').to.be.at.least(1);
      const deployment = await deployed(api, run.modelId, `parity ${targetType}`);
      let served = 0;
      let trained = 0;
      for (const entry of data) {
        const compared = await compareModel(kind, run, deployment, entry);
        served += compared.served;
        trained += compared.trained;
      }
      expect(served).to.equal(ROWS * (header.length + explanationColumns(TOP).length) * data.length);
      expect(trained).to.equal((HELD_OUT_ROWS + VALIDATION_ROWS) * header.length * ids.length);
    });
  }

  it('the refit of a blueprint that draws random numbers: three models averaged, the same digits everywhere', async () => {
    const [kind] = KINDS;
    if (kind === undefined) expect.fail('no kind');
    const run = await modelled(
      api,
      { content: csvText(kind.table), fileName: 'copies.csv' },
      { target: 'target', blueprints: ['lightgbm-slow'], partitioning: { method: kind.method, validation: 'tvh' } },
    );
    const refit = run.board.data.find(({ modelId }) => modelId === run.modelId) ?? expect.fail('not on the board');
    expect(refit.refitOf).to.be.a('string');
    const files = unzip((await api.request('GET', `/models/${run.modelId}/artifact`)).bytes);
    const manifest = parse(Manifest, JSON.parse(Buffer.from(files.get('manifest.json') ?? []).toString()), 'manifest');
    expect(manifest.content.members.map(({ weight }) => weight)).to.deep.equal([1 / 3, 1 / 3, 1 / 3]);
    const { served } = await compareModel(kind, run, await deployed(api, run.modelId, 'parity of copies'), refit);
    expect(served).to.equal(ROWS * (kind.header.length + explanationColumns(TOP).length));
  });
});
