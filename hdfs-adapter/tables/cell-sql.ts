import type { DateFormat } from '#contracts';
import { sqlText } from './duckdb.ts';

/**
 * What the cell parser of `scoring` reads, said in SQL. The two cannot share code; `test/parity/cell-parser-fuzz.test.ts`
 * holds them equal, verdict and bits, over hostile strings.
 *
 *     number = blanks sign? ( digits ("." digits?)? | "." digits ) ( [eE] sign? digits )? blanks
 *            | blanks sign? ( "inf" | "infinity" in any case ) blanks        blanks = ( space | tab )*
 */
const NUMBER_PATTERN =
  '[ \\t]*[+-]?(?:(?:[0-9]+\\.?[0-9]*|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?)[ \\t]*';

const BOOLEAN_PATTERN = '(?:[tT][rR][uU][eE]|[fF][aA][lL][sS][eE])';

const YEAR = '(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})';
const DATE_PATTERNS: Readonly<Record<DateFormat, string>> = {
  'iso-date': `${YEAR}-[01][0-9]-[0-3][0-9]`,
  'iso-datetime':
    `${YEAR}-[01][0-9]-[0-3][0-9][T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\\.[0-9]{1,9})?)?` +
    '(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?',
  'y/m/d': `${YEAR}/(?:0?[1-9]|1[0-2])/(?:0?[1-9]|[12][0-9]|3[01])`,
  'd.m.y': `(?:0?[1-9]|[12][0-9]|3[01])\\.(?:0?[1-9]|1[0-2])\\.${YEAR}`,
  'm/d/y': `(?:0?[1-9]|1[0-2])/(?:0?[1-9]|[12][0-9]|3[01])/${YEAR}`,
  'd/m/y': `(?:0?[1-9]|[12][0-9]|3[01])/(?:0?[1-9]|1[0-2])/${YEAR}`,
  'compact-date': `${YEAR}[01][0-9][0-3][0-9]`,
};

/** Formats that are looked for; `compact-date` looks like a number and is used only when the user asks. */
export const FOUND_DATE_FORMATS = ['iso-date', 'iso-datetime', 'y/m/d', 'd.m.y', 'm/d/y', 'd/m/y'] as const;

/** A coarse net around {@link FOUND_DATE_FORMATS}. */
const DATE_LIKE_PATTERN = '[ \\t]*(?:[0-9]{4}[-/]|[0-9]{1,2}[./])[0-9]{1,2}[-/.].*';

/**
 * SQL of "this value is one of these literals"; NULL for NULL.
 *
 * Not `IN (...)`: DuckDB plans a longer list as a hash join, after which rows come out **in another order**, in COPY and
 * in streams alike, whatever `preserve_insertion_order` says (1.5.6, two threads, from the second row group on).
 */
export function isOneOf(value: string, type: 'VARCHAR' | 'BIGINT' | 'DOUBLE', literals: readonly string[]): string {
  return `list_contains([${literals.join(', ')}]::${type}[], ${value})`;
}

/** SQL of "this text reads as a number". */
export function readsAsNumber(cell: string): string {
  return `regexp_full_match(${cell}, ${sqlText(NUMBER_PATTERN)})`;
}

/** SQL of a number text's value; NULL for what is none. DuckDB's cast rounds correctly and knows blanks and infinities. */
export function numberValue(cell: string): string {
  return `CASE WHEN ${readsAsNumber(cell)} THEN TRY_CAST(${cell} AS DOUBLE) END`;
}

/** As {@link numberValue} where the text is known to read as a number. */
export function knownNumberValue(cell: string): string {
  return `TRY_CAST(${cell} AS DOUBLE)`;
}

export function readsAsBoolean(cell: string): string {
  return `regexp_full_match(${cell}, ${sqlText(BOOLEAN_PATTERN)})`;
}

/** SQL of "this text might be a date": never false for one that is. */
export function looksLikeDate(cell: string): string {
  return `regexp_full_match(${cell}, ${sqlText(DATE_LIKE_PATTERN)}, 's')`;
}

/** SQL of "this text is an int64 in canonical decimal form" (`0`, `-17`; not `007`, `-0`, `+1`). */
export function isCanonicalInteger(cell: string): string {
  return `(TRY_CAST(TRY_CAST(${cell} AS BIGINT) AS VARCHAR) = ${cell})`;
}

/**
 * SQL of a date text's value in seconds since 1970-01-01T00:00Z, NULL for what is no date of the format:
 * `float64(microseconds) / 1e6`, fractions cut to the microsecond.
 */
export function dateValue(cell: string, format: DateFormat): string {
  const text = `trim(${cell}, ' \t')`;
  const fits = `regexp_full_match(${cell}, ${sqlText(`[ \\t]*${DATE_PATTERNS[format]}[ \\t]*`)})`;
  return `CASE WHEN ${fits} THEN ${micros(text, format)}::DOUBLE / 1e6 END`;
}

/** The first format that reads the text, in order. */
export function anyDateValue(cell: string, formats: readonly DateFormat[]): string {
  return `coalesce(${formats.map((format) => dateValue(cell, format)).join(', ')}, NULL)`;
}

function micros(text: string, format: DateFormat): string {
  const part = (separator: string, index: number): string => `split_part(${text}, '${separator}', ${index})`;
  switch (format) {
    case 'iso-date':
      return dayMicros(text);
    case 'iso-datetime':
      return `(${dayMicros(`substr(${text}, 1, 10)`)} + ${timeMicros(text)})`;
    case 'y/m/d':
      return dayMicros(`replace(${text}, '/', '-')`);
    case 'd.m.y':
      return dayMicros(`${part('.', 3)} || '-' || ${part('.', 2)} || '-' || ${part('.', 1)}`);
    case 'm/d/y':
      return dayMicros(`${part('/', 3)} || '-' || ${part('/', 1)} || '-' || ${part('/', 2)}`);
    case 'd/m/y':
      return dayMicros(`${part('/', 3)} || '-' || ${part('/', 2)} || '-' || ${part('/', 1)}`);
    case 'compact-date':
      return dayMicros(`substr(${text}, 1, 4) || '-' || substr(${text}, 5, 2) || '-' || substr(${text}, 7, 2)`);
  }
}

const MICROS_PER_DAY = 86_400_000_000;

/** NULL where the month has no such day. */
function dayMicros(isoDate: string): string {
  return `((TRY_CAST(${isoDate} AS DATE) - DATE '1970-01-01')::BIGINT * ${MICROS_PER_DAY})`;
}

/** Of a text that fits `iso-datetime`: time of day less the offset. */
function timeMicros(text: string): string {
  const number = (from: number): string => `substr(${text}, ${from}, 2)::BIGINT`;
  const seconds = `CASE WHEN substr(${text}, 17, 1) = ':' THEN ${number(18)} ELSE 0 END`;
  const digits = `regexp_extract(${text}, '\\.([0-9]{1,6})', 1)`;
  const fraction = `CASE WHEN substr(${text}, 20, 1) = '.' THEN rpad(${digits}, 6, '0')::BIGINT ELSE 0 END`;
  const offsetText = `right(${text}, 6)`;
  const offsetMinutes = `(substr(${offsetText}, 2, 2)::BIGINT * 60 + substr(${offsetText}, 5, 2)::BIGINT)`;
  const sign = `CASE left(${offsetText}, 1) WHEN '+' THEN 1 WHEN '-' THEN -1 ELSE 0 END`;
  // Without an offset the last six characters are ":mm:ss" or digits, which must not be read as one.
  const offset = `CASE WHEN left(${offsetText}, 1) IN ('+', '-') THEN (${sign}) * ${offsetMinutes} ELSE 0 END`;
  return `((${number(12)} * 3600 + ${number(15)} * 60 + (${seconds}) - 60 * (${offset})) * 1000000 + (${fraction}))`;
}
