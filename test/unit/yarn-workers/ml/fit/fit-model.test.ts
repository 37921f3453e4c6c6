import { expect } from 'chai';
import type { TargetType, TrainTask } from '#contracts';
import { decodeOutOfFold, encodeOutOfFold, manifestOf, rankingScore, scoresFromOutOfFold, refittedRowCount } from '#ml';
import { fitModel, type FitResult } from '../../../../support/in-memory.ts';
import { openArtifact, readModels } from '#scoring';
import { createRandom } from '#statistics';
import { sha256, testEngine } from '../../../../support/boosting-engine.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { memorySource, numberRule, textRule, type MemoryColumn } from '../../../../support/memory-table.ts';
import { MIXED_FEATURES, mixedTable } from '../../../../support/mixed-table.ts';
import { freeIo, planOf, trainTask } from '../../../../support/modelling-task.ts';

const ROWS = 1_200;
const TABLE = mixedTable(ROWS);

async function task(targetType: TargetType, changes: Partial<TrainTask> = {}): Promise<TrainTask> {
  const plan = await planOf(TABLE, { target: targetType, targetType, featureNames: [...MIXED_FEATURES] });
  return trainTask(TABLE, plan, { parameters: { maxIterations: 40 }, ...changes });
}

const fit = (spec: TrainTask, batchRows = 500, columns: readonly MemoryColumn[] = TABLE): Promise<FitResult> =>
  fitModel(spec, memorySource(columns, batchRows), testEngine(), freeIo());

function scoresOf({ scores }: FitResult): NonNullable<FitResult['scores']> {
  if (scores === null) throw new Error('no scores');
  return scores;
}

function dataOf(outOfFold: FitResult['outOfFold']): NonNullable<FitResult['outOfFold']> {
  if (outOfFold === null) throw new Error('no out-of-fold predictions');
  return outOfFold;
}

describe('ml fit', function () {
  this.timeout(30_000);

  it('gives the same content for the same task, any batch size and any thread count', async () => {
    for (const [blueprintId, parameters] of [
      ['lightgbm-fast', { maxIterations: 30 }],
      ['lightgbm-slow', { maxIterations: 60 }],
      ['lightgbm-random-forest', { maxIterations: 55, leaves: 31 }],
      ['linear', {}],
    ] as const) {
      const made = await task('binary', { blueprintId, parameters });
      const spec: TrainTask = {
        ...made,
        partitioning: { ...made.partitioning, validation: 'tvh', folds: 1, validationFraction: 0.2 },
      };
      const first = await fit(spec);
      for (const [batchRows, threadCount] of [
        [500, 1],
        [77, 1],
        [10_000, 2],
      ] as const) {
        expect(
          (await fit({ ...spec, threadCount }, batchRows)).contentHash,
          `${blueprintId} ${batchRows} ${threadCount}`,
        ).to.equal(first.contentHash);
      }
      expect((await fit({ ...spec, seed: spec.seed + 1 })).contentHash === first.contentHash).to.equal(
        blueprintId === 'lightgbm-fast' || blueprintId === 'linear',
      );
    }
  });

  it('learns: better than the baseline for every target type', async () => {
    for (const targetType of ['binary', 'multiclass', 'regression'] as const) {
      const spec = await task(targetType);
      const baseline = await fit({ ...spec, blueprintId: 'baseline', parameters: {} });
      const boosted = await fit(spec);
      const linear = await fit({ ...spec, blueprintId: 'linear', parameters: {} });
      expect(rankingScore(scoresOf(linear), spec.metric)).to.be.lessThan(
        0.7 * (rankingScore(scoresOf(baseline), spec.metric) ?? 0),
      );
      expect(rankingScore(scoresOf(boosted), spec.metric)).to.be.lessThan(
        0.7 * (rankingScore(scoresOf(baseline), spec.metric) ?? 0),
      );
      expect(boosted.scores?.holdout?.[spec.metric]).to.be.lessThan(
        0.75 * (baseline.scores?.holdout?.[spec.metric] ?? 0),
      );
      expect(boosted.content.members).to.have.length(5);
      expect(baseline.iterations).to.equal(null);
    }
  });

  it('pools folds, takes fold 0 as validation, and covers every row once', async () => {
    const { outOfFold, scores } = await fit(await task('binary'));
    expect([...(outOfFold?.rows ?? [])]).to.deep.equal(Array.from({ length: ROWS }, (_, row) => row));
    expect(Object.keys(scores?.crossValidation ?? {})).to.include.members([
      'logLoss',
      'auc',
      'brier',
      'accuracy',
      'prAuc',
      'mcc',
      'gini',
      'topDecileLift',
    ]);
    expect(scores?.validation).not.to.deep.equal(scores?.crossValidation);
    const split = await task('binary');
    const tvh = await fit({
      ...split,
      partitioning: { ...split.partitioning, validation: 'tvh', folds: 1, validationFraction: 0.2 },
    });
    expect(tvh.scores?.crossValidation).to.equal(null);
    expect(tvh.content.members).to.have.length(1);
    expect(tvh.outOfFold?.rows.length).to.equal(0.4 * ROWS);
  });

  it('refits on all rows with exactly the frozen iterations, without scores', async () => {
    const spec = await task('regression', { blueprintId: 'lightgbm-slow' });
    const refit = await fit({ ...spec, refit: { of: 'model-0', iterations: 63 } });
    expect(refit.iterations).to.equal(63);
    expect(refit.content.members[0]?.model).to.include({ treeCount: 63 });
    expect(refit.rowCount).to.equal(ROWS);
    expect(refit.scores).to.equal(null);
    expect(refit.outOfFold).to.equal(null);
  });

  const leaves = ({ blob, content }: FitResult): string[] =>
    content.members.map(({ model }) => {
      const name = model.kind === 'trees' ? `${model.prefix}.leafValue` : expect.fail('no trees');
      const section = content.sections.find((candidate) => candidate.name === name) ?? expect.fail(`no ${name}`);
      return blob.slice(section.offset, section.offset + 8 * section.length).join();
    });

  it('bags the copies of a refit that draws no random numbers: one of all rows, and each other grown without another fifth of them', async () => {
    const spec = await task('regression', { blueprintId: 'lightgbm-default' });
    const refit = { of: 'model-0', iterations: 20 };
    const one = await fit({ ...spec, refit: { ...refit, copies: 1 } });
    const bagged = await fit({ ...spec, refit: { ...refit, copies: 6 } });
    const weights = bagged.content.members.map(({ weight }) => weight);
    expect(weights).to.deep.equal([3 / 8, ...Array<number>(5).fill(1 / 8)]);
    expect(leaves(bagged)[0]).to.equal(leaves(one)[0]);
    expect(new Set(leaves(bagged)).size).to.equal(6);
    // Steps are fitted on all rows, and the leaves of a tree cover those of the bag.
    expect(bagged.content.steps).to.deep.equal(one.content.steps);
    expect(bagged.rowCount).to.equal(ROWS);
    const covered = bagged.content.members.map(({ model }) => {
      const prefix = model.kind === 'trees' ? model.prefix : expect.fail('no trees');
      const arrays = readModels(bagged.content, bagged.blob).get(prefix);
      if (arrays === undefined || !('leafValue' in arrays) || arrays.leafCover === null) expect.fail('no covers');
      return [...arrays.leafCover.subarray(0, arrays.leafOffset[1])].reduce((sum, cover) => sum + cover, 0);
    });
    expect(covered.reduce((sum, rows) => sum + rows, 0)).to.equal(5 * ROWS);
  });

  it('has no bags where a class has few rows, but the one model of all rows', async () => {
    const label = Array.from({ length: 200 }, (_, i) => (i % 8 === 0 ? 'rare' : 'common'));
    const table: MemoryColumn[] = [
      { name: 'x', cells: label.map((_, i) => `${(i * 37) % 11}`), parse: numberRule },
      { name: 'y', cells: label, parse: textRule },
    ];
    const plan = await planOf(table, { target: 'y' });
    const refit = { of: 'm', iterations: 5, copies: 5 };
    const few = await fit(trainTask(table, plan, { blueprintId: 'lightgbm-default', refit }), 100, table);
    expect(few.content.members).to.have.length(1);
    expect(few.stops).to.deep.equal({});
  });

  it('averages the copies of a refit, each with a seed of its own; the first is the refit without copies', async () => {
    const spec = await task('regression', { blueprintId: 'lightgbm-slow' });
    const one = await fit({ ...spec, refit: { of: 'model-0', iterations: 20 } });
    const three = await fit({ ...spec, refit: { of: 'model-0', iterations: 20, copies: 3 } });
    expect(three.content.members.map(({ weight }) => weight)).to.deep.equal([1 / 3, 1 / 3, 1 / 3]);
    expect(leaves(three)[0]).to.equal(leaves(one)[0]);
    expect(new Set(leaves(three)).size).to.equal(3);
  });

  it('uses weights: a row of weight 2 is the row twice', async () => {
    const random = createRandom(5);
    const label = Array.from({ length: 400 }, () => (random.uniform() < 0.3 ? '1' : '0'));
    const table: MemoryColumn[] = [
      { name: 'x', cells: label.map((_, i) => `c${i % 7}`), parse: textRule },
      { name: 'w', cells: label.map((text) => (text === '1' ? '2' : '1')), parse: numberRule },
      { name: 'y', cells: label, parse: numberRule },
    ];
    const plan = await planOf(table, { target: 'y', weightColumn: 'w' });
    const { content } = await fit(
      trainTask(table, plan, { blueprintId: 'baseline', refit: { of: 'm', iterations: null } }),
      100,
      table,
    );
    const ones = label.filter((text) => text === '1').length;
    const model = content.members[0]?.model;
    expect(model?.kind === 'constant' ? model.scores[0] : NaN).to.be.closeTo(
      Math.log((2 * ones) / (400 - ones)),
      1e-12,
    );
    const weighted = await fit(trainTask(table, plan, {}), 100, table);
    const plain = await fit(trainTask(table, plan, { weightColumn: null }), 100, table);
    expect(weighted.contentHash).not.to.equal(plain.contentHash);
    expect(weighted.outOfFold?.weights?.[0]).to.equal(label[0] === '1' ? 2 : 1);
  });

  it('keeps monotone constraints', async () => {
    const plan = await planOf(TABLE, {
      target: 'regression',
      featureNames: [...MIXED_FEATURES],
      monotonic: { decreasing: ['x'], increasing: ['y'] },
    });
    const spec = trainTask(TABLE, plan, { refit: { of: 'm', iterations: 40 } });
    const result = await fit(spec);
    const scorer = openArtifact(
      manifestOf(spec, result, { createdAt: '2026-01-01T00:00:00Z', files: [] }),
      result.blob,
      sha256,
    );
    const answer = scorer.createPrediction();
    const predict = (x: number, y: number): number => {
      scorer.scoreRow({ x, y, colour: 'red', city: 'city 1', member: true, day: '2020-05-05' }, answer);
      return Number(answer.prediction);
    };
    for (let step = -5; step < 5; step += 0.25) {
      expect(predict(step + 0.25, 3)).to.be.at.most(predict(step, 3));
      expect(predict(0, step + 10.25)).to.be.at.least(predict(0, step + 10));
    }
  });

  it('round-trips out-of-fold predictions and gives exactly the same scores from the file', async () => {
    for (const targetType of ['binary', 'multiclass', 'regression'] as const) {
      const spec = await task(targetType, { weightColumn: targetType === 'binary' ? 'weight' : null });
      const { outOfFold, scores } = await fit(spec);
      const bytes = encodeOutOfFold(dataOf(outOfFold));
      const shifted = new Uint8Array(bytes.length + 3);
      shifted.set(bytes, 3);
      const decoded = decodeOutOfFold(shifted.subarray(3));
      expect(decoded).to.deep.equal(outOfFold);
      expect(scoresFromOutOfFold(decoded, spec.target)).to.deep.equal(scores);
      await appErrorOf('RESULT_MISMATCH', () => decodeOutOfFold(bytes.subarray(0, bytes.length - 1)));
      await appErrorOf('RESULT_MISMATCH', () => decodeOutOfFold(new Uint8Array(10)));
      await appErrorOf('RESULT_MISMATCH', () =>
        decodeOutOfFold(Uint8Array.from(bytes, (byte, i) => (i === 0 ? 0 : byte))),
      );
      const other = {
        ...spec.target,
        targetType: targetType === 'regression' ? ('binary' as const) : ('regression' as const),
      };
      await appErrorOf('RESULT_MISMATCH', () => scoresFromOutOfFold(decoded, other));
    }
  });

  it('stops at its deadline with what it has, and shares the time between folds', async () => {
    let clock = 0;
    const engine = testEngine();
    const slow = {
      ...engine,
      createDataset: (spec: Parameters<typeof engine.createDataset>[0]) => {
        const dataset = engine.createDataset(spec);
        return {
          ...dataset,
          createBooster: (parameters: Parameters<typeof dataset.createBooster>[0]) => {
            const booster = dataset.createBooster(parameters);
            return { ...booster, update: () => ((clock += 100), booster.update()) };
          },
        };
      },
    };
    const spec = await task('binary', { blueprintId: 'lightgbm-default', parameters: {} });
    const io = freeIo({ now: () => clock, remainingMs: () => 6_000 - clock });
    const result = await fitModel(spec, memorySource(TABLE), slow, io);
    expect(result.stoppedByDeadline).to.be.true;
    expect(clock).to.be.lessThan(6_000);
    expect(clock).to.be.greaterThan(4_000);
    const trees = result.content.members.map(({ model }) => (model.kind === 'trees' ? model.treeCount : 0));
    expect(Math.min(...trees)).to.be.at.least(5);
    clock = 0;
    const late = await appErrorOf('TASK_DEADLINE', () =>
      fitModel({ ...spec, refit: { of: 'm', iterations: 500 } }, memorySource(TABLE), slow, io),
    );
    expect(late.message).to.contain('of 500 iterations');
    expect(clock, 'gives up as soon as it is clear').to.be.lessThan(1_500);
    clock = 5_900;
    await appErrorOf('TASK_DEADLINE', () => fitModel(spec, memorySource(TABLE), slow, io));
  });

  it('stops when cancelled, and frees what it holds', async () => {
    const controller = new AbortController();
    let open = 0;
    const engine = testEngine();
    const counting = {
      ...engine,
      createDataset: (spec: Parameters<typeof engine.createDataset>[0]) => {
        const dataset = engine.createDataset(spec);
        open += 1;
        return {
          ...dataset,
          createBooster: (parameters: Parameters<typeof dataset.createBooster>[0]) => {
            const booster = dataset.createBooster(parameters);
            open += 1;
            return {
              ...booster,
              update: () => (controller.abort(), booster.update()),
              close: () => ((open -= 1), booster.close()),
            };
          },
          close: () => ((open -= 1), dataset.close()),
        };
      },
    };
    await appErrorOf('TASK_CANCELLED', async () =>
      fitModel(await task('binary'), memorySource(TABLE), counting, freeIo({ signal: controller.signal })),
    );
    expect(open).to.equal(0);
  });

  it('uses a part of the rows when asked to', async () => {
    const spec = await task('binary');
    const half = await fit({ ...spec, sampleFraction: 0.5 });
    expect(half.rowCount).to.be.within(0.4 * 0.8 * ROWS, 0.6 * 0.8 * ROWS);
    expect(half.outOfFold?.rows.length).to.equal(ROWS);
  });

  it('is known beforehand to fit a part of the rows where a table is too large for its blueprint', async () => {
    const spec = await task('binary', { blueprintId: 'linear', parameters: {} });
    const rowsOf = (rowCount: number, blueprintId: string) => {
      const large = { ...spec, blueprintId, table: { ...spec.table, rowCount }, refit: { of: 'm', iterations: 1 } };
      return refittedRowCount(large);
    };
    for (const id of ['linear', 'extra-trees', 'lightgbm-default'])
      expect(rowsOf(10_000, id), id).to.deep.equal({ least: 10_000, most: 10_000 });
    const rowCount = 8_000_000;
    expect(rowsOf(rowCount, 'lightgbm-default')).to.deep.equal({ least: rowCount, most: rowCount });
    for (const id of ['linear', 'linear-splines', 'extra-trees']) {
      const { least, most } = rowsOf(rowCount, id);
      expect(least, id).to.be.within(0.05 * rowCount, 0.9 * rowCount);
      // A linear model passes over the rows that it does not hold, if there is time.
      expect(most, id).to.equal(id === 'extra-trees' ? least : rowCount);
    }
  });

  it('refuses data that is not what the plan was made from', async () => {
    const spec = await task('binary');
    const changed = TABLE.map((column) =>
      column.name === 'binary'
        ? { ...column, cells: column.cells.map((cell, row) => (row === 7 ? 'maybe' : cell)) }
        : column,
    );
    expect((await appErrorOf('DATASET_CHANGED', () => fit(spec, 500, changed))).message).to.contain('row 7');
    const missing = TABLE.map((column) =>
      column.name === 'binary'
        ? { ...column, cells: column.cells.map((cell, row) => (row === 9 ? null : cell)) }
        : column,
    );
    await appErrorOf('TARGET_HAS_MISSING', () => fit(spec, 500, missing));
    const shorter = TABLE.map((column) => ({ ...column, cells: column.cells.slice(1) }));
    await appErrorOf('DATASET_CHANGED', () => fit(spec, 500, shorter));
  });

  it('fits nothing but the intercept when no feature says anything', async () => {
    const cells = Array.from({ length: 60 }, (_, i) => String(i % 2));
    const columns: MemoryColumn[] = [
      { name: 'x', cells: cells.map(() => '1'), parse: numberRule },
      { name: 'y', cells, parse: numberRule },
    ];
    const plan = await planOf(mixedTable(60), { target: 'binary', featureNames: ['x'] });
    const spec = trainTask(
      columns,
      {
        ...plan,
        target: {
          name: 'y',
          targetType: 'binary',
          classes: [
            { label: '0', texts: ['0'], rowCount: 30 },
            { label: '1', texts: ['1'], rowCount: 30 },
          ],
          positiveClass: 1,
        },
      },
      {},
    );
    const result = await fit(spec, 50, columns);
    expect(result.iterations).to.equal(1);
    expect(result.scores?.crossValidation?.['logLoss']).to.be.closeTo(Math.log(2), 0.01);
  });
});
