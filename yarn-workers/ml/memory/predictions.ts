import { blockRowsOf, isSmall } from '../fit/out-of-fold-source.ts';
import * as limits from './limits.ts';

/** Out-of-fold predictions in memory, in bytes. */
export const heldBackBytes = (rowCount: number, outputCount: number, isWeighted: boolean): number =>
  rowCount *
  (limits.HELD_BACK_ROW_BYTES +
    (isWeighted ? limits.HELD_BACK_WEIGHT_BYTES : 0) +
    limits.HELD_BACK_OUTPUT_BYTES * outputCount);

/** The same while they are made, in bytes: a number for each output; all of them where they are few, for their scores. */
export const heldScoreBytes = (rowCount: number, outputCount: number, isWeighted: boolean): number =>
  rowCount * limits.HELD_BACK_OUTPUT_BYTES * outputCount +
  (isSmall({ rowCount, outputCount })
    ? heldBackBytes(rowCount, outputCount, isWeighted)
    : blockRowsOf({ outputCount }) * limits.HELD_BACK_BLOCK_ROW_BYTES);

/**
 * What their scores take beside them: of few rows a copy of the part that is scored and its order, of many rows sums alone.
 *
 * @param part rows that are scored together
 */
export const scoringBytes = (
  facts: { readonly rowCount: number; readonly outputCount: number },
  part: number,
): number =>
  isSmall(facts)
    ? part * (limits.SCORED_PART_ROW_BYTES + limits.HELD_BACK_OUTPUT_BYTES * facts.outputCount)
    : limits.SCORED_BLOCKS_BYTES;
