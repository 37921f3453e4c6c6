import { invalid } from '../row-limits.ts';

/** Knows where rows end in bytes that come one part after the other. */
export interface Cutter {
  /** How many bytes of the next part belong to rows that have ended; 0 where none ends in it. */
  endOfLast(part: Buffer): number;
}

/** A row may have so many bytes: it is parsed at once, in some 30 ms. */
export const ROW_BYTES_MAX = 4 * 1024 * 1024;

/** Bytes of a row that has not ended yet. */
export interface Remainder {
  /** @throws VALIDATION_FAILED where the row is too long */
  push(part: Buffer): void;
  /** What was pushed, and the end of the row. */
  endWith(part: Buffer): Buffer;
}

export function createRemainder(): Remainder {
  let parts: Buffer[] = [];
  let sizeBytes = 0;
  return {
    push: (part) => {
      if (part.length === 0) return;
      parts.push(part);
      sizeBytes += part.length;
      if (sizeBytes > ROW_BYTES_MAX) throw invalid('body', `has more than ${ROW_BYTES_MAX} bytes in which no row ends`);
    },
    endWith: (part) => {
      if (parts.length === 0) return part;
      const whole = Buffer.concat([...parts, part]);
      parts = [];
      sizeBytes = 0;
      return whole;
    },
  };
}

const NOTHING = Buffer.alloc(0);

/**
 * A body in pieces that end where rows end, about as large as its parts; nothing but the piece is copied. Null for a part in which no row ends.
 *
 * @throws VALIDATION_FAILED where a row is too long
 */
export function* cutAt(parts: readonly Buffer[], cutter: Cutter): Generator<Buffer | null, undefined> {
  const remainder = createRemainder();
  for (const part of parts) {
    const end = cutter.endOfLast(part);
    yield end === 0 ? null : remainder.endWith(part.subarray(0, end));
    remainder.push(part.subarray(end));
  }
  const last = remainder.endWith(NOTHING);
  if (last.length > 0) yield last;
}
