import type { DatePart } from '#contracts';
import type { Arithmetic } from './arithmetic.ts';

const SECONDS_PER_DAY = 86_400;
const DAYS_MAX = 1e11;

/** Every three hours: the finest part of a day that is exact in doubles whatever the day, and whole hours. */
const GRID = 8;
const YEAR_DAYS = 365;
const sharesOf = (days: number): number[] => Array.from({ length: days * GRID }, (_, at) => at / GRID / days);
const DAY_SHARES = sharesOf(1);
const WEEK_SHARES = sharesOf(7);
/** Those of a common year, then those of a leap year. */
const YEAR_SHARES = [...sharesOf(YEAR_DAYS), ...sharesOf(YEAR_DAYS + 1)];

/**
 * Parts of a date in the arithmetic of another home: the very operations of `datePart` of `scoring`, in their order.
 *
 * @param seconds since 1970 (UTC)
 */
export function dateColumns<E>(home: Arithmetic<E>, seconds: E): (part: DatePart) => E {
  const { subtract, add, floor, divide, keep } = home;
  const { plus, times, per, whole } = withNumbers(home);
  const epochDays = daysOf(home, seconds);
  const days = keep(floor(epochDays));
  const weekday = (): E => subtract(plus(days, 3), times(whole(plus(days, 3), 7), 7));
  const ofDay = (): E => subtract(epochDays, days);
  const ofWeek = (): E => keep(add(weekday(), ofDay()));
  return (part) => {
    switch (part) {
      case 'epochDays':
        return epochDays;
      case 'hour':
        return floor(per(subtract(seconds, times(days, SECONDS_PER_DAY)), 3600));
      case 'weekday':
        return weekday();
      case 'year':
      case 'month':
      case 'day':
        return civilDate(home, days)[part];
      case 'dayOfYear':
        return plus(subtract(days, firstDayOf(home, civilDate(home, days).year)), 1);
      case 'yearSine':
      case 'yearCosine': {
        const { year } = civilDate(home, days);
        const first = keep(firstDayOf(home, year));
        const length = keep(subtract(firstDayOf(home, keep(plus(year, 1))), first));
        const ofYear = keep(subtract(epochDays, first));
        const place = add(times(ofYear, GRID), times(plus(length, -YEAR_DAYS), YEAR_DAYS * GRID));
        return home.wave(divide(ofYear, length), part === 'yearSine', { place, shares: YEAR_SHARES });
      }
      case 'weekSine':
      case 'weekCosine':
        return home.wave(per(ofWeek(), 7), part === 'weekSine', { place: times(ofWeek(), GRID), shares: WEEK_SHARES });
      case 'daySine':
      case 'dayCosine':
        return home.wave(ofDay(), part === 'daySine', { place: times(ofDay(), GRID), shares: DAY_SHARES });
    }
  };
}

/** Days since 1970 with their fraction; missing for what no calendar reaches. */
export function daysOf<E>(home: Arithmetic<E>, seconds: E): E {
  return home.keep(home.within(home.divide(seconds, home.constant(SECONDS_PER_DAY)), DAYS_MAX));
}

/** Arithmetic with plain numbers on one side. */
function withNumbers<E>({ constant, add, subtract, multiply, divide, floor }: Arithmetic<E>) {
  const per = (a: E, b: number): E => divide(a, constant(b));
  return {
    plus: (a: E, b: number): E => (b < 0 ? subtract(a, constant(-b)) : add(a, constant(b))),
    times: (a: E, b: number): E => multiply(constant(b), a),
    per,
    whole: (a: E, b: number): E => floor(per(a, b)),
  };
}

/**
 * Year, month and day of whole days since 1970.
 *
 * @see Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days
 */
function civilDate<E>(home: Arithmetic<E>, days: E) {
  const { add, subtract, floor, keep } = home;
  const { plus, times, per, whole } = withNumbers(home);
  const shifted = keep(plus(days, 719_468));
  const era = keep(whole(shifted, 146_097));
  const dayOfEra = keep(subtract(shifted, times(era, 146_097)));
  const corrected = subtract(
    add(subtract(dayOfEra, whole(dayOfEra, 1460)), whole(dayOfEra, 36_524)),
    whole(dayOfEra, 146_096),
  );
  const yearOfEra = keep(floor(per(corrected, 365)));
  const daysBefore = subtract(add(times(yearOfEra, 365), whole(yearOfEra, 4)), whole(yearOfEra, 100));
  const dayOfYear = keep(subtract(dayOfEra, daysBefore));
  const marchMonth = keep(floor(per(plus(times(dayOfYear, 5), 2), 153)));
  // 1 for January and February, which a year that begins with March has last.
  const isNextYear = keep(whole(marchMonth, 10));
  return {
    year: keep(add(add(yearOfEra, times(era, 400)), isNextYear)),
    month: subtract(plus(marchMonth, 3), times(isNextYear, 12)),
    day: plus(subtract(dayOfYear, floor(per(plus(times(marchMonth, 153), 2), 5))), 1),
  };
}

/** Days from 1970 to the first of January. @see Hinnant, days_from_civil, as for `civilDate` */
function firstDayOf<E>(home: Arithmetic<E>, year: E): E {
  const { add, subtract, keep } = home;
  const { plus, times, whole } = withNumbers(home);
  const shifted = keep(plus(year, -1));
  const era = keep(whole(shifted, 400));
  const ofEra = keep(subtract(shifted, times(era, 400)));
  const daysOfEra = subtract(add(add(times(era, 146_097), times(ofEra, 365)), whole(ofEra, 4)), whole(ofEra, 100));
  return plus(plus(daysOfEra, 306), -719_468);
}
