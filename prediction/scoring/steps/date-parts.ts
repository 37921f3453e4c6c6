import type { DatePart } from '#contracts';

const SECONDS_PER_DAY = 86_400;
/** Beyond this (about 270 million years) days are no longer whole doubles with room to spare. */
const DAYS_MAX = 1e11;

/**
 * One part of an instant given in seconds since 1970 (UTC); NaN for NaN and for what no calendar reaches.
 * `epochDays` keeps the fraction of the day; `weekday` has Monday 0; `month` and `day` count from 1.
 *
 * @see Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days
 */
export function datePart(seconds: number, part: DatePart): number {
  const epochDays = seconds / SECONDS_PER_DAY;
  if (!(Math.abs(epochDays) <= DAYS_MAX)) return NaN;
  const days = Math.floor(epochDays);
  switch (part) {
    case 'epochDays':
      return epochDays;
    case 'hour':
      return Math.floor((seconds - days * SECONDS_PER_DAY) / 3600);
    case 'weekday':
      return days + 3 - 7 * Math.floor((days + 3) / 7);
    case 'year':
    case 'month':
    case 'day':
      return civilPart(days, part);
  }
}

function civilPart(days: number, part: 'year' | 'month' | 'day'): number {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  if (part === 'day') return dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  if (part === 'month') return month;
  return yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
}
