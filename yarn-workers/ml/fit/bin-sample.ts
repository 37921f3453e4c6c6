import { hash32, rowHash } from '#statistics';
import { BIN_SAMPLE_CELLS_MAX, BIN_SAMPLE_ROWS_MAX } from './limits.ts';

const BIN_SALT = 0x5a17_0004;

/** Training rows that bins are found from at most, where a row has so many cells. */
export const binSampleRows = (cellCount: number): number =>
  Math.max(1, Math.min(BIN_SAMPLE_ROWS_MAX, Math.floor(BIN_SAMPLE_CELLS_MAX / Math.max(1, cellCount))));

/**
 * The training rows that a member's bins are found from: all of them as long as they are few, else by hash, so that fewer are among more.
 *
 * @param most about as many
 */
export function sampledForBins(
  seed: number,
  trains: (row: number) => boolean,
  trainingCount: number,
  most: number,
): (row: number) => boolean {
  if (trainingCount <= most) return trains;
  const salted = hash32(seed, BIN_SALT);
  const limit = (most / trainingCount) * 0x1_0000_0000;
  return (row) => rowHash(salted, row) < limit && trains(row);
}
