import type { ParseRule, StorageType } from '#contracts';
import { FOUND_DATE_FORMATS } from '../cell-sql.ts';
import { DATE_READINGS, formatsOf, type CellCounts, type DateReading } from './count-cells.ts';
import { numberCount, presentCount } from './count-kinds.ts';

/** Of a column that does not read as one type, this share that does is worth a warning. */
export const MIXED_SHARE_MIN = 0.9;

/** A way to read a column that is not one of texts. */
export type Reading = 'number' | DateReading;

/** Nearly all cells read in one way. */
export interface Mixed {
  readonly reading: Reading;
  /** Cells that do not. */
  readonly count: number;
  readonly presentCount: number;
}

/** What a column of texts is. */
export interface Decision {
  readonly storage: Extract<StorageType, 'string' | 'int64'>;
  readonly parse: ParseRule;
  /** Cells that are null markers, beside empty ones. */
  readonly hasMarkers: boolean;
  /** Its dates fit month/day/year as well as day/month/year. */
  readonly isAmbiguousDate: boolean;
  readonly mixed: Mixed | null;
  /** Values of a number column that are infinite as float64. */
  readonly infiniteCount: number;
}

/** Cells that are not missing and do not read so. */
export function misfitCount({ kinds, dates }: CellCounts, reading: Reading): number {
  return presentCount(kinds) - (reading === 'number' ? numberCount(kinds) : dates[reading]);
}

/** Decides storage and parse rule of a text column from the counts of all of its cells. */
export function decide(counts: CellCounts, nullMarkers: readonly string[]): Decision {
  const { kinds } = counts;
  const present = presentCount(kinds);
  const markers = [...nullMarkers];
  const as = (parse: ParseRule, more: Partial<Decision> = {}): Decision => ({
    storage: 'string',
    parse,
    hasMarkers: kinds.marker + kinds.integerMarker > 0,
    isAmbiguousDate: false,
    mixed: null,
    infiniteCount: 0,
    ...more,
  });
  if (present > 0 && numberCount(kinds) === present) {
    const hasOthers = kinds.number + kinds.infinite + kinds.marker > 0;
    const storage = hasOthers ? 'string' : 'int64';
    return as({ kind: 'number', nullMarkers: markers }, { storage, infiniteCount: kinds.infinite });
  }
  if (present > 0 && kinds.boolean === present)
    return as({ kind: 'category', keyRule: 'boolean', nullMarkers: markers });
  const found = dateReading(counts, present);
  if (found !== null) {
    const parse: ParseRule = { kind: 'date', formats: [...formatsOf(found.reading)], nullMarkers: markers };
    return as(parse, { isAmbiguousDate: found.isAmbiguous });
  }
  return as({ kind: 'category', keyRule: 'text', nullMarkers: markers }, { mixed: mixedOf(counts, present) });
}

/** The reading that fits every present cell; null where there is none. */
function dateReading(
  { dates }: CellCounts,
  present: number,
): { readonly reading: DateReading; readonly isAmbiguous: boolean } | null {
  if (present === 0) return null;
  const all = FOUND_DATE_FORMATS.filter((format) => dates[format] === present);
  const [first] = all;
  if (first !== undefined) return { reading: first, isAmbiguous: all.includes('m/d/y') && all.includes('d/m/y') };
  return dates.iso === present ? { reading: 'iso', isAmbiguous: false } : null;
}

function mixedOf(counts: CellCounts, present: number): Mixed | null {
  const mixedAs = (reading: Reading): Mixed => ({
    reading,
    count: misfitCount(counts, reading),
    presentCount: present,
  });
  const numbers = numberCount(counts.kinds);
  if (numbers > 0 && numbers >= MIXED_SHARE_MIN * present) return mixedAs('number');
  let best: DateReading = 'iso';
  for (const reading of DATE_READINGS) if (counts.dates[reading] > counts.dates[best]) best = reading;
  const count = counts.dates[best];
  return count === 0 || count < MIXED_SHARE_MIN * present ? null : mixedAs(best);
}
