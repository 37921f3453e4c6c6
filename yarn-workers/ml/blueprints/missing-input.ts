import { AppError, type ModellingFeature } from '#contracts';
import { ENCODED_LEVELS_MIN } from '../fit/categories/limits.ts';
import { entryOf, type CatalogueEntry } from './catalogue.ts';

/** Whether a feature is a category that is worth numbers of its own. */
export const hasManyLevels = ({ type, uniqueCount }: ModellingFeature): boolean =>
  type === 'categorical' && uniqueCount >= ENCODED_LEVELS_MIN;

/** What a blueprint needs and the features have not; null: it can be fitted. */
export function missingInput({ reads }: CatalogueEntry, features: readonly ModellingFeature[]): string | null {
  if (reads === 'texts too' && !features.some(({ type }) => type === 'text')) return 'a text feature';
  if (reads === 'no texts' && !features.some(({ type }) => type !== 'text')) return 'a feature that is no text';
  if (reads === 'many levels' && !features.some(hasManyLevels))
    return `a categorical feature of at least ${ENCODED_LEVELS_MIN} different values`;
  return null;
}

/** @throws VALIDATION_FAILED naming the blueprint, where the features have not what it reads */
export function checkInputs(blueprintId: string, features: readonly ModellingFeature[]): void {
  const missing = missingInput(entryOf(blueprintId), features);
  if (missing === null) return;
  const message = `${JSON.stringify(blueprintId)} needs ${missing}, and there is none among those that are modelled; use another one`;
  throw new AppError('VALIDATION_FAILED', `blueprintId: ${message}`, { errors: [{ path: '/blueprintId', message }] });
}
