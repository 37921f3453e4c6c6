import type { ManifestStep } from '#contracts';
import { datePart } from './date-parts.ts';

export type HolidayStep = Extract<ManifestStep, { kind: 'holidays' }>;

/** Days to and since holidays count up to this: what is farther away than a week has no holiday near. */
export const HOLIDAY_DAYS_MAX = 8;

/** What a step's columns are, in order. */
export const holidayColumns = ({ columns, names }: Pick<HolidayStep, 'columns' | 'names'>): readonly string[] =>
  columns === 'names' ? names : ['daysToHoliday', 'daysSinceHoliday'];

/**
 * Writes a step's columns at `out[at]` and on, of an instant in seconds since 1970 (UTC), whose whole day counts. All are NaN for NaN, and for days
 * before the first or after the last holiday that the step knows.
 */
export type HolidayWriter = (seconds: number, out: Float64Array, at: number) => void;

export function compileHolidays(step: HolidayStep): HolidayWriter {
  const { columns, names, days, nameOf } = step;
  const columnCount = holidayColumns(step).length;
  return (seconds, out, at) => {
    const day = Math.floor(datePart(seconds, 'epochDays'));
    const last = lastAtOrBefore(days, day);
    const [since, to] = [day - (days[last] ?? NaN), (days[last + 1] ?? NaN) - day];
    // On the last known holiday itself there is none after it, and none is needed.
    if (last < 0 || !(since === 0 || to > 0)) {
      out.fill(NaN, at, at + columnCount);
      return;
    }
    if (columns === 'distances') {
      out[at] = since === 0 ? 0 : Math.min(to, HOLIDAY_DAYS_MAX);
      out[at + 1] = Math.min(since, HOLIDAY_DAYS_MAX);
      return;
    }
    out.fill(0, at, at + names.length);
    for (let place = last; days[place] === day; place -= 1) out[at + (nameOf[place] ?? 0)] = 1;
  };
}

/** Place of the last day that is not after `day`, in ascending days; -1: none, or NaN. */
function lastAtOrBefore(days: readonly number[], day: number): number {
  let [low, high] = [0, days.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((days[middle] ?? NaN) <= day) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Proves that days ascend and each has a name, that there is a column, and no two have one name. @throws ARTIFACT_INVALID */
export function checkHolidays({ names, days, nameOf }: HolidayStep, fail: (what: string) => never): void {
  if (new Set(names).size !== names.length) fail('a name appears twice');
  if (days.length !== nameOf.length) fail(`${days.length} days with ${nameOf.length} names`);
  const early = days.findIndex((day, place) => day < (days[place - 1] ?? -Infinity));
  if (early > 0) fail(`day ${early} is before the one before it`);
  const odd = nameOf.find((name) => name >= names.length);
  if (odd !== undefined) fail(`a day has name ${odd} of ${names.length}`);
}
