import { expect } from 'chai';
import type { TrainTask } from '#contracts';
import { settingsOf } from '../../../../../yarn-workers/ml/blueprints/catalogue.ts';
import { isBoosted } from '../../../../../yarn-workers/ml/blueprints/settings.ts';
import { segmentLength } from '../../../../../yarn-workers/ml/fit/segment-length.ts';
import { MIXED_FEATURES, mixedTable } from '../../../../support/mixed-table.ts';
import { planOf, trainTask } from '../../../../support/modelling-task.ts';

describe('ml fit: length of segments', () => {
  let task: TrainTask;
  before(async () => {
    const table = mixedTable(20);
    const plan = await planOf(table, { target: 'binary', targetType: 'binary', featureNames: [...MIXED_FEATURES] });
    task = trainTask(table, plan, {});
  });

  /** Of as many values as so many rows of 40 columns have. */
  const lengthOf = (
    rowCount: number,
    blueprintId: string,
    { ranks = 1, hasOffsets = false, sampleFraction = 1 } = {},
  ) => {
    const settings = settingsOf(blueprintId, {});
    if (settings === null || !isBoosted(settings)) throw new Error(`${blueprintId} is not boosted`);
    const table = { ...task.table, rowCount: (rowCount * 40) / task.features.length };
    return segmentLength({ ...task, table, sampleFraction }, settings, hasOffsets, ranks);
  };

  for (const [rowCount, expected] of [
    [0, 50],
    [1_000, 50],
    [1_500_000, 50],
    [5_000_000, 15],
    [10_000_000, 5],
    [50_000_000, 5],
    [1_000_000_000, 5],
  ] as const)
    it(`is ${expected} iterations of ${rowCount.toLocaleString('en')} rows x 40`, () => {
      expect(lengthOf(rowCount, 'lightgbm-default')).to.equal(expected);
    });

  it('is longer where every segment computes the scores of all training rows', () => {
    for (const blueprintId of ['lightgbm-slow', 'lightgbm-linear-trees', 'xgboost-slow'])
      expect(
        [5_000_000, 50_000_000].map((rows) => lengthOf(rows, blueprintId)),
        blueprintId,
      ).to.deep.equal([50, 25]);
    expect(lengthOf(50_000_000, 'lightgbm-default', { hasOffsets: true })).to.equal(25);
    expect(lengthOf(50_000_000, 'lightgbm-random-forest'), 'trees of a forest do not know each other').to.equal(5);
  });

  it('goes by the rows that are fitted, of each process', () => {
    expect(lengthOf(50_000_000, 'lightgbm-default', { sampleFraction: 0.1 })).to.equal(15);
    expect(lengthOf(50_000_000, 'lightgbm-default', { ranks: 10 })).to.equal(15);
  });
});
