import type { DateFormat, ParseRule } from '#contracts';
import { categoryKey, isMissing } from './category.ts';
import { parseDate } from './date.ts';
import { parseNumber } from './number.ts';
import { parsePlace } from './place.ts';

/**
 * Reads a raw cell into `out[at]`: the number, or seconds since 1970 (UTC) of a date; NaN is missing.
 * Writing instead of returning keeps the double out of the heap. False: the cell is unreadable and `out` is unchanged.
 */
export type NumberReader = (cell: unknown, out: Float64Array, at: number) => boolean;

/** A raw cell's category key; null is missing, undefined is unreadable. */
export type KeyReader = (cell: unknown) => string | null | undefined;

/** The compiled form of a {@link ParseRule}. */
export type CellReader =
  | { readonly kind: 'number' | 'date'; readonly read: NumberReader }
  | { readonly kind: 'category'; readonly read: KeyReader }
  /** Writes two numbers: latitude at `out[at]`, longitude after it; both NaN are missing. */
  | { readonly kind: 'geo'; readonly read: NumberReader };

/**
 * Compiles a parse rule for raw cells: CSV cell texts and JSON values alike.
 *
 * | cell | `number` | `category` | `date` | `geo` |
 * | --- | --- | --- | --- | --- |
 * | string | the CSV cell: marker, else `parseNumber` | marker, else `categoryKey` | marker, else `parseDate` | marker, else `parsePlace` |
 * | number | itself; NaN is missing | the key `String(n)` under every key rule; NaN is missing | the text `String(n)` (a compact date) | unreadable; NaN is missing |
 * | boolean | unreadable | the key `true` or `false` | unreadable | unreadable |
 * | null, undefined | missing | missing | missing | missing |
 * | object, array, other | unreadable | unreadable | unreadable | unreadable |
 *
 * A number or boolean whose text `String(cell)` is a null marker is missing too: `-999` as a marker means the same in
 * CSV and in JSON.
 */
export function cellReader(rule: ParseRule): CellReader {
  switch (rule.kind) {
    case 'number':
      return { kind: 'number', read: numberReader(rule.nullMarkers) };
    case 'date':
      return { kind: 'date', read: dateReader(rule.formats, rule.nullMarkers) };
    case 'geo':
      return { kind: 'geo', read: placeReader(rule.nullMarkers) };
    case 'category': {
      const { keyRule, nullMarkers } = rule;
      return {
        kind: 'category',
        read: (cell) => {
          const text = cellText(cell);
          if (typeof text !== 'string') return text;
          if (isMissing(text, nullMarkers)) return null;
          return typeof cell === 'string' ? categoryKey(text, keyRule) : text;
        },
      };
    }
  }
}

/** The text that a JSON value stands for; null is missing, undefined has no text (object, array). */
export function cellText(cell: unknown): string | null | undefined {
  switch (typeof cell) {
    case 'string':
      return cell;
    case 'number':
      return Number.isNaN(cell) ? null : String(cell);
    case 'boolean':
      return cell ? 'true' : 'false';
    case 'undefined':
      return null;
    default:
      return cell === null ? null : undefined;
  }
}

/** The numbers whose text is a marker: what `isMissing(String(n))` would find, without making the text. */
export function markedNumbers(nullMarkers: readonly string[]): readonly number[] {
  return nullMarkers
    .filter((marker) => marker !== '' && String(Number(marker)) === marker && marker !== 'NaN')
    .map(Number);
}

function numberReader(nullMarkers: readonly string[]): NumberReader {
  const marked = markedNumbers(nullMarkers);
  // Markers that the grammar reads (-999, inf) must be looked at first; the others only where parsing failed.
  const readableMarkers = new Set(nullMarkers.filter((marker) => !Number.isNaN(parseNumber(marker))));
  return (cell, out, at) => {
    if (typeof cell === 'number') {
      out[at] = marked.length > 0 && marked.includes(cell) ? NaN : cell;
      return true;
    }
    if (typeof cell === 'string') {
      const value = parseNumber(cell);
      if (Number.isNaN(value)) {
        if (!isMissing(cell, nullMarkers)) return false;
        out[at] = NaN;
        return true;
      }
      out[at] = readableMarkers.size > 0 && readableMarkers.has(cell) ? NaN : value;
      return true;
    }
    if (cell !== null && cell !== undefined) return false;
    out[at] = NaN;
    return true;
  };
}

function dateReader(formats: readonly DateFormat[], nullMarkers: readonly string[]): NumberReader {
  return (cell, out, at) => {
    const text = typeof cell === 'boolean' ? undefined : cellText(cell);
    if (text === undefined) return false;
    if (text === null || isMissing(text, nullMarkers)) {
      out[at] = NaN;
      return true;
    }
    const seconds = parseDate(text, formats);
    if (Number.isNaN(seconds)) return false;
    out[at] = seconds;
    return true;
  };
}

function placeReader(nullMarkers: readonly string[]): NumberReader {
  return (cell, out, at) => {
    const text = typeof cell === 'boolean' ? undefined : cellText(cell);
    if (text === undefined) return false;
    if (text !== null && !isMissing(text, nullMarkers)) return parsePlace(text, out, at);
    out[at] = NaN;
    out[at + 1] = NaN;
    return true;
  };
}
