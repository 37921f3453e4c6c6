import type { DateFormat } from '#contracts';
import { FOUND_DATE_FORMATS, anyDateValue, isOneOf } from '../cell-sql.ts';
import { sqlText } from '../duckdb.ts';
import { addKinds, countKinds, presentCount, type CountOptions, type KindCounts } from './count-kinds.ts';

/** A way to read all cells of a column as dates: one format, or the ISO forms with and without a time together. */
export const DATE_READINGS = ['iso', ...FOUND_DATE_FORMATS] as const;
export type DateReading = (typeof DATE_READINGS)[number];

const ISO_FORMATS: readonly DateFormat[] = ['iso-date', 'iso-datetime'];

/** What is tried in order. */
export function formatsOf(reading: DateReading): readonly DateFormat[] {
  return reading === 'iso' ? ISO_FORMATS : [reading];
}

/** What the cells of a column are, of all rows or of some: such counts add up. */
export interface CellCounts {
  readonly kinds: KindCounts;
  /** Cells that are not missing by the readings that fit them. */
  readonly dates: Readonly<Record<DateReading, number>>;
}

export function addCounts(one: CellCounts, other: CellCounts): CellCounts {
  return {
    kinds: addKinds(one.kinds, other.kinds),
    dates: datesOf((reading) => one.dates[reading] + other.dates[reading]),
  };
}

export interface CountCellsOptions extends CountOptions {
  /** Least share of dates among the cells that are not missing where dates are of interest; below it none are counted. */
  readonly dateShareMin: number;
}

export interface CountedCells {
  /** By column of the group. */
  readonly counts: readonly CellCounts[];
  readonly rowCount: number;
}

/** Counts the cells of each column of a group by what they are, and how they read as dates where some look like it. */
export async function countCells(options: CountCellsOptions): Promise<CountedCells> {
  const counted = await countKinds(options);
  const counts: CellCounts[] = [];
  // A few columns at a time: one date costs several expressions.
  for (const [index, kinds] of counted.counts.entries()) {
    const isAsked = kinds.dateLike > 0 && kinds.dateLike >= options.dateShareMin * presentCount(kinds);
    counts.push({
      kinds,
      dates: isAsked ? await countDates(`c${options.group.from + index}`, options) : datesOf(() => 0),
    });
  }
  return { counts, rowCount: counted.rowCount };
}

async function countDates(column: string, options: CountOptions): Promise<CellCounts['dates']> {
  const isPresent = `NOT ${isOneOf(column, 'VARCHAR', options.nullMarkers.map(sqlText))}`;
  const sums = DATE_READINGS.map(
    (reading) => `count(*) FILTER (${isPresent} AND ${anyDateValue(column, formatsOf(reading))} IS NOT NULL)`,
  );
  const [row = []] = await options.duckdb.rows(`SELECT ${sums.join(', ')} FROM ${options.relation}`, options.signal);
  return datesOf((reading) => Number(row[DATE_READINGS.indexOf(reading)] ?? 0));
}

function datesOf(count: (reading: DateReading) => number): CellCounts['dates'] {
  return {
    iso: count('iso'),
    'iso-date': count('iso-date'),
    'iso-datetime': count('iso-datetime'),
    'y/m/d': count('y/m/d'),
    'd.m.y': count('d.m.y'),
    'm/d/y': count('m/d/y'),
    'd/m/y': count('d/m/y'),
  };
}
