import { expect } from 'chai';
import type { TrainTask } from '#contracts';
import { fitModel, type FitResult } from '#ml';
import type { TreeArrays } from '#scoring';
import { boostDart } from '../../../../../yarn-workers/ml/fit/boost-dart.ts';
import type { BoostJob } from '../../../../../yarn-workers/ml/fit/boost.ts';
import type { BoostDataset } from '../../../../../yarn-workers/ml/fit/boosting.ts';
import { rowsInMemory } from '../../../../../yarn-workers/ml/fit/encoder.ts';
import { stopBook } from '../../../../../yarn-workers/ml/fit/stops.ts';
import { objectiveOf } from '../../../../../yarn-workers/ml/blueprints/objective.ts';
import { settingsOf } from '../../../../../yarn-workers/ml/blueprints/catalogue.ts';
import { isBoosted } from '../../../../../yarn-workers/ml/blueprints/settings.ts';
import { testEngine } from '../../../../support/boosting-engine.ts';
import { memorySource } from '../../../../support/memory-table.ts';
import { MIXED_FEATURES, mixedTable } from '../../../../support/mixed-table.ts';
import { freeIo, planOf, trainTask } from '../../../../support/modelling-task.ts';

const TABLE = mixedTable(600);

async function taskOf(changes: Partial<TrainTask>): Promise<TrainTask> {
  const plan = await planOf(TABLE, { target: 'binary', targetType: 'binary', featureNames: [...MIXED_FEATURES] });
  const task = trainTask(TABLE, plan, { blueprintId: 'lightgbm-dart', ...changes });
  return { ...task, partitioning: { ...task.partitioning, validation: 'tvh', folds: 1, validationFraction: 0.25 } };
}

const fit = (task: TrainTask, batchRows = 200): Promise<FitResult> =>
  fitModel(task, memorySource(TABLE, batchRows), testEngine(), freeIo());

/** A tree of one leaf. */
const leaf = (value: number): TreeArrays => ({
  outputCount: 1,
  treeCount: 1,
  averageOutput: false,
  nodeOffset: Int32Array.of(0, 0),
  leafOffset: Int32Array.of(0, 1),
  splitFeature: new Int32Array(0),
  threshold: new Float64Array(0),
  decisionType: new Uint8Array(0),
  left: new Int32Array(0),
  right: new Int32Array(0),
  leafValue: Float64Array.of(value),
  leafCover: Float64Array.of(0),
  catBoundaries: Int32Array.of(0),
  catBits: new Uint32Array(0),
});

describe('ml fit: boosting with dropped trees', function () {
  this.timeout(60_000);

  it('keeps the model as it was when the validation loss was least, which is one that ends there', async () => {
    const parameters = { maxIterations: 400, earlyStoppingRounds: 100, learningRate: 0.3, leaves: 15 };
    const stopped = await fit(await taskOf({ parameters }));
    expect(stopped.iterations).to.be.lessThan(400);
    expect((stopped.iterations ?? 0) % 50).to.equal(0);
    const ended = await fit(await taskOf({ parameters: { ...parameters, maxIterations: stopped.iterations ?? 0 } }));
    expect(ended.contentHash).to.equal(stopped.contentHash);
    const further = await fit(await taskOf({ parameters: { ...parameters, earlyStoppingRounds: 0 } }));
    expect(further.iterations).to.equal(400);
    expect(further.scores?.validation?.logLoss).to.be.greaterThan(stopped.scores?.validation?.logLoss ?? Infinity);
  });

  it('gives the same model whatever the threads and batches, another one by seed, rate and share of drops', async () => {
    const parameters = { maxIterations: 60, leaves: 7 };
    const task = await taskOf({ parameters });
    const { contentHash } = await fit(task);
    expect((await fit({ ...task, threadCount: 2 }, 77)).contentHash).to.equal(contentHash);
    const others = [
      { ...task, seed: task.seed + 1 },
      { ...task, parameters: { ...parameters, dropRate: 0.4 } },
      { ...task, parameters: { ...parameters, skipDrop: 0 } },
    ];
    const hashes = await Promise.all(others.map(async (other) => (await fit(other)).contentHash));
    expect(new Set([contentHash, ...hashes]).size).to.equal(4);
  });

  it('drops no tree where the share of drops is 0: it is ordinary boosting then', async () => {
    const parameters = { maxIterations: 50, earlyStoppingRounds: 0, leaves: 7 };
    const [dart, gbdt] = [
      await fit(await taskOf({ parameters: { ...parameters, skipDrop: 1 } })),
      await fit(await taskOf({ blueprintId: 'lightgbm-default', parameters })),
    ];
    expect(dart.contentHash).to.equal(gbdt.contentHash);
  });

  it('is refitted with frozen iterations', async () => {
    const task = await taskOf({ parameters: { leaves: 7 }, refit: { of: 'model-0', iterations: 70, copies: 2 } });
    const refit = await fit(task);
    expect(refit.iterations).to.equal(70);
    expect(refit.content.members.map(({ model }) => (model.kind === 'trees' ? model.treeCount : 0))).to.deep.equal([
      70, 70,
    ]);
  });

  it('makes the iterations again before one that found no split, which left the dropped trees turned round', async () => {
    const boosters: { updates: number; isSpoilt: boolean; isClosed: boolean }[] = [];
    const dataset: BoostDataset = {
      constants: null,
      setInitialScores: () => undefined,
      close: () => undefined,
      sums: () => expect.fail('no scores are asked for'),
      createBooster: () => {
        const booster = { updates: 0, isSpoilt: false, isClosed: false };
        boosters.push(booster);
        return {
          update: () => {
            if (booster.updates === 3) return (booster.isSpoilt = true);
            booster.updates += 1;
            return false;
          },
          trees: (_, count) => leaf(booster.isSpoilt ? NaN : count),
          close: () => void (booster.isClosed = true),
        };
      },
    };
    const settings = settingsOf('lightgbm-dart', {});
    if (settings === null || !isBoosted(settings)) throw new Error('dart is boosting');
    const rows = rowsInMemory(new Float64Array(4), 4, 1);
    const job: BoostJob = {
      dataset,
      settings,
      objective: objectiveOf({ targetType: 'regression', classes: [] }, 'rmse'),
      outputCount: 1,
      trainingRowCount: 4,
      segmentIterations: 50,
      member: 0,
      seed: 1,
      frozenIterations: null,
      training: rows,
      validation: { rows, labels: Float32Array.of(3, 3, 3, 3), weights: null, offsets: null },
      offsets: null,
      shift: null,
      stopAt: () => Infinity,
      stops: stopBook(null),
      resumed: [],
      onIteration: () => undefined,
      onSegment: () => Promise.resolve(),
    };
    const boosted = await boostDart(job, freeIo());
    expect(boosted.trees.leafValue).to.deep.equal(Float64Array.of(3));
    expect(boosted.iterations).to.equal(3);
    expect(boosters).to.deep.equal([
      { updates: 3, isSpoilt: true, isClosed: true },
      { updates: 3, isSpoilt: false, isClosed: true },
    ]);
  });
});
