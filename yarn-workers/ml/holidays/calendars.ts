import type { HolidayStep } from '#scoring';
import { holidaysOf, type HolidayRules } from './rules.ts';

const [MONDAY, THURSDAY] = [1, 4];

const NEW_YEAR = { name: 'New Year’s Day', on: '01-01' };
const GOOD_FRIDAY = { name: 'Good Friday', afterEaster: -2 };
const EASTER_MONDAY = { name: 'Easter Monday', afterEaster: 1 };
const LABOUR_DAY = { name: 'Labour Day', on: '05-01' };
const ASCENSION = { name: 'Ascension Day', afterEaster: 39 };
const WHIT_MONDAY = { name: 'Whit Monday', afterEaster: 50 };
const CORPUS_CHRISTI = { name: 'Corpus Christi', afterEaster: 60 };
const ASSUMPTION = { name: 'Assumption Day', on: '08-15' };
const ALL_SAINTS = { name: 'All Saints’ Day', on: '11-01' };
const CHRISTMAS = { name: 'Christmas Day', on: '12-25' };
const ST_STEPHEN = { name: 'Saint Stephen’s Day', on: '12-26' };

const mondayOf = (month: number, nth: number) => ({ weekday: MONDAY, nth, month });
const NEAREST = { substitute: 'nearest' } as const;
const LATER = { substitute: 'later' } as const;

/**
 * Holidays of a whole country, as its law had them in the years 1970 to 2026 and has them from then on; not those of its parts.
 *
 * @see the United States: 5 U.S.C. 6103; England and Wales: Banking and Financial Dealings Act 1971 with its proclamations; Germany: the days that all
 *   states have (before 1990, of the Federal Republic); France: Code du travail, L3133-1; Austria: Feiertagsruhegesetz 1957
 */
const CALENDARS = {
  US: {
    rules: [
      { ...NEW_YEAR, ...NEAREST },
      { name: 'Martin Luther King Jr. Day', ...mondayOf(1, 3), from: 1986 },
      { name: 'Washington’s Birthday', on: '02-22', until: 1970 },
      { name: 'Washington’s Birthday', ...mondayOf(2, 3), from: 1971 },
      { name: 'Memorial Day', on: '05-30', until: 1970 },
      { name: 'Memorial Day', ...mondayOf(5, -1), from: 1971 },
      { name: 'Juneteenth', on: '06-19', from: 2021, ...NEAREST },
      { name: 'Independence Day', on: '07-04', ...NEAREST },
      { name: 'Labor Day', ...mondayOf(9, 1) },
      { name: 'Columbus Day', on: '10-12', until: 1970 },
      { name: 'Columbus Day', ...mondayOf(10, 2), from: 1971 },
      { name: 'Veterans Day', on: '11-11', except: [1971, 1972, 1973, 1974, 1975, 1976, 1977], ...NEAREST },
      { name: 'Veterans Day', ...mondayOf(10, 4), from: 1971, until: 1977 },
      { name: 'Thanksgiving Day', weekday: THURSDAY, nth: 4, month: 11 },
      { ...CHRISTMAS, ...NEAREST },
    ],
  },
  GB: {
    rules: [
      { ...NEW_YEAR, from: 1974, ...LATER },
      GOOD_FRIDAY,
      EASTER_MONDAY,
      { name: 'Early May Bank Holiday', ...mondayOf(5, 1), from: 1978, except: [1995, 2020] },
      { ...WHIT_MONDAY, until: 1970 },
      { name: 'Spring Bank Holiday', ...mondayOf(5, -1), from: 1971, except: [2002, 2012, 2022] },
      { name: 'Summer Bank Holiday', ...mondayOf(8, -1) },
      { ...CHRISTMAS, ...LATER },
      { name: 'Boxing Day', on: '12-26', ...LATER },
    ],
    days: {
      '1977-06-07': 'Bank holiday of one year',
      '1981-07-29': 'Bank holiday of one year',
      '1995-05-08': 'Early May Bank Holiday',
      '1999-12-31': 'Bank holiday of one year',
      '2002-06-03': 'Bank holiday of one year',
      '2002-06-04': 'Spring Bank Holiday',
      '2011-04-29': 'Bank holiday of one year',
      '2012-06-04': 'Spring Bank Holiday',
      '2012-06-05': 'Bank holiday of one year',
      '2020-05-08': 'Early May Bank Holiday',
      '2022-06-02': 'Spring Bank Holiday',
      '2022-06-03': 'Bank holiday of one year',
      '2022-09-19': 'Bank holiday of one year',
      '2023-05-08': 'Bank holiday of one year',
    },
  },
  DE: {
    rules: [
      NEW_YEAR,
      GOOD_FRIDAY,
      EASTER_MONDAY,
      LABOUR_DAY,
      ASCENSION,
      WHIT_MONDAY,
      { name: 'Day of German Unity', on: '06-17', until: 1990 },
      { name: 'Day of German Unity', on: '10-03', from: 1990 },
      CHRISTMAS,
      ST_STEPHEN,
    ],
    days: {
      '1991-11-20': 'Day of Repentance and Prayer',
      '1992-11-18': 'Day of Repentance and Prayer',
      '1993-11-17': 'Day of Repentance and Prayer',
      '1994-11-16': 'Day of Repentance and Prayer',
      '2017-10-31': 'Reformation Day',
    },
  },
  FR: {
    rules: [
      NEW_YEAR,
      EASTER_MONDAY,
      LABOUR_DAY,
      { name: 'Victory Day', on: '05-08', from: 1982 },
      ASCENSION,
      { ...WHIT_MONDAY, except: [2005, 2006, 2007] },
      { name: 'National Day', on: '07-14' },
      ASSUMPTION,
      ALL_SAINTS,
      { name: 'Armistice Day', on: '11-11' },
      CHRISTMAS,
    ],
  },
  AT: {
    rules: [
      NEW_YEAR,
      { name: 'Epiphany', on: '01-06' },
      EASTER_MONDAY,
      LABOUR_DAY,
      ASCENSION,
      WHIT_MONDAY,
      CORPUS_CHRISTI,
      ASSUMPTION,
      { name: 'National Day', on: '10-26' },
      ALL_SAINTS,
      { name: 'Immaculate Conception', on: '12-08' },
      CHRISTMAS,
      ST_STEPHEN,
    ],
  },
} as const satisfies Readonly<Record<string, HolidayRules>>;

type Country = keyof typeof CALENDARS;

/** Whose holidays dates are looked up in: no country's, or that of a code of ISO 3166 (GB: England and Wales). */
export const HOLIDAY_CALENDARS = ['none', 'US', 'GB', 'DE', 'FR', 'AT'] as const satisfies readonly (
  Country | 'none'
)[];
export type HolidayCalendar = (typeof HOLIDAY_CALENDARS)[number];

/** Years that a step knows, both included. */
export const HOLIDAY_YEARS = { first: 1970, last: 2069 } as const;

/** A country's holidays as a step has them. */
export function holidayTable(country: Country): Pick<HolidayStep, 'names' | 'days' | 'nameOf'> {
  const found = holidaysOf(CALENDARS[country], HOLIDAY_YEARS.first, HOLIDAY_YEARS.last);
  const names = [...new Set(found.map(({ name }) => name))].sort();
  return {
    names,
    days: found.map(({ day }) => day),
    nameOf: found.map(({ name }) => names.indexOf(name)),
  };
}
