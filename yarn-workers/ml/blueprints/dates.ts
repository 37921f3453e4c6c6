import type { DatePart, FeatureType } from '#contracts';
import { isLinear, type ModelSettings } from './settings.ts';

/** What a model reads of dates. */
export interface DateColumns {
  readonly parts: readonly DatePart[];
  /** Whether there is a column for the days between two dates. */
  readonly differences: boolean;
}

const PARTS: readonly DatePart[] = ['epochDays', 'year', 'month', 'day', 'weekday', 'hour'];
const CIRCLES: readonly DatePart[] = ['yearSine', 'yearCosine', 'weekSine', 'weekCosine', 'daySine', 'dayCosine'];

/**
 * Trees cut the year by its days and find no line through two columns. A straight line through the months puts December
 * farthest from January: linear models have the year, the week and the day as circles. A difference of two dates is in their
 * sum already, but as two coefficients of large numbers that penalties would not let grow so far.
 */
export function dateColumnsOf(settings: ModelSettings | null): DateColumns {
  if (settings === null) return { parts: PARTS, differences: false };
  return isLinear(settings)
    ? { parts: [...PARTS, ...CIRCLES], differences: true }
    : { parts: [...PARTS, 'dayOfYear'], differences: true };
}

/** Dates that differences are made of, the first ones: 15 pairs. */
export const DIFFERENCE_DATES_MAX = 6;

/** Pairs of the first dates among some features: the later one in the table, then the earlier one. */
export function datePairs(types: readonly FeatureType[]): [number, number][] {
  const dates = types.flatMap((type, index) => (type === 'date' ? [index] : [])).slice(0, DIFFERENCE_DATES_MAX);
  return dates.flatMap((later, place) => dates.slice(0, place).map((earlier): [number, number] => [later, earlier]));
}
