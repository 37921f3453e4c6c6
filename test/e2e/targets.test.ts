import { expect } from 'chai';
import { AutopilotRun, Deployment, Insight, Job, Model, Project, type ImbalanceRequest } from '#contracts';
import { DuckDb } from '#tables';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Api, csvRecords } from '../support/api.ts';
import {
  batchPredicted,
  batchRows,
  deployed,
  modelled,
  predict,
  readyDeployment,
  type Modelled,
} from '../support/modelling.ts';
import { sharedPlatform } from '../support/platform.ts';
import {
  adultSample,
  csvText,
  hostileSample,
  jsonRow,
  multiclassSample,
  randomNumbers,
  regressionSample,
  without,
  type SampleTable,
} from '../support/sample-data.ts';

/** Rows that each suite predicts. */
const PREDICTED = 80;

describe('main job over HTTP: kinds of target', function () {
  this.timeout(120_000);
  let api: Api;
  let folder = '';

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'trainyard-targets-'));
    const platform = await sharedPlatform();
    api = new Api(platform.url, platform.adminKey);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** The answers of JSON over HTTP as the cells of a batch prediction's row. */
  function asCells({ prediction, probabilities }: Awaited<ReturnType<typeof predict>>['data'][number]): string[] {
    return [String(prediction), ...Object.values(probabilities ?? {}).map(String)];
  }

  /**
   * Every way to ask for the same cells gives the same digits: JSON texts, CSV over HTTP, a batch of the CSV file, of
   * JSON lines, and the NDJSON and Parquet of that batch.
   */
  async function expectParity(run: Modelled, table: SampleTable, passthroughColumns: readonly string[]) {
    const { predictionUrl } = await deployed(api, run.modelId);
    const { data } = await predict(
      api,
      predictionUrl,
      table.rows.map((row) => jsonRow(table, row)),
    );
    const expected = data.map(asCells);
    const overCsv = await api.request('POST', predictionUrl, {
      body: csvText(table),
      headers: { 'content-type': 'text/csv', accept: 'text/csv' },
    });
    const [header = [], ...csvRows] = csvRecords(overCsv.text);
    expect(csvRows).to.deep.equal(expected);
    const passed = table.rows.map((row) => passthroughColumns.map((name) => row[table.columns.indexOf(name)] ?? null));
    const jsonLines = table.rows.map((row) => `${JSON.stringify(jsonRow(table, row))}\n`).join('');
    for (const file of [
      { content: csvText(table), fileName: 'rows.csv' },
      { content: jsonLines, fileName: 'rows.jsonl' },
    ]) {
      const datasetId = await api.dataset(file);
      const resource = await batchPredicted(api, { modelId: run.modelId, input: { datasetId }, passthroughColumns });
      const [batchHeader, ...batch] = csvRecords((await batchRows(api, resource)).text);
      expect(batchHeader).to.deep.equal([...passthroughColumns, ...header]);
      expect(batch).to.deep.equal(
        expected.map((cells, row) => [...(passed[row] ?? []).map((cell) => cell ?? ''), ...cells]),
      );
      await expectOtherForms(resource, passthroughColumns, passed, data);
    }
    return { header, expected };
  }

  async function expectOtherForms(
    resource: string,
    names: readonly string[],
    passed: readonly (readonly (string | null)[])[],
    data: Awaited<ReturnType<typeof predict>>['data'],
  ) {
    const wanted = data.map(({ prediction, probabilities = {} }, row) => ({
      ...Object.fromEntries(names.map((name, column) => [name, passed[row]?.[column] ?? null])),
      prediction,
      ...Object.fromEntries(Object.entries(probabilities).map(([label, value]) => [`probability_${label}`, value])),
    }));
    const ndjson = await batchRows(api, resource, 'application/x-ndjson');
    const lines = ndjson.text.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).to.deep.equal(wanted);
    const parquet = await batchRows(api, resource, 'application/vnd.apache.parquet');
    const file = path.join(folder, 'rows.parquet');
    writeFileSync(file, parquet.bytes);
    const duckdb = await DuckDb.open({
      memoryLimitBytes: 500_000_000,
      threads: 1,
      tempDirectory: folder,
      tempDirectoryBytesMax: 100_000_000,
      allowedDirectories: [folder],
    });
    try {
      const columns = Object.keys(wanted[0] ?? {});
      const texts = await duckdb.rows(
        `SELECT ${columns.map((name) => `"${name}"::VARCHAR`).join(', ')} FROM read_parquet('${file}', file_row_number = true) ORDER BY file_row_number`,
      );
      expect(texts.length).to.equal(wanted.length);
      const cells = wanted.map((row) => Object.values(row));
      expect(
        texts.map((row) => row.map((text, column) => (typeof cells[0]?.[column] === 'number' ? Number(text) : text))),
      ).to.deep.equal(cells);
    } finally {
      duckdb.close();
    }
  }

  it('binary: HTTP equals batch on cells that can be read in two ways', async () => {
    const table = hostileSample(400);
    const run = await modelled(
      api,
      { content: csvText(table), fileName: 'hostile.csv' },
      { target: 'bought', maxModels: 2, seed: 1 },
    );
    expect(run.board.data[0]?.scores.crossValidation?.['auc']).to.be.greaterThan(0.75);
    const rows = without({ ...table, rows: table.rows.slice(0, PREDICTED) }, 'bought');
    const { header, expected } = await expectParity(run, rows, ['note', 'id', 'word', 'when', 'price', 'code']);
    expect(header).to.deep.equal(['prediction', 'probability_no', 'probability_yes']);
    expect(new Set(expected.map((cells) => cells[1])).size).to.be.greaterThan(10);
  });

  it('multiclass: a probability for each class in class order, the highest is the prediction', async () => {
    const table = multiclassSample(300);
    const run = await modelled(api, { content: csvText(table) }, { target: 'kind', maxModels: 2, seed: 1 });
    const project = await api.get(`/projects/${run.projectId}`, Project);
    const classes = ['setosa', 'versicolor', 'virginica'];
    expect(project).to.deep.include({ targetType: 'multiclass', metric: 'logLoss', classes, positiveClass: null });
    expect(run.board.direction).to.equal('lower');
    expect(run.board.data[0]?.scores.crossValidation?.['accuracy']).to.be.greaterThan(0.8);
    const rows = without({ ...table, rows: table.rows.slice(0, PREDICTED) }, 'kind');
    const { header, expected } = await expectParity(run, rows, ['noise']);
    expect(header).to.deep.equal(['prediction', ...classes.map((label) => `probability_${label}`)]);
    for (const [prediction, ...probabilities] of expected) {
      const values = probabilities.map(Number);
      expect(prediction).to.equal(classes[values.indexOf(Math.max(...values))]);
      expect(values.reduce((a, b) => a + b)).to.be.closeTo(1, 1e-9);
    }
  });

  it('regression: one number a row', async () => {
    const table = regressionSample(300);
    const run = await modelled(api, { content: csvText(table) }, { target: 'price', maxModels: 3, seed: 1 });
    const project = await api.get(`/projects/${run.projectId}`, Project);
    expect(project).to.deep.include({ targetType: 'regression', metric: 'rmse', classes: [], positiveClass: null });
    expect(run.board.data[0]?.scores.crossValidation).to.include.all.keys('rmse', 'mae', 'r2', 'mape');
    expect(run.board.data[0]?.scores.crossValidation?.['r2']).to.be.greaterThan(0.8);
    const rows = without({ ...table, rows: table.rows.slice(0, PREDICTED) }, 'price');
    const { header } = await expectParity(run, rows, ['sold', 'town']);
    expect(header).to.deep.equal(['prediction']);
  });

  it('an exposure: a value is proportional to it in every answer, and a row without it has none', async () => {
    const table = regressionSample(300);
    const run = await modelled(
      api,
      { content: csvText(table) },
      { target: 'price', metric: 'poissonDeviance', exposureColumn: 'area', maxModels: 4, seed: 1 },
    );
    expect(run.board.data.map(({ family }) => family)).to.include('ensemble');
    const rows = without({ ...table, rows: table.rows.slice(0, PREDICTED) }, 'price');
    await expectParity(run, rows, ['area']);
    const { predictionUrl } = await deployed(api, run.modelId);
    const row = { rooms: 3, area: '60', town: 'Ulm', sold: '2026-02-15' };
    const { data } = await predict(api, `${predictionUrl}?explanations=9`, [row, { ...row, area: 120 }]);
    expect(Number(data[1]?.prediction) / Number(data[0]?.prediction)).to.be.closeTo(2, 1e-9);
    const named = data.map(({ explanations }) => explanations?.[0]?.contributions ?? []);
    const [once, twice] = named.map((list) => list.find(({ feature }) => feature === 'area')?.contribution ?? NaN);
    expect((twice ?? NaN) - (once ?? NaN)).to.be.closeTo(Math.LN2, 1e-9);
    for (const area of [undefined, '', '0', '-3']) {
      const json = [row, area === undefined ? { rooms: 3 } : { ...row, area }];
      await api.refused(
        'POST',
        predictionUrl,
        { status: 422, code: 'OFFSET_INVALID', says: ['row 2, column "area"'] },
        { json },
      );
    }
    const lacking = await api.dataset({ content: csvText(without(rows, 'area')) });
    const request = { json: { modelId: run.modelId, input: { datasetId: lacking } } };
    await api.refused('POST', '/batch-predictions', { status: 422, code: 'OFFSET_INVALID', says: ['"area"'] }, request);
    const holes = {
      ...rows,
      rows: rows.rows.map((cells, index) => (index === 5 ? ['1', '0', 'Ulm', '2026-01-15'] : cells)),
    };
    const datasetId = await api.dataset({ content: csvText(holes) });
    const job = await api.call('POST', '/batch-predictions', 202, Job, {
      json: { modelId: run.modelId, input: { datasetId } },
    });
    await api.failed(job, { status: 422, code: 'OFFSET_INVALID', says: ['row 6'] });
    const later = { target: 'price', exposureColumn: 'rooms' };
    await api.refused(
      'POST',
      `/projects/${run.projectId}/autopilot`,
      { status: 409, code: 'PROJECT_TARGET_FIXED', says: ['target'] },
      { json: later },
    );
  });

  it('weights and constraints: rows of weight 0 teach nothing, and an ensemble rises with its number', async () => {
    const honest = regressionSample(400);
    const rows = honest.rows.map((row, index) =>
      index % 4 === 0 ? [...row.slice(0, -1), '99999', '0'] : [...row, String(1 + (index % 2))],
    );
    const run = await modelled(
      api,
      { content: csvText({ columns: [...honest.columns, 'w'], rows }) },
      {
        target: 'price',
        metric: 'rmse',
        weightColumn: 'w',
        monotonic: { increasing: ['area'] },
        maxModels: 6,
        seed: 1,
      },
    );
    const recommended = run.board.data.find(({ modelId }) => modelId === run.modelId);
    expect(recommended?.family).to.equal('ensemble');
    const areas = Array.from({ length: 60 }, (_, step) => 10 + 4 * step);
    const asked = ['Ulm', 'Köln'].flatMap((town) =>
      areas.map((area) => ({ rooms: 3, area, town, sold: '2026-05-15' })),
    );
    const { predictionUrl } = await deployed(api, run.modelId);
    const found = (await predict(api, predictionUrl, asked)).data.map(({ prediction }) => Number(prediction));
    expect(Math.max(...found)).to.be.lessThan(2_000);
    for (const town of [found.slice(0, areas.length), found.slice(areas.length)]) {
      expect(town.every((value, step) => step === 0 || value >= (town[step - 1] ?? NaN))).to.equal(true);
      expect((town.at(-1) ?? NaN) - (town[0] ?? NaN)).to.be.greaterThan(100);
    }
  });

  it('permuted labels: nothing is found, whatever is recommended', async () => {
    const { columns, rows } = adultSample(3_000);
    const labels = rows.map((row) => row.at(-1) ?? null);
    const random = randomNumbers(5);
    for (let last = labels.length - 1; last > 0; last -= 1) {
      const other = Math.floor(random() * (last + 1));
      [labels[last], labels[other]] = [labels[other] ?? null, labels[last] ?? null];
    }
    const permuted = { columns, rows: rows.map((row, index) => [...row.slice(0, -1), labels[index] ?? null]) };
    const target = columns.at(-1) ?? '';
    const run = await modelled(api, { content: csvText(permuted) }, { target, metric: 'auc', maxModels: 9, seed: 1 });
    // 600 rows are held out, a quarter of them of the rarer class: the standard error of AUC is 0.027.
    for (const { name, scores } of run.board.data) {
      if (scores.holdout !== null) expect(scores.holdout['auc'], name).to.be.within(0.42, 0.58);
      expect(scores.crossValidation?.['auc'], name).to.be.within(0.46, 0.54);
    }
    const { excludedForLeakage } = await api.get(`/projects/${run.projectId}/autopilot`, AutopilotRun);
    expect(excludedForLeakage).to.deep.equal([]);
  });

  it('a quantile: nine in ten values are below what is predicted', async () => {
    const table = regressionSample(400);
    const run = await modelled(
      api,
      { content: csvText(table) },
      { target: 'price', metric: 'quantileLoss', quantile: 0.9, maxModels: 3, seed: 1 },
    );
    expect(run.board.metric).to.equal('quantileLoss');
    expect(run.board.data.map(({ family }) => family)).not.to.include('linear');
    const scores = run.board.data.map(({ scores: { crossValidation } }) => crossValidation?.['quantileLoss'] ?? NaN);
    const baseline = run.board.data.find(({ family }) => family === 'baseline');
    expect(scores[0]).to.be.lessThan(0.5 * (baseline?.scores.crossValidation?.['quantileLoss'] ?? NaN));
    const { predictionUrl } = await deployed(api, run.modelId);
    const { data } = await predict(
      api,
      predictionUrl,
      table.rows.map((row) => jsonRow(without(table, 'price'), row)),
    );
    const below = table.rows.filter((row, index) => Number(row.at(-1)) <= Number(data[index]?.prediction)).length;
    expect(below / table.rows.length).to.be.within(0.82, 0.98);
  });

  it('a threshold by profit: labels follow it in every answer of the deployment, probabilities stay', async () => {
    const table = hostileSample(400);
    const run = await modelled(api, { content: csvText(table) }, { target: 'bought', maxModels: 2, seed: 1 });
    const query = 'truePositive=20&falsePositive=-1&falseNegative=-20';
    const { insight } = await api.get(`/models/${run.modelId}/insights/profit?${query}`, Insight);
    if (insight.kind !== 'profit' || insight.threshold === null) throw new Error('there is a best threshold');
    expect(insight.threshold).to.be.lessThan(0.5);
    expect(insight.profit).to.be.at.least(Math.max(insight.profitAtHalf, insight.profitOfAll, insight.profitOfNone));
    const zeros = { status: 422, code: 'VALIDATION_FAILED', says: ['/truePositive'] } as const;
    await api.refused('GET', `/models/${run.modelId}/insights/profit?truePositive=0`, zeros);
    const { id, predictionUrl } = await deployed(api, run.modelId);
    const rows = without({ ...table, rows: table.rows.slice(0, PREDICTED) }, 'bought');
    const json = rows.rows.map((row) => jsonRow(rows, row));
    const before = await predict(api, predictionUrl, json);
    const { threshold } = insight;
    const patched = { json: { settings: { threshold } } };
    const changed = await api.call('PATCH', `/deployments/${id}`, 200, Deployment, patched);
    expect(changed.settings).to.deep.equal({ missingColumns: 'warn', threshold });
    await readyDeployment(api, id);
    const after = await predict(api, predictionUrl, json);
    const labelOf = (yes: number | undefined): string => ((yes ?? NaN) >= threshold ? 'yes' : 'no');
    expect(after.data.map(({ probabilities }) => probabilities)).to.deep.equal(
      before.data.map(({ probabilities }) => probabilities),
    );
    expect(after.data.map(({ prediction }) => prediction)).to.deep.equal(
      after.data.map(({ probabilities }) => labelOf(probabilities?.['yes'])),
    );
    expect(after.data.map(asCells)).not.to.deep.equal(before.data.map(asCells));
    const datasetId = await api.dataset({ content: csvText(rows) });
    const resource = await batchPredicted(api, { deploymentId: id, input: { datasetId } });
    const [, ...batch] = csvRecords((await batchRows(api, resource)).text);
    expect(batch).to.deep.equal(after.data.map(asCells));
    const cleared = await api.call('PATCH', `/deployments/${id}`, 200, Deployment, {
      json: { settings: { threshold: null } },
    });
    expect(cleared.settings).to.deep.equal({ missingColumns: 'warn' });
    const refused = { status: 422, code: 'VALIDATION_FAILED', says: ['/settings/threshold'] } as const;
    await api.refused('PATCH', `/deployments/${id}`, refused, { json: { settings: { threshold: 1.5 } } });
  });

  it('a rare class: drawn rows train, probabilities are those of all rows, and a replay makes the same models', async () => {
    const random = randomNumbers(44);
    const rows = Array.from({ length: 800 }, () => {
      const [x, z] = [6 * random() - 3, random()];
      return [x.toFixed(3), z.toFixed(3), random() < 1 / (1 + Math.exp(3.5 - x)) ? 'yes' : 'no'];
    });
    const table: SampleTable = { columns: ['x', 'z', 'rare'], rows };
    const share = rows.filter((row) => row[2] === 'yes').length / rows.length;
    const imbalance: ImbalanceRequest = { method: 'downsampling', ratio: 2 };
    const request = { target: 'rare', metric: 'logLoss', maxModels: 3, seed: 1 } as const;
    const run = await modelled(api, { content: csvText(table) }, { ...request, imbalance });
    const models = await Promise.all(run.board.data.map(({ modelId }) => api.get(`/models/${modelId}`, Model)));
    for (const model of models) {
      const isBaseline = model.family === 'baseline';
      expect(model.name.includes('down-sampled')).to.equal(!isBaseline);
      expect(model.imbalance?.tableRowCount).to.equal(isBaseline ? undefined : rows.length);
      // An ensemble says the most rows of its members, the baseline among them.
      const most = model.family === 'ensemble' || isBaseline ? 800 : 3 * share * 1_000;
      expect(model.rowCount).to.be.within(isBaseline ? 640 : 3 * share * 500, most);
    }
    const unseen = without({ ...table, rows: table.rows.slice(0, PREDICTED) }, 'rare');
    await expectParity(run, unseen, ['x']);
    const { predictionUrl } = await deployed(api, run.modelId);
    const all = without(table, 'rare');
    const { data } = await predict(
      api,
      predictionUrl,
      all.rows.map((row) => jsonRow(all, row)),
    );
    const mean = data.reduce((sum, { probabilities }) => sum + (probabilities?.['yes'] ?? NaN), 0) / data.length;
    expect(mean).to.be.closeTo(share, 0.35 * share);
    const byHand = { blueprintId: 'linear', imbalance: { method: 'weights', classWeights: { yes: 5 } } };
    const job = await api.succeeded(
      await api.call('POST', `/projects/${run.projectId}/models`, 202, Job, { json: byHand }),
    );
    const weighted = await api.get((job.resource ?? '').replace('/api/v1', ''), Model);
    expect(weighted.imbalance).to.deep.equal({ method: 'weights', factors: [1, 5], tableRowCount: rows.length });
    expect(weighted.name).to.include('class weights');
    const replayed = await api.succeeded(
      await api.call('POST', `/projects/${run.projectId}/autopilot/replay`, 202, Job, { json: {} }),
    );
    const { replay } = await api.get((replayed.resource ?? '').replace('/api/v1', ''), AutopilotRun);
    expect(replay?.isEqual).to.equal(true);
    for (const [wrong, field] of [
      [{ method: 'weights', classWeights: { maybe: 2 } }, '/imbalance/classWeights'],
      [{ method: 'weights', classWeights: { yes: 0 } }, '/imbalance/classWeights'],
      [{ method: 'weights', classWeights: { yes: -1 } }, '/imbalance/classWeights'],
      [{ method: 'downsampling', ratio: 0.5 }, '/imbalance/ratio'],
      [{ method: 'downsampling', ratio: 1_000 }, '/imbalance/ratio'],
      [{ method: 'oversampling' }, '/imbalance/method'],
    ] as const) {
      const refusal = { status: 422, code: 'VALIDATION_FAILED', says: [field] } as const;
      await api.refused('POST', `/projects/${run.projectId}/autopilot`, refusal, {
        json: { ...request, imbalance: wrong },
      });
      await api.refused('POST', `/projects/${run.projectId}/models`, refusal, {
        json: { blueprintId: 'linear', imbalance: wrong },
      });
    }
  });

  it('numbers as classes: a label is the text of the file, 1 stays 1, true stays TRUE', async () => {
    const table = multiclassSample(200);
    for (const [labels, classes] of [
      [
        ['1', '0'],
        ['0', '1'],
      ],
      [
        ['10', '9'],
        ['9', '10'],
      ],
      [
        ['TRUE', 'FALSE'],
        ['FALSE', 'TRUE'],
      ],
    ] as const) {
      const renamed = {
        columns: table.columns,
        rows: table.rows.map((row) => [...row.slice(0, -1), row.at(-1) === 'setosa' ? labels[0] : labels[1]]),
      };
      const run = await modelled(api, { content: csvText(renamed) }, { target: 'kind', maxModels: 1, seed: 1 });
      const project = await api.get(`/projects/${run.projectId}`, Project);
      expect(project).to.deep.include({ targetType: 'binary', classes, positiveClass: classes[1] });
      const { predictionUrl } = await deployed(api, run.modelId);
      const { data } = await predict(api, predictionUrl, { width: 1 });
      expect(Object.keys(data[0]?.probabilities ?? {}).toSorted()).to.deep.equal(classes.toSorted());
      expect(classes).to.include(data[0]?.prediction);
    }
  });

  it('1,000 classes: a column each in batches, the likeliest by HTTP, the rest as one row of the confusion matrix', async () => {
    const classCount = 1_000;
    const lines = Array.from({ length: 5 * classCount }, (_, row) => {
      const index = row % classCount;
      return `${10 * index + ((row * 7) % 5)},${index % 7},class ${index}\n`;
    });
    const request = {
      target: 'kind',
      partitioning: { method: 'stratified', validation: 'tvh' },
    } as const;
    const blueprints = ['baseline', 'random-forest'];
    const run = await modelled(api, { content: `x,y,kind\n${lines.join('')}` }, { ...request, blueprints });
    expect(run.board.data.map(({ blueprintId }) => blueprintId)).to.include.members(['baseline', 'random-forest']);
    const best = run.board.data.find(({ modelId }) => modelId === run.modelId);
    expect(best?.scores.validation?.['logLoss']).to.be.below(0.8 * Math.log(classCount));
    const { insight } = await api.get(`/models/${run.modelId}/insights/confusion`, Insight);
    if (insight.kind !== 'confusion') throw new Error('not a confusion matrix');
    expect(insight.labels).to.have.length(100).and.include(null);
    const rows = { content: 'x,y\n0,0\n11,1\n22,2\n', fileName: 'rows.csv' };
    const input = { datasetId: await api.dataset(rows) };
    const resource = await batchPredicted(api, { modelId: run.modelId, input });
    const [header = [], ...batch] = csvRecords((await batchRows(api, resource)).text);
    expect(header).to.have.length(1 + classCount);
    const { predictionUrl } = await deployed(api, run.modelId);
    const { data } = await predict(api, `${predictionUrl}?probabilities=3`, { x: 0, y: 0 });
    const [cells = []] = batch;
    expect(cells[0]).to.equal(data[0]?.prediction);
    const named = Object.entries(data[0]?.probabilities ?? {});
    expect(named).to.have.length(3);
    for (const [label, value] of named) expect(cells[header.indexOf(`probability_${label}`)]).to.equal(String(value));
  });

  it('gives the same content hashes when a maxModels run is repeated with its seed', async () => {
    const table = multiclassSample(250, 5);
    const first = await modelled(api, { content: csvText(table) }, { target: 'kind', maxModels: 3, seed: 42 });
    const second = await modelled(api, { datasetId: first.datasetId }, { target: 'kind', maxModels: 3, seed: 42 });
    const hashes = async ({ board }: Modelled) =>
      Promise.all(board.data.map(async ({ modelId }) => (await api.get(`/models/${modelId}`, Model)).contentHash));
    const found = await hashes(first);
    expect(found.length, 'three models, their ensemble, a refit').to.be.at.least(5);
    // An ensemble of one model is that model.
    expect(new Set(found).size).to.be.at.least(4);
    expect(await hashes(second)).to.deep.equal(found);
    expect(second.board.data.map(({ scores }) => scores)).to.deep.equal(first.board.data.map(({ scores }) => scores));
    const other = await modelled(api, { datasetId: first.datasetId }, { target: 'kind', maxModels: 3, seed: 43 });
    expect(await hashes(other)).to.not.deep.equal(found);
  });
});
