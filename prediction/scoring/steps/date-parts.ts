import type { DatePart } from '#contracts';

const SECONDS_PER_DAY = 86_400;
/** Beyond this (about 270 million years) days are no longer whole doubles with room to spare. */
const DAYS_MAX = 1e11;

/**
 * One part of an instant given in seconds since 1970 (UTC); NaN for NaN and for what no calendar reaches.
 * `epochDays` keeps the fraction of the day; `weekday` has Monday 0; `month`, `day` and `dayOfYear` count from 1; see
 * `DATE_PARTS` for the others.
 *
 * @see Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days
 */
export function datePart(seconds: number, part: DatePart): number {
  const epochDays = seconds / SECONDS_PER_DAY;
  if (!(Math.abs(epochDays) <= DAYS_MAX)) return NaN;
  const days = Math.floor(epochDays);
  const ofDay = epochDays - days;
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
    case 'dayOfYear':
      return days - firstDayOf(civilPart(days, 'year')) + 1;
    case 'yearSine':
    case 'yearCosine': {
      const year = civilPart(days, 'year');
      const first = firstDayOf(year);
      return onCircle((epochDays - first) / (firstDayOf(year + 1) - first), part === 'yearSine');
    }
    case 'weekSine':
    case 'weekCosine':
      return onCircle((datePart(seconds, 'weekday') + ofDay) / 7, part === 'weekSine');
    case 'daySine':
    case 'dayCosine':
      return onCircle(ofDay, part === 'daySine');
  }
}

/** Sine or cosine of a part of a full turn. */
const onCircle = (share: number, isSine: boolean): number =>
  isSine ? Math.sin(2 * Math.PI * share) : Math.cos(2 * Math.PI * share);

/** Days from 1970 to the first of January. @see Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil */
function firstDayOf(year: number): number {
  // January and February belong to the year before there; the first of January is day 306 of it.
  const shifted = year - 1;
  const era = Math.floor(shifted / 400);
  const ofEra = shifted - 400 * era;
  return 146_097 * era + 365 * ofEra + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + 306 - 719_468;
}

/** Days from one instant to another, both in seconds; NaN where one is missing or none that a calendar reaches. */
export function daysBetween(from: number, to: number): number {
  return datePart(to, 'epochDays') - datePart(from, 'epochDays');
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
