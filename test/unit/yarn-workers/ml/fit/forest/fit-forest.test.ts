import { expect } from 'chai';
import type { TargetType, TrainTask } from '#contracts';
import { fitModel, type FitResult } from '../../../../../support/in-memory.ts';
import { forestSize } from '../../../../../../yarn-workers/ml/fit/forest/fit-forest.ts';
import { sha256, testEngine } from '../../../../../support/boosting-engine.ts';
import { appErrorOf } from '../../../../../support/expect-error.ts';
import { memorySource } from '../../../../../support/memory-table.ts';
import { MIXED_FEATURES, mixedTable } from '../../../../../support/mixed-table.ts';
import { freeIo, planOf, trainTask } from '../../../../../support/modelling-task.ts';

const TABLE = mixedTable(500);
const FORESTS = ['extra-trees', 'random-forest'] as const;

async function taskOf(targetType: TargetType, changes: Partial<TrainTask>): Promise<TrainTask> {
  const plan = await planOf(TABLE, { target: targetType, targetType, featureNames: [...MIXED_FEATURES] });
  const task = trainTask(TABLE, plan, changes);
  return { ...task, partitioning: { ...task.partitioning, validation: 'cv', folds: 3, validationFraction: null } };
}

interface Handed {
  readonly position: number;
  readonly state: Uint8Array;
}

async function made(task: TrainTask, resumeFrom: Uint8Array | null = null, batchRows = 200) {
  const handed: Handed[] = [];
  const log: string[] = [];
  const io = freeIo({
    now: () => 0,
    resumeFrom,
    log: (line) => void log.push(line),
    onCheckpoint: async ({ position, encode, sizeBytes }) => {
      const state = encode();
      expect(state.length).to.be.within(sizeBytes, sizeBytes + 20_000);
      handed.push({ position, state });
    },
  });
  return { fit: await fitModel(task, memorySource(TABLE, batchRows), testEngine(), io), handed, log };
}

const outcomeOf = ({ fit }: { readonly fit: FitResult }) => ({
  contentHash: fit.contentHash,
  blob: sha256(fit.blob),
  iterations: fit.iterations,
  outOfFold: fit.outOfFold,
});

describe('ml fit: forests', function () {
  this.timeout(60_000);

  for (const blueprintId of FORESTS) {
    it(`${blueprintId}: the same content for any batch size and thread count, another for another seed`, async () => {
      const spec = await taskOf('multiclass', { blueprintId, parameters: { trees: 12 } });
      const { fit } = await made(spec);
      expect((await made(spec, null, 37)).fit.contentHash).to.equal(fit.contentHash);
      expect((await made({ ...spec, threadCount: 2 }, null, 10_000)).fit.contentHash).to.equal(fit.contentHash);
      expect((await made({ ...spec, seed: spec.seed + 1 })).fit.contentHash).not.to.equal(fit.contentHash);
      expect(fit.iterations).to.equal(12);
    });

    for (const targetType of ['binary', 'multiclass', 'regression'] as const) {
      it(`${blueprintId}, ${targetType}: resumed after any group of trees it gives the very same model`, async () => {
        const spec = await taskOf(targetType, { blueprintId, parameters: { trees: 25 }, weightColumn: 'weight' });
        const whole = await made(spec);
        expect(whole.handed.map(({ position }) => position)).to.deep.equal([1, 2, 4, 5, 6, 8, 9, 10, 12]);
        for (const { position, state } of whole.handed) {
          const resumed = await made(spec, state);
          expect(outcomeOf(resumed), `position ${position}`).to.deep.equal(outcomeOf(whole));
          expect(resumed.handed).to.deep.equal(whole.handed.filter((one) => one.position > position));
        }
      });
    }
  }

  it('begins anew with a state that is damaged or of another task', async () => {
    const spec = await taskOf('binary', { blueprintId: 'extra-trees', parameters: { trees: 12 } });
    const whole = await made(spec);
    const state = whole.handed[0]?.state ?? new Uint8Array(0);
    const damaged = state.slice();
    damaged[state.length - 1] = (damaged[state.length - 1] ?? 0) ^ 1;
    for (const [task, bytes, reason] of [
      [spec, damaged, 'altered'],
      [spec, state.subarray(0, 40), 'bytes'],
      [{ ...spec, seed: spec.seed + 1 }, state, 'another task'],
    ] as const) {
      const { log, handed } = await made(task, bytes);
      expect(log.join()).to.include('of no use').and.include(reason);
      expect(handed).to.have.length(whole.handed.length);
    }
  });

  it('is far better than the constant model out of fold, for every kind of target', async () => {
    for (const blueprintId of FORESTS) {
      for (const [targetType, metric] of [
        ['binary', 'logLoss'],
        ['multiclass', 'logLoss'],
        ['regression', 'rmse'],
      ] as const) {
        const score = async (id: string, parameters: TrainTask['parameters']): Promise<number> =>
          (await made(await taskOf(targetType, { blueprintId: id, parameters }))).fit.scores?.crossValidation?.[
            metric
          ] ?? NaN;
        expect(await score(blueprintId, { trees: 40 })).to.be.below(0.93 * (await score('baseline', {})));
      }
    }
  });

  it('ends at its deadline with the trees so far; a refit that cannot grow all is late', async () => {
    const spec = await taskOf('binary', { blueprintId: 'random-forest', parameters: { trees: 200 } });
    let clock = 0;
    const io = freeIo({ now: () => (clock += 1), remainingMs: () => Math.max(1, 600 - clock) });
    const fit = await fitModel(spec, memorySource(TABLE, 200), testEngine(), io);
    expect(fit.stoppedByDeadline).to.equal(true);
    expect(fit.iterations).to.be.within(1, 199);
    clock = 0;
    await appErrorOf('TASK_DEADLINE', () =>
      fitModel({ ...spec, refit: { of: 'model-0', iterations: 200 } }, memorySource(TABLE, 200), testEngine(), {
        ...io,
        remainingMs: () => Math.max(1, 200 - clock),
      }),
    );
  });

  it('refits as many trees as are frozen', async () => {
    const spec = await taskOf('regression', { blueprintId: 'extra-trees', parameters: { trees: 60 } });
    const { fit } = await made({ ...spec, refit: { of: 'model-0', iterations: 17 } });
    expect([fit.iterations, fit.content.members.length, fit.outOfFold]).to.deep.equal([17, 1, null]);
  });

  it('has fewer trees, and then more rows a leaf, where it would become too large', async () => {
    const spec = await taskOf('binary', { blueprintId: 'extra-trees' });
    const sizeOf = (rowCount: number, minRowsPerLeaf = 1, refit: TrainTask['refit'] = null) =>
      forestSize(
        {
          trees: 200,
          randomThresholds: true,
          bootstrap: false,
          minRowsPerLeaf,
          featureFraction: 0,
          maxBins: 255,
          categorySmoothing: 10,
          holidays: 'none',
          textComponents: 0,
        },
        {
          ...spec,
          refit,
          table: { ...spec.table, rowCount },
          partitioning: { ...spec.partitioning, folds: 5, holdoutFraction: 0 },
        },
      );
    expect(sizeOf(1_000)).to.deep.equal({ trees: 200, minRows: 1, leaves: 800_000 });
    expect(sizeOf(12_500)).to.deep.equal({ trees: 100, minRows: 1, leaves: 5_000_000 });
    expect(sizeOf(250_000)).to.deep.equal({ trees: 50, minRows: 10, leaves: 5_000_000 });
    expect(sizeOf(250_000, 20)).to.deep.equal({ trees: 100, minRows: 20, leaves: 5_000_000 });
    expect(sizeOf(250_000, 1, { of: 'model-0', iterations: 31 })).to.deep.equal({
      trees: 31,
      minRows: 10,
      leaves: 775_000,
    });
  });
});
