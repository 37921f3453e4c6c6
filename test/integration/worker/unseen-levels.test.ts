import { expect } from 'chai';
import {
  parse,
  TaskOutcome,
  type BatchPredictTask,
  type DatasetProfile,
  type DeploymentRecord,
  type StoredTable,
} from '#contracts';
import { BLUEPRINTS, planAutopilot } from '#ml';
import { createRandom } from '#statistics';
import { runBatchPredict } from '../../../yarn-workers/worker/tasks/batch-predict.ts';
import { runIngest } from '../../../yarn-workers/worker/tasks/ingest.ts';
import { runTrain } from '../../../yarn-workers/worker/tasks/train.ts';
import { csvRecords } from '../../support/api.ts';
import { trainTask } from '../../support/modelling-task.ts';
import { quickParameters } from '../../support/quick-parameters.ts';
import { csvText, type Cell, type SampleTable } from '../../support/sample-data.ts';
import { until } from '../../support/serving/call.ts';
import { makeGrant, makeRecord, signedModel, type TestModel } from '../../support/serving/models.ts';
import { createServing, predict, type Server, type Serving } from '../../support/serving/serving.ts';
import { openWorkbench, profiledOutcome, type Workbench } from './support.ts';

const ROWS = 600;
const NEW_ROWS = 20;
const BYTES_MAX = 100_000_000;
const COLUMNS = ['x', 'colour', 'town', 'member', 'note'] as const;
const CATEGORIES = ['colour', 'town', 'member'] as const;
const WORDS = ['refund', 'broken', 'thanks', 'perfect', 'parcel', 'arrived', 'monday', 'order', 'customer', 'box'];

/** A number, categories of few levels, of enough to be encoded, and of two, and a text; the target follows from all of them. */
function trainingTable(): SampleTable {
  const random = createRandom(3);
  const rows = Array.from({ length: ROWS }, (_, row): Cell[] => {
    const x = random.uniform() * 4;
    const [colour, town, isMember] = [random.below(5), row % 120, random.uniform() < 0.5];
    const words = Array.from({ length: 6 }, () => WORDS[random.below(WORDS.length)] ?? '');
    const signal = x + (colour < 2 ? 1 : 0) + (town % 3) + (isMember ? 1 : 0) + (words.includes('refund') ? 2 : 0);
    const label = signal + random.uniform() > 5 ? 'yes' : 'no';
    return [x.toFixed(3), `colour ${colour}`, `town ${town}`, String(isMember), `${words.join(' ')} ${row}`, label];
  });
  return { columns: [...COLUMNS, 'bought'], rows };
}

/** Rows of which every category's level, and every word, is new. */
const NEW: SampleTable = {
  columns: COLUMNS,
  rows: Array.from({ length: NEW_ROWS }, (_, row): Cell[] => [
    String(row / 5),
    `new colour ${row}`,
    `new town ${row}`,
    'perhaps',
    'nie dagewesen',
  ]),
};

const objects = ({ columns, rows }: SampleTable) =>
  rows.map((cells) => Object.fromEntries(columns.map((name, column) => [name, cells[column] ?? null])));

interface Body {
  readonly data: {
    readonly prediction: string;
    readonly probabilities: Readonly<Record<string, number>>;
    readonly warnings?: readonly string[];
  }[];
}

describe('rows whose levels are all new, over HTTP and in a batch', function () {
  this.timeout(60_000);
  let bench: Workbench;
  let serving: Serving;
  let server: Server;
  let table: StoredTable;
  let profile: DatasetProfile;
  const deployments: DeploymentRecord[] = [];
  const models = new Map<string, Promise<TestModel & Pick<BatchPredictTask, 'artifactPath'>>>();

  before(async () => {
    bench = await openWorkbench();
    serving = await createServing();
    ({ table, profile } = await ingested(trainingTable()));
    server = await serving.start();
  });
  after(async () => {
    await serving.close();
    await bench.close();
  });

  const ingested = async (sample: SampleTable) =>
    profiledOutcome(await runIngest(bench.run(bench.ingestTask(csvText(sample)))));

  /** A model of the training table, deployed as `dep_<blueprint>`; trained once. */
  function modelOf(blueprintId: string) {
    let model = models.get(blueprintId);
    if (model === undefined) models.set(blueprintId, (model = trained(blueprintId)));
    return model;
  }

  async function trained(blueprintId: string) {
    const { family, parameters } = BLUEPRINTS.find(({ id }) => id === blueprintId) ?? expect.fail(blueprintId);
    const plan = planAutopilot(
      { target: 'bought', partitioning: { method: 'random', validation: 'tvh' } },
      { profile, table, parallelTasks: 1, threadsPerTask: 1 },
    );
    const modelId = `mdl_${blueprintId}`;
    const run = bench.run(
      trainTask([], plan, {
        ...{ modelId, table, blueprintId },
        parameters: quickParameters(blueprintId, family, parameters),
      }),
    );
    await runTrain(run);
    const read = (name: string) => bench.context.store.readAll(run.attempt.pathOf(name), { maxBytes: BYTES_MAX });
    const model = signedModel(serving.signer, modelId, await read('manifest.json'), await read('blob'));
    serving.app.models.set(modelId, model);
    deployments.push(makeRecord(serving.signer, model, { deploymentId: `dep_${blueprintId}` }));
    serving.app.publish({ deployments, apiKeys: [makeGrant()] });
    return { ...model, artifactPath: run.attempt.path };
  }

  async function byHttp(
    blueprintId: string,
    rows: unknown,
    headers: Record<string, string> = {},
  ): Promise<Body['data']> {
    await modelOf(blueprintId);
    const { status, text } = await until(`an answer of ${blueprintId}`, async () => {
      const answer = await predict(server, rows, { id: `dep_${blueprintId}`, headers });
      return answer.status === 503 || answer.status === 404 ? null : answer;
    });
    expect(status, text).to.equal(200);
    return (JSON.parse(text) as Body).data; // the contract's answer; its fields are what is compared
  }

  async function byBatch(blueprintId: string, sample: SampleTable) {
    const { modelId, manifestSha256, artifactPath } = await modelOf(blueprintId);
    const run = bench.run<BatchPredictTask>({
      kind: 'batch-predict',
      batchPredictionId: 'bp_1',
      ...{ modelId, manifestSha256, artifactPath },
      datasetId: 'ds_1',
      table: (await ingested(sample)).table,
      passthroughColumns: [],
    });
    const outcome = parse(TaskOutcome, await runBatchPredict(run), 'outcome');
    if (outcome.kind !== 'batch-predict') expect.fail(outcome.kind);
    const csv = await bench.context.store.readAll(run.attempt.pathOf('rows.csv'), { maxBytes: BYTES_MAX });
    return { records: csvRecords(Buffer.from(csv).toString()).slice(1), warnings: outcome.warnings };
  }

  for (const { id } of BLUEPRINTS) {
    // The baseline reads nothing, naive Bayes texts alone.
    const read: readonly (typeof CATEGORIES)[number][] = ['baseline', 'naive-bayes-text'].includes(id)
      ? []
      : CATEGORIES;
    it(`${id}: finite predictions, and a warning of ${read.length === 0 ? 'nothing' : read.join(', ')}`, async () => {
      const data = await byHttp(id, objects(NEW));
      const batch = await byBatch(id, NEW);
      expect(data).to.have.length(NEW_ROWS);
      for (const [row, { prediction, probabilities, warnings = [] }] of data.entries()) {
        const [no = NaN, yes = NaN] = [probabilities['no'], probabilities['yes']];
        expect(no + yes).to.be.closeTo(1, 1e-12);
        expect(yes).to.be.within(0, 1);
        expect(batch.records[row]).to.deep.equal([prediction, String(no), String(yes)]);
        const told = warnings.filter((text) => text.includes('levels that the model knows'));
        expect(told).to.have.length(read.length);
        for (const [place, column] of read.entries()) {
          const value = NEW.rows[row]?.[COLUMNS.indexOf(column)] ?? '';
          expect(told[place]).to.match(
            new RegExp(`^column "${column}": "${value}" is none of the \\d+ levels .*: taken as an unseen level$`),
          );
        }
      }
      const told = batch.warnings.filter(({ code }) => code === 'LEVELS_UNSEEN');
      expect(told).to.have.length(read.length);
      for (const [place, column] of read.entries()) {
        const first = NEW.rows[0]?.[COLUMNS.indexOf(column)] ?? '';
        expect(told[place]?.message).to.match(
          new RegExp(
            `^column "${column}": "${first}" in row 1, and what is in 19 rows more, is none of the \\d+ levels `,
          ),
        );
      }
    });
  }

  it('a cell that says NaN is a missing value, of numbers, categories and texts, and nobody is warned of it', async () => {
    const nan = (spelling: string): SampleTable => ({ columns: COLUMNS, rows: [COLUMNS.map(() => spelling)] });
    for (const id of ['lightgbm-fast', 'linear-text']) {
      const missing = await byHttp(id, objects({ columns: COLUMNS, rows: [COLUMNS.map(() => null)] }));
      expect(missing[0]).to.not.have.property('warnings');
      const known = await byHttp(
        id,
        objects({ columns: COLUMNS, rows: [['3.9', 'colour 0', 'town 2', 'true', 'refund']] }),
      );
      expect(known[0]?.probabilities, 'missing values matter').to.not.deep.equal(missing[0]?.probabilities);
      for (const spelling of ['NaN', 'nan']) {
        expect(await byHttp(id, objects(nan(spelling))), 'JSON').to.deep.equal(missing);
        expect(await byHttp(id, csvText(nan(spelling)), { 'content-type': 'text/csv' }), 'CSV').to.deep.equal(missing);
        const { records, warnings } = await byBatch(id, nan(spelling));
        const { prediction = '', probabilities = {} } = missing[0] ?? {};
        expect(records, 'batch').to.deep.equal([[prediction, ...Object.values(probabilities).map(String)]]);
        expect(warnings).to.deep.equal([]);
      }
    }
  });
});
