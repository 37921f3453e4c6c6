import { type DatePart, type ManifestStep } from '#contracts';
import { datePart, daysBetween } from './date-parts.ts';

/** What was known of the target of each series when a member was fitted. */
export type HistoryStep = Extract<ManifestStep, { kind: 'series-history' }>;

/** Places of a season: the first one, and how many there are. */
const PLACES = { hour: [0, 24], weekday: [0, 7], month: [1, 12] } as const satisfies Partial<
  Record<DatePart, readonly [number, number]>
>;

/** How many places a season has; 0 where there is none. */
export const seasonLength = (season: HistoryStep['season']): number => (season === null ? 0 : PLACES[season][1]);

/** The place of a time in its season, from 0; -1 of a missing time and where there is no season. */
export function seasonPlace(seconds: number, season: HistoryStep['season']): number {
  if (season === null) return -1;
  const place = datePart(seconds, season) - PLACES[season][0];
  return Number.isNaN(place) ? -1 : place;
}

/** Columns of a history in their order: age, last value, a mean a window, and of a season its last value and mean. */
export function historyColumns({ windows, season }: Pick<HistoryStep, 'windows' | 'season'>): string[] {
  const seasonal = season === null ? [] : [`last ${season}`, `${season} mean`];
  return ['age', 'last', ...windows.map((length) => `mean ${length}`), ...seasonal];
}

/** A history, ready to be looked up. */
export interface HistoryTable {
  /** The place of a series by its key, or by its number where the series is a number; `unseenPlace`: never seen, or missing. */
  placeOf(series: string | number | null): number;
  /** -1 */
  readonly unseenPlace: number;
  /** Writes the columns of a row; all are NaN where nothing was known of the series. */
  write(place: number, seconds: number, out: Float64Array, at: number): void;
}

/** @param isNumber whether the series column is read as a number */
export function historyTable(step: HistoryStep, isNumber: boolean): HistoryTable {
  const { season, windows } = step;
  const places = new Map(
    step.keys.map((key, place): [string | number, number] => [isNumber ? Number(key) : key, place]),
  );
  const scaled = (value: number | null): number => historyValue(value ?? NaN, step.log);
  const values = Float64Array.from(step.values, scaled);
  const seasonal = Float64Array.from(step.seasonal, scaled);
  const times = Float64Array.from(step.times);
  const valueCount = 1 + windows.length;
  const placeCount = seasonLength(season);
  const columnCount = historyColumns(step).length;
  const unseenPlace = -1;
  return {
    unseenPlace,
    placeOf: (series) => (series === null ? unseenPlace : (places.get(series) ?? unseenPlace)),
    write: (place, seconds, out, at) => {
      if (place < 0) {
        out.fill(NaN, at, at + columnCount);
        return;
      }
      out[at] = daysBetween(times[place] ?? NaN, seconds);
      for (let i = 0; i < valueCount; i += 1) out[at + 1 + i] = values[place * valueCount + i] ?? NaN;
      if (placeCount === 0) return;
      const ofSeason = seasonPlace(seconds, season);
      const first = 2 * (place * placeCount + ofSeason);
      out[at + 1 + valueCount] = ofSeason < 0 ? NaN : (seasonal[first] ?? NaN);
      out[at + 2 + valueCount] = ofSeason < 0 ? NaN : (seasonal[first + 1] ?? NaN);
    },
  };
}

/** A value as models read it: under a log link its logarithm, which 0 and less have none of. */
export const historyValue = (value: number, log: boolean): number => {
  if (!log) return value;
  return value > 0 ? Math.log(value) : NaN;
};

/** Proves that a history has a time and values for each of its series, which are different. @throws ARTIFACT_INVALID */
export function checkHistoryStep(step: HistoryStep, isNumber: boolean, fail: (what: string) => never): void {
  const { keys, times, values, seasonal, windows, season } = step;
  const series = isNumber ? keys.map(Number) : keys;
  if (new Set<string | number>(series).size !== keys.length) fail('a series appears twice');
  if (isNumber && !keys.every((key) => Number.isFinite(Number(key)))) fail('a series is no number');
  if (times.length !== keys.length) fail(`${times.length} times for ${keys.length} series`);
  if (values.length !== keys.length * (1 + windows.length)) fail(`${values.length} values for ${keys.length} series`);
  if (seasonal.length !== 2 * keys.length * seasonLength(season))
    fail(`${seasonal.length} values by season for ${keys.length} series`);
  if (step.series === null && keys.length > 1) fail(`${keys.length} series and no column for them`);
  if (![...times, ...values].every(Number.isFinite)) fail('a number is not finite');
}
