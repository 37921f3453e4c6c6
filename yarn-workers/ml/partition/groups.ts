import { AppError, type Partitioning } from '#contracts';
import { ascendingOrder, rowHash, textHash } from '#statistics';
import { shareFiller, sharesOf } from './shares.ts';
import { HOLDOUT, type KeyColumn } from './types.ts';

/**
 * Deals whole groups, in order of their hash (ties: order of first row), each to the partition that lacks the largest part
 * of its share of rows. No partition stays empty while there are as many groups as partitions.
 *
 * @throws PARTITION_INVALID with fewer groups than partitions
 */
export function dealGroups(partitioning: Partitioning, key: KeyColumn, rowCount: number): Int8Array {
  const { groupOf, sizes, hashes } = groupsOf(partitioning.seed, key, rowCount);
  const shares = sharesOf(partitioning, rowCount);
  if (sizes.length < shares.length) {
    throw new AppError(
      'PARTITION_INVALID',
      `partitioning.column ${JSON.stringify(key.name)} has ${sizes.length} groups, expected at least ${shares.length}: one a partition; use fewer folds or no holdout`,
    );
  }
  const fill = shareFiller(shares);
  const partitionOfGroup = new Int8Array(sizes.length);
  for (const group of ascendingOrder(hashes)) partitionOfGroup[group] = fill(sizes[group] ?? 0);
  return Int8Array.from(groupOf, (group) => partitionOfGroup[group] ?? HOLDOUT);
}

interface Groups {
  readonly groupOf: Uint32Array;
  readonly sizes: readonly number[];
  readonly hashes: Float64Array;
}

/** Groups in order of their first row; a row without a key is one. */
function groupsOf(seed: number, { codes, keys }: KeyColumn, rowCount: number): Groups {
  const groupOf = new Uint32Array(rowCount);
  const groupOfCode = new Int32Array(keys.length).fill(-1);
  const sizes: number[] = [];
  const hashes: number[] = [];
  for (let row = 0; row < rowCount; row += 1) {
    const code = codes[row] ?? -1;
    let group = code < 0 ? -1 : (groupOfCode[code] ?? -1);
    if (group < 0) {
      group = sizes.length;
      sizes.push(0);
      hashes.push(code < 0 ? rowHash(seed, row) : textHash(seed, keys[code] ?? ''));
      if (code >= 0) groupOfCode[code] = group;
    }
    sizes[group] = (sizes[group] ?? 0) + 1;
    groupOf[row] = group;
  }
  return { groupOf, sizes, hashes: Float64Array.from(hashes) };
}
