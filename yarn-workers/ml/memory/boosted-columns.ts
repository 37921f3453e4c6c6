import type { TrainTask } from '#contracts';
import { isText, outputCountOf } from '#scoring';
import { dateColumnCount, datePairs } from '../blueprints/dates.ts';
import { placeColumnsOf } from '../blueprints/places.ts';
import type { Reading } from '../blueprints/reading.ts';
import { encodesCategories } from '../blueprints/reading.ts';
import type { BoostedSettings } from '../blueprints/settings.ts';
import { ENCODED_LEVELS_MIN, ENCODED_OUTPUTS_MAX } from '../fit/categories/limits.ts';
import { taskFeatures } from '../fit/task-columns.ts';

/** Columns of the matrix that boosted trees are grown on, as far as the task says: the survey may find fewer. */
export function boostedColumns(task: TrainTask, { analyses, dates, uses }: Reading, settings: BoostedSettings): number {
  const features = taskFeatures(task).map(({ manifest }, index) => ({
    manifest,
    uniqueCount: task.features[index]?.uniqueCount ?? 0,
  }));
  const manifests = features.map(({ manifest }) => manifest);
  const outputs = outputCountOf(task.target);
  const encoded =
    (settings.categories === 'codes' ? 0 : Math.min(outputs, ENCODED_OUTPUTS_MAX)) + Number(settings.categoryCounts);
  const places = placeColumnsOf({ settings, uses }, manifests, task.monotonic);
  const pairs = dates.differences ? datePairs(manifests.map(({ type }) => type)).length : 0;
  const ofFeature = ({ manifest, uniqueCount }: (typeof features)[number]): number => {
    if (isText(manifest)) return analyses.length * (outputs + settings.textComponents);
    switch (manifest.parse.kind) {
      case 'geo':
        return (uses('place-parts') ? places.parts.length : 0) + places.cellSizes;
      case 'date':
        return dateColumnCount(dates);
      case 'category': {
        const isEncoded = encodesCategories(settings) && uniqueCount >= ENCODED_LEVELS_MIN;
        return (uses('category-codes') ? 1 : 0) + (isEncoded ? encoded : 0);
      }
      case 'number':
        return uses('numeric') ? 1 : 0;
    }
  };
  return features.reduce((sum, feature) => sum + ofFeature(feature), pairs + placesCount(places));
}

const placesCount = ({
  pairs,
  directions,
  cellSizes,
  distances,
  measures,
}: ReturnType<typeof placeColumnsOf>): number =>
  pairs.length * ((directions ? 2 : 0) + cellSizes) + distances.length * measures.length;
