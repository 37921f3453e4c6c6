/** When a holiday is: a day of each year (`month-day`), so many days after Easter Sunday, or a weekday of a month. */
type Day =
  | { readonly on: string }
  | { readonly afterEaster: number }
  /** 1 is Monday, 7 Sunday; the `nth` of the month, -1 its last. */
  | { readonly weekday: number; readonly nth: number; readonly month: number };

/**
 * Where a holiday that falls on a weekend is kept too: `nearest` on Friday instead of Saturday and Monday instead of Sunday; `later` on
 * the next day that is neither on a weekend nor another holiday.
 */
type Substitute = 'nearest' | 'later';

/** A holiday by rule. */
export type HolidayRule = Day & {
  readonly name: string;
  /** First and last year, both included; every year where absent. */
  readonly from?: number;
  readonly until?: number;
  /** Years in which it was not kept, or on another day. */
  readonly except?: readonly number[];
  readonly substitute?: Substitute;
};

/** What a calendar is made of; the days are of single years, by `year-month-day`. */
export interface HolidayRules {
  readonly rules: readonly HolidayRule[];
  readonly days?: Readonly<Record<string, string>>;
}

/** One day of a holiday. */
export interface Holiday {
  /** Days since 1970. */
  readonly day: number;
  readonly name: string;
}

const MS_PER_DAY = 86_400_000;
const SATURDAY = 6;
const SUNDAY = 7;

const dayOf = (year: number, month: number, day: number): number => Date.UTC(year, month - 1, day) / MS_PER_DAY;

/** 1 is Monday, 7 Sunday. */
const weekdayOf = (day: number): number => ((((day + 3) % 7) + 7) % 7) + 1;

/**
 * Easter Sunday of the Gregorian calendar, in days since 1970.
 *
 * @see Meeus 1991, "Astronomical Algorithms", chapter 8 (the algorithm of an anonymous correspondent of Nature, 1876)
 */
export function easterSunday(year: number): number {
  const century = Math.floor(year / 100);
  const ofCentury = year % 100;
  const golden = year % 19;
  const moonShift = Math.floor((century - Math.floor((century + 8) / 25) + 1) / 3);
  const epact = (19 * golden + century - Math.floor(century / 4) - moonShift + 15) % 30;
  const toSunday = (32 + 2 * (century % 4) + 2 * Math.floor(ofCentury / 4) - epact - (ofCentury % 4)) % 7;
  const late = Math.floor((golden + 11 * epact + 22 * toSunday) / 451);
  const sum = epact + toSunday - 7 * late + 114;
  return dayOf(year, Math.floor(sum / 31), (sum % 31) + 1);
}

/**
 * The holidays of some years in the order of their days; a substitute has the name of what it stands for.
 *
 * @param first year, and the last one, both included
 */
export function holidaysOf({ rules, days = {} }: HolidayRules, first: number, last: number): Holiday[] {
  const found: Holiday[] = Object.entries(days).map(([date, name]) => ({ day: Date.parse(date) / MS_PER_DAY, name }));
  const waiting: (Holiday & { readonly substitute: Substitute })[] = [];
  for (let year = first; year <= last; year += 1)
    for (const rule of rules) {
      const { name, from = -Infinity, until = Infinity, except = [], substitute } = rule;
      if (year < from || year > until || except.includes(year)) continue;
      const day = dayInYear(rule, year);
      found.push({ day, name });
      if (substitute !== undefined && weekdayOf(day) >= SATURDAY) waiting.push({ day, name, substitute });
    }
  const taken = new Set(found.map(({ day }) => day));
  for (const { day, name, substitute } of waiting) {
    const instead = substitute === 'nearest' ? day + (weekdayOf(day) === SUNDAY ? 1 : -1) : nextFree(day, taken);
    taken.add(instead);
    found.push({ day: instead, name });
  }
  return found.sort((a, b) => a.day - b.day);
}

function nextFree(day: number, taken: ReadonlySet<number>): number {
  let next = day + 1;
  while (weekdayOf(next) >= SATURDAY || taken.has(next)) next += 1;
  return next;
}

function dayInYear(rule: HolidayRule, year: number): number {
  if ('on' in rule) return Date.parse(`${year}-${rule.on}`) / MS_PER_DAY;
  if ('afterEaster' in rule) return easterSunday(year) + rule.afterEaster;
  const { weekday, nth, month } = rule;
  if (nth < 0) {
    const last = dayOf(year, month + 1, 1) - 1;
    return last - ((weekdayOf(last) - weekday + 7) % 7);
  }
  const first = dayOf(year, month, 1);
  return first + ((weekday - weekdayOf(first) + 7) % 7) + 7 * (nth - 1);
}
