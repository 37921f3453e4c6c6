import { isUtf8 } from 'node:buffer';
import { AppError } from '#contracts';
import { parseCsv } from './csv.ts';
import { jsonErrorPlace } from './json-place.ts';

/** One row of a JSON body: cells by column name; own `__proto__` keys are columns like others. */
export type ObjectRow = Readonly<Record<string, unknown>>;

/** Rows of a request: objects, or cells under one header. */
export type InputRows =
  | { readonly kind: 'objects'; readonly rows: readonly ObjectRow[] }
  | { readonly kind: 'table'; readonly header: readonly string[]; readonly rows: readonly (readonly string[])[] };

/** Content types that are read. */
export const ROW_MEDIA_TYPES = ['application/json', 'text/csv', 'application/x-ndjson'] as const;
export type RowMediaType = (typeof ROW_MEDIA_TYPES)[number];

const ARROW_STREAM = 'application/vnd.apache.arrow.stream';
const BYTE_ORDER_MARK = '\ufeff';

/**
 * How a body is to be read, by its headers; JSON when nothing is said.
 *
 * @throws UNSUPPORTED_MEDIA_TYPE for other types, character sets than UTF-8 and encoded bodies; NOT_AVAILABLE for Arrow
 */
export function rowMediaType(contentType: string | undefined, contentEncoding: string | undefined): RowMediaType {
  if (contentEncoding !== undefined && contentEncoding.toLowerCase() !== 'identity')
    throw new AppError(
      'UNSUPPORTED_MEDIA_TYPE',
      `content encoding ${contentEncoding} is not read; send the body as it is`,
    );
  if (contentType === undefined || contentType === 'application/json') return 'application/json';
  const [type = '', ...parameters] = contentType.toLowerCase().split(';');
  for (const parameter of parameters) {
    const charset = /^\s*charset\s*=\s*"?([^"\s]*)"?\s*$/.exec(parameter)?.[1];
    if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii')
      throw new AppError('UNSUPPORTED_MEDIA_TYPE', `character set ${charset} is not read; send UTF-8`);
  }
  switch (type.trim()) {
    case 'application/json':
      return 'application/json';
    case 'text/csv':
      return 'text/csv';
    case 'application/x-ndjson':
    case 'application/ndjson':
    case 'application/jsonl':
      return 'application/x-ndjson';
    case ARROW_STREAM:
      throw new AppError('NOT_AVAILABLE', 'Arrow streams are not read in this version; send JSON, CSV or NDJSON');
    default:
      throw new AppError(
        'UNSUPPORTED_MEDIA_TYPE',
        `content type ${type.trim()} is not read; send one of ${ROW_MEDIA_TYPES.join(', ')}`,
      );
  }
}

/**
 * The rows of a request body: a JSON object, an array of objects, `{data: [...]}`, CSV with a header, or one JSON
 * object a line.
 *
 * @throws INVALID_JSON with line and column, BAD_REQUEST, VALIDATION_FAILED naming the row, TOO_MANY_ROWS
 */
export function readRows(body: Buffer, mediaType: RowMediaType, rowsMax: number): InputRows {
  const text = decode(body);
  switch (mediaType) {
    case 'application/json':
      return { kind: 'objects', rows: jsonRows(text, rowsMax) };
    case 'text/csv':
      return csvRows(text, rowsMax);
    case 'application/x-ndjson':
      return { kind: 'objects', rows: ndjsonRows(text, rowsMax) };
  }
}

function decode(body: Buffer): string {
  if (!isUtf8(body)) throw new AppError('BAD_REQUEST', 'the body is not valid UTF-8');
  const text = body.toString('utf8');
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
}

function jsonRows(text: string, rowsMax: number): readonly ObjectRow[] {
  const value = parseJson(text, 'the body');
  if (Array.isArray(value)) return checkedRows(value, rowsMax);
  if (isObject(value)) {
    const data = value['data'];
    return Array.isArray(data) && Object.hasOwn(value, 'data') ? checkedRows(data, rowsMax) : [value];
  }
  throw new AppError('VALIDATION_FAILED', 'the body must be an object, an array of objects or {"data": [...]}', {
    errors: [{ path: '/', message: 'must be an object or an array of objects' }],
  });
}

function checkedRows(values: readonly unknown[], rowsMax: number): readonly ObjectRow[] {
  if (values.length > rowsMax) throw tooManyRows(rowsMax);
  return values.map(asRow);
}

function ndjsonRows(text: string, rowsMax: number): readonly ObjectRow[] {
  const rows: ObjectRow[] = [];
  let line = 0;
  for (let at = 0; at < text.length;) {
    const found = text.indexOf('\n', at);
    const end = found < 0 ? text.length : found;
    line += 1;
    const part = text.slice(at, end);
    if (part.trim() !== '') {
      if (rows.length >= rowsMax) throw tooManyRows(rowsMax);
      rows.push(asRow(parseJson(part, `line ${line}`), rows.length));
    }
    at = end + 1;
  }
  return rows;
}

function csvRows(text: string, rowsMax: number): InputRows {
  const { header, rows } = parseCsv(text, rowsMax);
  const seen = new Set<string>();
  for (const name of header) {
    if (seen.has(name)) throw invalid(`column ${JSON.stringify(name)}`, 'stands twice in the header');
    seen.add(name);
  }
  for (const [index, cells] of rows.entries()) {
    if (cells.length !== header.length)
      throw invalid(`row ${index + 1}`, `expected ${header.length} cells, found ${cells.length}`);
  }
  return { kind: 'table', header, rows };
}

const tooManyRows = (rowsMax: number): AppError =>
  new AppError('TOO_MANY_ROWS', `more than ${rowsMax} rows in one request`);

function parseJson(text: string, subject: string): unknown {
  try {
    return JSON.parse(text);
  } catch (err) {
    const place = jsonErrorPlace(text);
    // The parser's own message repeats a part of the text, so it is left out.
    if (place === null) throw new AppError('INVALID_JSON', `${subject} is not valid JSON`, { cause: err });
    const where = `line ${place.line}, column ${place.column} (position ${place.offset})`;
    throw new AppError('INVALID_JSON', `${subject} is not valid JSON: ${place.expected} at ${where}`, {
      errors: [{ path: '/', message: `${place.expected} at ${where}` }],
    });
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function asRow(value: unknown, index: number): ObjectRow {
  if (isObject(value)) return value;
  throw invalid(`row ${index + 1}`, 'must be an object of cells by column name');
}

function invalid(path: string, message: string): AppError {
  return new AppError('VALIDATION_FAILED', `${path}: ${message}`, { errors: [{ path, message }] });
}
