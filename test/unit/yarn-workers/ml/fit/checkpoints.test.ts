import { expect } from 'chai';
import type { TargetType, TrainTask } from '#contracts';
import { fitModel, type FitResult } from '../../../../support/in-memory.ts';
import { sha256, testEngine } from '../../../../support/boosting-engine.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { memorySource } from '../../../../support/memory-table.ts';
import { MIXED_FEATURES, mixedTable } from '../../../../support/mixed-table.ts';
import { freeIo, planOf, trainTask } from '../../../../support/modelling-task.ts';

const TABLE = mixedTable(500);

/** A state that a fit handed out. */
interface Handed {
  readonly position: number;
  readonly state: Uint8Array;
}

interface Made {
  readonly fit: FitResult;
  readonly handed: readonly Handed[];
  readonly log: readonly string[];
  readonly updates: number;
}

const TRAINING_VALIDATION_HOLDOUT = { validation: 'tvh', folds: 1, validationFraction: 0.2 } as const;
const THREE_FOLDS = { validation: 'cv', folds: 3, validationFraction: null } as const;

async function taskOf(
  targetType: TargetType,
  validation: typeof TRAINING_VALIDATION_HOLDOUT | typeof THREE_FOLDS,
  changes: Partial<TrainTask>,
): Promise<TrainTask> {
  const plan = await planOf(TABLE, { target: targetType, targetType, featureNames: [...MIXED_FEATURES] });
  const task = trainTask(TABLE, plan, changes);
  return { ...task, partitioning: { ...task.partitioning, ...validation } };
}

/** An engine that counts its iterations. */
function countingEngine() {
  const engine = testEngine();
  const counted = { updates: 0 };
  const createDataset: typeof engine.createDataset = (spec) => {
    const dataset = engine.createDataset(spec);
    return {
      ...dataset,
      createBooster: (parameters) => {
        const booster = dataset.createBooster(parameters);
        return { ...booster, update: () => ((counted.updates += 1), booster.update()) };
      },
    };
  };
  const xgboost: typeof engine.xgboost = () => ({
    createDataset: (spec) => {
      const dataset = engine.xgboost().createDataset(spec);
      return {
        ...dataset,
        createBooster: (parameters) => {
          const booster = dataset.createBooster(parameters);
          return { ...booster, boost: (...pairs) => ((counted.updates += 1), booster.boost(...pairs)) };
        },
      };
    },
  });
  return { engine: { ...engine, createDataset, xgboost }, counted };
}

/** @param segmentCells as if the table were large: segments are as short as they become */
async function made(task: TrainTask, resumeFrom: Uint8Array | null = null, segmentCells?: number): Promise<Made> {
  const handed: Handed[] = [];
  const log: string[] = [];
  const { engine, counted } = countingEngine();
  const io = freeIo({
    // Times that are part of a state (what validation took) are the same in every fit.
    now: () => 0,
    resumeFrom,
    ...(segmentCells === undefined ? {} : { segmentCells }),
    // What a fit says of its end is the same wherever it began.
    log: (line) => {
      if (!line.startsWith('calibrated')) log.push(line);
    },
    onCheckpoint: async ({ position, encode, sizeBytes }) => {
      const state = encode();
      expect(state.length).to.be.within(sizeBytes, sizeBytes + 10_000);
      handed.push({ position, state });
    },
  });
  const fit = await fitModel(task, memorySource(TABLE, 200), engine, io);
  return { fit, handed, log, updates: counted.updates };
}

/** Everything that must be the same, to the last byte. */
const outcomeOf = ({ fit }: Made) => ({
  contentHash: fit.contentHash,
  blob: sha256(fit.blob),
  iterations: fit.iterations,
  outOfFold: fit.outOfFold,
  scores: fit.scores,
  content: fit.content,
});

const BOOSTED: readonly {
  readonly name: string;
  readonly targetType: TargetType;
  readonly task: Partial<TrainTask>;
}[] = [
  {
    name: 'binary without random numbers',
    targetType: 'binary',
    task: { blueprintId: 'lightgbm-default', parameters: { maxIterations: 170, leaves: 7, learningRate: 0.03 } },
  },
  {
    name: 'binary with sampled rows and columns',
    targetType: 'binary',
    task: { blueprintId: 'lightgbm-slow', parameters: { maxIterations: 170, leaves: 7 } },
  },
  {
    name: 'regression without random numbers',
    targetType: 'regression',
    task: { blueprintId: 'lightgbm-shallow', parameters: { maxIterations: 170 } },
  },
  {
    name: 'regression of absolute errors without random numbers',
    targetType: 'regression',
    task: { blueprintId: 'lightgbm-default', metric: 'mae', parameters: { maxIterations: 120, leaves: 7 } },
  },
  {
    name: 'regression with extra trees',
    targetType: 'regression',
    task: { blueprintId: 'lightgbm-extra-trees', parameters: { maxIterations: 170, leaves: 7 } },
  },
  {
    name: 'multiclass without random numbers, weighted',
    targetType: 'multiclass',
    task: {
      blueprintId: 'lightgbm-default',
      weightColumn: 'weight',
      parameters: { maxIterations: 120, leaves: 5, learningRate: 0.03 },
    },
  },
  {
    name: 'multiclass with sampled rows',
    targetType: 'multiclass',
    task: {
      blueprintId: 'lightgbm-slow',
      weightColumn: 'weight',
      parameters: { maxIterations: 120, leaves: 5, featureFraction: 1 },
    },
  },
  {
    name: 'linear leaves without random numbers',
    targetType: 'regression',
    task: { blueprintId: 'lightgbm-linear-trees', parameters: { maxIterations: 170, leaves: 7, learningRate: 0.03 } },
  },
  {
    name: 'linear leaves with sampled rows, multiclass, weighted',
    targetType: 'multiclass',
    task: {
      blueprintId: 'lightgbm-linear-trees',
      weightColumn: 'weight',
      parameters: { maxIterations: 120, leaves: 5, learningRate: 0.03, rowFraction: 0.8 },
    },
  },
  {
    name: 'forest',
    targetType: 'binary',
    task: { blueprintId: 'lightgbm-random-forest', parameters: { maxIterations: 120, leaves: 15 } },
  },
  {
    name: 'XGBoost, binary with sampled rows',
    targetType: 'binary',
    task: { blueprintId: 'xgboost-default', parameters: { maxIterations: 170, maxDepth: 3, rowFraction: 0.7 } },
  },
  {
    name: 'XGBoost, multiclass with columns of each split, weighted',
    targetType: 'multiclass',
    task: {
      blueprintId: 'xgboost-slow',
      weightColumn: 'weight',
      parameters: { maxIterations: 120, maxDepth: 3 },
    },
  },
  {
    name: 'XGBoost, regression of absolute errors',
    targetType: 'regression',
    task: { blueprintId: 'xgboost-default', metric: 'mae', parameters: { maxIterations: 120, maxDepth: 3 } },
  },
  {
    name: 'XGBoost, refit',
    targetType: 'regression',
    task: { blueprintId: 'xgboost-default', refit: { of: 'model-0', iterations: 130 }, parameters: { maxDepth: 3 } },
  },
  {
    name: 'refit without random numbers',
    targetType: 'regression',
    task: { blueprintId: 'lightgbm-default', refit: { of: 'model-0', iterations: 130 }, parameters: { leaves: 7 } },
  },
  {
    name: 'refit with sampled rows',
    targetType: 'binary',
    task: { blueprintId: 'lightgbm-slow', refit: { of: 'model-0', iterations: 130 }, parameters: { leaves: 7 } },
  },
  {
    name: 'refit of two bags',
    targetType: 'binary',
    task: {
      blueprintId: 'lightgbm-default',
      refit: { of: 'model-0', iterations: 70, copies: 2 },
      parameters: { leaves: 7 },
    },
  },
  {
    name: 'refit of two copies',
    targetType: 'binary',
    task: {
      blueprintId: 'lightgbm-slow',
      refit: { of: 'model-0', iterations: 70, copies: 2 },
      parameters: { leaves: 7 },
    },
  },
];

describe('ml fit: checkpoints', function () {
  this.timeout(60_000);

  for (const { name, targetType, task } of BOOSTED) {
    it(`${name}: resumed after any segment it gives the very same model`, async () => {
      const spec = await taskOf(targetType, TRAINING_VALIDATION_HOLDOUT, task);
      const whole = await made(spec);
      expect(whole.handed.length).to.be.at.least(3);
      for (const { position, state } of whole.handed) {
        const resumed = await made(spec, state);
        expect(outcomeOf(resumed), `position ${position}`).to.deep.equal(outcomeOf(whole));
        expect(resumed.updates).to.be.at.most(whole.updates - 50);
        expect(resumed.log).to.have.length(1);
        expect(resumed.handed, 'and hands out the same states from there on').to.deep.equal(
          whole.handed.filter((each) => each.position > position),
        );
      }
    });
  }

  for (const [name, length] of [
    ['binary without random numbers', 5],
    ['binary with sampled rows and columns', 25],
    ['linear leaves without random numbers', 25],
    ['multiclass without random numbers, weighted', 5],
    ['forest', 5],
    ['refit without random numbers', 5],
  ] as const)
    it(`${name}, of a large table: may be resumed after every ${length} iterations`, async () => {
      const { targetType, task } = BOOSTED.find((each) => each.name === name) ?? expect.fail('no such case');
      const spec = await taskOf(targetType, TRAINING_VALIDATION_HOLDOUT, task);
      const whole = await made(spec, null, 0);
      const { handed } = whole;
      const last = handed.at(-1) ?? expect.fail('no state');
      expect(handed.length).to.be.at.least(Math.floor(whole.updates / length) - 1);
      // Some of many: each is a fit of its own.
      for (const { position, state } of [handed[0], handed[Math.floor(handed.length / 2)], last].filter(
        (each) => each !== undefined,
      )) {
        const resumed = await made(spec, state, 0);
        expect(outcomeOf(resumed), `position ${position}`).to.deep.equal(outcomeOf(whole));
        expect(resumed.updates).to.be.at.most(whole.updates - length * Math.min(position, whole.updates / length - 1));
      }
      const begun = await made(spec, handed[0]?.state ?? null);
      expect(begun.log[0], 'what was made in other segments is of no use').to.match(/belongs to another task/);
    });

  it('without random numbers the length of segments changes nothing but where early stopping looks', async () => {
    const parameters = { maxIterations: 60, leaves: 5, earlyStoppingRounds: 60 };
    const spec = await taskOf('binary', TRAINING_VALIDATION_HOLDOUT, { blueprintId: 'lightgbm-default', parameters });
    expect((await made(spec, null, 0)).fit.contentHash).to.equal((await made(spec)).fit.contentHash);
  });

  for (const blueprintId of ['lightgbm-default', 'lightgbm-slow', 'lightgbm-dart', 'lightgbm-linear-trees']) {
    it(`${blueprintId}, cross-validation: resumed in any fold and after any fold it gives the very same model`, async () => {
      const parameters = { maxIterations: 110, leaves: 5 };
      const spec = await taskOf('binary', THREE_FOLDS, { blueprintId, parameters });
      const whole = await made(spec);
      const positions = whole.handed.map(({ position }) => position);
      expect(positions).to.deep.equal([...new Set(positions)].sort((a, b) => a - b));
      expect(positions.at(-1)).to.equal(12);
      for (const { position, state } of whole.handed)
        expect(outcomeOf(await made(spec, state)), `position ${position}`).to.deep.equal(outcomeOf(whole));
    });
  }

  it('says where it resumed', async () => {
    const spec = await taskOf('binary', THREE_FOLDS, {
      blueprintId: 'lightgbm-slow',
      parameters: { maxIterations: 110, leaves: 5, earlyStoppingRounds: 110 },
    });
    const { handed } = await made(spec);
    const logs = await Promise.all(handed.map(async ({ state }) => (await made(spec, state)).log));
    expect(logs.flat()).to.deep.equal([
      'resumed at iteration 50 of fold 1 of 3',
      'resumed at iteration 100 of fold 1 of 3',
      'resumed at iteration 0 of fold 2 of 3',
      'resumed at iteration 50 of fold 2 of 3',
      'resumed at iteration 100 of fold 2 of 3',
      'resumed at iteration 0 of fold 3 of 3',
      'resumed at iteration 50 of fold 3 of 3',
      'resumed at iteration 100 of fold 3 of 3',
      'resumed after the last iteration',
    ]);
  });

  it('ignores a state that was damaged, cut or is another task’s, says so, and gives the same model', async () => {
    const parameters = { maxIterations: 110, leaves: 5 };
    const spec = await taskOf('binary', TRAINING_VALIDATION_HOLDOUT, { blueprintId: 'lightgbm-default', parameters });
    const whole = await made(spec);
    const state = whole.handed[0]?.state ?? expect.fail('no state');
    const altered = (at: number): Uint8Array =>
      Uint8Array.from(state, (byte, index) => (index === at ? byte ^ 1 : byte));
    const other = await made({ ...spec, seed: spec.seed + 1 });
    for (const [what, useless] of [
      ['another format or version', altered(7)],
      ['an altered digest', altered(10)],
      ['an altered head', altered(100)],
      ['an altered leaf', altered(state.length - 3)],
      ['a cut file', state.subarray(0, state.length - 8)],
      ['an empty file', new Uint8Array(0)],
      ['another task', other.handed[0]?.state ?? new Uint8Array(0)],
    ] as const) {
      const begun = await made(spec, useless);
      expect(begun.log, what).to.have.length(1);
      expect(begun.log[0], what).to.match(/^the checkpoint is of no use, the fit begins anew: fit state: /);
      expect(begun.updates, what).to.equal(whole.updates);
      expect(outcomeOf(begun), what).to.deep.equal(outcomeOf(whole));
    }
  });

  it('tells every iteration with fold, number and a fraction that never falls', async () => {
    const spec = await taskOf('binary', THREE_FOLDS, {
      blueprintId: 'lightgbm-fast',
      parameters: { maxIterations: 60, earlyStoppingRounds: 60, leaves: 5 },
    });
    const told: { fraction: number; message: string; iteration: number | null }[] = [];
    const io = freeIo({ onIteration: (progress) => void told.push(progress) });
    await fitModel(spec, memorySource(TABLE), testEngine(), io);
    expect(told).to.have.length(180);
    expect(told[60 + 19]).to.deep.include({ message: 'fold 2 of 3: iteration 20 of 60', iteration: 20 });
    const fractions = told.map(({ fraction }) => fraction);
    expect(fractions).to.deep.equal([...fractions].sort((a, b) => a - b));
  });

  it('keeps its deadline: what a resumed fit has when time is up is the model, and a refit gives up in time', async () => {
    const parameters = { maxIterations: 170, leaves: 5, earlyStoppingRounds: 170 };
    const spec = await taskOf('binary', TRAINING_VALIDATION_HOLDOUT, { blueprintId: 'lightgbm-default', parameters });
    const { handed } = await made(spec);
    const resumeFrom = handed[1]?.state ?? expect.fail('no state');
    // Time passes with iterations alone, 100 ms each: ten of them fit.
    let now = 0;
    const engine = countingEngine();
    const io = freeIo({
      now: () => now,
      remainingMs: () => 2_000 - now,
      onIteration: () => void (now += 100),
      resumeFrom,
    });
    const fit = await fitModel(spec, memorySource(TABLE), engine.engine, io);
    expect(fit.stoppedByDeadline).to.be.true;
    expect(engine.counted.updates).to.be.within(5, 20);
    expect(now).to.be.lessThan(2_000);

    const refit: TrainTask = { ...spec, refit: { of: 'model-0', iterations: 170 } };
    const [first] = (await made(refit)).handed;
    now = 0;
    const late = await appErrorOf('TASK_DEADLINE', () =>
      fitModel(refit, memorySource(TABLE), testEngine(), { ...io, resumeFrom: first?.state ?? null }),
    );
    expect(late.message).to.equal(
      'the refit made 60 of 170 iterations before its deadline; the validated model stands',
    );
  });

  it('leaves out the copies of a refit for which there is no time, but not the only one', async () => {
    const refit = { of: 'model-0', iterations: 60, copies: 3 };
    const spec = await taskOf('binary', TRAINING_VALIDATION_HOLDOUT, { parameters: { leaves: 5 }, refit });
    const fitIn = async (budgetMs: number) => {
      let now = 0;
      const io = freeIo({
        now: () => now,
        remainingMs: () => budgetMs - now,
        onIteration: () => void (now += 100),
      });
      return fitModel({ ...spec, blueprintId: 'lightgbm-slow' }, memorySource(TABLE), testEngine(), io);
    };
    const ample = await fitIn(60_000);
    expect([ample.content.members.length, ample.stoppedByDeadline]).to.deep.equal([3, false]);
    const scarce = await fitIn(14_000);
    expect([scarce.content.members.length, scarce.stoppedByDeadline]).to.deep.equal([2, true]);
    expect(scarce.content.members.map(({ weight }) => weight)).to.deep.equal([0.5, 0.5]);
    await appErrorOf('TASK_DEADLINE', () => fitIn(5_000));
  });

  it('the baseline hands out nothing and needs nothing', async () => {
    const spec = await taskOf('binary', THREE_FOLDS, { blueprintId: 'baseline', parameters: {} });
    expect((await made(spec, new Uint8Array(3))).handed).to.deep.equal([]);
  });
});
