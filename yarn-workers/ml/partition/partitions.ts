import { AppError, type Partitioning } from '#contracts';
import { rowHash } from '#statistics';
import { dealByDate } from './dates.ts';
import { dealGroups } from './groups.ts';
import { foldsOfColumn } from './named.ts';
import { dealRows, dealStratified } from './ranks.ts';
import { dealTogether } from './together.ts';
import { HOLDOUT, TRAINING, type KeyColumn, type PartitionRows, type Partitions } from './types.ts';

/** Up to so many rows, `random` deals exact counts by rank of the hash; above, each row's hash alone decides. */
export const RANKED_RANDOM_ROWS_MAX = 100_000;

/**
 * Deals rows to partitions. A pure function of the seed, the row numbers and the whole column of classes or keys, so the
 * same however the data is split into batches.
 *
 * - `random`: up to {@link RANKED_RANDOM_ROWS_MAX} rows the rank of hash(seed, row) among all rows, which gives exact
 *   proportions; above, the hash itself.
 * - `stratified`: the rank of hash(seed, row) within the row's class, so each class has the same proportions to one row.
 *   Regression has no classes and is dealt like `random`.
 * - `group`: groups in order of hash(seed, key); each goes whole to the partition that lacks most of its share. A row
 *   without a key is a group of its own.
 * - `column`: the column names the partitions, see {@link foldsOfColumn}.
 * - with `duplicates` equal rows stay together, see {@link dealTogether}; of random and stratified ones.
 * - `date`: the windows of time that the plan has decided, see {@link dealByDate}.
 *
 * @throws TOO_FEW_ROWS, TARGET_CLASS_TOO_SMALL, PARTITION_INVALID, DATASET_CHANGED naming what was found
 */
export function partitionOf(partitioning: Partitioning, rows: PartitionRows): Partitions {
  if (partitioning.method === 'date') return dealByDate(partitioning, rows);
  const of = deal({ ...partitioning, method: partitioning.method }, rows);
  const partitions = { of, foldCount: partitioning.validation === 'cv' ? partitioning.folds : 1, spans: null };
  checkPartitions(partitions, rows, partitioning);
  return partitions;
}

type Dealt = Partitioning & { readonly method: Exclude<Partitioning['method'], 'date'> };

function deal(partitioning: Dealt, rows: PartitionRows): Int8Array {
  const { rowCount, classes } = rows;
  if (partitioning.duplicates !== undefined) {
    if (rows.first === null || rows.first === undefined)
      throw new AppError('INTERNAL', 'equal rows are to be kept together and are not known');
    return dealTogether(partitioning, rows.first, rows);
  }
  switch (partitioning.method) {
    case 'random':
      return random(partitioning, rowCount);
    case 'stratified':
      return classes === null
        ? random(partitioning, rowCount)
        : dealStratified(partitioning, classes, rows.classLabels.length);
    case 'group':
      return dealGroups(partitioning, keyOf(rows), rowCount);
    case 'column':
      return foldsOfColumn(partitioning, keyOf(rows));
  }
}

function random(partitioning: Partitioning, rowCount: number): Int8Array {
  if (rowCount <= RANKED_RANDOM_ROWS_MAX) return dealRows(partitioning, rowCount);
  const partitionOfRow = hashedPartition(partitioning);
  const of = new Int8Array(rowCount);
  for (let row = 0; row < rowCount; row += 1) of[row] = partitionOfRow(row);
  return of;
}

/** The partition of each row by its hash alone: how `random` deals more than {@link RANKED_RANDOM_ROWS_MAX} rows. */
export function hashedPartition(partitioning: Partitioning): (row: number) => number {
  const { seed, holdoutFraction, folds, validation } = partitioning;
  const validationEnd = holdoutFraction + (partitioning.validationFraction ?? 0);
  return (row) => {
    const place = rowHash(seed, row) / 0x1_0000_0000;
    if (place < holdoutFraction) return HOLDOUT;
    if (validation === 'cv')
      return Math.min(folds - 1, Math.floor(((place - holdoutFraction) / (1 - holdoutFraction)) * folds));
    return place < validationEnd ? 0 : TRAINING;
  };
}

function keyOf(rows: PartitionRows): KeyColumn {
  if (rows.key === null) throw new AppError('INTERNAL', 'partitioning by a column without its values');
  return rows.key;
}

function checkPartitions({ of, foldCount }: Partitions, rows: PartitionRows, partitioning: Partitioning): void {
  const counts = new PartitionCounts(foldCount, rows.classes === null ? null : rows.classLabels);
  for (let row = 0; row < of.length; row += 1) counts.add(of[row] ?? HOLDOUT, rows.classes?.[row] ?? 0);
  counts.check(of.length, partitioning);
}

/** Rows by partition and class. Those of the holdout count nowhere. */
export class PartitionCounts {
  readonly #foldCount: number;
  readonly #classLabels: readonly string[] | null;
  readonly #width: number;
  /** Row foldCount of the table: TRAINING. */
  readonly #counts: Float64Array;

  /** @param classLabels null where there are no classes, or where they are not known */
  constructor(foldCount: number, classLabels: readonly string[] | null) {
    this.#foldCount = foldCount;
    this.#classLabels = classLabels;
    this.#width = Math.max(1, classLabels?.length ?? 1);
    this.#counts = new Float64Array((foldCount + 1) * this.#width);
  }

  add(partition: number, classIndex: number): void {
    if (partition === HOLDOUT) return;
    const at = (partition === TRAINING ? this.#foldCount : partition) * this.#width + classIndex;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
  }

  /**
   * Every fold has validation and training rows, and every class is in every training part.
   *
   * @throws TOO_FEW_ROWS, TARGET_CLASS_TOO_SMALL, PARTITION_INVALID
   */
  check(rowCount: number, { method }: Pick<Partitioning, 'method'>): void {
    const totals = new Float64Array(this.#width);
    for (const [at, count] of this.#counts.entries()) {
      const column = at % this.#width;
      totals[column] = (totals[column] ?? 0) + count;
    }
    const total = totals.reduce((sum, count) => sum + count, 0);
    for (let fold = 0; fold < this.#foldCount; fold += 1) {
      const ofFold = this.#counts.subarray(fold * this.#width, (fold + 1) * this.#width);
      const validationCount = ofFold.reduce((sum, count) => sum + count, 0);
      const place = this.#foldCount === 1 ? 'the validation partition' : `fold ${fold + 1} of ${this.#foldCount}`;
      if (validationCount === 0 || validationCount === total) {
        const lacks = validationCount === 0 ? `${place} has no rows` : `nothing is left to train on beside ${place}`;
        if (method === 'group' || method === 'column')
          throw new AppError('PARTITION_INVALID', `partitioning.method ${method}: ${lacks}`);
        throw new AppError(
          'TOO_FEW_ROWS',
          `partitioning: ${lacks}, of ${rowCount} rows in all; use fewer folds or a smaller holdout`,
        );
      }
      if (this.#classLabels === null) continue;
      const lost = this.#classLabels.findIndex((_, index) => (totals[index] ?? 0) - (ofFold[index] ?? 0) === 0);
      if (lost < 0) continue;
      throw new AppError(
        'TARGET_CLASS_TOO_SMALL',
        `target: class ${JSON.stringify(this.#classLabels[lost])} has no training row beside ${place}; merge or remove the class, use fewer folds, or partition stratified`,
      );
    }
  }
}
