import { expect } from 'chai';
import type { ModelScores, TrainTask } from '#contracts';
import { memoryPredictions, scoresFromOutOfFold, scoresOfAllRows, TRAINING, type OutOfFold } from '#ml';
import { createRandom } from '#statistics';
import { checkPredictions } from '../../../appserver/server/verification/verify-model.ts';
import { hashedPartition } from '../../../yarn-workers/ml/partition/partitions.ts';
import { appErrorOf } from '../../support/expect-error.ts';
import { splitTask } from '../../support/split-task.ts';

/** Of these 40 % are held back: more than are taken into memory. */
const ROWS = 11_000_000;

describe('verification of more predictions than are held', function () {
  this.timeout(300_000);
  let task: TrainTask;
  let data: OutOfFold;

  before(async () => {
    task = await splitTask(ROWS);
    const partitionOf = hashedPartition(task.partitioning);
    const rows = new Uint32Array(ROWS).map((_, row) => row).filter((row) => partitionOf(row) !== TRAINING);
    const random = createRandom(1);
    const predictions = new Float64Array(rows.length).map(() => 1 / (1 + Math.exp(-6 * (random.uniform() - 0.6))));
    data = {
      ...{ rows, foldCount: 1, values: null, weights: null, outputCount: 1, predictions },
      partitions: new Int8Array(rows.length).map((_, place) => partitionOf(rows[place] ?? 0)),
      classes: new Int32Array(rows.length).map((_, place) => Number(random.uniform() < (predictions[place] ?? 0))),
    };
  });

  const check = (scores: ModelScores) => checkPredictions(task, { scores }, memoryPredictions(data));

  it('takes scores of blocks, and those that a worker of the program before computed from all rows at once', async () => {
    const inBlocks = scoresFromOutOfFold(data, task.target);
    const atOnce = scoresOfAllRows(data, task.target);
    const { auc = NaN, logLoss } = inBlocks.validation ?? {};
    expect(auc)
      .to.be.closeTo(atOnce.validation?.['auc'] ?? NaN, 1e-8)
      .and.not.equal(atOnce.validation?.['auc']);
    expect(logLoss).to.equal(atOnce.validation?.['logLoss']);
    const holdout = data.partitions.reduce((count, partition) => count + Number(partition < 0), 0);
    expect(await check(inBlocks)).to.deep.equal({ least: ROWS - holdout, most: ROWS - holdout });
    await check(atOnce);
  });

  it('refuses others, be they as near as that', async () => {
    const scores = scoresFromOutOfFold(data, task.target);
    const validation = { ...scores.validation, auc: (scores.validation?.['auc'] ?? NaN) + 1e-10 };
    const refused = await appErrorOf('RESULT_MISMATCH', () => check({ ...scores, validation }));
    expect(refused.message).to.include('the scores are not those of out-of-fold.bin');
  });
});
