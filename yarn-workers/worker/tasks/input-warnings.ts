import type { FeatureWarning, StoredTable } from '#contracts';
import { unseenLevelsText, type LevelTally, type Scorer } from '#scoring';

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

/** One for each column with values that are none of the levels that the model knows. */
export function levelWarnings(levels: LevelTally): FeatureWarning[] {
  const unseen = levels.unseen();
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
