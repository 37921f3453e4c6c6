import { expect } from 'chai';
import type { TrainTask } from '#contracts';
import { mayKeepBins } from '#ml';
import { taskOf } from '../../../../support/computed-table.ts';

const on = (rowCount: number, changes: Partial<TrainTask> = {}): boolean => {
  const task = taskOf(changes);
  return mayKeepBins({ ...task, table: { ...task.table, rowCount } });
};

describe('whether a fit may keep bins', () => {
  it('is so of tables that do not stay in memory, of models that LightGBM boosts, and of whatever ranks fit together', () => {
    expect(on(10_000_000)).to.equal(true);
    expect(on(10_000)).to.equal(false);
    expect(on(10_000_000, { ranks: 2 })).to.equal(true);
    expect(on(10_000, { ranks: 2 })).to.equal(true);
    expect(on(10_000_000, { blueprintId: 'xgboost-default', parameters: {} })).to.equal(false);
    expect(on(10_000_000, { blueprintId: 'linear', parameters: {} })).to.equal(false);
    expect(on(10_000_000, { blueprintId: 'baseline', parameters: {} })).to.equal(false);
  });
});
