import type { Partitioning } from '#contracts';
import { HOLDOUT, TRAINING } from './types.ts';

/** A partition with the rows that it should have. */
export interface Share {
  readonly partition: number;
  readonly rows: number;
}

/** Partitions with the rows they should have; those that should have none are left out. */
export function sharesOf(
  { holdoutFraction, validation, folds, validationFraction }: Partitioning,
  rowCount: number,
): Share[] {
  const shares: Share[] = [];
  const add = (partition: number, fraction: number): void => {
    if (fraction > 0) shares.push({ partition, rows: fraction * rowCount });
  };
  if (validation === 'tvh') {
    add(TRAINING, 1 - holdoutFraction - (validationFraction ?? 0));
    add(0, validationFraction ?? 0);
  } else {
    for (let fold = 0; fold < folds; fold += 1) add(fold, (1 - holdoutFraction) / folds);
  }
  add(HOLDOUT, holdoutFraction);
  return shares;
}

/** Gives so many rows as a whole to the partition that lacks the largest part of its share, the first of equals, and says which. */
export function shareFiller(shares: readonly Share[]): (rowCount: number) => number {
  const filled = new Float64Array(shares.length);
  return (rowCount) => {
    let neediest = 0;
    let need = -Infinity;
    for (const [index, share] of shares.entries()) {
      const lacking = 1 - (filled[index] ?? 0) / share.rows;
      if (lacking > need) {
        need = lacking;
        neediest = index;
      }
    }
    filled[neediest] = (filled[neediest] ?? 0) + rowCount;
    return shares[neediest]?.partition ?? HOLDOUT;
  };
}
