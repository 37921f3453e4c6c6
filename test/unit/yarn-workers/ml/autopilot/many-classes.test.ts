import { expect } from 'chai';
import type { AutopilotPlan, TrainTask } from '#contracts';
import { planAutopilot, type AutopilotRequest } from '#ml';
import { fitModel } from '../../../../support/in-memory.ts';
import { fittedFraction } from '../../../../../yarn-workers/ml/fit/sample-fraction.ts';
import { rowRoles, trainingRows } from '../../../../../yarn-workers/ml/fit/row-roles.ts';
import { checkOutOfFold } from '../../../../../yarn-workers/ml/fit/check-out-of-fold.ts';
import { readTargetRows } from '../../../../../yarn-workers/ml/fit/target-rows.ts';
import { testEngine } from '../../../../support/boosting-engine.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import {
  memorySource,
  numberRule,
  storedTable,
  textRule,
  type MemoryColumn,
} from '../../../../support/memory-table.ts';
import { freeIo, planOf, profileOf, trainTask } from '../../../../support/modelling-task.ts';

/** Classes that `x` and `group` tell apart, each of so many rows. */
function table(classCount: number, rowsEach: number): MemoryColumn[] {
  const rows = Array.from({ length: classCount * rowsEach }, (_, row) => row);
  return [
    { name: 'x', cells: rows.map((row) => String((row % classCount) * 10 + ((row * 7) % 4))), parse: numberRule },
    { name: 'group', cells: rows.map((row) => `g${(row % classCount) % 9}`), parse: textRule },
    { name: 'y', cells: rows.map((row) => `c${row % classCount}`), parse: textRule },
  ];
}

const idsOf = ({ candidates }: AutopilotPlan): string[] => candidates.map(({ blueprintId }) => blueprintId);

describe('ml: many classes', () => {
  it('takes 1,000, and names the number where there are more', async () => {
    expect((await planOf(table(1_000, 3), { target: 'y' })).target.classes).to.have.length(1_000);
    const err = await appErrorOf('TARGET_TYPE_MISMATCH', () => planOf(table(1_001, 3), { target: 'y' }));
    expect(err.message).to.include('1001 or so values').and.include('at most 1000');
  });

  it('names a class that is there once', async () => {
    const once = table(200, 3).map(({ name, cells, parse }) => ({
      name,
      cells: [...cells, name === 'y' ? 'lonely' : name === 'x' ? '1' : 'g1'],
      parse,
    }));
    const err = await appErrorOf('TARGET_CLASS_TOO_SMALL', () => planOf(once, { target: 'y' }));
    expect(err.message).to.include('"lonely" has 1 row').and.include('remove or merge');
  });

  it('searches what is worth its time, with as few iterations of boosting as keep it small', async () => {
    const searched = ['baseline', 'random-forest', 'extra-trees', 'linear', 'lightgbm-fast'];
    const plan = await planOf(table(1_000, 3), { target: 'y', timeBudgetSeconds: 60 });
    expect(idsOf(plan)).to.deep.equal(searched);
    expect(plan.candidates.at(-1)?.parameters).to.deep.equal({ maxIterations: 33 });
    expect(plan.leftOut?.map(({ blueprintId }) => blueprintId)).to.deep.equal(['network']);
    expect(plan.leftOut?.[0]?.reason).to.include('1000, more than 100');
    const full = await planOf(table(1_000, 3), { target: 'y', mode: 'full' });
    expect(idsOf(full)).to.deep.equal(searched);
    const named = await planOf(table(1_000, 3), { target: 'y', blueprints: ['lightgbm-default'] });
    expect(named.candidates).to.deep.equal([{ blueprintId: 'lightgbm-default', parameters: { maxIterations: 16 } }]);
    expect(idsOf(await planOf(table(100, 3), { target: 'y' }))).to.include('lightgbm-slow');
  });

  it('refuses a model of more trees than fit, with the number that does', async () => {
    const columns = table(200, 3);
    const plan = await planOf(columns, { target: 'y' });
    const task = trainTask(columns, plan, { blueprintId: 'lightgbm-default' });
    const err = await appErrorOf('VALIDATION_FAILED', () =>
      fitModel(task, memorySource(columns), testEngine(), freeIo()),
    );
    expect(err.message).to.include('200 classes').and.include('maxIterations must be at most 80');
  });

  it('holds back no more rows than have eight million probabilities', async () => {
    const columns = table(1_000, 3);
    const profile = await profileOf(columns);
    const partitioningOf = (rowCount: number, partitioning?: AutopilotRequest['partitioning']) =>
      planAutopilot(
        { target: 'y', ...(partitioning === undefined ? {} : { partitioning }) },
        { profile, table: { ...storedTable(columns), rowCount }, parallelTasks: 1, threadsPerTask: 1 },
      ).partitioning;
    expect(partitioningOf(8_000)).to.include({ validation: 'cv', folds: 5, holdoutFraction: 0.2 });
    expect(partitioningOf(20_000)).to.include({ validation: 'tvh', validationFraction: 0.16, holdoutFraction: 0.2 });
    expect(partitioningOf(200_000)).to.include({
      validation: 'tvh',
      validationFraction: 0.018,
      holdoutFraction: 0.022,
    });
    const asked = { method: 'stratified', validation: 'cv', folds: 3 } as const;
    expect(partitioningOf(20_000, asked)).to.include({ validation: 'cv', folds: 3, holdoutFraction: 0.2 });
  });

  describe('on a sample', () => {
    const columns = table(300, 20);
    const taskOf = async (changes: Partial<TrainTask>): Promise<TrainTask> =>
      trainTask(
        columns,
        await planOf(columns, { target: 'y', partitioning: { method: 'stratified', validation: 'tvh' } }),
        {
          ...changes,
          blueprintId: 'random-forest',
          parameters: { trees: 3 },
        },
      );

    it('keeps classes that it would miss, in a refit too', async () => {
      for (const refit of [null, { of: 'model-0', iterations: 3 }]) {
        const task = await taskOf({ sampleFraction: 0.05, refit });
        const rows = await readTargetRows(task, memorySource(columns));
        const roles = rowRoles(task, rows);
        const trains = trainingRows(roles, { fold: refit === null ? 0 : null });
        const seen = new Set(columns[2]?.cells.filter((_, row) => trains(row)));
        expect(seen.size).to.equal(300);
      }
    });

    it('is what a verifier expects', async () => {
      const task = await taskOf({ sampleFraction: 0.05 });
      const { outOfFold, rowCount } = await fitModel(task, memorySource(columns), testEngine(), freeIo());
      if (outOfFold === null) throw new Error('a search task has out-of-fold predictions');
      const { least, most } = checkOutOfFold(task, outOfFold);
      expect(rowCount).to.be.within(least, most);
      expect(rowCount).to.be.above(least);
    });

    it('is taken by boosting where rows x classes are too many', async () => {
      const task = await taskOf({});
      const large = {
        ...task,
        table: { ...task.table, rowCount: 200_000 },
        blueprintId: 'lightgbm-fast',
        parameters: {},
      };
      expect(fittedFraction(large)).to.equal(24e6 / (300 * 200_000));
      expect(fittedFraction({ ...large, table: { ...task.table, rowCount: 6_000 } })).to.equal(1);
    });
  });

  it('fits each kind of model, better than class shares', async () => {
    const columns = table(101, 10);
    const plan = await planOf(columns, { target: 'y', partitioning: { method: 'stratified', validation: 'tvh' } });
    const lossOf = async (blueprintId: string, parameters: TrainTask['parameters']): Promise<number> => {
      const task = trainTask(columns, plan, { blueprintId, parameters });
      const { scores } = await fitModel(task, memorySource(columns), testEngine(), freeIo());
      return scores?.validation?.['logLoss'] ?? NaN;
    };
    const baseline = await lossOf('baseline', {});
    expect(baseline).to.be.closeTo(Math.log(101), 1e-9);
    for (const [id, parameters] of [
      ['random-forest', { trees: 20 }],
      ['linear', { penalties: 4, penaltyRatio: 0.03 }],
      ['lightgbm-fast', { maxIterations: 10 }],
    ] as const)
      expect(await lossOf(id, parameters), id).to.be.below(0.8 * baseline);
  }).timeout(60_000);
});
