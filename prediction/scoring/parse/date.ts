import type { DateFormat } from '#contracts';

const YEAR = '(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})';
const MONTH_2 = '(0[1-9]|1[0-2])';
const DAY_2 = '(0[1-9]|[12][0-9]|3[01])';
const MONTH = '(0?[1-9]|1[0-2])';
const DAY = '(0?[1-9]|[12][0-9]|3[01])';
const HOUR = '([01][0-9]|2[0-3])';
const SIXTY = '([0-5][0-9])';
const OFFSET = '(Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])';

const whole = (body: string): string => `^[ \\t]*${body}[ \\t]*$`;

/**
 * Shape of each date format, in RE2 syntax (no look-arounds), whole cell, surrounding blanks and tabs ignored.
 * Groups are in order of appearance: year, month, day as the format's name says; `iso-datetime` has eight: year, month,
 * day, hour, minute, second?, fraction digits?, offset?.
 *
 * A text that fits its pattern is a date unless the month has no such day (2023-02-30, 1900-02-29: proleptic Gregorian
 * calendar). Years 0001 to 9999, hours 00 to 23, minutes and seconds 00 to 59 (no leap second, no 24:00).
 * A fraction has 1 to 9 digits; those after the sixth are dropped.
 *
 * The value is `float64(microseconds) / 1e6`, microseconds being the exact integer since 1970-01-01T00:00Z, with the
 * offset taken off (in SQL: `epoch_us(t)::DOUBLE / 1e6`). Texts without an offset are UTC.
 */
export const DATE_PATTERNS: Readonly<Record<DateFormat, string>> = {
  'iso-date': whole(`${YEAR}-${MONTH_2}-${DAY_2}`),
  'iso-datetime': whole(`${YEAR}-${MONTH_2}-${DAY_2}[T ]${HOUR}:${SIXTY}(?::${SIXTY}(?:\\.([0-9]{1,9}))?)?${OFFSET}?`),
  'y/m/d': whole(`${YEAR}/${MONTH}/${DAY}`),
  'd.m.y': whole(`${DAY}\\.${MONTH}\\.${YEAR}`),
  'm/d/y': whole(`${MONTH}/${DAY}/${YEAR}`),
  'd/m/y': whole(`${DAY}/${MONTH}/${YEAR}`),
  'compact-date': whole(`${YEAR}${MONTH_2}${DAY_2}`),
};

const TAB = 9;
const SPACE = 32;
const PLUS = 43;
const MINUS = 45;
const DOT = 46;
const SLASH = 47;
const COLON = 58;
const UPPER_T = 84;
const UPPER_Z = 90;

const FRACTION_DIGITS_MAX = 9;
const MICROSECOND_DIGITS = 6;
const SECONDS_PER_DAY = 86_400;
const DAYS_IN_MONTH = Uint8Array.of(31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31);

/**
 * A date cell's value in seconds since 1970-01-01T00:00Z; NaN means **unreadable** in every one of the formats, which are
 * tried in order. Allocates nothing.
 *
 * @see {@link DATE_PATTERNS} for the grammar and the exact value
 */
export function parseDate(text: string, formats: readonly DateFormat[]): number {
  let end = text.length;
  let start = 0;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  // Index loop: an iterator would be an object a cell.
  for (let i = 0; i < formats.length; i += 1) {
    const format = formats[i];
    if (format === undefined) break;
    const seconds = parseAs(text, start, end, format);
    if (!Number.isNaN(seconds)) return seconds;
  }
  return NaN;
}

function parseAs(text: string, start: number, end: number, format: DateFormat): number {
  switch (format) {
    case 'iso-date':
      return end - start === 10 ? isoDay(text, start) * SECONDS_PER_DAY : NaN;
    case 'iso-datetime':
      return isoDateTime(text, start, end);
    case 'y/m/d':
      return yearFirst(text, start, end);
    case 'd.m.y':
      return yearLast(text, start, end, DOT, false);
    case 'm/d/y':
      return yearLast(text, start, end, SLASH, true);
    case 'd/m/y':
      return yearLast(text, start, end, SLASH, false);
    case 'compact-date':
      if (end - start !== 8) return NaN;
      return civilDay(digits(text, start, 4), digits(text, start + 4, 2), digits(text, start + 6, 2)) * SECONDS_PER_DAY;
  }
}

/** Day number of `YYYY-MM-DD` at `start` (ten characters exist), or NaN. */
function isoDay(text: string, start: number): number {
  if (text.charCodeAt(start + 4) !== MINUS || text.charCodeAt(start + 7) !== MINUS) return NaN;
  return civilDay(digits(text, start, 4), digits(text, start + 5, 2), digits(text, start + 8, 2));
}

function isoDateTime(text: string, start: number, end: number): number {
  if (end - start < 16) return NaN;
  const separator = text.charCodeAt(start + 10);
  if (separator !== UPPER_T && separator !== SPACE) return NaN;
  const hour = digits(text, start + 11, 2);
  const minute = digits(text, start + 14, 2);
  if (text.charCodeAt(start + 13) !== COLON || hour < 0 || hour > 23 || minute < 0 || minute > 59) return NaN;
  let at = start + 16;
  let second = 0;
  let micros = 0;
  if (at < end && text.charCodeAt(at) === COLON) {
    second = end - at >= 3 ? digits(text, at + 1, 2) : -1;
    if (second < 0 || second > 59) return NaN;
    at += 3;
    if (at < end && text.charCodeAt(at) === DOT) {
      const from = at + 1;
      at = from;
      while (at < end && isDigit(text.charCodeAt(at))) at += 1;
      if (at === from || at - from > FRACTION_DIGITS_MAX) return NaN;
      for (let i = 0; i < MICROSECOND_DIGITS; i += 1) {
        micros = micros * 10 + (from + i < at ? text.charCodeAt(from + i) - 48 : 0);
      }
    }
  }
  const offset = offsetSeconds(text, at, end);
  const seconds = isoDay(text, start) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset;
  // seconds x 10^6 = (seconds x 5^6) x 2^6 is exact (below 2^53 before the shift), so the sum is rounded once.
  return (seconds * 1e6 + micros) / 1e6;
}

/** Seconds east of UTC of text[at, end): empty, `Z` or `+hh:mm`; NaN for anything else. */
function offsetSeconds(text: string, at: number, end: number): number {
  const length = end - at;
  if (length === 0) return 0;
  const sign = text.charCodeAt(at);
  if (length === 1) return sign === UPPER_Z ? 0 : NaN;
  if (length !== 6 || (sign !== PLUS && sign !== MINUS) || text.charCodeAt(at + 3) !== COLON) return NaN;
  const hour = digits(text, at + 1, 2);
  const minute = digits(text, at + 4, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return NaN;
  const seconds = hour * 3600 + minute * 60;
  return sign === MINUS ? -seconds : seconds;
}

/** `YYYY/M/D` with one or two digits for month and day. */
function yearFirst(text: string, start: number, end: number): number {
  if (end - start < 8 || text.charCodeAt(start + 4) !== SLASH) return NaN;
  const monthLength = text.charCodeAt(start + 6) === SLASH ? 1 : 2;
  const dayAt = start + 5 + monthLength + 1;
  const dayLength = end - dayAt;
  if (text.charCodeAt(dayAt - 1) !== SLASH || dayLength < 1 || dayLength > 2) return NaN;
  const month = digits(text, start + 5, monthLength);
  return civilDay(digits(text, start, 4), month, digits(text, dayAt, dayLength)) * SECONDS_PER_DAY;
}

/** `D<separator>M<separator>YYYY`, or month first, with one or two digits for month and day. */
function yearLast(text: string, start: number, end: number, separator: number, monthFirst: boolean): number {
  const yearAt = end - 4;
  if (end - start < 8) return NaN;
  const firstLength = text.charCodeAt(start + 1) === separator ? 1 : 2;
  const secondAt = start + firstLength + 1;
  const secondLength = yearAt - 1 - secondAt;
  if (secondLength < 1 || secondLength > 2) return NaN;
  if (text.charCodeAt(secondAt - 1) !== separator || text.charCodeAt(yearAt - 1) !== separator) return NaN;
  const first = digits(text, start, firstLength);
  const second = digits(text, secondAt, secondLength);
  const year = digits(text, yearAt, 4);
  return (monthFirst ? civilDay(year, first, second) : civilDay(year, second, first)) * SECONDS_PER_DAY;
}

/**
 * Days since 1970-01-01 of a date of the proleptic Gregorian calendar, or NaN if there is no such date.
 *
 * @see Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil
 */
export function civilDay(year: number, month: number, day: number): number {
  if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1) return NaN;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (day > (DAYS_IN_MONTH[month - 1] ?? 0) + (leap && month === 2 ? 1 : 0)) return NaN;
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** Value of `count` digits at `at`, or -1 where one of them is no digit (or there is no such character). */
function digits(text: string, at: number, count: number): number {
  let value = 0;
  for (let i = 0; i < count; i += 1) {
    const code = text.charCodeAt(at + i);
    if (!isDigit(code)) return -1;
    value = value * 10 + (code - 48);
  }
  return value;
}
