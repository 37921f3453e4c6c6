import { expect } from 'chai';
import type { BatchSource, TrainTask } from '#contracts';
import { fitModel, manifestOf, refittedRowCount, type AutopilotRequest, type FitIo, type FitResult } from '#ml';
import { openArtifact, type Scorer } from '#scoring';
import { neumaierSum } from '#statistics';
import { heldFraction } from '../../../../../../yarn-workers/ml/fit/sample-fraction.ts';
import { sha256, testEngine } from '../../../../../support/boosting-engine.ts';
import { appErrorOf } from '../../../../../support/expect-error.ts';
import { memorySource, storedTable } from '../../../../../support/memory-table.ts';
import { MIXED_FEATURES, mixedTable } from '../../../../../support/mixed-table.ts';
import { freeIo, planOf, trainTask } from '../../../../../support/modelling-task.ts';

const ROWS = 6_000;
const TABLE = mixedTable(ROWS);
/** Of 2,000 rows or so. */
const CELLS_MAX = 30_000;

async function taskOf(
  target: string,
  changes: Partial<TrainTask> = {},
  request: Partial<AutopilotRequest> = {},
): Promise<TrainTask> {
  const partitioning = { method: 'random' as const, validation: 'tvh' as const };
  const plan = await planOf(TABLE, { target, featureNames: [...MIXED_FEATURES], partitioning, ...request });
  return trainTask(TABLE, plan, { blueprintId: 'linear', ...changes });
}

interface Fitted {
  readonly made: FitResult;
  readonly log: readonly string[];
}

async function fitted(task: TrainTask, io: Partial<FitIo> = {}, source = memorySource(TABLE)): Promise<Fitted> {
  const log: string[] = [];
  const told = freeIo({ matrixCellsMax: CELLS_MAX, log: (line) => void log.push(line), ...io });
  return { made: await fitModel(task, source, testEngine(), told), log };
}

const opened = (task: TrainTask, made: FitResult): Scorer =>
  openArtifact(manifestOf(task, made, { createdAt: '2026-01-01T00:00:00Z', files: [] }), made.blob, sha256);

/** Raw scores of all rows. */
async function rawOf(scorer: Scorer, outputCount: number): Promise<Float64Array> {
  const all = new Float64Array(ROWS * outputCount);
  for await (const batch of memorySource(TABLE).batches(scorer.columnRequests(storedTable(TABLE).columns))) {
    const raw = new Float64Array(batch.rowCount * outputCount);
    scorer.scoreBatch(batch, raw);
    all.set(raw, batch.firstRow * outputCount);
  }
  return all;
}

const distance = (a: Float64Array, b: Float64Array): number =>
  Math.sqrt(neumaierSum(a.map((value, place) => (value - (b[place] ?? NaN)) ** 2)) / a.length);

/**
 * A clock that only reading the table moves, by a second each time. Target, features and the rows in memory have been read before passes.
 *
 * @param passMs of the reads after these
 */
async function timed(task: TrainTask, budgetMs: number, passMs = 1_000): Promise<Fitted> {
  let now = 0;
  let reads = 0;
  const source = memorySource(TABLE);
  const timedSource: BatchSource = {
    ...source,
    batches: async function* (...request) {
      reads += 1;
      const readMs = reads > 3 ? passMs : 1_000;
      for await (const batch of source.batches(...request)) {
        yield batch;
        now += (readMs * batch.rowCount) / ROWS;
      }
    },
  };
  return fitted(task, { now: () => now, remainingMs: () => budgetMs - now }, timedSource);
}

describe('ml fit: linear models of tables that memory does not hold', function () {
  this.timeout(30_000);

  for (const [target, blueprintId] of [
    ['regression', 'linear'],
    ['binary', 'linear-splines'],
    ['multiclass', 'linear'],
    ['count', 'linear'],
  ] as const)
    it(`are of all rows, whatever the batches: ${blueprintId} of ${target}`, async () => {
      const weighted = { weightColumn: 'weight' };
      const task = await taskOf(target, { blueprintId }, weighted);
      const { made, log } = await fitted(task);
      const whole = await fitted(task, { matrixCellsMax: 1e9 });
      const others = await fitted(task, {}, memorySource(TABLE, 377));
      expect(others.made.contentHash).to.equal(made.contentHash);
      expect([made.rowCount, made.stoppedByDeadline]).to.deep.equal([whole.made.rowCount, false]);
      expect(log.join('\n')).to.match(
        new RegExp(`${blueprintId}: fitted on all \\d+ rows: a path on \\d+ of them, then [2-5] passes over all`),
      );
      expect(whole.log.join('\n')).not.to.contain('passes');
    });

  for (const target of ['regression', 'binary', 'multiclass'] as const)
    it(`predict as if memory held all rows: ${target}`, async () => {
      const task = await taskOf(target, { refit: { of: 'model-0', iterations: 40 } });
      const outputCount = target === 'multiclass' ? 3 : 1;
      const sample = { ...task, sampleFraction: heldFraction(task, CELLS_MAX) };
      const fits = [await fitted(task), await fitted(sample), await fitted(task, { matrixCellsMax: 1e9 })];
      const raws = await Promise.all(
        fits.map(async ({ made }) => ({ made, raw: await rawOf(opened(task, made), outputCount) })),
      );
      const [passed, held, whole] = raws;
      if (passed === undefined || held === undefined || whole === undefined) expect.fail('a fit is missing');
      expect([passed, held, whole].map(({ made }) => made.rowCount === ROWS)).to.deep.equal([true, false, true]);
      expect([passed, held, whole].map(({ made }) => made.iterations)).to.deep.equal([40, 40, 40]);
      // Numbers are standardised by other rows, so penalties differ by a percent or two.
      expect(distance(passed.raw, whole.raw)).to.be.lessThan(0.2 * distance(held.raw, whole.raw));
    });

  it('keep the model of the rows in memory where there is no time for passes, and a replay makes it again', async () => {
    const task = await taskOf('binary');
    const { made: free } = await fitted(task);
    const models = new Set<string>([free.contentHash]);
    for (const [budgetMs, passes] of [
      [7_400, 1],
      [9_400, 2],
    ] as const) {
      const { made, log } = await timed(task, budgetMs);
      expect([made.stoppedByDeadline, made.stops]).to.deep.equal([true, { 'pass-0': passes + 1 }]);
      expect(made.rowCount === free.rowCount, 'a second pass has shown that the first step is good').to.equal(
        passes > 1,
      );
      expect(log.at(-1)).to.match(
        passes > 1
          ? /fitted on all \d+ rows: a path on \d+ of them, then 2 passes over all; there was no time for more$/
          : /fitted on \d+ of \d+ rows: there was no time to pass over all$/,
      );
      const { made: again } = await fitted({ ...task, stops: made.stops });
      expect([again.contentHash, again.rowCount, again.stops]).to.deep.equal([
        made.contentHash,
        made.rowCount,
        made.stops,
      ]);
      models.add(made.contentHash);
    }
    expect(models.size).to.equal(3);
  });

  it('refuse a refit without time for passes: its penalty was chosen for all rows', async () => {
    const task = await taskOf('binary', { refit: { of: 'model-0', iterations: 40 } });
    const err = await appErrorOf('TASK_DEADLINE', () => timed(task, 5_000));
    expect(err.message).to.match(/^the refit had no time to pass over all rows/);
    expect((await timed(task, 8_000)).made.rowCount).to.equal(ROWS);
  });

  it('drop a pass that takes longer than expected', async () => {
    const task = await taskOf('binary');
    const { made, log } = await timed(task, 7_400, 10_000);
    expect(made.stops).to.deep.equal({ 'parts-0': 2 });
    expect(log.at(-1)).to.match(/there was no time to pass over all$/);
    const { made: again } = await fitted({ ...task, stops: made.stops });
    expect(again.contentHash).to.equal(made.contentHash);
  });

  it('are cancelled between passes', async () => {
    const controller = new AbortController();
    const io: Partial<FitIo> = {
      signal: controller.signal,
      onProgress: ({ message }) => {
        if (message.startsWith('pass 2')) controller.abort();
      },
    };
    const task = await taskOf('binary');
    await appErrorOf('TASK_CANCELLED', () => fitted(task, io));
  });

  it('have levels and means of all rows', async () => {
    const task = await taskOf('regression', { refit: { of: 'model-0', iterations: 30 } }, { weightColumn: 'weight' });
    const { made } = await fitted(task);
    const scorer = opened(task, made);
    const weights = Float64Array.from(TABLE.find(({ name }) => name === 'weight')?.cells ?? [], Number);
    const raw = await rawOf(scorer, 1);
    const mean = neumaierSum(raw.map((score, row) => score * (weights[row] ?? NaN))) / neumaierSum(weights);
    expect(mean).to.be.closeTo(scorer.explainer().baseValues[0] ?? NaN, 1e-9 * Math.abs(mean));
    const steps = [made, (await fitted(task, { matrixCellsMax: 1e9 })).made].map(({ content }) => content.steps);
    expect(steps[0]).to.deep.equal(steps[1]);
  });

  it('pass over all rows fold by fold, and tell of which', async () => {
    const task = await taskOf('count', {}, { partitioning: { method: 'random', validation: 'cv', folds: 3 } });
    const { made, log } = await fitted(task);
    for (const fold of [1, 2, 3])
      expect(log.filter((line) => line.includes(`fold ${fold} of 3: fitted on all`))).to.have.length(1);
    expect(made.rowCount).to.equal((await fitted(task, { matrixCellsMax: 1e9 })).made.rowCount);
  });

  it('are of the rows in memory where texts are read, or terms are counted', async () => {
    for (const [blueprintId, isOfAll] of [
      ['linear', true],
      ['linear-text', false],
      ['naive-bayes-text', false],
      ['factorization-machine', false],
    ] as const) {
      const task = await taskOf('binary', { blueprintId });
      const features = task.features.map((feature) =>
        feature.name === 'city' ? { ...feature, type: 'text' as const } : feature,
      );
      const { least, most } = refittedRowCount({ ...task, features, table: { ...task.table, rowCount: 3_000_000 } });
      expect(most > least, blueprintId).to.equal(isOfAll);
      expect(most === 3_000_000, blueprintId).to.equal(isOfAll);
    }
  });
});
