import type { ExportHome } from '#contracts';

/** Databases that SQL is written for. */
export type SqlDialectName = Exclude<ExportHome, 'onnx'>;

/** What databases write differently. All arguments but names and values are SQL. */
export interface SqlDialect {
  readonly name: SqlDialectName;
  readonly identifier: (name: string) => string;
  /** A double, to the last bit. */
  readonly number: (value: number) => string;
  /** A text, or null where no cell of such a database can be it. */
  readonly text: (value: string) => string | null;
  readonly asNumber: (cell: string) => string;
  readonly asText: (cell: string) => string;
  /** Seconds since 1970 (UTC) as a double; null where the database's versions disagree about it. */
  readonly asSeconds: ((cell: string) => string) | null;
  readonly isNan: (number: string) => string;
  /** Whether a text is a number that can be cast without an error or an overflow. */
  readonly isNumeral: (text: string) => string;
  /** Stands after a sub-select whose columns are to be computed once, not put in place of their names. */
  readonly fence: string;
  /** Longest name that is kept whole, in bytes of UTF-8. */
  readonly nameBytesMax: number;
}

/**
 * A finite number in text: up to 200 digits on either side and an exponent of two digits, so that no cast overflows or
 * underflows, which PostgreSQL takes as an error. What is longer counts as a text: as a key it would have to be written so in training too.
 */
const NUMERAL = '^[ \\t]*[+-]?([0-9]{1,200}([.][0-9]{0,200})?|[.][0-9]{1,200})([eE][+-]?[0-9]{1,2})?[ \\t]*$';

/** @see PostgreSQL 18 documentation, 4.1.1 (identifiers), 4.1.2.2 (escape strings), 8.1.3 (shortest exact doubles) */
const POSTGRESQL: SqlDialect = {
  name: 'postgresql',
  identifier: (name) => `"${name.replaceAll('"', '""')}"`,
  number: (value) => `'${signed(value)}'::float8`,
  text: (value) => {
    if (value.includes('\0') || !value.isWellFormed()) return null;
    const quoted = value.replaceAll("'", "''");
    return value.includes('\\') ? `E'${quoted.replaceAll('\\', '\\\\')}'` : `'${quoted}'`;
  },
  asNumber: (cell) => `CAST(${cell} AS float8)`,
  asText: (cell) => `CAST(${cell} AS text)`,
  asSeconds: (cell) => `CAST(EXTRACT(EPOCH FROM ${cell}) AS float8)`,
  isNan: (number) => `${number} = 'NaN'::float8`,
  isNumeral: (text) => `${text} ~ E'${NUMERAL.replaceAll('\\', '\\\\')}'`,
  // Without it the planner pulls sub-selects up and writes each column out wherever it is named.
  fence: ' OFFSET 0',
  nameBytesMax: 63,
};

/** @see Apache Hive 3.1, HiveLexer.g (Number, Identifier) and BaseSemanticAnalyzer.unescapeSQLString */
const HIVE: SqlDialect = {
  name: 'hive',
  identifier: (name) => `\`${name.replaceAll('`', '``')}\``,
  number: (value) => (Number.isFinite(value) ? hiveNumber(value) : `CAST('${signed(value)}' AS DOUBLE)`),
  text: (value) => (value.isWellFormed() ? `'${hiveText(value)}'` : null),
  asNumber: (cell) => `CAST(${cell} AS DOUBLE)`,
  asText: (cell) => `CAST(${cell} AS STRING)`,
  // Before 3.1 timestamps are in the zone of the session, since then in none; a cast to seconds differs by it.
  asSeconds: null,
  isNan: (number) => `CAST(${number} AS STRING) = 'NaN'`,
  isNumeral: (text) => `${text} RLIKE '${hiveText(NUMERAL)}'`,
  fence: '',
  nameBytesMax: 127,
};

/** @see Java's Double.parseDouble, which reads infinities by name */
function signed(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value);
  return Number.isNaN(value) ? 'NaN' : value < 0 ? '-Infinity' : 'Infinity';
}

const hiveNumber = (value: number): string =>
  value < 0 || Object.is(value, -0) ? `(${signed(value)}D)` : `${signed(value)}D`;

/** `$` would begin a variable, `;` ends a statement for some clients even within a text, and control characters are none's friends. */
const hiveText = (value: string): string =>
  value.replaceAll(/['"\\$;\p{Cc}]/gu, (character) =>
    character === "'" || character === '\\' || character === '"'
      ? `\\${character}`
      : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

export const DIALECTS: Readonly<Record<SqlDialectName, SqlDialect>> = { postgresql: POSTGRESQL, hive: HIVE };
