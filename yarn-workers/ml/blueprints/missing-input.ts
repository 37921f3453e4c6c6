import { complaint, type FeatureType, type ModellingFeature } from '#contracts';
import { ENCODED_LEVELS_MIN } from '../fit/categories/limits.ts';
import { entryOf, type CatalogueEntry } from './catalogue.ts';
import { readingOf, type FeatureStepKind, type ReadTask } from './reading.ts';

/** Whether a feature is a category that is worth numbers of its own. */
export const hasManyLevels = ({ type, uniqueCount }: ModellingFeature): boolean =>
  type === 'categorical' && uniqueCount >= ENCODED_LEVELS_MIN;

/** What a blueprint needs and the features have not; null: it can be fitted. */
export function missingInput({ reads }: CatalogueEntry, features: readonly ModellingFeature[]): string | null {
  if (reads === 'texts too' && !features.some(({ type }) => type === 'text')) return 'a text feature';
  if (reads === 'no texts' && !features.some(({ type }) => type !== 'text')) return 'a feature that is no text';
  if (reads === 'many levels' && !features.some(hasManyLevels))
    return `a categorical feature of at least ${ENCODED_LEVELS_MIN} different values`;
  if (reads === 'two features' && features.filter(({ type }) => type !== 'text').length < 2)
    return 'two features that are no texts';
  return null;
}

/**
 * @param field of the request that named the blueprint
 * @throws VALIDATION_FAILED naming the blueprint, or its steps, where the features have not what these read
 */
export function checkInputs(task: ReadTask, features: readonly ModellingFeature[], field: string): void {
  const { blueprintId, featureSteps } = task;
  if (featureSteps !== undefined) {
    checkSteps(task, features);
    return;
  }
  const missing = missingInput(entryOf(blueprintId), features);
  if (missing === null) return;
  const message = `${JSON.stringify(blueprintId)} needs ${missing}, and there is none among those that are modelled; use another one`;
  throw complaint('VALIDATION_FAILED', field, message);
}

/** Steps that read features of a type, whatever these hold. */
const READERS: Readonly<Partial<Record<FeatureType, FeatureStepKind>>> = {
  ...{ numeric: 'numeric', currency: 'numeric', percent: 'numeric', duration: 'numeric' },
  ...{ categorical: 'category-codes', boolean: 'category-codes', date: 'date-parts', text: 'text-scores' },
  geo: 'place-parts',
};

/** @throws VALIDATION_FAILED naming the steps, where they read none of the features */
function checkSteps(task: ReadTask, features: readonly ModellingFeature[]): void {
  const { uses } = readingOf(task);
  const isRead = ({ type }: ModellingFeature): boolean => {
    const reader = READERS[type];
    return reader !== undefined && uses(reader);
  };
  const dates = features.filter(({ type }) => type === 'date');
  if (features.some(isRead) || (dates.length > 1 && uses('date-difference'))) return;
  if (dates.length > 0 && uses('holidays')) return;
  const types = [...new Set(features.map(({ type }) => type))].join(', ');
  const needed = [...new Set(features.flatMap(({ type }) => READERS[type] ?? []))].join(', ');
  const message = `no step reads a feature of those that are modelled, which are ${types}; put in one of ${needed}`;
  throw complaint('VALIDATION_FAILED', 'blueprint.steps', message);
}
