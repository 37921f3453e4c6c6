import type { StoredColumn } from '#contracts';
import { anyDateValue, isOneOf, knownNumberValue } from '../cell-sql.ts';
import { sqlText } from '../duckdb.ts';

/** SQL of what is kept of a text column. */
export interface TextForm {
  /** Of `c<position>`. */
  readonly value: string;
  /** Of the float64 twin `v<position>`, or null. */
  readonly twin: string | null;
}

/**
 * SQL of a text column's cells in the form that was decided for them, over the texts `c<position>`. They must be those of the
 * decision: a cell that does not read as the column does is NULL.
 *
 * @param hasMarkers false spares the look for null markers where it is known that there are none
 */
export function textForm(
  { position, storage, parse }: Pick<StoredColumn, 'position' | 'storage' | 'parse'>,
  hasMarkers: boolean,
): TextForm {
  const column = `c${position}`;
  if (storage === 'int64') return { value: `TRY_CAST(${column} AS BIGINT)`, twin: null };
  const isMarker = isOneOf(column, 'VARCHAR', parse.nullMarkers.map(sqlText));
  const twinOf = (value: string): string => (hasMarkers ? `CASE WHEN NOT ${isMarker} THEN ${value} END` : value);
  switch (parse.kind) {
    case 'number':
      return { value: column, twin: twinOf(knownNumberValue(column)) };
    case 'date':
      return { value: column, twin: twinOf(anyDateValue(column, parse.formats)) };
    case 'category':
    case 'geo':
      return { value: column, twin: null };
  }
}
