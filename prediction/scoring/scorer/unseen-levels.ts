import type { Column, ColumnBatch, ManifestStep, UnseenLevelsFacts } from '#contracts';
import { cellText } from '../parse/cell-reader.ts';
import type { CategoryValues, InputFeature } from '../steps/feature-values.ts';
import { keyTable } from '../steps/key-table.ts';
import { knownLevels } from '../steps/known-levels.ts';
import type { LevelCounts, RawRow } from '../steps/row-encoder.ts';

/** Known levels that a text names, and how many UTF-16 units of each value and level it has. */
const LEVELS_SHOWN_MAX = 5;
const VALUE_CHARS_MAX = 60;

/** A cell that is none of the levels that the model knows. */
export interface UnseenLevel {
  readonly column: string;
  /** text of the cell, whole */
  readonly value: string;
  readonly known: ReadonlySet<string>;
}

/** Such cells of one column, and the first of them. */
export interface UnseenLevels extends UnseenLevel {
  /** of the model, by position */
  readonly feature: number;
  /** as batches count rows */
  readonly row: number;
  readonly rowCount: number;
}

/** Counts unseen levels of a read's batches; given to `scoreBatch`. */
export interface LevelTally {
  /** @param values what the feature's column was decoded as */
  add(feature: number, column: Column, values: CategoryValues, batch: Pick<ColumnBatch, 'firstRow' | 'rowCount'>): void;
  /** By column, in the order of the features; empty where all levels are known. */
  unseen(): UnseenLevels[];
}

/** Tells cells that are none of the levels that the model knows, see `knownLevels`; missing ones are not. */
export interface LevelFinder {
  /** Those that `scoreRow` has just found in this very row. */
  unseenLevels(row: RawRow, found: LevelCounts): UnseenLevel[];
  /** For the batches of one read. */
  levelTally(): LevelTally;
}

/** Gathers the levels when it is first asked. @param steps those that members read */
export function levelFinder(features: readonly InputFeature[], steps: readonly ManifestStep[]): LevelFinder {
  let gathered: ReturnType<typeof knownLevels> | null = null;
  const known = () => (gathered ??= knownLevels(features, steps));
  return {
    unseenLevels: (row, { unseenLevelCount, unseenFeatures }) =>
      Array.from(unseenFeatures.subarray(0, unseenLevelCount), (index) => {
        const column = features[index]?.name ?? '';
        // The cast holds: what is no array is the record of the union (Array.isArray does not narrow readonly arrays).
        const cell: unknown = Array.isArray(row) ? row[index] : (row as Readonly<Record<string, unknown>>)[column];
        return { column, value: cellText(cell) ?? '', known: known().get(index) ?? new Set() };
      }),
    levelTally: () => levelTally(features, known()),
  };
}

function levelTally(features: readonly InputFeature[], known: ReadonlyMap<number, ReadonlySet<string>>): LevelTally {
  const counters = new Map([...known].map(([index, levels]) => [index, levelCounter(levels)]));
  return {
    add: (feature, column, values, batch) => counters.get(feature)?.add(column, values, batch),
    unseen: () =>
      [...counters].flatMap(([index, { found }]) => {
        const first = found();
        return first === null ? [] : [{ feature: index, column: features[index]?.name ?? '', ...first }];
      }),
  };
}

function levelCounter(known: ReadonlySet<string>) {
  let isAnyUnseen = false;
  const unseenOf = keyTable((key) => {
    const isUnseen = key !== null && !known.has(key);
    isAnyUnseen ||= isUnseen;
    return isUnseen;
  });
  let first: Pick<UnseenLevels, 'value' | 'row'> | null = null;
  let count = 0;
  return {
    add: (column: Column, { codes, keys }: CategoryValues, batch: Pick<ColumnBatch, 'firstRow' | 'rowCount'>): void => {
      const isUnseen = unseenOf(keys);
      for (let row = 0; isAnyUnseen && row < batch.rowCount; row += 1) {
        const code = codes[row] ?? -1;
        if (code < 0 || isUnseen[code] !== true) continue;
        first ??= { value: textAt(column, row), row: batch.firstRow + row };
        count += 1;
      }
    },
    found: (): Omit<UnseenLevels, 'feature' | 'column'> | null =>
      first === null ? null : { ...first, rowCount: count, known },
  };
}

function textAt(column: Column, row: number): string {
  if (column.view === 'dictionary') return column.dictionary[column.codes[row] ?? -1] ?? '';
  return String(column.values[row] ?? '');
}

/** Says of a row's cell that it is unseen, and what is known. */
export const unseenLevelText = ({ column, value, known }: UnseenLevel): string =>
  `column ${JSON.stringify(column)}: ${shown(value)} is ${noneOf(known)}`;

/** The same of all rows, short enough to be kept. */
export const unseenLevelsFacts = ({ value, known, ...counted }: UnseenLevels): UnseenLevelsFacts => ({
  ...counted,
  value: shown(value),
  known: noneOf(known),
});

/** Says of all rows of a column what is unseen, with the first of them. */
export function unseenLevelsText({ column, value, known, row, rowCount }: UnseenLevelsFacts): string {
  const first = `column ${JSON.stringify(column)}: ${value} in row ${row}`;
  const others = rowCount - 1;
  if (others === 0) return `${first} is ${known}`;
  return `${first}, and what is in ${others} ${others === 1 ? 'row' : 'rows'} more, is ${known}`;
}

function noneOf(known: ReadonlySet<string>): string {
  const some = [...known.values().take(LEVELS_SHOWN_MAX)].map(shown).join(', ');
  if (known.size === 1) return `not the one level that the model knows (${some})`;
  const more = known.size - LEVELS_SHOWN_MAX;
  return `none of the ${known.size} levels that the model knows (${some}${more > 0 ? ` and ${more} more` : ''})`;
}

/** A value in quotes, cut where it is too long for a message, between characters. */
function shown(value: string): string {
  if (value.length <= VALUE_CHARS_MAX) return JSON.stringify(value);
  return JSON.stringify(`${value.slice(0, VALUE_CHARS_MAX).replace(/[\ud800-\udbff]$/, '')}...`);
}
