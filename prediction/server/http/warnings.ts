import { unseenLevelText, type ColumnDifferences, type UnseenLevel } from '#scoring';

/** Columns named in one row's warnings of a kind, and in one complaint, at most. */
export const NAMED_COLUMNS_MAX = 20;

/** JSON text of one row's warnings: of its columns, where they are odd, then of levels that the model does not know. */
export function warningsJson(odd: ColumnDifferences | null, unseen: readonly UnseenLevel[]): string {
  const ofLevels = told(unseen, (level) => `${unseenLevelText(level)}: taken as an unseen level`, 'have unseen levels');
  const texts = [odd === null ? '' : columnTexts(odd), ...ofLevels.map((text) => JSON.stringify(text))];
  return `[${texts.filter((text) => text !== '').join(',')}]`;
}

const textsOf = new WeakMap<ColumnDifferences, string>();

/** JSON texts of the warnings of a row's columns; made once for rows with the same columns. */
function columnTexts(odd: ColumnDifferences): string {
  let text = textsOf.get(odd);
  if (text === undefined) {
    const sentences = [
      ...told(
        odd.missing,
        (name) => `column ${JSON.stringify(name)} is missing: taken as a missing value`,
        'are missing',
      ),
      ...told(odd.unknown, (name) => `column ${JSON.stringify(name)} is unknown: ignored`, 'are unknown'),
    ];
    text = sentences.map((sentence) => JSON.stringify(sentence)).join(',');
    textsOf.set(odd, text);
  }
  return text;
}

function told<T>(columns: readonly T[], sentence: (column: T) => string, what: string): string[] {
  const sentences = columns.slice(0, NAMED_COLUMNS_MAX).map(sentence);
  const more = columns.length - sentences.length;
  return more > 0 ? [...sentences, `${more} more columns ${what}`] : sentences;
}
