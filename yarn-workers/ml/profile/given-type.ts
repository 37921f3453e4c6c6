import {
  DATE_FORMATS,
  canonicalJson,
  type DateFormat,
  type FeatureType,
  type ParseRule,
  type StoredColumn,
} from '#contracts';
import { categoryKey, cellReader, isMissing } from '#scoring';
import { asCategory } from '../fit/task-columns.ts';

/** Types that a user can give a feature. */
export const GIVEN_TYPES = ['numeric', 'categorical', 'text', 'date', 'boolean', 'id', 'geo'] as const;
export type GivenType = (typeof GIVEN_TYPES)[number];

/** Why each of the others cannot be given. */
export const NOT_GIVEN: Readonly<Record<Exclude<FeatureType, GivenType>, string>> = {
  constant: 'it is what a feature of one value is found to be; make it id to leave it out of modelling',
  currency: 'signs of currency are not read yet; numbers without them are numeric',
  percent: 'signs of percent are not read yet; numbers without them are numeric',
  duration: 'durations are not read yet; numbers of a unit are numeric',
};

export const isGivenType = (type: FeatureType): type is GivenType =>
  (GIVEN_TYPES as readonly FeatureType[]).includes(type);

/** A way to read the column, and whether it can read a text. */
interface Reading {
  readonly parse: ParseRule;
  readonly reads: (text: string) => boolean;
}

/** A value that is not of the type; `row` is zero-based, null where it is not known. */
export interface Misfit {
  readonly value: string;
  readonly row: number | null;
}

/** What a look at the values found. */
export type TypeVerdict =
  | { readonly fits: true; readonly column: StoredColumn }
  | {
      readonly fits: false;
      readonly misfitCount: number;
      readonly presentCount: number;
      readonly first: Misfit;
      /** Types that can read all of the values. */
      readonly allowed: readonly GivenType[];
    };

/** Holds the values of a column against a type. */
export interface TypeTrial {
  /** The column as it is read then, where no value needs to be looked at; else null. */
  readonly certain: StoredColumn | null;
  /** @param row of the first of the `count` cells, zero-based; null where it is not known */
  add(text: string | null, count: number, row: number | null): void;
  finish(): TypeVerdict;
}

/**
 * Finds whether all values of a column can be read as a type, by the cell parser that serves predictions, and the rule by
 * which: what training accepts is what a row of a prediction may hold. Of dates the first format that reads all values is
 * taken, `compact-date` last. Memory does not depend on the rows.
 */
export function typeTrial(column: StoredColumn, type: GivenType): TypeTrial {
  const { nullMarkers } = column.parse;
  const tried = new Map(
    GIVEN_TYPES.map((one) => [one, readingsOf(column, one).map((reading) => new Attempt(reading, one === type))]),
  );
  const [sure] = readingsOf(column, type);
  let presentCount = 0;
  return {
    certain: sure.reads === always ? storedAs(column, sure.parse) : null,
    add: (text, count, row) => {
      if (text === null || isMissing(text, nullMarkers)) return;
      presentCount += count;
      for (const attempts of tried.values()) for (const attempt of attempts) attempt.add(text, count, row);
    },
    finish: () => {
      const attempts = tried.get(type) ?? [];
      const best = attempts.reduce((least, one) => (one.misfitCount < least.misfitCount ? one : least));
      const { first, misfitCount, reading } = best;
      if (first === null) return { fits: true, column: storedAs(column, reading.parse) };
      const allowed = GIVEN_TYPES.filter((one) => tried.get(one)?.some((attempt) => attempt.first === null));
      return { fits: false, misfitCount, presentCount, first, allowed };
    },
  };
}

/** One way to read the values with those that it cannot read; counts them only where it `counts`. */
class Attempt {
  readonly reading: Reading;
  readonly #counts: boolean;
  misfitCount = 0;
  first: Misfit | null = null;

  constructor(reading: Reading, counts: boolean) {
    this.reading = reading;
    this.#counts = counts;
  }

  add(value: string, count: number, row: number | null): void {
    if ((this.first !== null && !this.#counts) || this.reading.reads(value)) return;
    this.first ??= { value, row };
    this.misfitCount += count;
  }
}

const always = (): boolean => true;

/** Never empty. */
function readingsOf(column: StoredColumn, type: GivenType): readonly [Reading, ...Reading[]] {
  const { parse } = column;
  const nullMarkers = [...parse.nullMarkers];
  switch (type) {
    case 'numeric':
      if (parse.kind === 'number' || NUMBERS.includes(column.storage))
        return [{ parse: { kind: 'number', nullMarkers }, reads: always }];
      return [byParser({ kind: 'number', nullMarkers })];
    case 'date':
      return dateReadings(column);
    case 'geo':
      // Columns of places are stored as categories.
      return [{ parse: categoryOf(column), reads: byParser({ kind: 'geo', nullMarkers }).reads }];
    case 'boolean':
      return [{ parse: { kind: 'category', keyRule: 'boolean', nullMarkers }, reads: isBoolean }];
    case 'categorical':
    case 'text':
      return [{ parse: categoryOf(column), reads: always }];
    case 'id':
      return [{ parse, reads: always }];
  }
}

function isBoolean(text: string): boolean {
  const key = categoryKey(text, 'boolean');
  return key === 'true' || key === 'false';
}

function byParser(parse: ParseRule): Reading {
  const reader = cellReader(parse);
  const out = new Float64Array(2);
  return { parse, reads: reader.kind === 'category' ? always : (text) => reader.read(text, out, 0) };
}

/** Storages of numbers: their texts are spellings of numbers, whatever the column is read as. */
const NUMBERS: readonly StoredColumn['storage'][] = ['int64', 'float64', 'decimal'];

function categoryOf({ parse, storage }: StoredColumn): ParseRule {
  if (parse.kind === 'category') return parse;
  return NUMBERS.includes(storage) ? { ...asCategory(parse), keyRule: 'number' } : asCategory(parse);
}

/** Typed dates and times are read in both ISO forms, as when they were added. */
function dateReadings({ parse, storage }: StoredColumn): readonly [Reading, ...Reading[]] {
  const rule = (...formats: DateFormat[]): ParseRule => ({
    kind: 'date',
    formats,
    nullMarkers: [...parse.nullMarkers],
  });
  switch (storage) {
    case 'date':
      return [{ parse: rule('iso-date', 'iso-datetime'), reads: always }];
    case 'timestamp':
    case 'timestampUtc':
      return [{ parse: rule('iso-datetime', 'iso-date'), reads: always }];
    default: {
      const single = DATE_FORMATS.filter((format) => format !== 'iso-date' && format !== 'compact-date');
      return [
        byParser(rule('iso-date')),
        ...single.map((format) => byParser(rule(format))),
        byParser(rule('iso-date', 'iso-datetime')),
        byParser(rule('compact-date')),
      ];
    }
  }
}

/** The column read by this rule; a twin was made by the former one. */
const storedAs = (column: StoredColumn, parse: ParseRule): StoredColumn =>
  canonicalJson(parse) === canonicalJson(column.parse) ? column : { ...column, parse, hasTwin: false };
