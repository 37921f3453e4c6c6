import { hash32, rowHash } from '#statistics';

const TEXT_SALT = 0x5a17_0005;

/** Picks rows by hash, fewer and fewer the more work they have made. */
export interface RowSampler {
  takes(row: number): boolean;
  spend(work: number): void;
  /** Rows whose hash is below are taken from now on. */
  readonly limit: number;
}

/** True for rows whose hash is below a limit: a lower limit takes a part of the rows of a higher one. */
export function takesBelow(seed: number, limit: number): (row: number) => boolean {
  const salted = hash32(seed, TEXT_SALT);
  return (row) => limit > 0xffff_ffff || rowHash(salted, row) < limit;
}

/** Part of the rows that is taken on when the work is spent. */
const SHRINK = 0.8;

/** Each time that `workMax` is spent, from then on fewer of the rows are taken, and what they have cost counts as much less. */
export function rowSampler(seed: number, workMax: number): RowSampler {
  let limit = 0x1_0000_0000;
  let spent = 0;
  let taken = takesBelow(seed, limit);
  return {
    takes: (row) => taken(row),
    spend: (work) => {
      spent += work;
      if (spent <= workMax) return;
      spent *= SHRINK;
      limit *= SHRINK;
      taken = takesBelow(seed, limit);
    },
    get limit() {
      return limit;
    },
  };
}
