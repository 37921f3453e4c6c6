import { AppError } from '#contracts';
import { tooManyColumns } from '#runtime';
import type { RowLimits } from './row-limits.ts';

const QUOTE = 0x22;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** A member of an object takes this many characters at least: `"":1,`. */
const MEMBER_LENGTH_MIN = 5;
/** Objects and arrays that a body may have for each row that it may have: cells are neither, so there is room for some that are ignored. */
const CONTAINERS_PER_ROW = 4;

/**
 * Refuses a JSON text whose values would take far more memory than the text, before they are made: 50 MiB of `{},` are a gigabyte of
 * objects. A row of plain cells, the commonest body, is told by two searches; else each character is looked at once, some 1 ns each.
 * What is no JSON is left to the parser.
 *
 * @param row number of the row that the text is; null where it may be several
 * @throws JSON_TOO_DEEP naming the byte, TOO_MANY_COLUMNS naming the row, TOO_MANY_ROWS
 */
export function checkJsonShape(text: string, limits: RowLimits, row: number | null): void {
  const isFlat = text.indexOf('{', 1) < 0 && text.indexOf('[', 1) < 0;
  if (isFlat && text.length <= MEMBER_LENGTH_MIN * limits.columnsMax) return;
  scan(text, limits, row);
}

function scan(text: string, { rowsMax, columnsMax, depthMax }: RowLimits, row: number | null): void {
  const containersMax = CONTAINERS_PER_ROW * rowsMax + columnsMax;
  /** By depth: members of the open object so far, and objects and arrays that were opened there. */
  const members = new Uint32Array(depthMax + 1);
  const opened = new Uint32Array(depthMax + 1);
  let depth = 0;
  let containers = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) at = endOfString(text, at);
    else if (unit === OPEN_OBJECT || unit === OPEN_ARRAY) {
      depth += 1;
      if (depth > depthMax) throw tooDeep(text, at, depthMax);
      containers += 1;
      if (containers > containersMax)
        throw new AppError('TOO_MANY_ROWS', `more than ${containersMax} objects and arrays in one request`);
      members[depth] = 0;
      opened[depth] = (opened[depth] ?? 0) + 1;
    } else if (unit === CLOSE_OBJECT || unit === CLOSE_ARRAY) depth = Math.max(0, depth - 1);
    else if (unit === COLON) {
      members[depth] = (members[depth] ?? 0) + 1;
      if ((members[depth] ?? 0) > columnsMax) throw tooManyColumns(columnsMax, `row ${row ?? opened[depth] ?? 1}`);
    }
  }
}

function tooDeep(text: string, at: number, depthMax: number): AppError {
  const place = `byte ${Buffer.byteLength(text.slice(0, at))}`;
  return new AppError(
    'JSON_TOO_DEEP',
    `the body: objects and arrays lie in one another more than ${depthMax} deep at ${place}`,
    { errors: [{ path: place, message: `lies more than ${depthMax} deep` }] },
  );
}

/** The quote that ends a string, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let from = start + 1; ;) {
    const quote = text.indexOf('"', from);
    if (quote < 0) return text.length;
    let slashes = 0;
    while (text.charCodeAt(quote - 1 - slashes) === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return quote;
    from = quote + 1;
  }
}
