import type { Partitioning } from '#contracts';
import { ascendingOrder, rowHash } from '#statistics';
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
  const { seed, folds, holdoutFraction, validation } = partitioning;
  const size = rows.length;
  const hashes = Float64Array.from(rows, (row) => rowHash(seed, row));
  const order = ascendingOrder(hashes);
  const holdoutCount = Math.max(0, Math.min(Math.round(holdoutFraction * size), size - CLASS_ROWS_MIN));
  const rest = size - holdoutCount;
  const validationWanted = Math.max(1, Math.round((partitioning.validationFraction ?? 0) * size));
  const validationCount = rest < CLASS_ROWS_MIN ? 0 : Math.min(validationWanted, rest - 1);
  for (let rank = 0; rank < size; rank += 1) {
    const row = rows[order[rank] ?? 0] ?? 0;
    const place = rank - holdoutCount;
    if (place < 0) of[row] = HOLDOUT;
    else if (validation === 'cv') of[row] = (alreadyDealt + place) % folds;
    else of[row] = place < validationCount ? 0 : TRAINING;
  }
  return rest;
}
