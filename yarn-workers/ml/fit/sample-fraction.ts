import type { TrainTask } from '#contracts';
import { isText } from '#scoring';
import { settingsOf } from '../blueprints/catalogue.ts';
import { dateColumnsOf, datePairs } from '../blueprints/dates.ts';
import { boostedSample } from '../blueprints/many-classes.ts';
import { placeColumnsOf } from '../blueprints/places.ts';
import { isForest, isLinear } from '../blueprints/settings.ts';
import { forestSample } from './forest/forest-members.ts';
import { designSample } from './linear/linear-members.ts';
import { taskFeatures } from './task-columns.ts';

/**
 * The part of its training rows that a task is fitted on: what it asks for, or what its model can hold. A function
 * of the task alone, so that whoever verifies the model knows it too.
 */
export function fittedFraction(task: TrainTask): number {
  const { sampleFraction, target, table } = task;
  const settings = settingsOf(task.blueprintId, task.parameters);
  if (settings === null) return sampleFraction;
  if (!isLinear(settings) && !isForest(settings))
    return Math.min(sampleFraction, boostedSample(table.rowCount, target));
  const manifests = taskFeatures(task).map(({ manifest }) => manifest);
  const dates = dateColumnsOf(settings);
  const pairCount = dates.differences ? datePairs(manifests.map(({ type }) => type)).length : 0;
  const places = placeColumnsOf(settings, manifests, task.monotonic);
  const placeCount = places.pairs.length * ((places.directions ? 2 : 0) + places.cellSizes);
  const crossCount = isLinear(settings) ? settings.crosses : 0;
  const counts = manifests.map((manifest): number => {
    if (isText(manifest)) return 0;
    if (manifest.parse.kind === 'geo') return places.parts.length + places.cellSizes;
    return manifest.parse.kind === 'date' ? dates.parts.length : 1;
  });
  const columnCount = counts.reduce((sum, count) => sum + count, pairCount + placeCount + crossCount);
  const outputCount = target.targetType === 'multiclass' ? target.classes.length : 1;
  const most = isLinear(settings)
    ? designSample(table.rowCount, columnCount, outputCount)
    : forestSample(table.rowCount, columnCount);
  return Math.min(sampleFraction, most);
}
