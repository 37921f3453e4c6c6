import type { Partitioning } from '#contracts';
import { ascendingOrder, indicesWhere, rowHash } from '#statistics';
import { cutsAt, isBefore } from './rank-cuts.ts';
import { HOLDOUT, TRAINING, type ClassIndices } from './types.ts';

/** A class keeps so many rows out of the holdout: one to learn from and one to be tested on. */
export const CLASS_ROWS_MIN = 2;

/** Of more classes the counts of all their hashes take more than ranking a range of hashes at a time. */
const COUNTED_CLASSES_MAX = 256;

/**
 * Rows of all classes dealt by rank of their hash within their class: proportions are exact to one row in each class. Memory beside the
 * arguments is bounded but for a byte a row, the answer.
 *
 * @param classes class of each row, below `classCount`
 */
export function dealStratified(
  partitioning: Partitioning,
  classes: ClassIndices,
  classCount: number,
  rangeRows = RANGE_ROWS,
): Int8Array {
  const of = new Int8Array(classes.length);
  const { seed, validation } = partitioning;
  const deals = dealsOf(partitioning, classes, classCount);
  if (validation === 'cv' || classCount > COUNTED_CLASSES_MAX) {
    forEachRank(seed, classes, classCount, rangeRows, (row, index, rank) => {
      of[row] = deals[index]?.partitionAt(rank) ?? HOLDOUT;
    });
    return of;
  }
  // Holdout, validation and training follow each other: where they meet says it all.
  const ranks = deals.map(({ holdoutCount, validationCount }) => [holdoutCount, holdoutCount + validationCount]);
  const cuts = cutsAt(seed, classes.length, (row) => classes[row] ?? 0, ranks);
  for (let row = 0; row < classes.length; row += 1) {
    const [validates, trains] = cuts[classes[row] ?? 0] ?? [];
    const hash = rowHash(seed, row);
    if (validates !== undefined && isBefore(validates, hash, row)) of[row] = HOLDOUT;
    else of[row] = trains !== undefined && isBefore(trains, hash, row) ? 0 : TRAINING;
  }
  return of;
}

/** How each class is dealt, folds going on where those of the class before stopped. */
function dealsOf(partitioning: Partitioning, classes: ClassIndices, classCount: number): StratumDeal[] {
  const sizes = new Float64Array(classCount);
  for (const index of classes) sizes[index] = (sizes[index] ?? 0) + 1;
  let dealt = 0;
  return Array.from(sizes, (size) => {
    const deal = stratumDeal(partitioning, size, dealt);
    dealt += deal.rest;
    return deal;
  });
}

/** Tells the rank of each row within its class, one range of hashes after the other; each range hashes all rows again. */
function forEachRank(
  seed: number,
  classes: ClassIndices,
  classCount: number,
  rangeRows: number,
  sink: (row: number, index: number, rank: number) => void,
): void {
  const ranks = new Float64Array(classCount);
  const rangeCount = Math.max(1, Math.ceil(classes.length / rangeRows));
  for (let range = 0; range < rangeCount; range += 1)
    for (const row of rowsOfRange(seed, classes.length, range, rangeCount)) {
      const index = classes[row] ?? 0;
      const rank = ranks[index] ?? 0;
      sink(row, index, rank);
      ranks[index] = rank + 1;
    }
}

/** All rows as one stratum. */
export function dealRows(partitioning: Partitioning, rowCount: number): Int8Array {
  const of = new Int8Array(rowCount);
  const { partitionAt } = stratumDeal(partitioning, rowCount, 0);
  const order = ascendingOrder(Float64Array.from({ length: rowCount }, (_, row) => rowHash(partitioning.seed, row)));
  for (const [rank, row] of order.entries()) of[row] = partitionAt(rank);
  return of;
}

/** How a stratum is dealt. */
interface StratumDeal {
  readonly partitionAt: (rank: number) => number;
  /** Rows of the first ranks. */
  readonly holdoutCount: number;
  /** Rows of the next ones, where one part validates. */
  readonly validationCount: number;
  /** Rows outside the holdout. */
  readonly rest: number;
}

/**
 * How a stratum of `size` rows is dealt: the first ranks are holdout, the next go round the folds, starting where the last stratum stopped
 * so that small classes do not all meet in fold 0.
 */
function stratumDeal(
  { folds, holdoutFraction, validation, validationFraction }: Partitioning,
  size: number,
  alreadyDealt: number,
): StratumDeal {
  const holdoutCount = Math.max(0, Math.min(Math.round(holdoutFraction * size), size - CLASS_ROWS_MIN));
  const rest = size - holdoutCount;
  const validationWanted = Math.max(1, Math.round((validationFraction ?? 0) * size));
  const validationCount = rest < CLASS_ROWS_MIN ? 0 : Math.min(validationWanted, rest - 1);
  return {
    ...{ holdoutCount, validationCount, rest },
    partitionAt: (rank) => {
      const place = rank - holdoutCount;
      if (place < 0) return HOLDOUT;
      if (validation === 'cv') return (alreadyDealt + place) % folds;
      return place < validationCount ? 0 : TRAINING;
    },
  };
}

/** Rows whose hashes are put into order at a time. */
const RANGE_ROWS = 4 * 1024 * 1024;

/**
 * The first row that {@link dealStratified} would deal to another partition; null where there is none. It ranks one range of hashes after the
 * other, so that memory beside the arguments is bounded; each range hashes all rows again.
 *
 * @param classes class of each row, below `classCount`
 * @param partitions of each row
 */
export function misdealtRow(
  partitioning: Partitioning,
  classes: ClassIndices,
  partitions: Int8Array,
  classCount: number,
  rangeRows = RANGE_ROWS,
): number | null {
  const deals = dealsOf(partitioning, classes, classCount);
  let wrong = Infinity;
  forEachRank(partitioning.seed, classes, classCount, rangeRows, (row, index, rank) => {
    if (partitions[row] !== deals[index]?.partitionAt(rank)) wrong = Math.min(wrong, row);
  });
  return wrong === Infinity ? null : wrong;
}

/** Rows whose hash lies in the range, by hash, those of equal hashes in their order. */
function rowsOfRange(seed: number, rowCount: number, range: number, rangeCount: number): Uint32Array {
  const rangeOf = (row: number): number => Math.floor((rowHash(seed, row) / 0x1_0000_0000) * rangeCount);
  const rows = indicesWhere(rowCount, (row) => rangeOf(row) === range);
  const order = ascendingOrder(Float64Array.from(rows, (row) => rowHash(seed, row)));
  return order.map((place) => rows[place] ?? 0);
}
