import { expect } from 'chai';
import type { TrainTask } from '#contracts';
import { HOLDOUT, OutOfFoldCheck, partitionOf, TRAINING, type OutOfFold } from '#ml';
import { createRandom } from '#statistics';
import { factsOf } from '../../../../../yarn-workers/ml/fit/out-of-fold-file.ts';
import { rowRange } from '../../../../../yarn-workers/ml/fit/out-of-fold-source.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { mixedTable, MIXED_FEATURES } from '../../../../support/mixed-table.ts';
import { planOf, trainTask } from '../../../../support/modelling-task.ts';

/** More than are dealt by rank. */
const ROWS = 120_001;

/** A task of a table of many rows, and what a model of it may hold back: rows are dealt, nothing is fitted. */
async function dealt(method: 'random' | 'stratified', validation: 'cv' | 'tvh', sampleFraction = 1) {
  const small = mixedTable(200);
  const plan = await planOf(small, { target: 'binary', featureNames: [...MIXED_FEATURES] });
  const split = validation === 'cv' ? { folds: 5 } : { folds: 1, validationFraction: 0.2 };
  const partitioning = { ...plan.partitioning, method, validation, ...split };
  const random = createRandom(2);
  const classes = Int32Array.from({ length: ROWS }, () => Number(random.uniform() < 0.2));
  const counts = [0, 1].map((index) => classes.filter((one) => one === index).length);
  const made = trainTask(small, plan, { sampleFraction, partitioning });
  const task: TrainTask = {
    ...made,
    table: { ...made.table, rowCount: ROWS },
    target: {
      ...made.target,
      classes: made.target.classes.map((one, index) => ({ ...one, rowCount: counts[index] ?? 0 })),
    },
  };
  const classLabels = task.target.classes.map(({ label }) => label);
  const { of, foldCount } = partitionOf(partitioning, { rowCount: ROWS, classes, classLabels, key: null });
  const rows = Uint32Array.from(of.keys()).filter((row) => of[row] !== TRAINING);
  const data: OutOfFold = {
    rows,
    partitions: Int8Array.from(rows, (row) => of[row] ?? HOLDOUT),
    foldCount,
    classes: Int32Array.from(rows, (row) => classes[row] ?? 0),
    values: null,
    weights: null,
    outputCount: 1,
    predictions: Float64Array.from(rows, () => random.uniform()),
  };
  return { task, data };
}

function checkedIn(task: TrainTask, data: OutOfFold, blockRows: number) {
  const check = new OutOfFoldCheck(task, factsOf(data));
  for (let from = 0; from < data.rows.length; from += blockRows) check.add(rowRange(data, from, from + blockRows));
  return check.end();
}

describe('a check of out-of-fold predictions in blocks', function () {
  this.timeout(60_000);

  for (const method of ['random', 'stratified'] as const)
    for (const validation of ['cv', 'tvh'] as const) {
      it(`counts the rows that train, whatever the size of blocks: ${method}, ${validation}`, async () => {
        const { task, data } = await dealt(method, validation);
        const holdout = data.partitions.filter((partition) => partition === HOLDOUT).length;
        for (const blockRows of [997, ROWS])
          expect(checkedIn(task, data, blockRows)).to.deep.equal({ least: ROWS - holdout, most: ROWS - holdout });
        const sampled = checkedIn({ ...task, sampleFraction: 0.5 }, data, 10_000);
        expect(sampled.least)
          .to.equal(sampled.most)
          .and.be.closeTo((ROWS - holdout) / 2, 1_000);
      });
    }

  it('finds one row in another partition, in any block', async () => {
    for (const [method, validation] of [
      ['random', 'tvh'],
      ['random', 'cv'],
      ['stratified', 'cv'],
    ] as const) {
      const { task, data } = await dealt(method, validation);
      for (const place of [0, 50_000 % data.rows.length, data.rows.length - 1]) {
        const other = data.partitions[place] === HOLDOUT ? 0 : HOLDOUT;
        const partitions = data.partitions.with(place, other);
        const found = await appErrorOf('RESULT_MISMATCH', () => checkedIn(task, { ...data, partitions }, 9_999));
        expect(found.message).to.include(`row ${data.rows[place] ?? -1} is not in the partition`);
      }
    }
  });

  it('finds rows that are left out, rows twice over the edge of a block, and numbers that cannot be', async () => {
    const { task, data } = await dealt('random', 'tvh');
    const short = rowRange(data, 0, data.rows.length - 1);
    expect((await appErrorOf('RESULT_MISMATCH', () => checkedIn(task, short, 5_000))).message).to.include(
      'the seed deals',
    );
    const twice = { ...data, rows: data.rows.with(5_000, data.rows[4_999] ?? 0) };
    expect((await appErrorOf('RESULT_MISMATCH', () => checkedIn(task, twice, 5_000))).message).to.match(
      /row \d+ after row/,
    );
    const last = data.rows.length - 1;
    for (const spoiled of [
      { ...data, predictions: data.predictions.with(last, 1.5) },
      { ...data, classes: (data.classes ?? new Int32Array(0)).with(last, 2) },
      { ...data, rows: data.rows.with(last, ROWS) },
    ])
      await appErrorOf('RESULT_MISMATCH', () => checkedIn(task, spoiled, 5_000));
    const folds = await dealt('stratified', 'cv');
    const missing = rowRange(folds.data, 0, ROWS - 1);
    const refused = await appErrorOf('RESULT_MISMATCH', () => checkedIn(folds.task, missing, 5_000));
    expect(refused.message).to.include(`cross-validation holds all ${ROWS} back`);
    const swapped = { ...folds.data, classes: (folds.data.classes ?? new Int32Array(0)).map((one) => 1 - one) };
    expect((await appErrorOf('RESULT_MISMATCH', () => checkedIn(folds.task, swapped, 5_000))).message).to.include(
      'class 0',
    );
  });
});
