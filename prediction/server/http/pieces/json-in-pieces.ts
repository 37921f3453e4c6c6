import { AppError } from '#contracts';
import { jsonErrorPlace } from '../json-place.ts';
import { addRows, invalidJson, isObject, type ObjectRow } from '../json-rows.ts';
import type { Steps } from '../reading.ts';
import { invalid, type RowLimits } from '../row-limits.ts';
import { decode, type InputRows } from '../rows.ts';
import { createRemainder } from './cut.ts';
import { createRowCutter } from './json-cutter.ts';

/** What may stand before the first row: of the first bytes of a body. */
const HEAD = /^[ \t\r\n]*(\[|\{[ \t\r\n]*"data"[ \t\r\n]*:[ \t\r\n]*\[)/;
const HEAD_BYTES_MAX = 1_024;
/** What may stand behind the last row: other members than `data`, which are ignored. */
const TAIL_BYTES_MAX = 64 * 1024;

/**
 * The same as `jsonRows`, in steps: of an array, or of `{"data": [...]}` with `data` first. The text between two commas that part rows is
 * parsed as an array, so that each piece is held to the grammar; an error is told at its place in the body. Null where the body begins
 * otherwise.
 *
 * @throws see `jsonRows`; VALIDATION_FAILED where more than 64 KiB follow the rows, or a row has more than 4 MiB
 */
export function jsonInPieces(parts: readonly Buffer[], limits: RowLimits): Steps<InputRows> | null {
  const [first = Buffer.alloc(0), ...others] = parts;
  const head = HEAD.exec(first.toString('latin1', 0, HEAD_BYTES_MAX));
  if (head === null) return null;
  const bytes = head[0].length;
  const reader = createPieceReader(limits, first.subarray(0, bytes));
  return pieces([first.subarray(bytes), ...others], limits, bytes, head[1] === '[' ? 1 : 2, reader);
}

function* pieces(
  parts: readonly Buffer[],
  limits: RowLimits,
  headBytes: number,
  depth: 1 | 2,
  reader: PieceReader,
): Steps<InputRows> {
  const cutter = createRowCutter(limits, depth, headBytes);
  const remainder = createRemainder();
  for (const [index, part] of parts.entries()) {
    const { comma, close } = cutter.scan(part);
    if (close >= 0) {
      reader.add(remainder.endWith(part.subarray(0, close)), 'last');
      const tail = tailOf([part.subarray(close), ...parts.slice(index + 1)]);
      cutter.scan(tail.subarray(1));
      checkTail(tail, depth, reader);
      return { kind: 'objects', rows: reader.rows };
    }
    if (comma >= 0) reader.add(remainder.endWith(part.subarray(0, comma)), 'not last');
    remainder.push(part.subarray(comma + 1));
    yield;
  }
  throw reader.errorIn(decode(remainder.endWith(Buffer.alloc(0)), false));
}

/** What follows the rows, in one piece. @throws VALIDATION_FAILED where that is too much */
function tailOf(parts: readonly Buffer[]): Buffer {
  const sizeBytes = parts.reduce((sum, part) => sum + part.length, 0);
  if (sizeBytes > TAIL_BYTES_MAX)
    throw invalid('body', `has ${sizeBytes} bytes behind the rows, at most ${TAIL_BYTES_MAX} are taken`);
  return Buffer.concat(parts);
}

/** Proves what follows the rows. @param tail from the bracket on that closes them */
function checkTail(tail: Buffer, depth: 1 | 2, reader: PieceReader): void {
  const text = decode(tail, false);
  const rows = reader.rows.length === 0 ? [] : [0];
  const opening = (depth === 1 ? '[' : '{"data":[') + rows.join('');
  let whole: unknown;
  try {
    whole = JSON.parse(opening + text);
  } catch {
    throw reader.errorIn(text, opening);
  }
  if (depth === 1) return;
  const data = isObject(whole) ? whole['data'] : undefined;
  if (JSON.stringify(data) !== JSON.stringify(rows)) throw invalid('data', 'stands twice in the body');
}

interface PieceReader {
  readonly rows: ObjectRow[];
  /**
   * Appends the rows of a piece, which a comma follows, or the end of the rows.
   * @throws INVALID_JSON, VALIDATION_FAILED, TOO_MANY_ROWS; BAD_REQUEST for what is no UTF-8
   */
  add(piece: Buffer, place: 'not last' | 'last'): void;
  /** The error of a text that follows the last piece. @param opening what it is to be read behind, where that is no row */
  errorIn(text: string, opening?: string): AppError;
}

/** @param head of the body, before the rows */
function createPieceReader(limits: RowLimits, head: Buffer): PieceReader {
  const rows: ObjectRow[] = [];
  const before = { line: 1, column: 1, bytes: 0 };
  move(before, head.toString('latin1'), head.length);
  let isFirst = true;
  // A value before the first and behind the last row of a piece, so that the grammar finds an empty place between commas.
  const openingOf = (): string => (isFirst ? '[' : '[0,');
  const errorIn = (text: string, opening = openingOf()): AppError => {
    const place = jsonErrorPlace(opening + text);
    if (place === null) return new AppError('INVALID_JSON', 'the body is not valid JSON');
    const bytes = before.bytes + Buffer.byteLength(text.slice(0, place.offset - opening.length));
    const column = place.line === 1 ? before.column + place.column - 1 - opening.length : place.column;
    return invalidJson(place.expected, before.line + place.line - 1, column, bytes);
  };
  return {
    rows,
    errorIn,
    add: (piece, place) => {
      const text = decode(piece, false);
      const closing = place === 'last' ? ']' : ',0]';
      let values: unknown[];
      try {
        // The cast holds: the text begins with a bracket.
        values = JSON.parse(openingOf() + text + closing) as unknown[];
      } catch {
        throw errorIn(text + closing);
      }
      addRows(values.slice(isFirst ? 0 : 1, place === 'last' ? undefined : -1), limits, rows);
      isFirst = false;
      move(before, text, piece.length);
      if (place === 'not last') move(before, ',', 1);
    },
  };
}

/** Goes on behind a text. @param bytes of it in the body */
function move(before: { line: number; column: number; bytes: number }, text: string, bytes: number): void {
  let last = -1;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
    before.line += 1;
    last = at;
  }
  before.column = last < 0 ? before.column + text.length : text.length - last;
  before.bytes += bytes;
}
