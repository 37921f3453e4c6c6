import type { TrainTask } from '#contracts';
import { hash32, rowHash } from '#statistics';
import type { TargetRows } from './target-rows.ts';

/** Salt of a hash that must agree neither with the partitions' nor with that of samples. */
const DRAW_SALT = 0x5a17_0044;

/**
 * Whether down-sampling draws a row of a class of which it draws the part `factor`: by hash(seed, row), so the same however the rows
 * are split, and a smaller draw is part of a larger one.
 */
export function drawer({ seed }: Pick<TrainTask, 'seed'>): (row: number, factor: number) => boolean {
  const salted = hash32(seed, DRAW_SALT);
  return (row, factor) => factor >= 1 || rowHash(salted, row) < factor * 0x1_0000_0000;
}

/** Rows that down-sampling has drawn; null: all. */
export function drawnRows(
  task: Pick<TrainTask, 'imbalance' | 'seed'>,
  { classes, rowCount }: TargetRows,
): Uint8Array | null {
  const { imbalance } = task;
  if (imbalance?.method !== 'downsampling' || classes === null) return null;
  const isDrawn = drawer(task);
  return Uint8Array.from({ length: rowCount }, (_, row) =>
    isDrawn(row, imbalance.factors[classes[row] ?? 0] ?? 1) ? 1 : 0,
  );
}

/** The part of a table's rows that down-sampling draws about. */
export function drawnShare({ imbalance, target }: Pick<TrainTask, 'imbalance' | 'target'>): number {
  if (imbalance?.method !== 'downsampling') return 1;
  const all = target.classes.reduce((sum, { rowCount }) => sum + rowCount, 0);
  const drawn = target.classes.reduce(
    (sum, { rowCount }, index) => sum + rowCount * (imbalance.factors[index] ?? 1),
    0,
  );
  return all > 0 ? drawn / all : 1;
}
