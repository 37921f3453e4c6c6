import { AppError, type Partitioning } from '#contracts';
import { ascendingOrder, indicesWhere, rowHash } from '#statistics';
import { sharesOf, shareFiller } from './shares.ts';
import { HOLDOUT, type PartitionRows } from './types.ts';

/**
 * Deals equal rows whole, in order of hash(seed, first of them), each time to the partition that lacks the largest part of its share
 * of rows; stratified within each class, equal rows of several classes being of that of the first.
 *
 * @param first the first row that each row equals
 * @throws PARTITION_INVALID with fewer different rows than partitions
 */
export function dealTogether(
  partitioning: Partitioning,
  first: Uint32Array,
  { rowCount, classes, classLabels }: Pick<PartitionRows, 'rowCount' | 'classes' | 'classLabels'>,
): Int8Array {
  const strataOf = partitioning.method === 'stratified' ? classes : null;
  const stratumOf = (row: number): number => strataOf?.[row] ?? 0;
  const sizes = new Uint32Array(rowCount);
  const stratumRows = new Float64Array(strataOf === null ? 1 : classLabels.length);
  for (const head of first) {
    sizes[head] = (sizes[head] ?? 0) + 1;
    const stratum = stratumOf(head);
    stratumRows[stratum] = (stratumRows[stratum] ?? 0) + 1;
  }
  const heads = indicesWhere(sizes.length, (row) => sizes[row] !== 0);
  const partitionCount = sharesOf(partitioning, rowCount).length;
  if (heads.length < partitionCount)
    throw new AppError(
      'PARTITION_INVALID',
      `partitioning.duplicates: there are ${heads.length} different rows, expected at least ${partitionCount}: one a partition; use fewer folds or no holdout`,
    );
  const fillers = Array.from(stratumRows, (rows) => shareFiller(sharesOf(partitioning, rows)));
  const partitionOf = new Int8Array(rowCount).fill(HOLDOUT);
  for (const index of ascendingOrder(Float64Array.from(heads, (row) => rowHash(partitioning.seed, row)))) {
    const head = heads[index] ?? 0;
    partitionOf[head] = fillers[stratumOf(head)]?.(sizes[head] ?? 0) ?? HOLDOUT;
  }
  return Int8Array.from(first, (head) => partitionOf[head] ?? HOLDOUT);
}
