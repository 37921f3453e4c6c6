import { AppError, isAppError, type TrainTask } from '#contracts';
import { hashedPartition, partitionOf, PartitionCounts, RANKED_RANDOM_ROWS_MAX } from '../partition/partitions.ts';
import { misdealtRow } from '../partition/ranks.ts';
import { classIndices, TRAINING, type ClassIndices } from '../partition/types.ts';

/**
 * Deals the rows of a table again, which come in their order, and holds what is said of them against it. By group, column or date, and where
 * equal rows stay together, nothing can be dealt: the keys are in the table. Memory: by class two bytes a row of the table (its class, of up to 256, and its partition),
 * where the classes of all rows are told; else none that grows.
 */
export class DealCheck {
  readonly #task: TrainTask;
  readonly #dealt: ((row: number) => number) | null;
  readonly #counts: PartitionCounts;
  /** What is said of each row, where it is dealt within its class; else null. */
  readonly #told: { readonly classes: ClassIndices; readonly partitions: Int8Array } | null;

  /** @param hasAllClasses the classes of all rows will be told */
  constructor(task: TrainTask, hasAllClasses: boolean) {
    const { partitioning, table, target } = task;
    const { method, duplicates } = partitioning;
    const isDealt = (method === 'random' || method === 'stratified') && duplicates === undefined;
    const isByClass = isDealt && method === 'stratified' && target.targetType !== 'regression';
    this.#task = task;
    // Classes of rows that train only are not told, so where their deal ends is not known either.
    this.#dealt = isDealt && !isByClass ? randomPartition(task) : null;
    const foldCount = partitioning.validation === 'cv' ? partitioning.folds : 1;
    this.#counts = new PartitionCounts(foldCount, isByClass ? target.classes.map(({ label }) => label) : null);
    this.#told =
      isByClass && hasAllClasses
        ? { classes: classIndices(table.rowCount, target.classes.length), partitions: new Int8Array(table.rowCount) }
        : null;
  }

  /**
   * @param partition TRAINING of a row that is not held back
   * @param classIndex of a row that is held back
   * @throws RESULT_MISMATCH
   */
  add(row: number, partition: number, classIndex: number): void {
    if (this.#told !== null) {
      this.#told.classes[row] = classIndex;
      this.#told.partitions[row] = partition;
      this.#counts.add(partition, classIndex);
    } else if (this.#dealt !== null) {
      if (this.#dealt(row) !== partition) throw misdealt(row);
      this.#counts.add(partition, 0);
    }
  }

  /** When all rows have come. @throws RESULT_MISMATCH */
  end(): void {
    const { partitioning, target, table } = this.#task;
    if (this.#told !== null) {
      const { classes, partitions } = this.#told;
      const row = misdealtRow(partitioning, classes, partitions, target.classes.length);
      if (row !== null) throw misdealt(row);
    }
    if (this.#told !== null || this.#dealt !== null) asMismatch(() => this.#counts.check(table.rowCount, partitioning));
  }
}

const mismatch = (what: string): AppError => new AppError('RESULT_MISMATCH', `out-of-fold predictions: ${what}`);

const misdealt = (row: number): AppError => mismatch(`row ${row} is not in the partition that the seed deals it to`);

/** Where each row is dealt, whatever its class. */
function randomPartition({ partitioning, table }: TrainTask): (row: number) => number {
  const { rowCount } = table;
  if (rowCount > RANKED_RANDOM_ROWS_MAX) return hashedPartition(partitioning);
  const { of } = asMismatch(() => partitionOf(partitioning, { rowCount, classes: null, classLabels: [], key: null }));
  return (row) => of[row] ?? TRAINING;
}

/** @throws RESULT_MISMATCH where the rows cannot be dealt as the task asks for */
function asMismatch<T>(work: () => T): T {
  try {
    return work();
  } catch (err) {
    if (!isAppError(err) || err.kind === 'bug') throw err;
    throw mismatch(`its classes cannot be dealt as the task asks for: ${err.message}`);
  }
}
