import { expect } from 'chai';
import type { TrainTask } from '#contracts';
import { fitModel, manifestOf, type AutopilotRequest, type FitIo, type FitResult } from '#ml';
import { openArtifact, type Scorer } from '#scoring';
import { neumaierSum } from '#statistics';
import { designSample } from '../../../../../../yarn-workers/ml/fit/linear/path-members.ts';
import { sha256, testEngine } from '../../../../../support/boosting-engine.ts';
import { appErrorOf } from '../../../../../support/expect-error.ts';
import { memorySource, numberRule, storedTable, type MemoryColumn } from '../../../../../support/memory-table.ts';
import { MIXED_FEATURES, mixedTable } from '../../../../../support/mixed-table.ts';
import { freeIo, planOf, trainTask } from '../../../../../support/modelling-task.ts';

const TABLE = mixedTable(600);

async function taskOf(
  target: string,
  changes: Partial<TrainTask> = {},
  request: Partial<AutopilotRequest> = {},
  table: readonly MemoryColumn[] = TABLE,
): Promise<TrainTask> {
  const plan = await planOf(table, { target, featureNames: [...MIXED_FEATURES], ...request });
  return trainTask(table, plan, { blueprintId: 'linear', ...changes });
}

const fit = (task: TrainTask, io: Partial<FitIo> = {}, table: readonly MemoryColumn[] = TABLE): Promise<FitResult> =>
  fitModel(task, memorySource(table), testEngine(), freeIo(io));

const opened = (task: TrainTask, made: FitResult): Scorer =>
  openArtifact(manifestOf(task, made, { createdAt: '2026-01-01T00:00:00Z', files: [] }), made.blob, sha256);

/** A clock that only steps of the path move, by 100 ms. */
function stepClock(budgetMs: number) {
  const clock = { now: 0 };
  const io: Partial<FitIo> = {
    now: () => clock.now,
    remainingMs: () => budgetMs - clock.now,
    onProgress: ({ phase, iteration }) => {
      if (phase === 'fitting' && iteration !== 0) clock.now += 100;
    },
  };
  return { clock, io };
}

describe('ml fit: linear models', function () {
  this.timeout(30_000);

  it('refits on all rows with exactly the frozen steps', async () => {
    const searched = await fit(await taskOf('regression'));
    expect(searched.iterations).to.be.within(5, 50);
    const refit = await fit(await taskOf('regression', { refit: { of: 'm', iterations: searched.iterations } }));
    expect(refit.iterations).to.equal(searched.iterations);
    expect(refit.rowCount).to.equal(600);
    expect(refit.content.members).to.have.length(1);
    expect(refit.scores).to.equal(null);
    const other = await fit(await taskOf('regression', { refit: { of: 'm', iterations: 3 } }));
    expect(other.contentHash).not.to.equal(refit.contentHash);
  });

  it('chooses the step by the fold: the weakest penalty where rows are many, a strong one where features are noise', async () => {
    const noise = await taskOf('binary', {}, { featureNames: ['city'] });
    const signal = await taskOf('binary', {}, { featureNames: ['x', 'y'] });
    expect((await fit(noise)).iterations).to.be.lessThan((await fit(signal)).iterations ?? 0);
  });

  it('counts a row of weight 2 as the row twice', async () => {
    const once = TABLE.filter(({ name }) => ['x', 'y', 'weight', 'regression'].includes(name));
    const times = once.find(({ name }) => name === 'weight')?.cells ?? [];
    const twice = once.map((column) => ({
      ...column,
      cells: column.cells.flatMap((cell, row) =>
        Array.from({ length: Number(times[row]) }, () => (column.name === 'weight' ? '1' : cell)),
      ),
    }));
    const request = { featureNames: ['x', 'y'], weightColumn: 'weight' };
    const [a, b] = await Promise.all(
      [once, twice].map(async (table) => {
        const task = await taskOf('regression', { refit: { of: 'm', iterations: 20 } }, request, table);
        return opened(task, await fit(task, {}, table));
      }),
    );
    for (const row of [
      { x: 1, y: 3 },
      { x: -4, y: 17 },
      { x: null, y: 20 },
    ]) {
      const raws = [a, b].map((scorer) => {
        const answer = scorer?.createPrediction();
        if (answer !== undefined) scorer?.scoreRow(row, answer);
        return answer?.rawScores[0] ?? NaN;
      });
      expect(raws[0]).to.be.closeTo(raws[1] ?? NaN, 1e-3);
    }
  });

  it('keeps monotone constraints, with broken lines too', async () => {
    for (const blueprintId of ['linear', 'linear-splines']) {
      const monotonic = { decreasing: ['x'], increasing: ['y'] };
      const task = await taskOf('regression', { blueprintId, refit: { of: 'm', iterations: 40 } }, { monotonic });
      const scorer = opened(task, await fit(task));
      const answer = scorer.createPrediction();
      const predict = (x: number, y: number): number => {
        scorer.scoreRow({ x, y, colour: 'red', city: 'city 1', member: true, day: '2020-05-05' }, answer);
        return Number(answer.prediction);
      };
      for (let step = -9; step < 9; step += 0.25) {
        expect(predict(step + 0.25, 3)).to.be.at.most(predict(step, 3));
        expect(predict(0, step + 10.25)).to.be.at.least(predict(0, step + 10));
      }
    }
  });

  it('takes infinite, huge, tiny and constant numbers', async () => {
    const cells = Array.from({ length: 100 }, (_, row) => String(row % 10));
    const table: MemoryColumn[] = [
      {
        name: 'x',
        cells: cells.map((cell, row) => (row % 20 === 0 ? (row % 40 === 0 ? 'inf' : '-inf') : cell)),
        parse: numberRule,
      },
      { name: 'huge', cells: cells.map((cell, row) => (row === 5 ? '1e308' : cell)), parse: numberRule },
      { name: 'tiny', cells: cells.map((_, row) => (row === 5 ? '1e-200' : '0')), parse: numberRule },
      { name: 'same', cells: cells.map((_, row) => (row % 7 === 0 ? null : '5')), parse: numberRule },
      { name: 'y', cells: cells.map((cell, row) => String(Number(cell) * 3 + (row % 3))), parse: numberRule },
    ];
    for (const blueprintId of ['linear', 'linear-splines']) {
      const plan = await planOf(table, { target: 'y', targetType: 'regression' });
      const features = ['x', 'huge', 'tiny', 'same'].map((name) => ({
        name,
        type: 'numeric' as const,
        uniqueCount: 10,
      }));
      const task = trainTask(table, plan, { blueprintId, features });
      const { scores } = await fit(task, {}, table);
      expect(scores?.crossValidation?.['rmse']).to.be.lessThan(9);
    }
  });

  it('stops at its deadline with what it has, and shares the time between folds', async () => {
    const { clock, io } = stepClock(6_000);
    const result = await fit(await taskOf('binary', { parameters: { earlyStoppingRounds: 0 } }), io);
    expect(result.stoppedByDeadline).to.be.true;
    expect(clock.now).to.be.within(4_000, 6_000);
    expect(result.scores?.crossValidation?.['logLoss']).to.be.lessThan(0.6);
    const late = stepClock(1_000);
    const refit = await taskOf('binary', { refit: { of: 'm', iterations: 40 } });
    const err = await appErrorOf('TASK_DEADLINE', () => fit(refit, late.io));
    expect(err.message).to.match(/^the refit made \d of 40 steps before its deadline/);
  });

  it('stops when cancelled', async () => {
    const controller = new AbortController();
    const task = await taskOf('binary');
    const io: Partial<FitIo> = {
      signal: controller.signal,
      onProgress: ({ iteration }) => {
        if (iteration === 3) controller.abort();
      },
    };
    await appErrorOf('TASK_CANCELLED', () => fit(task, io));
  });

  it('lets explanations begin at the weighted mean of the rows that trained, and add up', async () => {
    const weights = Float64Array.from(TABLE.find(({ name }) => name === 'weight')?.cells ?? [], Number);
    const total = neumaierSum(weights);
    for (const [blueprintId, target] of [
      ['linear', 'multiclass'],
      ['linear-splines', 'regression'],
    ] as const) {
      const refit = { of: 'm', iterations: 20 };
      const task = await taskOf(target, { blueprintId, refit }, { weightColumn: 'weight' });
      const scorer = opened(task, await fit(task));
      const { features, baseValues } = scorer.explainer();
      expect([...features].sort()).to.deep.equal([...MIXED_FEATURES].sort());
      const meanRaw = baseValues.map(() => 0);
      const meanContributions = new Float64Array(baseValues.length * features.length);
      const request = scorer.columnRequests(storedTable(TABLE).columns);
      for await (const batch of memorySource(TABLE).batches(request)) {
        const raw = new Float64Array(batch.rowCount * baseValues.length);
        scorer.scoreBatch(batch, raw, (row, contributions) => {
          const weight = (weights[batch.firstRow + row] ?? NaN) / total;
          for (const [place, value] of contributions.entries())
            meanContributions[place] = (meanContributions[place] ?? NaN) + weight * value;
          for (const [output, base] of baseValues.entries()) {
            const own = contributions.subarray(output * features.length, (output + 1) * features.length);
            const score = raw[row * baseValues.length + output] ?? NaN;
            meanRaw[output] = (meanRaw[output] ?? NaN) + weight * score;
            const size = own.reduce((sum, value) => sum + Math.abs(value), Math.abs(base));
            expect(base + neumaierSum(own)).to.be.closeTo(score, 1e-12 * size);
            expect(size, 'the row differs from the mean').to.be.greaterThan(Math.abs(base));
          }
        });
      }
      for (const [output, base] of baseValues.entries())
        expect(meanRaw[output]).to.be.closeTo(base, 1e-12 * (1 + Math.abs(base)));
      for (const mean of meanContributions) expect(mean).to.be.closeTo(0, target === 'regression' ? 1e-11 : 1e-13);
    }
  });

  it('holds a part of the rows where the design would be too large', () => {
    expect(designSample({ rowCount: 1_000_000, columnCount: 8, outputCount: 1 })).to.equal(1);
    expect(designSample({ rowCount: 10_000_000, columnCount: 12, outputCount: 1 })).to.be.closeTo(0.084, 0.001);
    expect(designSample({ rowCount: 10_000_000, columnCount: 12, outputCount: 100 })).to.be.lessThan(0.01);
  });
});
