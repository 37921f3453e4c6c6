import { isUtf8 } from 'node:buffer';
import { AppError, type ParseRule } from '#contracts';
import { readArrow } from './arrow/read-arrow.ts';
import { parseCsv, type CsvTable } from '#runtime';
import { jsonRows, ndjsonRows, type ObjectRow } from './json-rows.ts';
import type { RowMediaType } from './media-types.ts';
import { checkHeader, invalid, type RowLimits } from './row-limits.ts';

/** Rows as cells under one header. */
export interface TableRows {
  readonly kind: 'table';
  readonly header: readonly string[];
  readonly rowCount: number;
  /**
   * What reads a column's cells, each text, number, boolean or null.
   *
   * @param rule of the feature that reads it, null where none does
   * @throws VALIDATION_FAILED for a column whose type has no such cells, BAD_REQUEST where it is damaged
   */
  readonly reader: (column: number, rule: ParseRule | null) => (row: number) => unknown;
}

/** Rows of a request: objects, or cells under one header. */
export type InputRows = { readonly kind: 'objects'; readonly rows: readonly ObjectRow[] } | TableRows;

const BYTE_ORDER_MARK = '\ufeff';

/**
 * The rows of a request body: a JSON object, an array of objects, `{data: [...]}`, CSV with a header, one JSON object a line, or an
 * Arrow stream.
 *
 * @throws INVALID_JSON with line and column, BAD_REQUEST, VALIDATION_FAILED naming the row, TOO_MANY_ROWS, TOO_MANY_COLUMNS,
 *   JSON_TOO_DEEP
 */
export function readRows(body: Buffer, mediaType: RowMediaType, limits: RowLimits): InputRows {
  switch (mediaType) {
    case 'application/json':
      return { kind: 'objects', rows: jsonRows(decode(body), limits) };
    case 'text/csv':
      return csvRows(decode(body), limits);
    case 'application/x-ndjson':
      return { kind: 'objects', rows: ndjsonRows(decode(body), limits) };
    case 'application/vnd.apache.arrow.stream':
      return readArrow(body, limits);
  }
}

/** The text of a body, without a byte-order mark; of a part that is not its first, as it is. @throws BAD_REQUEST where it is no UTF-8 */
export function decode(body: Buffer, isFirst = true): string {
  if (!isUtf8(body)) throw new AppError('BAD_REQUEST', 'the body is not valid UTF-8');
  const text = body.toString('utf8');
  return isFirst && text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
}

const csvRows = (text: string, limits: RowLimits): InputRows => tableOf(parseCsv(text, limits));

/** @throws VALIDATION_FAILED for a column that is there twice, and a row of another length */
export function tableOf({ header, rows }: CsvTable): InputRows {
  checkHeader(header);
  for (const [index, cells] of rows.entries()) {
    if (cells.length !== header.length)
      throw invalid(`row ${index + 1}`, `expected ${header.length} cells, found ${cells.length}`);
  }
  return { kind: 'table', header, rowCount: rows.length, reader: (column) => (row) => rows[row]?.[column] };
}
