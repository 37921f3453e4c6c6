import type { TrainTask } from '#contracts';
import { isText, outputCountOf } from '#scoring';
import { dateColumnCount } from '../blueprints/dates.ts';
import type { Reading } from '../blueprints/reading.ts';
import { isLinear } from '../blueprints/settings.ts';
import { CATEGORY_LEVELS_MAX } from '../fit/limits.ts';
import { taskFeatures } from '../fit/task-columns.ts';

/** Coefficients of all outputs that a linear model of a task may have, without those of crosses, places and texts. */
export function linearCoefficients(task: TrainTask, { settings, dates }: Reading): number {
  if (settings === null || !isLinear(settings)) return 0;
  // A line, an indicator of what is missing, and the inner knots.
  const ofNumber = 1 + settings.pieces;
  const manifests = taskFeatures(task).map(({ manifest }) => manifest);
  const counts = manifests.map((manifest, index): number => {
    if (isText(manifest)) return 0;
    const { kind } = manifest.parse;
    // One for what is missing, one for all that has no code.
    if (kind === 'category') return Math.min(task.features[index]?.uniqueCount ?? 0, CATEGORY_LEVELS_MAX) + 2;
    return ofNumber * (kind === 'date' ? dateColumnCount(dates) : 1);
  });
  return outputCountOf(task.target) * counts.reduce((sum, count) => sum + count, 1);
}
