import { expect } from 'chai';
import type { TrainTask } from '#contracts';
import { ranksOf } from '#ml';
import { planOf, trainTask } from '../../../../support/modelling-task.ts';
import { textTable } from '../../../../support/text-table.ts';

describe('ml fit: by how many ranks', () => {
  const columns = textTable(60, 1);
  const of = async (changes: Partial<TrainTask>, ranksMax = 3): Promise<number> => {
    const plan = await planOf(columns, { target: 'binary', partitioning: { method: 'random', validation: 'tvh' } });
    return ranksOf(trainTask(columns, plan, changes), { ranksMax });
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

  it('one: of all else', async () => {
    for (const blueprintId of ['xgboost-default', 'linear', 'baseline'])
      expect(await of({ blueprintId }), blueprintId).to.equal(1);
    const parameters = [{ boosting: 'dart' }, { linearLeaves: true }];
    for (const each of parameters)
      expect(await of({ blueprintId: 'lightgbm-default', parameters: each }), JSON.stringify(each)).to.equal(1);
  });
});
