import type { FeatureWarning, StoredTable, UnseenLevelsFacts } from '#contracts';
import type { Scorer } from './scorer.ts';
import { unseenLevelsText } from './unseen-levels.ts';

/** Columns that a warning names at most. */
const NAMES_SHOWN_MAX = 10;
/** Columns that have a warning of their own at most. */
const COLUMNS_WARNED_MAX = 50;

/** What is odd about the input's columns: missing ones are missing values, others are not used. */
export function columnWarnings(table: Pick<StoredTable, 'columns'>, scorer: Scorer): FeatureWarning[] {
  const { missing, unknown } = scorer.columnDifferences(table.columns.map(({ name }) => name));
  const warnings: FeatureWarning[] = [];
  if (missing.length > 0) {
    const message = `the input lacks ${shown(missing)}`;
    warnings.push({ code: 'COLUMN_MISSING', message, handling: 'Read as missing values.' });
  }
  if (unknown.length > 0) {
    const message = `the model does not use ${shown(unknown)}`;
    warnings.push({ code: 'COLUMN_IGNORED', message, handling: 'Ignored.' });
  }
  return warnings;
}

/** What parts of a table found, put together; the parts in the order of their rows. By column, in the order of the features. */
export function mergeUnseenLevels(parts: readonly (readonly UnseenLevelsFacts[])[]): UnseenLevelsFacts[] {
  const byFeature = new Map<number, UnseenLevelsFacts>();
  for (const found of parts.flat()) {
    const first = byFeature.get(found.feature);
    const rowCount = found.rowCount + (first?.rowCount ?? 0);
    byFeature.set(found.feature, { ...(first ?? found), rowCount });
  }
  return [...byFeature.values()].sort((one, other) => one.feature - other.feature);
}

/** One for each column with values that are none of the levels that the model knows. */
export function levelWarnings(unseen: readonly UnseenLevelsFacts[]): FeatureWarning[] {
  const more = unseen.slice(COLUMNS_WARNED_MAX).map(({ column }) => column);
  const messages = [
    ...unseen.slice(0, COLUMNS_WARNED_MAX).map(unseenLevelsText),
    ...(more.length > 0 ? [`${shown(more)}: values that are no levels that the model knows`] : []),
  ];
  return messages.map((message) => ({ code: 'LEVELS_UNSEEN', message, handling: 'Read as unseen levels.' }));
}

function shown(names: readonly string[]): string {
  const some = names.slice(0, NAMES_SHOWN_MAX).map((name) => JSON.stringify(name));
  const more = names.length - some.length;
  return `${names.length === 1 ? 'column' : 'columns'} ${some.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
