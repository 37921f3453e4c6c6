import type { TrainTask } from '#contracts';
import { readingOf } from '../blueprints/reading.ts';
import { MATRIX_CELLS_MAX } from '../fit/limits.ts';
import { canBeBinned } from '../fit/member-data.ts';
import { taskFeatures } from '../fit/task-columns.ts';
import { boostedColumns } from './boosted-columns.ts';

/**
 * Whether the fit of a task may put its table into bins and keep them for later models of the project, as far as the task says: one that
 * does it is never told no.
 */
export function mayKeepBins(task: TrainTask): boolean {
  const reading = readingOf(task);
  const { settings } = reading;
  if (!canBeBinned(settings)) return false;
  // Several ranks have their rows in bins, however few they are.
  if (task.ranks !== undefined) return true;
  const columns = Math.max(taskFeatures(task).length, boostedColumns(task, reading, settings).length);
  return task.table.rowCount * columns > MATRIX_CELLS_MAX;
}
