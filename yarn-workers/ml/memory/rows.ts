import type { Partitioning, TrainTask } from '#contracts';
import { drawnShare } from '../fit/down-sample.ts';
import { fittedFraction } from '../fit/sample-fraction.ts';

/** Rows of a task's largest member by what they are for, as far as the task says; of one rank, where several fit it together. */
export interface RowCounts {
  readonly all: number;
  readonly training: number;
  readonly validation: number;
  /** Of the holdout. */
  readonly holdout: number;
  /** That some member predicts: of all folds, and the holdout; 0 in a refit. */
  readonly heldBack: number;
  readonly memberCount: number;
}

/** Rows of a table that are predicted by models that have not seen them. */
export function heldBackCount(
  { dates, validation, holdoutFraction, validationFraction }: Partitioning,
  rowCount: number,
): number {
  if (dates !== undefined) {
    const validated = dates.backtests.reduce((sum, { validation: window }) => sum + window.rowCount, 0);
    return validated + (dates.holdout?.rowCount ?? 0);
  }
  return validation === 'tvh' ? rowCount * (holdoutFraction + (validationFraction ?? 0)) : rowCount;
}

/** @throws what `fittedFraction` throws */
export function rowCountsOf(task: TrainTask): RowCounts {
  const counts = countsOfAll(task);
  const { ranks = 1 } = task;
  const { training, validation, holdout } = counts;
  return { ...counts, training: training / ranks, validation: validation / ranks, holdout: holdout / ranks };
}

function countsOfAll(task: TrainTask): RowCounts {
  const { partitioning, refit, table } = task;
  const all = table.rowCount;
  const fitted = fittedFraction(task) * drawnShare(task);
  if (refit !== null)
    return { all, training: all * fitted, validation: 0, holdout: 0, heldBack: 0, memberCount: refit.copies ?? 1 };
  const { dates, folds, validationFraction, holdoutFraction } = partitioning;
  const heldBack = heldBackCount(partitioning, all);
  if (dates !== undefined) {
    const holdout = dates.holdout?.rowCount ?? 0;
    const most = (which: 'training' | 'validation'): number =>
      Math.max(...dates.backtests.map((backtest) => backtest[which].rowCount));
    const parts = { training: most('training') * fitted, validation: most('validation'), holdout };
    return { all, ...parts, heldBack, memberCount: dates.backtests.length };
  }
  const holdout = all * holdoutFraction;
  if (partitioning.validation === 'tvh') {
    const validation = all * (validationFraction ?? 0);
    const training = (all - holdout - validation) * fitted;
    return { all, training, validation, holdout, heldBack, memberCount: 1 };
  }
  const rest = all - holdout;
  const validation = rest / Math.max(1, folds);
  return { all, training: (rest - validation) * fitted, validation, holdout, heldBack, memberCount: folds };
}
