import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import {
  parse,
  TaskOutcome,
  type FeatureType,
  type FeatureTypeOutcome,
  type IngestTask,
  type StoredTable,
  type TrainTask,
} from '#contracts';
import { cellReader } from '#scoring';
import { runFeatureType } from '../../../yarn-workers/worker/tasks/feature-type.ts';
import { runIngest } from '../../../yarn-workers/worker/tasks/ingest.ts';
import { runTrain } from '../../../yarn-workers/worker/tasks/train.ts';
import { appErrorOf } from '../../support/expect-error.ts';
import { churnCsv, churnTask, objectNames, openWorkbench, profiledOutcome, type Workbench } from './support.ts';

const ROWS = 400;

describe('worker: feature type task', function () {
  this.timeout(60_000);
  let bench: Workbench;
  before(async () => {
    bench = await openWorkbench();
  });
  after(() => bench.close());

  const ingested = async (spec: IngestTask) => profiledOutcome(await runIngest(bench.run(spec)));

  /** A Parquet file of this query, as it is added. */
  async function parquetOf(query: string) {
    const file = path.join(bench.context.workDir, 'made.parquet');
    await bench.context.duckdb.execute(`COPY (${query}) TO '${file}' (FORMAT parquet)`);
    return ingested(bench.ingestTask(readFileSync(file), 'made.parquet'));
  }

  async function retyped(table: StoredTable, feature: string, type: FeatureType) {
    const run = bench.run({ kind: 'feature-type', datasetId: 'ds_2', table, feature, type });
    const outcome = parse(TaskOutcome, await runFeatureType(run), 'outcome');
    if (outcome.kind !== 'feature-type') expect.fail(outcome.kind);
    expect(await objectNames(bench.context, run.attempt.path), 'no row is copied').to.deep.equal([]);
    return outcome;
  }

  const withColumn = (table: StoredTable, { column }: FeatureTypeOutcome): StoredTable => ({
    ...table,
    columns: table.columns.with(column.position, column),
  });

  async function trained(table: StoredTable, features: TrainTask['features']) {
    const task = churnTask(table, 'lightgbm-fast', { features });
    const outcome = parse(TaskOutcome, await runTrain(bench.run(task)), 'outcome');
    if (outcome.kind !== 'train') expect.fail(outcome.kind);
    return outcome;
  }

  it('a code made categorical is another model; the version before gives the model that it gave', async () => {
    // What a zone means has nothing to do with the order of its codes.
    const lines = churnCsv(ROWS).trimEnd().split('\n').slice(1);
    const rows = lines.map((line, row) => {
      const zone = [17, 4, 88, 23, 51, 36, 70][(row * 5) % 7] ?? 0;
      return `${line.slice(0, line.lastIndexOf(','))},${zone},${[17, 88, 51].includes(zone) ? 'yes' : 'no'}`;
    });
    const before = await ingested(bench.ingestTask(`id,age,plan,since,zone,label\n${rows.join('\n')}\n`));
    expect(before.profile.features[4]).to.include({ name: 'zone', type: 'numeric', inferredType: 'numeric' });
    const after = withColumn(before.table, await retyped(before.table, 'zone', 'categorical'));
    expect(after.files).to.deep.equal(before.table.files);
    const zone = (type: FeatureType) => [{ name: 'zone', type, uniqueCount: 7 }];
    const numbers = await trained(before.table, zone('numeric'));
    const categories = await trained(after, zone('categorical'));
    expect(categories.contentHash).to.not.equal(numbers.contentHash);
    expect((await trained(before.table, zone('numeric'))).contentHash).to.equal(numbers.contentHash);
    expect(categories.scores?.validation?.['logLoss']).to.be.lessThan(0.1);
  });

  const STORED = `SELECT
    CAST(20250101 + (i % 28) AS INTEGER) AS whole,
    CASE WHEN i % 9 = 0 THEN NULL ELSE CAST(20250101 + (i % 28) AS DOUBLE) END AS floating,
    CAST(20250101 + (i % 28) AS DECIMAL(10, 0)) AS exact,
    CAST(20250101 + (i % 28) AS VARCHAR) AS written,
    DATE '2025-01-01' + CAST(i % 28 AS INTEGER) AS day,
    TIMESTAMP '2025-01-01 10:00:00' + INTERVAL (i % 28) DAY AS moment
    FROM range(300) AS t(i)`;

  it('dates of every storage are read as the cell parser reads their texts', async () => {
    const { table } = await parquetOf(STORED);
    for (const name of ['whole', 'floating', 'exact', 'written', 'day', 'moment']) {
      // From categories, so that nothing is left of how the column was read at first.
      const category = withColumn(table, await retyped(table, name, 'categorical'));
      const { column, feature } = await retyped(category, name, 'date');
      const dates = withColumn(category, { column } as FeatureTypeOutcome); // all that is read of it
      expect(feature.type, name).to.equal('date');
      const source = bench.context.openTable(dates);
      const reader = cellReader(column.parse);
      if (reader.kind !== 'date') expect.fail(reader.kind);
      const expected = new Float64Array(1);
      let read = 0;
      for await (const { columns } of source.batches([
        { name, view: 'number' },
        { name, view: 'text' },
      ])) {
        const [numbers, texts] = columns;
        if (numbers?.view !== 'number' || texts?.view !== 'text') expect.fail('views');
        for (const [row, text] of texts.values.entries()) {
          expect(reader.read(text, expected, 0), `${name} ${String(text)}`).to.equal(true);
          expect(numbers.values[row], `${name} ${String(text)}`).to.deep.equal(expected[0]);
          if (text !== null) read += 1;
        }
      }
      expect(read, name).to.equal(name === 'floating' ? 266 : 300);
      expect(feature.min, name).to.equal(Date.UTC(2025, 0, 1, name === 'moment' ? 10 : 0) / 1000);
    }
  });

  it('a column that is back at its first type has its first profile, its numbers read from its texts', async () => {
    const csv = Array.from({ length: 200 }, (_, row) => `${row % 11 === 0 ? 'NA' : `${row / 4}0`},${row % 3}`);
    const { table, profile } = await ingested(bench.ingestTask(`price,code\n${csv.join('\n')}\n`));
    for (const [position, name] of ['price', 'code'].entries()) {
      const category = withColumn(table, await retyped(table, name, 'categorical'));
      const { column, feature } = await retyped(category, name, 'numeric');
      expect(column.hasTwin).to.equal(false);
      expect(feature).to.deep.equal(profile.features[position]);
    }
  });

  it('a value that cannot be read fails the task, naming it', async () => {
    const { table } = await ingested(bench.ingestTask('f,g\n1,a\nx,b\n3,c\n'));
    const run = bench.run({ kind: 'feature-type', datasetId: 'ds_2', table, feature: 'f', type: 'numeric' });
    const { message } = await appErrorOf('FEATURE_TYPE_REFUSED', () => runFeatureType(run));
    expect(message).to.match(
      /"f" cannot be made numeric: 1 of 3 .* "x" in row 2; it can be made categorical, text, id/,
    );
  });
});
