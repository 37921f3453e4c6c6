import { expect } from 'chai';
import {
  parse,
  TaskOutcome,
  toAppError,
  type BatchPredictTask,
  type PredictionIntervals,
  type StoredTable,
  type TaskOutcome as Outcome,
} from '#contracts';
import { explanationCells, explanationColumns, explanationOf, type Scorer } from '#scoring';
import { runBatchPredict } from '../../../yarn-workers/worker/tasks/batch-predict.ts';
import { runIngest } from '../../../yarn-workers/worker/tasks/ingest.ts';
import { openStoredArtifact } from '../../../yarn-workers/worker/tasks/stored-artifact.ts';
import { runTrain } from '../../../yarn-workers/worker/tasks/train.ts';
import { csvRecords } from '../../support/api.ts';
import { appErrorOf } from '../../support/expect-error.ts';
import { churnCsv, churnTask, objectNames, openWorkbench, type Workbench } from './support.ts';

const tableOf = (outcome: Outcome): StoredTable => {
  if (outcome.kind !== 'ingest') expect.fail(outcome.kind);
  return outcome.table;
};

describe('worker: batch-predict task', function () {
  this.timeout(30_000);
  let bench: Workbench;
  let artifact: Pick<BatchPredictTask, 'artifactPath' | 'manifestSha256'>;
  let regression: typeof artifact;
  let scorer: Scorer;
  before(async () => {
    bench = await openWorkbench();
    const table = tableOf(await runIngest(bench.run(bench.ingestTask(churnCsv(300)))));
    const train = async (more: Parameters<typeof churnTask>[2]) => {
      const run = bench.run(churnTask(table, 'lightgbm-fast', more));
      await runTrain(run);
      const manifest = run.attempt.files.find(({ name }) => name === 'manifest.json');
      return { artifactPath: run.attempt.path, manifestSha256: manifest?.sha256 ?? '' };
    };
    artifact = await train({});
    regression = await train({
      target: { name: 'id', targetType: 'regression', classes: [], positiveClass: null },
      metric: 'rmse',
      partitioning: {
        method: 'random',
        validation: 'tvh',
        folds: 1,
        validationFraction: 0.2,
        holdoutFraction: 0.2,
        column: null,
        seed: 1,
      },
    });
    scorer = await openStoredArtifact(bench.context.store, artifact);
  });
  after(() => bench.close());

  const predict = async (text: string, more: Partial<BatchPredictTask> = {}, model = artifact) => {
    const table = tableOf(await runIngest(bench.run(bench.ingestTask(text))));
    const run = bench.run<BatchPredictTask>({
      kind: 'batch-predict',
      batchPredictionId: 'bp_1',
      modelId: 'm_1',
      ...model,
      datasetId: 'ds_1',
      table,
      passthroughColumns: [],
      ...more,
    });
    const outcome = parse(TaskOutcome, await runBatchPredict(run), 'outcome');
    await run.attempt.verify();
    const read = async (name: string) =>
      Buffer.from(await bench.context.store.readAll(run.attempt.pathOf(name), { maxBytes: 1e8 })).toString();
    if (outcome.kind !== 'batch-predict') expect.fail(outcome.kind);
    return { run, outcome, csv: csvRecords(await read('rows.csv')), ndjson: await read('rows.ndjson') };
  };
  const failure = (text: string, more: Partial<BatchPredictTask> = {}) =>
    predict(text, more).then(
      () => expect.fail('was predicted'),
      (err: unknown) => toAppError(err),
    );

  it('a source that is read once gives what its dataset gives, and is held to the same columns', async () => {
    const text = churnCsv(50);
    const { input: source } = bench.ingestTask(text, 'once.csv');
    const once = { datasetId: null, table: null, source, passthroughColumns: ['id'] };
    const { csv, outcome } = await predict(text, once);
    expect(csv).to.deep.equal((await predict(text, { passthroughColumns: ['id'] })).csv);
    expect(outcome.rowCount).to.equal(50);
    await failure(text, { ...once, passthroughColumns: ['nothing'] }).then((err) =>
      expect(err.code).to.equal('COLUMN_UNKNOWN'),
    );
  });

  it('gives each row what the scorer gives for its raw cells, hostile ones too, pass-through texts exact', async () => {
    const cells = [
      ['7', ' 42 ', 'pro', '2026-01-15', 'a'],
      ['007', '4.2e1', '"plus"', '2026-02-28', ''],
      ['1.0', '', 'no such plan', '', '" ,"'],
      ['TRUE', 'NA', '', '2026-03-15', 'é'],
      ['', 'inf', 'basic', 'null', '=1+1'],
    ];
    const text = `id,age,plan,since,note\n${cells.map((row) => row.join(',')).join('\n')}\n`;
    const { csv, ndjson, outcome, run } = await predict(text, { passthroughColumns: ['note', 'age', 'id'] });
    expect(csv[0]).to.deep.equal(['note', 'age', 'id', 'prediction', 'probability_no', 'probability_yes']);
    const input = csvRecords(text);
    const out = scorer.createPrediction();
    for (const [index, row] of input.slice(1).entries()) {
      const [id, age, plan, since, note] = row;
      scorer.scoreRow({ age, plan, since }, out, index);
      expect(csv[index + 1]).to.deep.equal([
        note,
        age,
        id,
        out.prediction,
        String(out.probabilities[0]),
        String(out.probabilities[1]),
      ]);
      const object = JSON.parse(ndjson.split('\n')[index] ?? '') as Record<string, unknown>;
      expect(object['probability_yes']).to.equal(out.probabilities[1]);
    }
    expect(csv).to.have.length(input.length);
    expect(outcome.rowCount).to.equal(cells.length);
    expect(outcome.warnings.map(({ code }) => code)).to.deep.equal(['COLUMN_IGNORED', 'LEVELS_UNSEEN']);
    expect((await objectNames(bench.context, run.attempt.path)).sort()).to.deep.equal([
      'rows.csv',
      'rows.ndjson',
      'rows.parquet',
    ]);
    const local = bench.context.store.localPath(run.attempt.pathOf('rows.parquet')) ?? '';
    const stored = await bench.context.duckdb.rows(`SELECT prediction, probability_yes FROM read_parquet('${local}')`);
    expect(stored.map(([label, yes]) => [label, String(yes)])).to.deep.equal(
      csv.slice(1).map((row) => [row[3], row[5]]),
    );
  });

  it('explains each row as the scorer does for its raw cells, and says nothing where nothing contributes', async () => {
    const cells = [
      ['42', 'pro', '2026-01-15'],
      ['', 'no such plan', ''],
      ['71.5', 'basic', '2026-03-01'],
    ];
    const text = `age,plan,since\n${cells.map((row) => row.join(',')).join('\n')}\n`;
    const top = 4;
    const { csv, ndjson } = await predict(text, { explanations: { top } });
    const names = explanationColumns(top).map(({ name }) => name);
    expect(csv[0]).to.deep.equal(['prediction', 'probability_no', 'probability_yes', ...names]);
    const out = scorer.createPrediction(true);
    for (const [index, [age, plan, since]] of cells.entries()) {
      scorer.scoreRow({ age, plan, since }, out, index);
      const one = explanationOf(scorer.explainer(), out, 0, top);
      expect(one.contributions.length, 'three features at most contribute').to.be.within(1, 3);
      expect(csv[index + 1]?.slice(3)).to.deep.equal(explanationCells(one, top).map((cell) => String(cell ?? '')));
      const sum = one.contributions.reduce((total, { contribution }) => total + contribution, one.baseValue + one.rest);
      expect(sum).to.be.closeTo(out.rawScores[0] ?? NaN, 1e-13);
      const object = JSON.parse(ndjson.split('\n')[index] ?? '') as Record<string, unknown>;
      expect(object['explanation_1_feature']).to.equal(one.contributions[0]?.feature);
      expect(object['explanation_4_contribution']).to.equal(null);
    }
    const reserved = await failure('age,explanation_1_feature\n1,a\n', {
      passthroughColumns: ['explanation_1_feature'],
      explanations: { top: 1 },
    });
    expect(reserved.code).to.equal('PREDICTION_COLUMN_RESERVED');
  });

  it('regression has a value and no probabilities', async () => {
    const { csv } = await predict('age,plan,since\n30,pro,2026-01-15\n', {}, regression);
    expect(csv[0]).to.deep.equal(['prediction']);
    expect(Number(csv[1]?.[0])).to.be.within(900, 1_400);
  });

  it('intervals of a deployment come after the prediction, in all files, and reserve their names', async () => {
    const text = 'age,plan,since,lower\n30,pro,2026-01-15,a\n60,basic,2026-02-01,b\n45,plus,2026-03-01,c\n';
    const plain = (await predict(text, {}, regression)).csv.slice(1).map(([value]) => Number(value));
    const [least = NaN, middle = NaN] = plain.toSorted((a, b) => a - b);
    const intervals: PredictionIntervals = {
      modelId: 'm_1',
      coverage: 0.8,
      isNonNegative: false,
      ranges: [
        { upTo: (least + middle) / 2, lower: -0.1, upper: 0.3, rowCount: 1 },
        { upTo: null, lower: -1e-3, upper: 7, rowCount: 1 },
      ],
    };
    const { csv, ndjson, run } = await predict(text, { intervals, passthroughColumns: ['plan'] }, regression);
    expect(csv[0]).to.deep.equal(['plan', 'prediction', 'lower', 'upper']);
    const expected = plain.map((value) =>
      value === least ? [value, value - 0.1, value + 0.3] : [value, value - 1e-3, value + 7],
    );
    expect(csv.slice(1).map((row) => row.slice(1))).to.deep.equal(expected.map((row) => row.map(String)));
    const lines = ndjson.trimEnd().split('\n');
    const numbers = lines.map((line) => Object.values(JSON.parse(line) as Record<string, unknown>).slice(1));
    expect(numbers).to.deep.equal(expected);
    const local = bench.context.store.localPath(run.attempt.pathOf('rows.parquet')) ?? '';
    const stored = await bench.context.duckdb.rows(`SELECT prediction, lower, upper FROM read_parquet('${local}')`);
    expect(stored.map((row) => row.map(Number))).to.deep.equal(expected);
    const passed = predict(text, { intervals, passthroughColumns: ['lower'] }, regression);
    expect((await appErrorOf('PREDICTION_COLUMN_RESERVED', () => passed)).message).to.include('"lower"');
    expect((await predict(text, { passthroughColumns: ['lower'] }, regression)).csv[1]?.[0]).to.equal('a');
  });

  it('missing columns are missing values, with a warning', async () => {
    const { csv, outcome } = await predict('plan,other\npro,1\nbasic,2\n');
    expect(csv).to.have.length(3);
    expect(outcome.warnings.map(({ code, message }) => [code, message])).to.deep.equal([
      ['COLUMN_MISSING', 'the input lacks columns "age", "since"'],
      ['COLUMN_IGNORED', 'the model does not use column "other"'],
    ]);
    const out = scorer.createPrediction();
    scorer.scoreRow({ plan: 'pro' }, out);
    expect(csv[1]?.[2]).to.equal(String(out.probabilities[1]));
  });

  it('levels that the model does not know are told by column, with the first of them; missing ones are not', async () => {
    const plans = ['pro', 'NaN', 'gold', '', 'silver', 'gold', 'basic'];
    const text = `age,since,plan\n${plans.map((plan) => `30,2026-01-15,${plan}\n`).join('')}`;
    const { outcome } = await predict(text);
    expect(outcome.warnings).to.have.length(1);
    expect(outcome.warnings[0]).to.include({ code: 'LEVELS_UNSEEN', handling: 'Read as unseen levels.' });
    expect(outcome.warnings[0]?.message).to.match(
      /^column "plan": "gold" in row 3, and what is in 2 rows more, is none of the 3 levels that the model knows \(("\w+", ){2}"\w+"\)$/,
    );
  });

  it('a cell that cannot be read names row and column', async () => {
    const error = await failure('age,plan,since\n30,pro,2026-01-15\nthirty,pro,2026-01-15\n');
    expect(error.code).to.equal('CELL_UNREADABLE');
    expect(error.message).to.match(/row 2, column "age"/);
  });

  it('refuses reserved, unknown and repeated pass-through columns', async () => {
    const text = 'age,plan,since,prediction,probability_yes\n1,pro,2026-01-15,x,y\n';
    for (const name of ['prediction', 'probability_yes'])
      expect((await failure(text, { passthroughColumns: [name] })).code).to.equal('PREDICTION_COLUMN_RESERVED');
    expect((await failure(text, { passthroughColumns: ['none'] })).code).to.equal('COLUMN_UNKNOWN');
    expect((await failure(text, { passthroughColumns: ['age', 'age'] })).code).to.equal('VALIDATION_FAILED');
  });

  it('keeps order and count over many batches', async () => {
    const rows = 70_000;
    const { csv } = await predict(churnCsv(rows), { passthroughColumns: ['id'] });
    expect(csv).to.have.length(rows + 1);
    for (let row = 0; row < rows; row += 1) if (csv[row + 1]?.[0] !== String(1_000 + row)) expect.fail(`row ${row}`);
  });
});
