import type { TrainTask } from '#contracts';
import { mixedTable, MIXED_FEATURES } from './mixed-table.ts';
import { planOf, trainTask } from './modelling-task.ts';

/** A task of a binary target whose table has so many rows, dealt at random: 60 % train, 20 % validate, 20 % are the holdout. */
export async function splitTask(rowCount: number): Promise<TrainTask> {
  const small = mixedTable(200);
  const plan = await planOf(small, { target: 'binary', featureNames: [...MIXED_FEATURES] });
  const split = {
    method: 'random',
    validation: 'tvh',
    folds: 1,
    validationFraction: 0.2,
    holdoutFraction: 0.2,
  } as const;
  const partitioning = { ...plan.partitioning, ...split };
  const task = trainTask(small, plan, { blueprintId: 'lightgbm-default', partitioning });
  return { ...task, table: { ...task.table, rowCount } };
}
