import { AppError, type TrainTask } from '#contracts';
import { HOLDOUT, TRAINING } from '../partition/types.ts';
import { DealCheck } from './check-deal.ts';
import { factsOf, type OutOfFoldFacts } from './out-of-fold-file.ts';
import { checkOutputs, type OutOfFold } from './out-of-fold.ts';
import { TrainedRows, type TrainedRowCount } from './trained-rows.ts';

/**
 * Holds out-of-fold predictions against the task that they are said to be of, as far as that can be done without the
 * table: each row that must be held back is there once, in the partition that the seed deals it to where the deal rests
 * on the row's number, or on classes that are told; each class has as many rows as the plan has counted. What the
 * predictions of these rows are is not known here.
 *
 * They come in blocks. Memory: that of {@link DealCheck}.
 */
export class OutOfFoldCheck {
  readonly #task: TrainTask;
  readonly #trained: TrainedRows;
  readonly #deal: DealCheck;
  readonly #classCounts: Float64Array;
  /** By fold; the holdout last. */
  readonly #partCounts: Float64Array;
  readonly #foldCount: number;
  #rowCount = 0;
  #last = -1;

  /** @throws RESULT_MISMATCH for predictions of another kind */
  constructor(task: TrainTask, facts: OutOfFoldFacts) {
    checkOutputs(facts.outputCount, facts.isRegression, task.target);
    checkShape(task, facts);
    this.#task = task;
    this.#trained = new TrainedRows(task);
    this.#deal = new DealCheck(task, isCrossValidated(task) && !facts.isRegression);
    this.#classCounts = new Float64Array(task.target.classes.length);
    this.#foldCount = facts.foldCount;
    this.#partCounts = new Float64Array(facts.foldCount + 1);
  }

  /** @throws RESULT_MISMATCH */
  add(block: OutOfFold): void {
    this.#checkOrder(block);
    checkNumbers(this.#task, block);
    for (const [place, row] of block.rows.entries()) {
      const partition = block.partitions[place] ?? HOLDOUT;
      const classIndex = block.classes?.[place] ?? -1;
      this.#passUntil(row);
      this.#deal.add(row, partition, classIndex);
      if (partition !== HOLDOUT) this.#trained.add(row, classIndex);
      const part = partition === HOLDOUT ? this.#foldCount : partition;
      this.#partCounts[part] = (this.#partCounts[part] ?? 0) + 1;
      if (classIndex >= 0) this.#classCounts[classIndex] = (this.#classCounts[classIndex] ?? 0) + 1;
      this.#last = row;
    }
    this.#rowCount += block.rows.length;
  }

  /** When all have come. @returns rows that the whole model was fitted on @throws RESULT_MISMATCH */
  end(): TrainedRowCount {
    const { rowCount } = this.#task.table;
    if (isCrossValidated(this.#task) && this.#rowCount !== rowCount)
      throw mismatch(`${this.#rowCount} rows; cross-validation holds all ${rowCount} back`);
    checkBacktests(this.#task, this.#partCounts);
    const sizes = classSizes(this.#task);
    if (sizes !== null) checkClassSizes(this.#task, this.#classCounts, sizes);
    this.#passUntil(rowCount);
    this.#deal.end();
    return this.#trained.counts(false);
  }

  /** Row numbers ascend, so that none is there twice. */
  #checkOrder({ rows }: OutOfFold): void {
    const { rowCount } = this.#task.table;
    let last = this.#last;
    for (const row of rows) {
      if (row <= last || row >= rowCount) throw mismatch(`row ${row} after row ${last} of a table of ${rowCount} rows`);
      last = row;
    }
  }

  /** Rows that are not held back: they train, or are in a gap. */
  #passUntil(row: number): void {
    for (let other = this.#last + 1; other < row; other += 1) {
      this.#deal.add(other, TRAINING, -1);
      this.#trained.add(other, -1);
    }
  }
}

/** The same of predictions in memory. @throws RESULT_MISMATCH */
export function checkOutOfFold(task: TrainTask, data: OutOfFold): TrainedRowCount {
  const check = new OutOfFoldCheck(task, factsOf(data));
  check.add(data);
  return check.end();
}

const mismatch = (what: string): AppError => new AppError('RESULT_MISMATCH', `out-of-fold predictions: ${what}`);

const isByDate = ({ partitioning }: TrainTask): boolean => partitioning.method === 'date';

/** Every row is held back once. */
const isCrossValidated = (task: TrainTask): boolean => task.partitioning.validation === 'cv' && !isByDate(task);

function checkShape(task: TrainTask, facts: OutOfFoldFacts): void {
  const foldCount = task.partitioning.validation === 'cv' ? task.partitioning.folds : 1;
  if ((facts.isByDate === true) !== isByDate(task))
    throw mismatch('backtests are there only if the task parts rows by date');
  if (facts.foldCount !== foldCount) throw mismatch(`${facts.foldCount} folds; the task has ${foldCount}`);
  if (facts.isWeighted !== (task.weightColumn !== null))
    throw mismatch('weights are there only if the task has a weight column');
}

/** By date each backtest, and the holdout, has as many rows as the plan has counted. */
function checkBacktests({ partitioning: { dates } }: TrainTask, found: Float64Array): void {
  if (dates === undefined) return;
  const planned = [...dates.backtests.map(({ validation }) => validation.rowCount), dates.holdout?.rowCount ?? 0];
  const wrong = planned.findIndex((count, place) => found[place] !== count);
  if (wrong < 0) return;
  const name = wrong === planned.length - 1 ? 'the holdout' : `backtest ${wrong + 1}`;
  throw mismatch(`${name} has ${found[wrong] ?? 0} rows; the plan has counted ${planned[wrong] ?? 0}`);
}

function checkNumbers({ target }: TrainTask, { classes, values, weights, predictions }: OutOfFold): void {
  const classCount = target.classes.length;
  if (classes?.some((index) => index < 0 || index >= classCount) === true)
    throw mismatch('a class is none of the task’s');
  if (values?.some((value) => !Number.isFinite(value)) === true) throw mismatch('a value is not finite');
  if (weights?.some((weight) => !Number.isFinite(weight) || weight < 0) === true)
    throw mismatch('a weight is negative or not finite');
  const isWrong =
    target.targetType === 'regression'
      ? (value: number) => !Number.isFinite(value)
      : (value: number) => !(value >= 0 && value <= 1);
  if (predictions.some(isWrong)) throw mismatch('a prediction is not finite, or no probability');
}

/** Rows of each class as the plan has counted them; null when the target has no classes. */
function classSizes({ target, table }: TrainTask): number[] | null {
  const sizes = target.classes.map(({ rowCount }) => rowCount);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  return target.targetType === 'regression' || total !== table.rowCount ? null : sizes;
}

/** No class has more rows than there are; of all rows each class has its own number. */
function checkClassSizes(task: TrainTask, found: Float64Array, sizes: readonly number[]): void {
  const isWrong = (size: number, index: number): boolean =>
    isCrossValidated(task) ? found[index] !== size : (found[index] ?? 0) > size;
  const wrong = sizes.findIndex(isWrong);
  if (wrong >= 0)
    throw mismatch(
      `class ${wrong} has ${found[wrong] ?? 0} rows; the plan has counted ${sizes[wrong] ?? 0} in the table`,
    );
}
