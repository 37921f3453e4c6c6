import { expect } from 'chai';
import { INSIGHT_FILE, parse, StoredInsight, TaskOutcome, type InsightTask, type StoredTable } from '#contracts';
import { ingest } from '#tables';
import { runInsight } from '../../../yarn-workers/worker/tasks/insight.ts';
import { runTrain } from '../../../yarn-workers/worker/tasks/train.ts';
import { appErrorOf } from '../../support/expect-error.ts';
import { churnCsv, churnTask, openWorkbench, type Workbench } from './support.ts';

const ROWS = 600;

describe('worker: insight task', function () {
  this.timeout(30_000);
  let bench: Workbench;
  let task: InsightTask;

  before(async () => {
    bench = await openWorkbench();
    const spec = bench.ingestTask(churnCsv(ROWS));
    const { table }: { table: StoredTable } = await ingest({
      inputPath: spec.input.type === 'path' ? spec.input.path : '',
      fileName: 'table.csv',
      options: {},
      outputPath: await bench.context.objects.file('datasets/ds_1/1-x/rows.parquet'),
      objectPath: 'datasets/ds_1/1-x/rows.parquet',
      scratchDirectory: bench.context.workDir,
      duckdb: bench.context.duckdb,
    });
    const train = churnTask(table, 'lightgbm-fast');
    const run = bench.run(train);
    await runTrain(run);
    const manifestSha256 = run.attempt.files.find(({ name }) => name === 'manifest.json')?.sha256 ?? '';
    const { projectId, datasetId, target, metric, seed, modelId } = train;
    const own = { projectId, datasetId, table, target, metric, seed, modelId, manifestSha256 };
    task = { kind: 'insight', insight: 'feature-impact', ...own, artifactPath: run.attempt.path };
  });
  after(() => bench.close());

  for (const insight of ['feature-impact', 'feature-effects', 'segments'] as const)
    it(`writes one file of ${insight}, the same bytes each time, and tells how far it is`, async () => {
      const run = bench.run({ ...task, insight });
      const outcome = parse(TaskOutcome, await runInsight(run), 'outcome');
      await run.attempt.verify();
      expect(outcome).to.deep.equal({ kind: 'insight', rowCount: ROWS * 0.8 });
      expect(run.attempt.files.map(({ name }) => name)).to.deep.equal([INSIGHT_FILE]);
      const bytes = await bench.context.store.readAll(`${run.attempt.path}/${INSIGHT_FILE}`, { maxBytes: 2 ** 20 });
      const stored = parse(StoredInsight, JSON.parse(Buffer.from(bytes).toString()), INSIGHT_FILE);
      if (stored.insight.kind === 'learning-curve') expect.fail(stored.insight.kind);
      expect(stored.insight.features[0]?.feature).to.equal('age');
      expect(run.told.log[0]).to.equal(`${insight} of model ${task.modelId}, seed ${task.seed}`);
      expect(run.told.log[1]).to.match(/^480 rows of 600(, \d features)?$/);
      const fractions = run.told.progress.map(({ fraction }) => fraction);
      expect(fractions).to.deep.equal([...fractions].sort((a, b) => a - b));
      const again = bench.run({ ...task, insight });
      await runInsight(again);
      expect(again.attempt.files).to.deep.equal(run.attempt.files);
    });

  it('refuses another model than the one that was committed', async () => {
    const other = { ...task, manifestSha256: '0'.repeat(64) };
    await appErrorOf('ARTIFACT_INVALID', () => runInsight(bench.run(other)));
  });
});
