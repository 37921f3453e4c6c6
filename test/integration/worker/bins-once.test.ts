import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { binsFolder } from '#object-store';
import type { StoredTable, TrainOutcome, TrainTask } from '#contracts';
import { runTrain } from '../../../yarn-workers/worker/tasks/train.ts';
import { numberRule, textRule } from '../../support/memory-table.ts';
import { churnTask, objectNames, openWorkbench, type Workbench } from './support.ts';

/** Four fifths of these rows train: their matrix has more than 16 Mi cells. */
const ROWS = 720_000;
const NUMBERS = 30;
const names = Array.from({ length: NUMBERS }, (_, column) => `n${column}`);

/** A snapshot of numbers and a target that two of them decide. */
async function largeTable({ context, storeRoot }: Workbench): Promise<StoredTable> {
  const objectPath = 'datasets/ds_1/1-x/rows.parquet';
  const file = path.join(storeRoot, objectPath);
  mkdirSync(path.dirname(file), { recursive: true });
  const numbers = names.map((_, column) => `((range * ${7_919 + 2 * column}) % ${89 + column})::DOUBLE AS c${column}`);
  const target = `CASE WHEN (range * 7919) % 89 + (range * 7921) % 90 > 100 THEN 'yes' ELSE 'no' END AS c${NUMBERS}`;
  await context.duckdb.execute(
    `COPY (SELECT ${[...numbers, target].join(', ')} FROM range(${ROWS})) TO '${file}' (FORMAT parquet)`,
  );
  const bytes = readFileSync(file);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return {
    rowCount: ROWS,
    columns: [...names, 'label'].map((name, position) => ({
      ...{ name, position, hasTwin: false },
      storage: name === 'label' ? 'string' : 'float64',
      parse: name === 'label' ? textRule : numberRule,
    })),
    files: [{ path: objectPath, sizeBytes: bytes.length, rowCount: ROWS, sha256 }],
  };
}

describe('worker: the bins of a large table are made once a project', function () {
  this.timeout(300_000);
  let bench: Workbench;
  let task: TrainTask;

  before(async () => {
    bench = await openWorkbench();
    const table = await largeTable(bench);
    const { partitioning, ...rest } = churnTask(table, 'lightgbm-fast');
    task = {
      ...rest,
      features: names.map((name, column) => ({ name, type: 'numeric', uniqueCount: 89 + column })),
      partitioning: {
        ...partitioning,
        ...{ validation: 'tvh', folds: 1, validationFraction: 0.1, holdoutFraction: 0.1 },
      },
      parameters: { maxIterations: 10, leaves: 15 },
    };
  });
  after(() => bench.close());

  /** What a train task gives and tells, and how many files it has left on the local disk at its end. */
  async function trained(changes: Partial<TrainTask> = {}, on = bench) {
    const run = on.run({ ...task, ...changes });
    const outcome = await runTrain(run);
    const read = run.told.progress.filter(({ message }) => /^reading the features, row \d/.test(message)).length;
    return {
      outcome: outcome as TrainOutcome,
      log: run.told.log.join('\n'),
      surveyedBatches: read,
      scratch: readdirSync(run.scratchDir),
    };
  }

  it('the second model reads no feature, and is the model of one who makes his own', async () => {
    const first = await trained();
    expect(first.log).to.match(/the bins of 720000 rows are kept for later models/);
    expect(first.surveyedBatches).to.be.greaterThan(0);
    const folder = binsFolder(task.projectId, bench.context.configuration.hadoop.user);
    const kept = await objectNames(bench.context, folder);
    expect(kept.filter((name) => name.endsWith('.index'))).to.have.length(2);
    const second = await trained({ modelId: 'm_2' });
    expect(second.log)
      .to.match(/the features are not surveyed/)
      .and.match(/720000 rows are in bins already/);
    expect(second.surveyedBatches).to.equal(0);
    expect(second.outcome).to.deep.include({ contentHash: first.outcome.contentHash, scores: first.outcome.scores });
    expect(await objectNames(bench.context, folder)).to.deep.equal(kept);
    for (const { scratch } of [first, second]) expect(scratch.filter((name) => name.startsWith('spool'))).to.be.empty;
    // Another project looks elsewhere.
    const other = await trained({ projectId: 'p_2', parameters: { maxIterations: 1 } });
    expect(other.log).to.match(/the bins of 720000 rows are kept/);
  });

  it('nothing is kept where there is to be nothing, and the model is the same', async () => {
    const keeping = await trained();
    const other = await openWorkbench({ 'retention.binsBytesMax': 0 });
    try {
      expect((await largeTable(other)).files).to.deep.equal(task.table.files);
      const { outcome, log } = await trained({}, other);
      expect(outcome.contentHash).to.equal(keeping.outcome.contentHash);
      expect(log).not.to.match(/bins/);
      expect(await objectNames(other.context, 'bins')).to.deep.equal([]);
    } finally {
      await other.close();
    }
  });
});
