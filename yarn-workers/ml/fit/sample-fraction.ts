import type { TrainTask } from '#contracts';
import { isText, outputCountOf } from '#scoring';
import { dateColumnCount, datePairs } from '../blueprints/dates.ts';
import { boostedSample } from '../blueprints/many-classes.ts';
import { placeColumnCount, placeColumnsOf } from '../blueprints/places.ts';
import { readingOf } from '../blueprints/reading.ts';
import { isBoosted, isFactorization, isForest, isLinear, naiveBayesOf } from '../blueprints/settings.ts';
import { drawnShare } from './down-sample.ts';
import { forestSample } from './forest/forest-members.ts';
import { MATRIX_CELLS_MAX } from './limits.ts';
import { designSample } from './linear/path-members.ts';
import { taskFeatures } from './task-columns.ts';

/**
 * The part of its training rows that a task is fitted on: what it asks for, or what its model can hold where it cannot be taken to rows
 * that it does not hold. A function of the task alone, so that whoever verifies the model knows it too.
 */
export const fittedFraction = (task: TrainTask): number =>
  passesOverRows(task) ? task.sampleFraction : heldFraction(task);

/** Whether a model is fitted on rows that it does not hold: a linear model is, unless it reads texts or counts terms. */
export function passesOverRows(task: TrainTask): boolean {
  const { settings, analyses } = readingOf(task);
  if (settings === null || !isLinear(settings) || naiveBayesOf(settings) !== null) return false;
  return analyses.length === 0 || !taskFeatures(task).some(({ manifest }) => isText(manifest));
}

/**
 * The part of its training rows that a task's model holds in memory, at most what it asks for.
 *
 * @param matrixCellsMax see `FitIo`
 */
export function heldFraction(task: TrainTask, matrixCellsMax = MATRIX_CELLS_MAX): number {
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
    : designSample(
        { rowCount: table.rowCount, columnCount, outputCount },
        isFactorization(settings) ? 2 * settings.rank : 0,
        matrixCellsMax,
      );
  return Math.min(sampleFraction, most);
}
