import type { DatePart, FeatureType } from '#contracts';
import { holidayColumns, type HolidayStep } from '#scoring';
import { holidayTable, type HolidayCalendar } from '../holidays/calendars.ts';
import { isFactorization, isLinear, type ModelSettings } from './settings.ts';

/** What a model reads of dates. */
export interface DateColumns {
  readonly parts: readonly DatePart[];
  /** Whether there is a column for the days between two dates. */
  readonly differences: boolean;
  /** What each date's step of holidays has beside its feature; null: there is none. */
  readonly holidays: Omit<HolidayStep, 'feature'> | null;
}

const PARTS: readonly DatePart[] = ['epochDays', 'year', 'month', 'day', 'weekday', 'hour'];
const CIRCLES: readonly DatePart[] = ['yearSine', 'yearCosine', 'weekSine', 'weekCosine', 'daySine', 'dayCosine'];

/**
 * Trees cut the year by its days and find no line through two columns. A straight line through the months puts December
 * farthest from January: linear models have the year, the week and the day as circles. A difference of two dates is in their
 * sum already, but as two coefficients of large numbers that penalties would not let grow so far. Of holidays a line reads which
 * one it is, where trees find each by how far it is in the year and need to know that there is one (ADR 53).
 */
export function dateColumnsOf(settings: ModelSettings | null): DateColumns {
  if (settings === null) return { parts: PARTS, differences: false, holidays: null };
  if (isFactorization(settings)) return { parts: [...PARTS, ...CIRCLES], differences: true, holidays: null };
  const isLine = isLinear(settings);
  return {
    parts: [...PARTS, ...(isLine ? CIRCLES : (['dayOfYear'] as const))],
    differences: true,
    holidays: holidaysOf(settings.holidays ?? 'none', isLine ? 'names' : 'distances'),
  };
}

const holidaysOf = (country: HolidayCalendar, columns: HolidayStep['columns']): DateColumns['holidays'] =>
  country === 'none' ? null : { kind: 'holidays', columns, ...holidayTable(country) };

/** How many columns a date has that is no part of a difference. */
export const dateColumnCount = ({ parts, holidays }: DateColumns): number =>
  parts.length + (holidays === null ? 0 : holidayColumns(holidays).length);

/** Dates that differences are made of, the first ones: 15 pairs. */
export const DIFFERENCE_DATES_MAX = 6;

/** Pairs of the first dates among some features: the later one in the table, then the earlier one. */
export function datePairs(types: readonly FeatureType[]): [number, number][] {
  const dates = types.flatMap((type, index) => (type === 'date' ? [index] : [])).slice(0, DIFFERENCE_DATES_MAX);
  return dates.flatMap((later, place) => dates.slice(0, place).map((earlier): [number, number] => [later, earlier]));
}
