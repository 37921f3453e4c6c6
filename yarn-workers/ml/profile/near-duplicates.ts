import type { Column, FeatureProfile, FeatureType, FeatureWarning, StoredColumn } from '#contracts';
import { isMissing } from '#scoring';
import { hash32, rowHash } from '#statistics';
import { associations } from '../insights/features/association.ts';
import {
  COMPARED_COLUMNS_MAX,
  COMPARED_LEVELS_MAX,
  COMPARED_ROWS_MAX,
  COMPARED_ROWS_MIN,
  NEAR_DUPLICATE_CORRELATION,
  NEAR_DUPLICATE_INFORMATION,
} from './limits.ts';
import { packDoubles, unpackDoubles, type ComparedState } from './states.ts';

const SAMPLE_SALT = 0x5a17_0008;

/** What says that a feature says nearly the same as one before it. */
export interface NearDuplicate {
  readonly position: number;
  readonly warning: FeatureWarning;
}

/** Keeps some rows of the first columns, chosen by hash. */
export interface RowComparison {
  /** @param firstRow number of the batch's first row in the table */
  add(columns: readonly Column[], firstRow: number, rowCount: number): void;
  toData(): ComparedState;
  /** Rows that were kept of those behind, by a comparison of the same table. */
  merge(other: ComparedState): void;
  /** At most one a feature, in their order; ids, constants and texts are not compared. */
  nearDuplicates(features: readonly FeatureProfile[]): NearDuplicate[];
}

/** The kept cells of a column: numbers, or codes of texts as long as they are few. */
interface KeptColumn {
  readonly values: Float64Array;
  readonly codeOf: Map<string, number> | null;
}

/**
 * Finds features that say nearly the same: numbers (and dates) by rank correlation, categories and numbers of few values by how
 * much of each one's entropy the other one has. A pair of categories of many levels is not compared: few rows cannot tell.
 *
 * Memory: COMPARED_ROWS_MAX x COMPARED_COLUMNS_MAX numbers.
 *
 * @param rowCount of the table
 */
export function rowComparison(columns: readonly StoredColumn[], rowCount: number): RowComparison {
  const compared = columns.slice(0, COMPARED_COLUMNS_MAX);
  const salted = hash32(0, SAMPLE_SALT);
  const limit = (COMPARED_ROWS_MAX / Math.max(1, rowCount)) * 0x1_0000_0000;
  const kept = compared.map(({ parse }): KeptColumn => ({
    values: new Float64Array(2 * Math.min(rowCount, COMPARED_ROWS_MAX)).fill(NaN),
    codeOf: parse.kind === 'category' ? new Map() : null,
  }));
  const capacity = kept[0]?.values.length ?? 0;
  let count = 0;
  return {
    add: (batch, firstRow, batchRows) => {
      for (let row = 0; row < batchRows && count < capacity; row += 1) {
        if (rowCount > COMPARED_ROWS_MAX && rowHash(salted, firstRow + row) >= limit) continue;
        for (const [position, { values, codeOf }] of kept.entries()) {
          const column = batch[position];
          const markers = compared[position]?.parse.nullMarkers ?? [];
          if (column !== undefined)
            values[count] = codeOf === null ? numberAt(column, row) : codeAt(column, row, codeOf, markers);
        }
        count += 1;
      }
    },
    toData: () => ({
      rowCount: count,
      columns: kept.map(({ values, codeOf }) => ({
        values: packDoubles(values.subarray(0, count)),
        texts: codeOf === null ? null : [...codeOf.keys()],
      })),
    }),
    merge: (other) => {
      const taken = Math.min(other.rowCount, capacity - count);
      for (const [position, { values, codeOf }] of kept.entries()) {
        const state = other.columns[position];
        const cells = unpackDoubles(state?.values ?? '').subarray(0, taken);
        const codes = codeOf === null ? null : (state?.texts ?? []).map((text) => codeOfText(text, codeOf));
        values.set(codes === null ? cells : cells.map((code) => recoded(code, codes)), count);
      }
      count += taken;
    },
    nearDuplicates: (features) => (count < COMPARED_ROWS_MIN ? [] : found(kept, count, features)),
  };
}

const numberAt = (column: Column, row: number): number =>
  column.view === 'number' ? (column.values[row] ?? NaN) : NaN;

/** NaN is missing; beyond COMPARED_LEVELS_MAX all share a code, and the column is not compared. */
function codeAt(column: Column, row: number, codeOf: Map<string, number>, markers: readonly string[]): number {
  const text =
    column.view === 'text'
      ? column.values[row]
      : column.view === 'dictionary'
        ? column.dictionary[column.codes[row] ?? -1]
        : undefined;
  return text === undefined || text === null || isMissing(text, markers) ? NaN : codeOfText(text, codeOf);
}

/** One of another comparison; what had too many levels there has them here. */
const recoded = (code: number, codes: readonly number[]): number =>
  Number.isNaN(code) ? NaN : (codes[code] ?? COMPARED_LEVELS_MAX + 1);

function codeOfText(text: string, codeOf: Map<string, number>): number {
  const known = codeOf.get(text);
  if (known !== undefined) return known;
  const code = codeOf.size;
  if (code <= COMPARED_LEVELS_MAX) codeOf.set(text, code);
  return code;
}

function found(kept: readonly KeptColumn[], rowCount: number, features: readonly FeatureProfile[]): NearDuplicate[] {
  const places = [...kept.keys()].filter((place) => isCompared(features[place]?.type ?? 'id'));
  const cells = places.map((place) => (kept[place]?.values ?? new Float64Array(0)).subarray(0, rowCount));
  const isNumber = places.map((place) => kept[place]?.codeOf === null);
  const correlation = associations(cells.map((values) => ({ kind: 'number', values })));
  const leveled = cells.map(levelsOf);
  return places.flatMap((position, later): NearDuplicate[] => {
    for (let earlier = 0; earlier < later; earlier += 1) {
      const what = sameness(
        isNumber[later] === true && isNumber[earlier] === true ? correlation(later, earlier) : 0,
        sharedInformation(leveled[later] ?? null, leveled[earlier] ?? null),
      );
      const other = features[places[earlier] ?? -1]?.name;
      if (what === null || other === undefined) continue;
      return [{ position, warning: warningOf(other, `${what} in ${rowCount} rows`) }];
    }
    return [];
  });
}

function sameness(correlation: number, information: number): string | null {
  const digits = (value: number): string => String(Math.floor(value * 10_000) / 10_000);
  if (correlation >= NEAR_DUPLICATE_CORRELATION) return `rank correlation ${digits(correlation)}`;
  return information >= NEAR_DUPLICATE_INFORMATION ? `shared information ${digits(information)}` : null;
}

/** Whether features of this type are held against others. */
export const isCompared = (type: FeatureType): boolean => !['id', 'constant', 'text'].includes(type);

const sameAs = (other: string): string => `It says nearly the same as ${JSON.stringify(other)}: `;

/** Whether a warning is that a feature says nearly the same as this one. */
export const saysNearlyTheSameAs = ({ code, message }: FeatureWarning, other: string): boolean =>
  code === 'NEAR_DUPLICATE' && message.startsWith(sameAs(other));

const warningOf = (other: string, how: string): FeatureWarning => ({
  code: 'NEAR_DUPLICATE',
  message: `${sameAs(other)}${how}.`,
  handling: 'Both are modelled; leaving one of them out costs little, and makes the impact of the other one plainer.',
});

/** A column of few levels. */
interface Levels {
  readonly codes: Uint16Array;
  readonly count: number;
  readonly entropy: number;
}

/** Missing cells are a level; null where there are more than COMPARED_LEVELS_MAX of them, or one. */
function levelsOf(values: Float64Array): Levels | null {
  const codeOf = new Map<number, number>();
  const codes = new Uint16Array(values.length);
  for (const [row, value] of values.entries()) {
    let code = codeOf.get(value);
    if (code === undefined) codeOf.set(value, (code = codeOf.size));
    if (code >= COMPARED_LEVELS_MAX) return null;
    codes[row] = code;
  }
  const counts = new Float64Array(codeOf.size);
  for (const code of codes) counts[code] = (counts[code] ?? 0) + 1;
  const entropy = entropyOf(counts, values.length);
  return entropy > 0 ? { codes, count: codeOf.size, entropy } : null;
}

function entropyOf(counts: Float64Array, total: number): number {
  let sum = 0;
  for (const count of counts) if (count > 0) sum -= (count / total) * Math.log(count / total);
  return sum;
}

/** The part of the larger entropy that both have; 0 where it cannot come near 1. @see Theil 1970, uncertainty coefficient */
function sharedInformation(a: Levels | null, b: Levels | null): number {
  if (a === null || b === null) return 0;
  const most = Math.max(a.entropy, b.entropy);
  // What both have is at most what each has.
  if (Math.min(a.entropy, b.entropy) < NEAR_DUPLICATE_INFORMATION * most) return 0;
  const counts = new Float64Array(a.count * b.count);
  for (const [row, code] of a.codes.entries()) {
    const cell = code * b.count + (b.codes[row] ?? 0);
    counts[cell] = (counts[cell] ?? 0) + 1;
  }
  return (a.entropy + b.entropy - entropyOf(counts, a.codes.length)) / most;
}
