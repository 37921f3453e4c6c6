import { AppError } from '#contracts';

/** What one text may hold. */
export interface CsvLimits {
  readonly rowsMax: number;
  readonly columnsMax: number;
}

export const tooManyRows = (rowsMax: number): AppError =>
  new AppError('TOO_MANY_ROWS', `more than ${rowsMax} rows in one request`);

/** @param where has them: a row, the header */
export const tooManyColumns = (columnsMax: number, where: string): AppError =>
  new AppError('TOO_MANY_COLUMNS', `${where} has more than ${columnsMax} columns`, {
    errors: [{ path: where, message: `has more than ${columnsMax} columns` }],
  });

/** A comma-separated text: the names of its first record and the cells of the others. */
export interface CsvTable {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const LF = 0x0a;
const CR = 0x0d;
const BYTE_ORDER_MARK = 0xfeff;

/**
 * Reads comma-separated values:
 *
 *     file   = record *(EOL record) [EOL]      EOL = LF / CRLF / CR
 *     record = field *("," field)
 *     field  = *TEXT / DQUOTE *(TEXT / "," / EOL / 2DQUOTE) DQUOTE
 *
 * A leading byte-order mark is left out. Empty lines are left out in files of more than one column.
 *
 * @throws BAD_REQUEST for an empty text, and naming the row (1 is the first after the header) of a field whose quote
 *   never ends or is followed by text; TOO_MANY_ROWS, TOO_MANY_COLUMNS
 * @see RFC 4180 section 2
 */
export function parseCsv(text: string, limits: CsvLimits): CsvTable {
  const reader = createCsvReader(limits);
  reader.add(text);
  return reader.table();
}

/** Reads a text in pieces, each of which ends behind a record; the last one may end anywhere. */
export interface CsvReader {
  /** @throws see {@link parseCsv} */
  add(piece: string): void;
  /** What has been read. @throws BAD_REQUEST for an empty text */
  table(): CsvTable;
}

export function createCsvReader({ rowsMax, columnsMax }: CsvLimits): CsvReader {
  let header: string[] | null = null;
  const rows: string[][] = [];
  let isFirst = true;
  return {
    add: (text) => {
      let at = isFirst && text.charCodeAt(0) === BYTE_ORDER_MARK ? 1 : 0;
      isFirst = false;
      while (at < text.length) {
        const start = at;
        const record: string[] = [];
        at = readRecord(text, at, header === null ? 0 : rows.length + 1, record, columnsMax);
        if (header === null) {
          header = record;
          continue;
        }
        const isEmptyLine = record.length === 1 && record[0] === '' && text.charCodeAt(start) !== QUOTE;
        if (isEmptyLine && header.length > 1) continue;
        if (rows.length >= rowsMax) throw tooManyRows(rowsMax);
        rows.push(record);
      }
    },
    table: () => {
      if (header === null)
        throw new AppError('BAD_REQUEST', 'the body is empty; the first row must have the column names');
      return { header, rows };
    },
  };
}

/** Appends the cells of one record; gives the place of the next. */
function readRecord(text: string, start: number, row: number, record: string[], columnsMax: number): number {
  let at = start;
  for (;;) {
    if (record.length >= columnsMax) throw tooManyColumns(columnsMax, placeOf(row));
    let end = at;
    if (text.charCodeAt(at) === QUOTE) {
      const field = readQuoted(text, at, row);
      record.push(field.value);
      end = field.end;
    } else {
      for (; end < text.length; end += 1) {
        const unit = text.charCodeAt(end);
        if (unit === COMMA || unit === LF || unit === CR) break;
      }
      record.push(text.slice(at, end));
    }
    const unit = text.charCodeAt(end);
    if (unit !== COMMA) return unit === CR && text.charCodeAt(end + 1) === LF ? end + 2 : end + 1;
    at = end + 1;
  }
}

function readQuoted(text: string, start: number, row: number): { value: string; end: number } {
  let value = '';
  let at = start + 1;
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) throw new AppError('BAD_REQUEST', `${placeOf(row)}: a quoted cell never ends`);
    value += text.slice(at, quote);
    const next = text.charCodeAt(quote + 1);
    if (next !== QUOTE) {
      if (quote + 1 < text.length && next !== COMMA && next !== LF && next !== CR)
        throw new AppError('BAD_REQUEST', `${placeOf(row)}: text after the end of a quoted cell`);
      return { value, end: quote + 1 };
    }
    value += '"';
    at = quote + 2;
  }
}

const placeOf = (row: number): string => (row === 0 ? 'the header' : `row ${row}`);

/** A cell as RFC 4180 wants it: quoted when it holds a comma, quote or line break. */
export function csvCell(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
