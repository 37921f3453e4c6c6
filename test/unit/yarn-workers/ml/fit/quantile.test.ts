import { expect } from 'chai';
import type { TrainTask } from '#contracts';
import { HOLDOUT, scoresFromOutOfFold } from '#ml';
import { fitModel, type FitResult } from '../../../../support/in-memory.ts';
import { pinballLoss } from '#statistics';
import { stoppingLoss } from '../../../../../yarn-workers/ml/fit/stopping-loss.ts';
import { testEngine } from '../../../../support/boosting-engine.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { memorySource, type MemoryColumn } from '../../../../support/memory-table.ts';
import { MIXED_FEATURES, mixedTable } from '../../../../support/mixed-table.ts';
import { freeIo, planOf, trainTask } from '../../../../support/modelling-task.ts';

const TABLE: MemoryColumn[] = mixedTable(900, 4);
const VALUES = (TABLE.find(({ name }) => name === 'regression')?.cells ?? []).map(Number);
const WEIGHTS = (TABLE.find(({ name }) => name === 'weight')?.cells ?? []).map(Number);

async function taskOf(quantile: number, changes: Partial<TrainTask>): Promise<TrainTask> {
  const plan = await planOf(TABLE, {
    target: 'regression',
    metric: 'quantileLoss',
    quantile,
    weightColumn: 'weight',
    featureNames: [...MIXED_FEATURES],
  });
  return trainTask(TABLE, plan, changes);
}

const fit = (task: TrainTask): Promise<FitResult> => fitModel(task, memorySource(TABLE), testEngine(), freeIo());

function heldOf({ outOfFold }: FitResult) {
  if (outOfFold === null) throw new Error('a search model has out-of-fold predictions');
  return outOfFold;
}

describe('ml quantiles', function () {
  this.timeout(30_000);

  it('have the weighted quantile as baseline: no other value has a smaller loss', async () => {
    const lossAt = (level: number, value: number): number =>
      VALUES.reduce((sum, actual, row) => sum + (WEIGHTS[row] ?? 0) * pinballLoss(actual, value, level), 0);
    for (const level of [0.1, 0.5, 0.95]) {
      const task = await taskOf(level, {
        blueprintId: 'baseline',
        parameters: {},
        refit: { of: 'm', iterations: null },
      });
      const model = (await fit(task)).content.members[0]?.model;
      const value = model?.kind === 'constant' ? (model.scores[0] ?? NaN) : NaN;
      const best = Math.min(...VALUES.map((candidate) => lossAt(level, candidate)));
      expect(lossAt(level, value)).to.be.closeTo(best, 1e-9 * best);
    }
  });

  it('are learnt: less loss than the baseline, and as many rows below as asked for', async () => {
    for (const level of [0.1, 0.9]) {
      const made = await fit(await taskOf(level, { blueprintId: 'lightgbm-default' }));
      const baseline = await fit(await taskOf(level, { blueprintId: 'baseline', parameters: {} }));
      const lossOf = ({ scores }: FitResult): number => scores?.crossValidation?.['quantileLoss'] ?? NaN;
      expect(lossOf(made)).to.be.lessThan(0.6 * lossOf(baseline));
      const { values, predictions } = heldOf(made);
      const below = predictions.filter((predicted, row) => (values?.[row] ?? NaN) <= predicted).length;
      expect(below / predictions.length).to.be.within(level - 0.15, level + 0.15);
    }
  });

  it('are scored and stopped by the same loss, and by none where the target has no level', async () => {
    const made = await fit(await taskOf(0.9, { blueprintId: 'lightgbm-fast' }));
    const held = heldOf(made);
    const task = await taskOf(0.9, {});
    const { values, predictions, weights } = held;
    const weighed = (weights ?? new Float64Array(0)).map((weight, row) =>
      held.partitions[row] === HOLDOUT ? 0 : weight,
    );
    const total = weighed.reduce((sum, weight) => sum + weight, 0);
    const term = stoppingLoss(
      { stoppingMetric: 'quantileLoss', constant: { quantile: 0.9 } },
      values ?? new Float64Array(0),
      1,
    );
    const mean = predictions.reduce((sum, _, row) => sum + (weighed[row] ?? NaN) * term(predictions, row, row), 0);
    expect(made.scores?.crossValidation?.['quantileLoss']).to.be.closeTo(mean / total, 1e-9);
    const { quantile: _, ...plain } = task.target;
    expect(scoresFromOutOfFold(held, plain).crossValidation).not.to.have.property('quantileLoss');
  });

  it('are not fitted by linear models', async () => {
    const task = await taskOf(0.9, { blueprintId: 'linear' });
    const found = await appErrorOf('VALIDATION_FAILED', () => fit(task));
    expect(found.message).to.include('no loss for a quantile');
  });
});
