import type { TrainTask } from '#contracts';
import { isText, outputCountOf } from '#scoring';
import { dateColumnCount, datePairs } from '../blueprints/dates.ts';
import { boostedSample } from '../blueprints/many-classes.ts';
import { placeColumnCount, placeColumnsOf } from '../blueprints/places.ts';
import { readingOf } from '../blueprints/reading.ts';
import { isBoosted, isFactorization, isForest, isLinear } from '../blueprints/settings.ts';
import { drawnShare } from './down-sample.ts';
import { forestSample } from './forest/forest-members.ts';
import { designSample } from './linear/path-members.ts';
import { taskFeatures } from './task-columns.ts';

/**
 * The part of its training rows that a task is fitted on: what it asks for, or what its model can hold. A function
 * of the task alone, so that whoever verifies the model knows it too.
 */
export function fittedFraction(task: TrainTask): number {
  const { sampleFraction, target, table } = task;
  const reading = readingOf(task);
  const { settings, dates, uses } = reading;
  if (settings === null) return sampleFraction;
  if (isBoosted(settings)) return Math.min(sampleFraction, boostedSample(table.rowCount * drawnShare(task), target));
  const manifests = taskFeatures(task).map(({ manifest }) => manifest);
  const pairCount = dates.differences ? datePairs(manifests.map(({ type }) => type)).length : 0;
  const places = placeColumnsOf(reading, manifests, task.monotonic);
  const crossCount = isLinear(settings) && uses('category-cross') ? (settings.crosses ?? 0) : 0;
  const counts = manifests.map((manifest): number => {
    if (isText(manifest)) return isForest(settings) && uses('text-scores') ? settings.textComponents : 0;
    if (manifest.parse.kind === 'geo') return (uses('place-parts') ? places.parts.length : 0) + places.cellSizes;
    if (manifest.parse.kind === 'date') return dateColumnCount(dates);
    return uses(manifest.parse.kind === 'category' ? 'category-codes' : 'numeric') ? 1 : 0;
  });
  const columnCount = counts.reduce((sum, count) => sum + count, pairCount + placeColumnCount(places) + crossCount);
  const outputCount = outputCountOf(target);
  const most = isForest(settings)
    ? forestSample(table.rowCount * drawnShare(task), columnCount)
    : designSample(table.rowCount, columnCount, outputCount, isFactorization(settings) ? 2 * settings.rank : 0);
  return Math.min(sampleFraction, most);
}
