import { AppError } from '#contracts';
import { jsonErrorPlace } from './json-place.ts';
import { checkJsonShape } from './json-shape.ts';
import { tooManyRows } from '#runtime';
import { invalid, type RowLimits } from './row-limits.ts';

/** One row of a JSON body: cells by column name; own `__proto__` keys are columns like others. */
export type ObjectRow = Readonly<Record<string, unknown>>;

/** Where a text begins in the body: lines and rows count from 1, bytes from 0. */
interface TextPlace {
  readonly line: number;
  readonly byte: () => number;
  /** Null where the text may hold several. */
  readonly row: number | null;
}

const BODY: TextPlace = { line: 1, byte: () => 0, row: null };

/**
 * The rows of an object, an array of objects, or `{data: [...]}`.
 *
 * @throws INVALID_JSON, VALIDATION_FAILED naming the row, TOO_MANY_ROWS, TOO_MANY_COLUMNS, JSON_TOO_DEEP
 */
export function jsonRows(text: string, limits: RowLimits): readonly ObjectRow[] {
  const value = parseJson(text, limits);
  if (Array.isArray(value)) return checkedRows(value, limits);
  if (isObject(value)) {
    const data = value['data'];
    return Array.isArray(data) && Object.hasOwn(value, 'data') ? checkedRows(data, limits) : [value];
  }
  throw new AppError('VALIDATION_FAILED', 'the body must be an object, an array of objects or {"data": [...]}', {
    errors: [{ path: '/', message: 'must be an object or an array of objects' }],
  });
}

/** Appends rows to those before them. @throws VALIDATION_FAILED naming the row, TOO_MANY_ROWS */
export function addRows(values: readonly unknown[], { rowsMax }: RowLimits, rows: ObjectRow[]): void {
  if (rows.length + values.length > rowsMax) throw tooManyRows(rowsMax);
  for (const value of values) rows.push(asRow(value, rows.length));
}

function checkedRows(values: readonly unknown[], { rowsMax }: RowLimits): readonly ObjectRow[] {
  if (values.length > rowsMax) throw tooManyRows(rowsMax);
  return values.map(asRow);
}

/** The rows of one JSON object a line; empty lines are left out. @throws see {@link jsonRows}, with the line of the body */
export function ndjsonRows(text: string, limits: RowLimits): readonly ObjectRow[] {
  const rows: ObjectRow[] = [];
  addLines(text, limits, { lines: 0, bytes: 0 }, rows);
  return rows;
}

/** Appends the rows of some lines to those before them. @param before what of the body lies before them. @returns how many lines they were */
export function addLines(
  text: string,
  limits: RowLimits,
  before: { readonly lines: number; readonly bytes: number },
  rows: ObjectRow[],
): number {
  let line = before.lines;
  for (let at = 0; at < text.length;) {
    const found = text.indexOf('\n', at);
    const end = found < 0 ? text.length : found;
    line += 1;
    const part = text.slice(at, end);
    if (part.trim() !== '') {
      if (rows.length >= limits.rowsMax) throw tooManyRows(limits.rowsMax);
      const start = at;
      const byte = () => before.bytes + Buffer.byteLength(text.slice(0, start));
      const place = { line, byte, row: rows.length + 1 };
      rows.push(asRow(parseJson(part, limits, place), rows.length));
    }
    at = end + 1;
  }
  return line - before.lines;
}

/** @throws INVALID_JSON with line, column and byte; TOO_MANY_ROWS, TOO_MANY_COLUMNS, JSON_TOO_DEEP */
export function parseJson(text: string, limits: RowLimits, from: TextPlace = BODY): unknown {
  checkJsonShape(text, limits, from.row);
  try {
    return JSON.parse(text);
  } catch (err) {
    const place = jsonErrorPlace(text);
    // The parser's own message repeats a part of the text, so it is left out.
    if (place === null) throw new AppError('INVALID_JSON', 'the body is not valid JSON', { cause: err });
    const byte = from.byte() + Buffer.byteLength(text.slice(0, place.offset));
    throw invalidJson(place.expected, from.line + place.line - 1, place.column, byte);
  }
}

/** @param line and `column` count from 1, `byte` from 0 */
export function invalidJson(expected: string, line: number, column: number, byte: number): AppError {
  const where = `line ${line}, column ${column} (byte ${byte})`;
  return new AppError('INVALID_JSON', `the body is not valid JSON: ${expected} at ${where}`, {
    errors: [{ path: where, message: expected }],
  });
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function asRow(value: unknown, index: number): ObjectRow {
  if (isObject(value)) return value;
  throw invalid(`row ${index + 1}`, 'must be an object of cells by column name');
}
