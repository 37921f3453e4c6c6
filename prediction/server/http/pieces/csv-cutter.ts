import type { Cutter } from './cut.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const LF = 0x0a;
const CR = 0x0d;
const BETWEEN_FIELDS: ReadonlySet<number> = new Set([COMMA, LF, CR]);

/** Where in a record the next byte lies. */
type State = 'at a field' | 'in a field' | 'in quotes' | 'behind a quote';

/**
 * Finds ends of records as `parseCsv` has them: line feeds outside of quotes, which begin only where a field does. A text whose records end
 * with carriage returns alone is not cut.
 */
export function createCsvCutter(): Cutter {
  let state: State = 'at a field';
  return {
    endOfLast: (part) => {
      if (state !== 'in quotes' && part.length > 0 && !part.includes(QUOTE)) {
        state = BETWEEN_FIELDS.has(part[part.length - 1] ?? 0) ? 'at a field' : 'in a field';
        return part.lastIndexOf(LF) + 1;
      }
      let end = 0;
      for (let at = 0; at < part.length; at += 1) {
        const byte = part[at];
        if (state === 'in quotes') {
          if (byte === QUOTE) state = 'behind a quote';
        } else if (byte === LF) {
          state = 'at a field';
          end = at + 1;
        } else if (byte === COMMA || byte === CR) state = 'at a field';
        else if (byte === QUOTE && state !== 'in a field') state = 'in quotes';
        else state = 'in a field';
      }
      return end;
    },
  };
}
