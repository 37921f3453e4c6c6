import { expect } from 'chai';
import type { TrainTask } from '#contracts';
import { forecastTraining, ranksOf, workerLimitFor } from '#ml';
import { planOf, trainTask } from '../../../../support/modelling-task.ts';
import { textTable } from '../../../../support/text-table.ts';

describe('by how many ranks a model is fitted', () => {
  const columns = textTable(60, 1);
  const of = async (changes: Partial<TrainTask>, ranksMax = 3, workerBytesMax = 1): Promise<number> => {
    const plan = await planOf(columns, { target: 'binary', partitioning: { method: 'random', validation: 'tvh' } });
    return ranksOf(trainTask(columns, plan, changes), { ranksMax, workerBytesMax });
  };

  it('boosting by LightGBM where one part of the rows validates, or none', async () => {
    expect(await of({ blueprintId: 'lightgbm-default' })).to.equal(3);
    expect(await of({ blueprintId: 'lightgbm-random-forest' })).to.equal(3);
    expect(await of({ blueprintId: 'lightgbm-default' }, 1)).to.equal(1);
    const { partitioning } = trainTask(columns, await planOf(columns, { target: 'binary' }), {});
    expect(partitioning.validation).to.equal('cv');
    expect(await of({ blueprintId: 'lightgbm-default', partitioning })).to.equal(1);
    expect(await of({ blueprintId: 'lightgbm-default', partitioning, refit: { of: 'm', iterations: 3 } })).to.equal(3);
  });

  it('as few as have the memory', async () => {
    const plan = await planOf(columns, { target: 'binary', partitioning: { method: 'random', validation: 'tvh' } });
    const { table } = trainTask(columns, plan, {});
    const changes = { blueprintId: 'lightgbm-default', table: { ...table, rowCount: 50_000_000 } };
    const [one, many] = [await of(changes, 1), await of(changes, 8)];
    expect([one, many], 'no worker is large enough').to.deep.equal([1, 8]);
    const whole = workerLimitFor(forecastTraining(trainTask(columns, plan, changes)).peakBytes);
    expect(await of(changes, 8, whole)).to.equal(1);
    expect(await of(changes, 8, 0.8 * whole)).to.be.within(2, 7);
  });

  it('one: of all else', async () => {
    for (const blueprintId of ['xgboost-default', 'linear', 'baseline'])
      expect(await of({ blueprintId }), blueprintId).to.equal(1);
    const parameters = [{ boosting: 'dart' }, { linearLeaves: true }];
    for (const each of parameters)
      expect(await of({ blueprintId: 'lightgbm-default', parameters: each }), JSON.stringify(each)).to.equal(1);
  });
});
