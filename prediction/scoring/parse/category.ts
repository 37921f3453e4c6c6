import type { ParseRule } from '#contracts';
import { parseNumber } from './number.ts';

/** How a category cell's text becomes its key. */
export type KeyRule = Extract<ParseRule, { kind: 'category' }>['keyRule'];

/** Cell texts that the `boolean` key rule makes one key, in RE2 syntax; the key is the lower-case word. No blanks. */
export const BOOLEAN_PATTERN = '^(?:[tT][rR][uU][eE]|[fF][aA][lL][sS][eE])$';

/** True if a cell text means "missing": it is empty or is exactly one of the markers. */
export function isMissing(text: string, nullMarkers: readonly string[]): boolean {
  return text === '' || nullMarkers.includes(text);
}

/**
 * The key of a category cell that is not missing.
 * - `text`: the exact text.
 * - `number`: a text that `parseNumber` reads as a finite number is that number in shortest round-trip form
 *   (ECMAScript `String`; -0 is `0`), so `007`, `7.0`, ` 7` and `7e0` are the key `7`; any other text (also `inf`) is itself.
 * - `boolean`: `true` and `false` in any case are `true` and `false`; any other text is itself.
 *
 * Idempotent: the key of a key is the key.
 */
export function categoryKey(text: string, keyRule: KeyRule): string {
  switch (keyRule) {
    case 'text':
      return text;
    case 'number': {
      const value = parseNumber(text);
      return Number.isFinite(value) ? String(value) : text;
    }
    case 'boolean': {
      if (text.length !== 4 && text.length !== 5) return text;
      const lower = text.toLowerCase();
      return lower === 'true' || lower === 'false' ? lower : text;
    }
  }
}
