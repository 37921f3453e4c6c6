import type { ManifestFeature, TrainTask } from '#contracts';
import { isText, outputCountOf } from '#scoring';
import { dateColumnCount, datePairs } from '../blueprints/dates.ts';
import { placeColumnCount, placeColumnsOf } from '../blueprints/places.ts';
import type { Reading } from '../blueprints/reading.ts';
import { encodesCategories } from '../blueprints/reading.ts';
import type { BoostedSettings } from '../blueprints/settings.ts';
import { ENCODED_LEVELS_MIN, ENCODED_OUTPUTS_MAX } from '../fit/categories/limits.ts';
import { taskFeatures } from '../fit/task-columns.ts';

/**
 * The columns of the matrix that boosted trees are grown on, as far as the task says: the survey may find fewer.
 *
 * @returns by column how many different values it may have
 */
export function boostedColumns(
  task: TrainTask,
  { analyses, dates, uses }: Reading,
  settings: BoostedSettings,
): readonly number[] {
  const manifests = taskFeatures(task).map(({ manifest }) => manifest);
  const outputs = outputCountOf(task.target);
  const encoded =
    (settings.categories === 'codes' ? 0 : Math.min(outputs, ENCODED_OUTPUTS_MAX)) + Number(settings.categoryCounts);
  const places = placeColumnsOf({ settings, uses }, manifests, task.monotonic);
  const pairs = dates.differences ? datePairs(manifests.map(({ type }) => type)).length : 0;
  const any = (count: number): number[] => Array.from({ length: count }, () => Infinity);
  const ofFeature = (manifest: ManifestFeature, uniqueCount: number): number[] => {
    if (isText(manifest)) return any(analyses.length * (outputs + settings.textComponents));
    const { kind } = manifest.parse;
    if (kind === 'geo') return any((uses('place-parts') ? places.parts.length : 0) + places.cellSizes);
    if (kind === 'date') return any(dateColumnCount(dates));
    if (kind === 'number') return uses('numeric') ? [uniqueCount] : [];
    const isEncoded = encodesCategories(settings) && uniqueCount >= ENCODED_LEVELS_MIN;
    return [...(uses('category-codes') ? [uniqueCount] : []), ...any(isEncoded ? encoded : 0)];
  };
  return [
    ...manifests.flatMap((manifest, index) => ofFeature(manifest, task.features[index]?.uniqueCount ?? Infinity)),
    ...any(pairs + placeColumnCount(places)),
  ];
}
