import { AppError, type ParseRule, type StoredColumn } from '#contracts';
import { anyDateValue, isOneOf, numberValue } from '../cell-sql.ts';
import { sqlText } from '../duckdb.ts';

const SECONDS_PER_DAY = 86_400;
const CANONICAL_INTEGER = /^(?:0|-?[1-9][0-9]{0,18})$/;

/**
 * SQL of a stored column's number view: DOUBLE, NULL where it is missing.
 *
 * @throws INTERNAL for a category of texts, which has none
 */
export function numberSql(stored: StoredColumn): string {
  const column = `c${stored.position}`;
  const { parse } = stored;
  const { nullMarkers } = parse;
  switch (stored.storage) {
    case 'string':
      if (stored.hasTwin) return `v${stored.position}`;
      if (parse.kind === 'number')
        return unlessMarked(column, 'VARCHAR', nullMarkers.map(sqlText), numberValue(column));
      if (parse.kind === 'date') return datesOfTexts(column, parse);
      throw new AppError('INTERNAL', `Column ${JSON.stringify(stored.name)}: a category of texts has no number view`);
    case 'int64': {
      if (parse.kind === 'date') return datesOfTexts(`${column}::VARCHAR`, parse);
      const markers = nullMarkers.filter((marker) => isInt64(marker));
      return unlessMarked(column, 'BIGINT', markers, `${column}::DOUBLE`);
    }
    case 'float64': {
      // Dates without signs only, whose shortest form is that of an integer.
      if (parse.kind === 'date')
        return datesOfTexts(
          `CASE WHEN ${column} = trunc(${column}) THEN TRY_CAST(${column} AS BIGINT)::VARCHAR END`,
          parse,
        );
      // The markers that are the text of a number: as the cell parser finds them in JSON numbers.
      const markers = nullMarkers.filter(
        (marker) => marker !== 'NaN' && marker !== '' && String(Number(marker)) === marker,
      );
      return unlessMarked(column, 'DOUBLE', markers.map(sqlText), column);
    }
    case 'decimal': {
      // By the text, which is rounded once, as scoring does: a cast of more than 53 bits may round twice.
      const text = `${column}::VARCHAR`;
      if (parse.kind === 'date') return datesOfTexts(text, parse);
      return unlessMarked(text, 'VARCHAR', nullMarkers.map(sqlText), `${text}::DOUBLE`);
    }
    case 'boolean':
      return `${column}::DOUBLE`;
    case 'date':
      return `CASE WHEN isfinite(${column}) THEN (${column} - DATE '1970-01-01')::DOUBLE * ${SECONDS_PER_DAY} END`;
    case 'timestamp':
    case 'timestampUtc':
      return `CASE WHEN isfinite(${column}) THEN epoch_us(${column})::DOUBLE / 1e6 END`;
  }
}

const datesOfTexts = (text: string, { formats, nullMarkers }: Extract<ParseRule, { kind: 'date' }>): string =>
  unlessMarked(text, 'VARCHAR', nullMarkers.map(sqlText), anyDateValue(text, formats));

/** SQL of a stored column's exact text. Not for float64, whose shortest form is made by ECMAScript. */
export function textSql(stored: StoredColumn): string {
  const column = `c${stored.position}`;
  switch (stored.storage) {
    case 'string':
      return column;
    case 'int64':
    case 'decimal':
    case 'boolean':
    case 'date':
    case 'float64':
      return `${column}::VARCHAR`;
    case 'timestamp':
      return `replace(${column}::VARCHAR, ' ', 'T')`;
    case 'timestampUtc':
      // Not a cast, which would use the time zone of the machine.
      return `CASE WHEN isfinite(${column}) THEN replace(make_timestamp(epoch_us(${column}))::VARCHAR, ' ', 'T') || 'Z' ELSE ${column}::VARCHAR END`;
  }
}

function isInt64(marker: string): boolean {
  return CANONICAL_INTEGER.test(marker) && BigInt.asIntN(64, BigInt(marker)) === BigInt(marker);
}

function unlessMarked(
  column: string,
  type: 'VARCHAR' | 'BIGINT' | 'DOUBLE',
  literals: readonly string[],
  value: string,
): string {
  return literals.length === 0 ? value : `CASE WHEN NOT ${isOneOf(column, type, literals)} THEN ${value} END`;
}
