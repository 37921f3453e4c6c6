import { AppError, isAppError, type TrainTask } from '#contracts';
import { hasManyClasses } from '../blueprints/many-classes.ts';
import { partitionOf } from '../partition/partitions.ts';
import { HOLDOUT, TRAINING } from '../partition/types.ts';
import { drawer } from './down-sample.ts';
import { checkFitsTarget, type OutOfFold } from './out-of-fold.ts';
import { countRows, sampleOf } from './row-roles.ts';
import { fittedFraction, heldFraction } from './sample-fraction.ts';

/**
 * Holds out-of-fold predictions against the task that they are said to be of, as far as that can be done without the
 * table: each row that must be held back is there once, in the partition that the seed deals it to where the deal rests
 * on the row's number, or on classes that are told; each class has as many rows as the plan has counted. What the
 * predictions of these rows are is not known here.
 *
 * @throws RESULT_MISMATCH
 */
export function checkOutOfFold(task: TrainTask, data: OutOfFold): void {
  checkFitsTarget(data, task.target);
  checkShape(task, data);
  checkRows(task, data);
  checkBacktests(task, data);
  checkNumbers(task, data);
  const sizes = classSizes(task);
  if (sizes !== null) checkClassSizes(task, data, sizes);
  checkDeal(task, data);
}

/**
 * Rows that the whole model was fitted on, at least and at most: of a refit (`data` null) all, else those outside the holdout and of some
 * partition. Which rows of a table are in gaps is not known here, nor which are of small classes that a sample keeps, so of a sample
 * the number is not either; nor of which class a row is that trains only, so whether down-sampling has drawn it. Nor is known whether
 * there was time for passes over rows that a model does not hold.
 */
export function trainedRowCount(task: TrainTask, data: OutOfFold | null): { least: number; most: number } {
  const { rowCount } = task.table;
  const unused = data === null ? 0 : (task.partitioning.dates?.unusedRowCount ?? 0);
  const partOf = (sampleFraction: number): Uint8Array | null => sampleOf({ seed: task.seed, sampleFraction }, rowCount);
  const [fraction, heldPart] = [fittedFraction(task), heldFraction(task)];
  const sample = partOf(fraction);
  const held = heldPart === fraction ? sample : partOf(heldPart);
  const isHoldout = new Uint8Array(rowCount);
  for (const [index, row] of data?.rows.entries() ?? []) if (data?.partitions[index] === HOLDOUT) isHoldout[row] = 1;
  const isOutside = (row: number): boolean => isHoldout[row] === 0;
  const isSampled = (row: number): boolean => isOutside(row) && (sample === null || sample[row] === 1);
  const isHeld = (row: number): boolean => isOutside(row) && (held === null || held[row] === 1);
  const drawn = possiblyDrawn(task, data);
  const least = countRows(rowCount, (row) => isHeld(row) && drawn.surely(row)) - unused;
  const kept = sample !== null && hasManyClasses(task.target) ? isOutside : isSampled;
  const most = countRows(rowCount, (row) => kept(row) && drawn.maybe(row));
  return { least, most: sample === null ? most - unused : most };
}

/** Whether down-sampling has drawn a row, as far as its class is told. */
function possiblyDrawn(task: TrainTask, data: OutOfFold | null) {
  const { imbalance, table } = task;
  if (imbalance?.method !== 'downsampling') return { surely: () => true, maybe: () => true };
  const classOf = new Int32Array(table.rowCount).fill(-1);
  for (const [place, row] of data?.rows.entries() ?? []) classOf[row] = data?.classes?.[place] ?? -1;
  const isDrawn = drawer(task);
  const factorOr =
    (unknown: number) =>
    (row: number): number =>
      imbalance.factors[classOf[row] ?? -1] ?? unknown;
  const [leastOf, mostOf] = [factorOr(Math.min(...imbalance.factors)), factorOr(1)];
  return { surely: (row: number) => isDrawn(row, leastOf(row)), maybe: (row: number) => isDrawn(row, mostOf(row)) };
}

const mismatch = (what: string): AppError => new AppError('RESULT_MISMATCH', `out-of-fold predictions: ${what}`);

const isByDate = ({ partitioning }: TrainTask): boolean => partitioning.method === 'date';

/** Every row is held back once. */
const isCrossValidated = (task: TrainTask): boolean => task.partitioning.validation === 'cv' && !isByDate(task);

function checkShape(task: TrainTask, data: OutOfFold): void {
  const foldCount = task.partitioning.validation === 'cv' ? task.partitioning.folds : 1;
  if ((data.isByDate === true) !== isByDate(task))
    throw mismatch('backtests are there only if the task parts rows by date');
  if (data.foldCount !== foldCount) throw mismatch(`${data.foldCount} folds; the task has ${foldCount}`);
  if ((data.weights !== null) !== (task.weightColumn !== null))
    throw mismatch('weights are there only if the task has a weight column');
}

/** Row numbers ascend, so that none is there twice; cross-validation holds every row back once. */
function checkRows(task: TrainTask, { rows }: OutOfFold): void {
  const { rowCount } = task.table;
  let last = -1;
  for (const row of rows) {
    if (row <= last || row >= rowCount) throw mismatch(`row ${row} after row ${last} of a table of ${rowCount} rows`);
    last = row;
  }
  if (isCrossValidated(task) && rows.length !== rowCount)
    throw mismatch(`${rows.length} rows; cross-validation holds all ${rowCount} back`);
}

/** By date each backtest, and the holdout, has as many rows as the plan has counted. */
function checkBacktests({ partitioning: { dates } }: TrainTask, { partitions }: OutOfFold): void {
  if (dates === undefined) return;
  const planned = [...dates.backtests.map(({ validation }) => validation.rowCount), dates.holdout?.rowCount ?? 0];
  const found = new Float64Array(planned.length);
  for (const partition of partitions) {
    const place = partition === HOLDOUT ? planned.length - 1 : partition;
    found[place] = (found[place] ?? 0) + 1;
  }
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
function checkClassSizes(task: TrainTask, { classes }: OutOfFold, sizes: readonly number[]): void {
  const found = new Float64Array(sizes.length);
  for (const index of classes ?? []) found[index] = (found[index] ?? 0) + 1;
  const isWrong = (size: number, index: number): boolean =>
    isCrossValidated(task) ? found[index] !== size : (found[index] ?? 0) > size;
  const wrong = sizes.findIndex(isWrong);
  if (wrong >= 0)
    throw mismatch(
      `class ${wrong} has ${found[wrong] ?? 0} rows; the plan has counted ${sizes[wrong] ?? 0} in the table`,
    );
}

/** Deals the rows again. By group, column or date, and where equal rows stay together, nothing can be dealt: the keys are in the table. */
function checkDeal(task: TrainTask, data: OutOfFold): void {
  const { method, duplicates } = task.partitioning;
  if ((method !== 'random' && method !== 'stratified') || duplicates !== undefined) return;
  const isByClass = method === 'stratified' && data.classes !== null;
  // Classes of rows that train only are not told, so where their deal ends is not known either.
  if (isByClass && !isCrossValidated(task)) return;
  const dealt = deal(task, isByClass ? data.classes : null);
  let at = 0;
  for (const [row, partition] of dealt.entries()) {
    if (partition === TRAINING) continue;
    if (data.rows[at] !== row || data.partitions[at] !== partition)
      throw mismatch(`row ${row} is not in the partition that the seed deals it to`);
    at += 1;
  }
  if (at !== data.rows.length) throw mismatch(`${data.rows.length} rows; the seed holds ${at} back`);
}

function deal({ partitioning, table, target }: TrainTask, classes: Int32Array | null): Int8Array {
  const classLabels = classes === null ? [] : target.classes.map(({ label }) => label);
  try {
    return partitionOf(partitioning, { rowCount: table.rowCount, classes, classLabels, key: null }).of;
  } catch (err) {
    if (!isAppError(err) || err.kind === 'bug') throw err;
    throw mismatch(`its classes cannot be dealt as the task asks for: ${err.message}`);
  }
}
