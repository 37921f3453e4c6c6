import { AppError } from '#contracts';
import { tooManyColumns } from '#runtime';
import type { RowLimits } from './row-limits.ts';

export const QUOTE = 0x22;
export const COLON = 0x3a;
export const OPEN_ARRAY = 0x5b;
export const BACKSLASH = 0x5c;
export const CLOSE_ARRAY = 0x5d;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;

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

function scan(text: string, limits: RowLimits, row: number | null): void {
  const shape = openShape(limits);
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) at = endOfString(text, at);
    else if (unit === OPEN_OBJECT || unit === OPEN_ARRAY)
      openContainer(shape, () => Buffer.byteLength(text.slice(0, at)));
    else if (unit === CLOSE_OBJECT || unit === CLOSE_ARRAY) closeContainer(shape);
    else if (unit === COLON) addMember(shape, row);
  }
}

/** What of a JSON text is open, and how much there was of it. */
export interface JsonShape {
  readonly limits: RowLimits;
  readonly containersMax: number;
  /** Objects and arrays that are open. */
  depth: number;
  containers: number;
  /** By depth: members of the open object so far, and objects and arrays that were opened there. */
  readonly members: Uint32Array;
  readonly opened: Uint32Array;
}

export function openShape(limits: RowLimits): JsonShape {
  const { rowsMax, columnsMax, depthMax } = limits;
  return {
    limits,
    containersMax: CONTAINERS_PER_ROW * rowsMax + columnsMax,
    depth: 0,
    containers: 0,
    members: new Uint32Array(depthMax + 1),
    opened: new Uint32Array(depthMax + 1),
  };
}

/** An object or array begins. @throws JSON_TOO_DEEP naming the byte, TOO_MANY_ROWS */
export function openContainer(shape: JsonShape, byte: () => number): void {
  const { limits, members, opened } = shape;
  shape.depth += 1;
  if (shape.depth > limits.depthMax) throw tooDeep(byte(), limits.depthMax);
  shape.containers += 1;
  if (shape.containers > shape.containersMax)
    throw new AppError('TOO_MANY_ROWS', `more than ${shape.containersMax} objects and arrays in one request`);
  members[shape.depth] = 0;
  opened[shape.depth] = (opened[shape.depth] ?? 0) + 1;
}

export function closeContainer(shape: JsonShape): void {
  shape.depth = Math.max(0, shape.depth - 1);
}

/** A name of the open object has been read. @throws TOO_MANY_COLUMNS naming the row */
export function addMember({ limits, members, opened, depth }: JsonShape, row: number | null): void {
  members[depth] = (members[depth] ?? 0) + 1;
  if ((members[depth] ?? 0) > limits.columnsMax)
    throw tooManyColumns(limits.columnsMax, `row ${row ?? opened[depth] ?? 1}`);
}

function tooDeep(byte: number, depthMax: number): AppError {
  const place = `byte ${byte}`;
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
