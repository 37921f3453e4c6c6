import {
  addMember,
  BACKSLASH,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  closeContainer,
  COLON,
  OPEN_ARRAY,
  OPEN_OBJECT,
  openContainer,
  openShape,
  QUOTE,
} from '../json-shape.ts';
import type { RowLimits } from '../row-limits.ts';

const COMMA = 0x2c;

/** Places in a part of a body; -1 where there is none. */
export interface RowPlaces {
  /** the last comma between two rows */
  readonly comma: number;
  /** the bracket that closes the array of rows; nothing behind it has been looked at */
  readonly close: number;
}

/** Looks at the bytes of a JSON text one part after the other. */
export interface RowCutter {
  /** @throws JSON_TOO_DEEP naming the byte of the body, TOO_MANY_COLUMNS naming the row, TOO_MANY_ROWS */
  scan(part: Uint8Array): RowPlaces;
}

/**
 * Finds where rows of a JSON array end, and holds the text to the limits of its shape on the way, 1 to 2 ns a byte. What is no JSON is left
 * to the parser; after the rows no place is told any more.
 *
 * @param rowDepth arrays and objects that are open where a row begins
 * @param headBytes what lies before the first row and is not looked at
 */
export function createRowCutter(limits: RowLimits, rowDepth: 1 | 2, headBytes: number): RowCutter {
  const shape = openShape(limits);
  shape.depth = rowDepth;
  let before = headBytes;
  let isInString = false;
  let isEscaped = false;
  let isClosed = false;
  return {
    scan: (part) => {
      let comma = -1;
      let at = 0;
      for (; at < part.length; at += 1) {
        const byte = part[at];
        if (isInString) {
          if (isEscaped) isEscaped = false;
          else if (byte === BACKSLASH) isEscaped = true;
          else if (byte === QUOTE) isInString = false;
        } else if (byte === QUOTE) isInString = true;
        else if (byte === COMMA) {
          if (shape.depth === rowDepth && !isClosed) comma = at;
        } else if (byte === COLON) addMember(shape, null);
        else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) openContainer(shape, () => before + at);
        else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
          closeContainer(shape);
          if (shape.depth >= rowDepth || isClosed) continue;
          isClosed = true;
          before += at + 1;
          return { comma, close: at };
        }
      }
      before += part.length;
      return { comma, close: -1 };
    },
  };
}
