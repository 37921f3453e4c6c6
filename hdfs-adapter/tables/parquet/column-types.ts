import type { ParseRule, StorageType } from '#contracts';

/** How a typed column of a Parquet file is kept and read. */
export interface ColumnForm {
  readonly storage: StorageType;
  readonly parse: ParseRule;
  /** SQL of the column's value in its stored form. */
  readonly value: string;
}

/**
 * The form of a column that DuckDB reads with this type; nested values are JSON text. It depends on nothing but the type, so
 * that it is the same for every file of a table and whenever it is asked for.
 *
 * @param type as `DESCRIBE` names it
 * @param column SQL of the column
 */
export function columnForm(type: string, column: string, nullMarkers: readonly string[]): ColumnForm {
  const markers = [...nullMarkers];
  const number: ParseRule = { kind: 'number', nullMarkers: markers };
  const time: ParseRule = { kind: 'date', formats: ['iso-datetime', 'iso-date'], nullMarkers: markers };
  if (/^DECIMAL\(\d+,\s*\d+\)$/.test(type)) return { storage: 'decimal', parse: number, value: column };
  switch (type) {
    case 'TINYINT':
    case 'SMALLINT':
    case 'INTEGER':
    case 'BIGINT':
    case 'UTINYINT':
    case 'USMALLINT':
    case 'UINTEGER':
      return { storage: 'int64', parse: number, value: `${column}::BIGINT` };
    case 'UBIGINT':
      return { storage: 'decimal', parse: number, value: `${column}::DECIMAL(20, 0)` };
    case 'HUGEINT':
    case 'UHUGEINT':
      return { storage: 'decimal', parse: number, value: `${column}::DECIMAL(38, 0)` };
    case 'FLOAT':
    case 'DOUBLE':
      return { storage: 'float64', parse: number, value: `${column}::DOUBLE` };
    case 'BOOLEAN':
      return {
        storage: 'boolean',
        parse: { kind: 'category', keyRule: 'boolean', nullMarkers: markers },
        value: column,
      };
    case 'DATE':
      return {
        storage: 'date',
        parse: { kind: 'date', formats: ['iso-date', 'iso-datetime'], nullMarkers: markers },
        value: column,
      };
    case 'TIMESTAMP':
    case 'TIMESTAMP_S':
    case 'TIMESTAMP_MS':
      return { storage: 'timestamp', parse: time, value: `${column}::TIMESTAMP` };
    case 'TIMESTAMP WITH TIME ZONE':
      return { storage: 'timestampUtc', parse: time, value: column };
    case 'TIMESTAMP_NS':
      // A timestamp keeps microseconds; the text keeps all nine digits.
      return { storage: 'string', parse: time, value: `replace(${column}::VARCHAR, ' ', 'T')` };
    default: {
      const isNested = /[[\]()]/.test(type);
      return {
        storage: 'string',
        parse: { kind: 'category', keyRule: 'text', nullMarkers: markers },
        value: isNested ? `to_json(${column})::VARCHAR` : `${column}::VARCHAR`,
      };
    }
  }
}
