import { expect } from 'chai';
import { isAppError, type TargetType, type TrainTask } from '#contracts';
import { manifestOf, settingsOf, type AutopilotRequest, type FitIo } from '#ml';
import { fitModel, type FitResult } from '../../../../../support/in-memory.ts';
import { openArtifact } from '#scoring';
import { createRandom } from '#statistics';
import { checkFits } from '../../../../../../yarn-workers/ml/blueprints/misfit.ts';
import { epochsOf } from '../../../../../../yarn-workers/ml/fit/network/fit-network-member.ts';
import { sha256, testEngine } from '../../../../../support/boosting-engine.ts';
import { appErrorOf } from '../../../../../support/expect-error.ts';
import { memorySource, numberRule, textRule, type MemoryColumn } from '../../../../../support/memory-table.ts';
import { MIXED_FEATURES, mixedTable } from '../../../../../support/mixed-table.ts';
import { freeIo, planOf, trainTask } from '../../../../../support/modelling-task.ts';

const ID = 'network';
const TABLE = mixedTable(500);
const SMALL = { units: 16, epochs: 6 };

async function taskOf(targetType: TargetType, changes: Partial<TrainTask> = {}): Promise<TrainTask> {
  const plan = await planOf(TABLE, { target: targetType, targetType, featureNames: [...MIXED_FEATURES] });
  const task = trainTask(TABLE, plan, { blueprintId: ID, parameters: SMALL, ...changes });
  return { ...task, partitioning: { ...task.partitioning, validation: 'cv', folds: 3, validationFraction: null } };
}

const fit = (task: TrainTask, io: Partial<FitIo> = {}, batchRows = 200, table = TABLE): Promise<FitResult> =>
  fitModel(task, memorySource(table, batchRows), testEngine(), freeIo({ now: () => 0, ...io }));

const scorerOf = (task: TrainTask, made: FitResult) =>
  openArtifact(manifestOf(task, made, { createdAt: '2026-01-01T00:00:00Z', files: [] }), made.blob, sha256);

/** A fit with all states that it hands out. */
async function made(task: TrainTask, resumeFrom: Uint8Array | null = null) {
  const handed: { readonly position: number; readonly state: Uint8Array }[] = [];
  const log: string[] = [];
  const result = await fit(task, {
    resumeFrom,
    log: (line) => void log.push(line),
    onCheckpoint: async ({ position, encode, sizeBytes }) => {
      const state = encode();
      expect(state.length).to.be.within(sizeBytes, sizeBytes + 20_000);
      handed.push({ position, state });
    },
  });
  const { contentHash, blob, iterations, outOfFold } = result;
  return { outcome: { contentHash, blob: sha256(blob), iterations, outOfFold }, handed, log };
}

/** A wave of one number whose sign another feature decides: no sum of functions of them, and nothing that steps follow. */
const WAVES: MemoryColumn[] = (() => {
  const random = createRandom(4);
  const rows = Array.from({ length: 3_000 }, () => ({ x: random.uniform(), level: random.below(2) }));
  const waveOf = ({ x, level }: (typeof rows)[number]): number => Math.sin(12 * x) * (level === 0 ? 1 : -1);
  const number = (name: string, cellOf: (row: (typeof rows)[number]) => number): MemoryColumn => ({
    name,
    parse: numberRule,
    cells: rows.map((row) => String(cellOf(row))),
  });
  return [
    number('x', ({ x }) => x),
    { name: 'level', parse: textRule, cells: rows.map(({ level }) => `level ${level}`) },
    { name: 'sure', parse: textRule, cells: rows.map((row) => (waveOf(row) > 0 ? 'yes' : 'no')) },
    number('wave', (row) => 1_000 + 50 * waveOf(row)),
    // Counts and amounts of which the wave is the logarithm.
    number('count', (row) => Math.round(100 * Math.exp(waveOf(row)))),
    number('amount', (row) => 0.1 * Math.exp(waveOf(row))),
  ];
})();

async function waveTask(request: AutopilotRequest): Promise<TrainTask> {
  const partitioning = { method: 'random' as const, folds: 3, holdoutFraction: 0 };
  const plan = await planOf(WAVES, { featureNames: ['x', 'level'], partitioning, ...request });
  return trainTask(WAVES, plan, { blueprintId: ID });
}

describe('ml fit: networks', function () {
  this.timeout(60_000);

  for (const [metric, request, most] of [
    ['rmse', { target: 'wave', targetType: 'regression' }, 4],
    ['logLoss', { target: 'sure', targetType: 'binary' }, 0.12],
    ['poissonDeviance', { target: 'count', targetType: 'regression', metric: 'poissonDeviance' }, 2],
    ['gammaDeviance', { target: 'amount', targetType: 'regression', metric: 'gammaDeviance' }, 0.02],
  ] as const)
    it(`follow a wave that two features make together, by the loss of the target: ${metric}`, async () => {
      const task = await waveTask(request);
      const scoreOf = async (blueprintId: string): Promise<number> =>
        (await fit({ ...task, blueprintId }, {}, 700, WAVES)).scores?.crossValidation?.[metric] ?? NaN;
      expect(await scoreOf(ID)).to.be.below(most);
      // What an additive model can make of it is next to nothing.
      expect(await scoreOf('linear-splines')).to.be.above(5 * most);
    });

  for (const targetType of ['binary', 'multiclass', 'regression'] as const) {
    it(`${targetType}: the same content for any batch size and thread count, another for another seed`, async () => {
      const task = await taskOf(targetType);
      const { contentHash, iterations } = await fit(task);
      expect((await fit(task, {}, 37)).contentHash).to.equal(contentHash);
      expect((await fit({ ...task, threadCount: 2 }, {}, 10_000)).contentHash).to.equal(contentHash);
      expect((await fit({ ...task, seed: task.seed + 1 })).contentHash).not.to.equal(contentHash);
      expect(iterations).to.be.within(1, 6);
    });

    it(`${targetType}: resumed after any epoch it gives the very same model`, async () => {
      const task = await taskOf(targetType, { weightColumn: 'weight', parameters: { units: 8, epochs: 3 } });
      const whole = await made(task);
      expect(whole.handed.map(({ position }) => position)).to.deep.equal([1, 2, 4, 5, 6, 8, 9, 10, 12]);
      for (const { position, state } of whole.handed) {
        const resumed = await made(task, state);
        expect(resumed.outcome, `position ${position}`).to.deep.equal(whole.outcome);
        expect(resumed.handed).to.deep.equal(whole.handed.filter((one) => one.position > position));
      }
    });

    it(`${targetType}: explained exactly, whatever the row has`, async () => {
      const task = await taskOf(targetType);
      const scorer = scorerOf(task, await fit(task));
      const { baseValues, features } = scorer.explainer();
      const answer = scorer.createPrediction(true);
      const rows = [
        {},
        { x: 1e300 },
        { x: -5, color: 'never seen' },
        Object.fromEntries(features.map((one) => [one, null])),
      ];
      for (const row of rows) {
        scorer.scoreRow(row, answer);
        for (const [output, base] of baseValues.entries()) {
          const own = answer.contributions?.slice(output * features.length, (output + 1) * features.length) ?? [];
          const sum = [...own].reduce((total, value) => total + value, base);
          expect(sum).to.be.closeTo(answer.rawScores[output] ?? NaN, 1e-9 * Math.abs(base) + 1e-12);
        }
      }
    });
  }

  it('follow values of any size, and keep their scores finite', async () => {
    for (const [target, metric, factor] of [
      ['wave', 'rmse', 1e14],
      ['amount', 'tweedieDeviance', 1e-15],
    ] as const) {
      const table = WAVES.map((column) =>
        column.name === target
          ? { ...column, cells: column.cells.map((cell) => String(factor * Number(cell))) }
          : column,
      );
      const partitioning = { method: 'random' as const, folds: 3, holdoutFraction: 0 };
      const featureNames = ['x', 'level'];
      const plan = await planOf(table, { target, targetType: 'regression', metric, partitioning, featureNames });
      const { scores } = await fit(trainTask(table, plan, { blueprintId: ID }), {}, 700, table);
      expect(scores?.crossValidation?.r2, `${target} x ${factor}`).to.be.above(0.97);
    }
  });

  it('begin anew with a state that is damaged, of another task, or of other parameters', async () => {
    const task = await taskOf('binary', { parameters: { units: 8, epochs: 3 } });
    const whole = await made(task);
    const state = whole.handed[0]?.state ?? new Uint8Array(0);
    const damaged = state.slice();
    damaged[state.length - 1] = (damaged[state.length - 1] ?? 0) ^ 1;
    for (const [spec, bytes, reason] of [
      [task, damaged, 'altered'],
      [task, state.subarray(0, 40), 'bytes'],
      [{ ...task, seed: task.seed + 1 }, state, 'another task'],
    ] as const) {
      const { log, handed } = await made(spec, bytes);
      expect(log.join()).to.include('of no use').and.include(reason);
      expect(handed).to.have.length(whole.handed.length);
    }
  });

  it('end at their deadline with the epochs so far; a refit that cannot make all is late', async () => {
    const task = await taskOf('binary', { parameters: { units: 8, epochs: 40 } });
    let clock = 0;
    const hurried = (budget: number): Partial<FitIo> => {
      clock = 0;
      return { now: () => (clock += 1), remainingMs: () => Math.max(1, budget - clock) };
    };
    const result = await fit(task, hurried(40));
    expect(result.stoppedByDeadline).to.equal(true);
    expect(Object.keys(result.stops)).to.include('network-0');
    expect((await fit({ ...task, stops: result.stops })).contentHash).to.equal(result.contentHash);
    await appErrorOf('TASK_DEADLINE', () => fit({ ...task, refit: { of: 'model-0', iterations: 40 } }, hurried(100)));
  });

  it('end when the task is cancelled', async () => {
    const controller = new AbortController();
    const task = await taskOf('binary', { parameters: { units: 8, epochs: 40 } });
    let turns = 0;
    await appErrorOf('TASK_CANCELLED', () =>
      fit(task, {
        signal: controller.signal,
        onProgress: ({ iteration }) => {
          turns += 1;
          if ((iteration ?? 0) >= 3) controller.abort();
        },
      }),
    );
    expect(turns).to.be.below(20);
  });

  it('make a whole schedule of fewer epochs where the deadline is near, and the same in a replay', async () => {
    const task = await taskOf('binary', { parameters: { units: 8, epochs: 40 } });
    let clock = 0;
    const result = await fit(task, { now: () => (clock += 1), remainingMs: () => Math.max(1, 400 - clock) });
    const planned = result.stops['network-schedule-0'] ?? NaN;
    expect(planned).to.be.within(5, 39);
    expect(result.stoppedByDeadline).to.equal(true);
    const replay = await fit({ ...task, stops: result.stops });
    expect([replay.contentHash, replay.stops]).to.deep.equal([result.contentHash, result.stops]);
  });

  it('refit by a shorter schedule where time is short, of three fifths of the epochs at least, and the same in a replay', async () => {
    const task = {
      ...(await taskOf('binary', { parameters: { units: 8 } })),
      refit: { of: 'model-0', iterations: 40 },
    };
    // An epoch takes 10 ms, all else nothing.
    const refitIn = (budget: number): Promise<FitResult> => {
      let clock = 0;
      const onProgress: FitIo['onProgress'] = ({ iteration }) => void (clock = 10 * (iteration ?? 0));
      return fit(task, { now: () => clock, remainingMs: () => Math.max(1, budget - clock), onProgress });
    };
    const planned: number[] = [];
    for (let budget = 100; budget <= 800; budget += 25) {
      const result = await refitIn(budget).catch((err: unknown) => {
        if (isAppError(err, 'TASK_DEADLINE')) return null;
        throw err;
      });
      if (result === null) {
        expect(planned, 'more time is never too little').to.deep.equal([]);
        continue;
      }
      const epochs = result.stops['network-schedule-0'] ?? 40;
      expect(result.iterations).to.equal(epochs);
      expect(result.stoppedByDeadline).to.equal(epochs < 40);
      if (planned.length === 0)
        expect((await fit({ ...task, stops: result.stops })).contentHash).to.equal(result.contentHash);
      planned.push(epochs);
    }
    expect(planned[0]).to.be.within(24, 32);
    expect(planned).to.deep.equal([...planned].sort((a, b) => a - b));
    expect(planned.at(-1)).to.equal(40);
  });

  it('average the copies of a refit, each with a seed of its own', async () => {
    const task = await taskOf('regression', { parameters: SMALL });
    const rawOf = async (copies: number): Promise<number> => {
      const made = await fit({ ...task, refit: { of: 'model-0', iterations: 4, copies } });
      expect(made.content.members.map(({ weight }) => weight)).to.deep.equal(Array(copies).fill(1 / copies));
      const scorer = scorerOf(task, made);
      const answer = scorer.createPrediction();
      scorer.scoreRow({ x: 0.3, color: 'red' }, answer);
      return answer.rawScores[0] ?? NaN;
    };
    const [one, two] = [await rawOf(1), await rawOf(2)];
    expect(two, 'the second is another one').to.not.be.closeTo(one, 1e-9 * Math.abs(one));
  });

  it('refit as many epochs as are frozen, as a schedule of their own', async () => {
    const task = await taskOf('regression', { parameters: { units: 8, epochs: 9 } });
    const refit = await fit({ ...task, refit: { of: 'model-0', iterations: 4 } });
    expect([refit.iterations, refit.content.members.length, refit.outOfFold]).to.deep.equal([4, 1, null]);
    const settings = settingsOf(ID, {});
    if (settings === null || !('units' in settings)) throw new Error('a network has settings of its own');
    const epochsFor = (rowCount: number, changes: Partial<TrainTask> = {}): number =>
      epochsOf(settings, { ...task, table: { ...task.table, rowCount }, ...changes });
    expect([1_000, 20_000, 40_000_000].map((rowCount) => epochsFor(rowCount))).to.deep.equal([64, 26, 16]);
    expect(epochsFor(20_000, { refit: { of: 'model-0', iterations: 3 } })).to.equal(3);
    expect(epochsFor(1_000_000, { sampleFraction: 0.02 })).to.equal(26);
  });

  it('are refused where they cannot be, each with its reason', async () => {
    const settings = settingsOf(ID, {});
    const { metric, monotonic, target } = await planOf(TABLE, { target: 'regression', targetType: 'regression' });
    const classes = Array.from({ length: 101 }, (_, index) => ({
      label: `${index}`,
      texts: [`${index}`],
      rowCount: 9,
    }));
    const cases: [Partial<Parameters<typeof checkFits>[2]>, string][] = [
      [{ monotonic: { increasing: ['x'], decreasing: [] } }, 'cannot keep the constraints'],
      [{ target: { ...target, quantile: 0.9 }, metric: 'quantileLoss' }, 'no loss for a quantile'],
      [{ target: { ...target, targetType: 'multiclass', classes } }, '101, more than 100'],
    ];
    for (const [changes, part] of cases) {
      const err = await appErrorOf('VALIDATION_FAILED', () =>
        checkFits(ID, settings, { target, metric, monotonic, ...changes }),
      );
      expect(err.message).to.contain(part);
    }
    for (const [name, value] of [
      ['units', 12],
      ['units', 0],
      ['copies', 9],
      ['dropout', 1],
      ['learningRate', 0],
      ['numberBins', 1],
      ['leaves', 3],
      ['holidays', 'Mars'],
    ] as const) {
      const err = await appErrorOf('VALIDATION_FAILED', () => settingsOf(ID, { [name]: value }));
      expect(err.message).to.contain(`parameters.${name}`);
    }
  });
});
