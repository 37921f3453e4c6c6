import type { Partitioning } from '#contracts';
import { ascendingOrder, indicesWhere, rowHash } from '#statistics';
import { HOLDOUT, TRAINING, type ClassIndices } from './types.ts';

/** A class keeps so many rows out of the holdout: one to learn from and one to be tested on. */
export const CLASS_ROWS_MIN = 2;

/** Rows of all classes dealt by rank of their hash within their class: proportions are exact to one row in each class. */
export function dealStratified(partitioning: Partitioning, classes: ClassIndices, classCount: number): Int8Array {
  const sizes = new Uint32Array(classCount);
  for (const index of classes) sizes[index] = (sizes[index] ?? 0) + 1;
  const members = Array.from(sizes, (size) => new Uint32Array(size));
  const filled = new Uint32Array(classCount);
  for (let row = 0; row < classes.length; row += 1) {
    const index = classes[row] ?? 0;
    const rows = members[index];
    if (rows === undefined) continue;
    rows[filled[index] ?? 0] = row;
    filled[index] = (filled[index] ?? 0) + 1;
  }
  const of = new Int8Array(classes.length);
  let dealt = 0;
  for (const rows of members) dealt += dealStratum(partitioning, rows, dealt, of);
  return of;
}

/** All rows as one stratum. */
export function dealRows(partitioning: Partitioning, rowCount: number): Int8Array {
  const of = new Int8Array(rowCount);
  dealStratum(
    partitioning,
    Uint32Array.from({ length: rowCount }, (_, row) => row),
    0,
    of,
  );
  return of;
}

/**
 * Deals one stratum: the first ranks are holdout, the next go round the folds, starting where the last stratum stopped
 * so that small classes do not all meet in fold 0. Answers the rows dealt outside the holdout.
 */
function dealStratum(partitioning: Partitioning, rows: Uint32Array, alreadyDealt: number, of: Int8Array): number {
  const { seed } = partitioning;
  const hashes = Float64Array.from(rows, (row) => rowHash(seed, row));
  const order = ascendingOrder(hashes);
  const { partitionAt, rest } = stratumDeal(partitioning, rows.length, alreadyDealt);
  for (let rank = 0; rank < rows.length; rank += 1) of[rows[order[rank] ?? 0] ?? 0] = partitionAt(rank);
  return rest;
}

/** How a stratum of `size` rows is dealt: the partition of each rank, and how many rows are dealt outside the holdout. */
function stratumDeal(
  { folds, holdoutFraction, validation, validationFraction }: Partitioning,
  size: number,
  alreadyDealt: number,
): { readonly partitionAt: (rank: number) => number; readonly rest: number } {
  const holdoutCount = Math.max(0, Math.min(Math.round(holdoutFraction * size), size - CLASS_ROWS_MIN));
  const rest = size - holdoutCount;
  const validationWanted = Math.max(1, Math.round((validationFraction ?? 0) * size));
  const validationCount = rest < CLASS_ROWS_MIN ? 0 : Math.min(validationWanted, rest - 1);
  return {
    rest,
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
  const sizes = new Float64Array(classCount);
  for (const index of classes) sizes[index] = (sizes[index] ?? 0) + 1;
  let dealt = 0;
  const deals = Array.from(sizes, (size) => {
    const deal = stratumDeal(partitioning, size, dealt);
    dealt += deal.rest;
    return deal;
  });
  const ranks = new Float64Array(classCount);
  const rangeCount = Math.max(1, Math.ceil(classes.length / rangeRows));
  let wrong = Infinity;
  for (let range = 0; range < rangeCount; range += 1) {
    for (const row of rowsOfRange(partitioning.seed, classes.length, range, rangeCount)) {
      const index = classes[row] ?? 0;
      const rank = ranks[index] ?? 0;
      if (partitions[row] !== deals[index]?.partitionAt(rank)) wrong = Math.min(wrong, row);
      ranks[index] = rank + 1;
    }
  }
  return wrong === Infinity ? null : wrong;
}

/** Rows whose hash lies in the range, by hash, those of equal hashes in their order. */
function rowsOfRange(seed: number, rowCount: number, range: number, rangeCount: number): Uint32Array {
  const rangeOf = (row: number): number => Math.floor((rowHash(seed, row) / 0x1_0000_0000) * rangeCount);
  const rows = indicesWhere(rowCount, (row) => rangeOf(row) === range);
  const order = ascendingOrder(Float64Array.from(rows, (row) => rowHash(seed, row)));
  return order.map((place) => rows[place] ?? 0);
}
