import { ascendingOrder, rowHash } from '#statistics';

/** Leading 16 bits of a hash. */
const BUCKETS = 0x1_0000;

/** The row at some rank of its class by hash, rows of equal hashes in their order: those before it rank lower. */
export interface Cut {
  readonly hash: number;
  readonly row: number;
}

/** At the end: all rows rank lower. */
const END: Cut = { hash: Infinity, row: Infinity };

/** Whether a row of the cut's class ranks lower. */
export const isBefore = ({ hash, row }: Cut, ownHash: number, ownRow: number): boolean =>
  ownHash < hash || (ownHash === hash && ownRow < row);

/**
 * The rows at given ranks of each class, found by counting: two passes that hash all rows, and what lies near the ranks is sorted. Memory:
 * 256 KiB a class, and a 65,536th part of the rows a rank.
 *
 * @param classOf class of each row, below `ranks.length`
 * @param ranks by class, from 0; those that a class does not have are its end
 * @returns cuts by class, in the order of its ranks
 * @see D. Knuth, The Art of Computer Programming 3, 5.2.5 and 5.3.3: selection by distribution
 */
export function cutsAt(
  seed: number,
  rowCount: number,
  classOf: (row: number) => number,
  ranks: readonly (readonly number[])[],
): readonly (readonly Cut[])[] {
  const counts = ranks.map(() => new Uint32Array(BUCKETS));
  for (let row = 0; row < rowCount; row += 1) {
    const own = counts[classOf(row)];
    const bucket = rowHash(seed, row) >>> 16;
    if (own !== undefined) own[bucket] = (own[bucket] ?? 0) + 1;
  }
  const wanted = ranks.map((own, index) => own.map((rank) => bucketAt(counts[index] ?? new Uint32Array(0), rank)));
  const near = wanted.map((own) => new Map(own.flatMap((one) => (one === null ? [] : [[one.bucket, [] as number[]]]))));
  for (let row = 0; row < rowCount; row += 1) near[classOf(row)]?.get(rowHash(seed, row) >>> 16)?.push(row);
  return wanted.map((own, index) =>
    own.map((one) => {
      if (one === null) return END;
      const rows = near[index]?.get(one.bucket) ?? [];
      const hashes = Float64Array.from(rows, (row) => rowHash(seed, row));
      const place = ascendingOrder(hashes)[one.rank] ?? 0;
      return { hash: hashes[place] ?? Infinity, row: rows[place] ?? Infinity };
    }),
  );
}

/** In which bucket the row of a rank is, and its rank there; null beyond the last one. */
function bucketAt(counts: Uint32Array, rank: number): { readonly bucket: number; readonly rank: number } | null {
  let before = 0;
  for (const [bucket, count] of counts.entries()) {
    if (rank < before + count) return { bucket, rank: rank - before };
    before += count;
  }
  return null;
}
