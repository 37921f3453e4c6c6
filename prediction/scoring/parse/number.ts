/**
 * Grammar of a number cell, in RE2 syntax (no look-arounds), whole cell:
 *
 *     cell   = blanks sign? ( digits ("." digits?)? | "." digits ) ( [eE] sign? digits )? blanks
 *            | blanks sign? ( "inf" | "infinity" )  in any case  blanks
 *     blanks = ( space | tab )*        digits = [0-9]+        sign = "+" | "-"
 *
 * The value is the correctly rounded double of the trimmed text (ECMAScript `Number`); what overflows is +-Infinity,
 * what underflows is +-0. No hexadecimal, no underscores, no group separators, no other white space.
 */
export const NUMBER_PATTERN =
  '^[ \\t]*[+-]?(?:(?:[0-9]+\\.?[0-9]*|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?)[ \\t]*$';

/** The part of {@link NUMBER_PATTERN} that is an infinity by name (SQL engines spell it differently). */
export const INFINITY_PATTERN = '^[ \\t]*[+-]?[iI][nN][fF](?:[iI][nN][iI][tT][yY])?[ \\t]*$';

const TAB = 9;
const SPACE = 32;
const PLUS = 43;
const MINUS = 45;
const DOT = 46;
const ZERO = 48;
const NINE = 57;
const LOWER_E = 101;
/** Sets the bit that tells ASCII capitals from small letters. */
const LOWER_CASE_BIT = 32;

/** Integers of up to so many digits are exact in a double, and so is every power of ten up to 10^22. */
const EXACT_DIGITS_MAX = 15;
const POWERS_OF_TEN = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/**
 * A number cell's value; NaN means **unreadable** (no text of the grammar is NaN: missing cells are told by the null
 * markers, which are looked at first). Allocates nothing for texts of up to 15 digits without an exponent.
 *
 * @see {@link NUMBER_PATTERN} for the grammar; Clinger 1990, "How to read floating point numbers accurately", for why
 * one division of two exact doubles is correctly rounded
 */
export function parseNumber(text: string): number {
  let end = text.length;
  let at = 0;
  while (at < end && isBlank(text.charCodeAt(at))) at += 1;
  while (end > at && isBlank(text.charCodeAt(end - 1))) end -= 1;
  const start = at;
  let negative = false;
  if (at < end) {
    const sign = text.charCodeAt(at);
    negative = sign === MINUS;
    if (negative || sign === PLUS) at += 1;
  }
  const first = at;
  let mantissa = 0;
  let code = 0;
  while (at < end && (code = text.charCodeAt(at)) >= ZERO && code <= NINE) {
    mantissa = mantissa * 10 + (code - ZERO);
    at += 1;
  }
  let digitCount = at - first;
  let fractionCount = 0;
  if (at < end && text.charCodeAt(at) === DOT) {
    at += 1;
    const fraction = at;
    while (at < end && (code = text.charCodeAt(at)) >= ZERO && code <= NINE) {
      mantissa = mantissa * 10 + (code - ZERO);
      at += 1;
    }
    fractionCount = at - fraction;
    digitCount += fractionCount;
  }
  if (digitCount === 0) return at === first ? infinityAt(text, at, end, negative) : NaN;
  if (at === end) {
    if (digitCount > EXACT_DIGITS_MAX) return Number(text.slice(start, end));
    const value = fractionCount === 0 ? mantissa : mantissa / (POWERS_OF_TEN[fractionCount] ?? NaN);
    return negative ? -value : value;
  }
  return endsWithExponent(text, at, end) ? Number(text.slice(start, end)) : NaN;
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

/** True if `[eE][+-]?[0-9]+` is all of text[at, end). */
function endsWithExponent(text: string, from: number, end: number): boolean {
  let at = from;
  if ((text.charCodeAt(at) | LOWER_CASE_BIT) !== LOWER_E) return false;
  at += 1;
  if (at < end && (text.charCodeAt(at) === PLUS || text.charCodeAt(at) === MINUS)) at += 1;
  if (at === end) return false;
  for (; at < end; at += 1) {
    const code = text.charCodeAt(at);
    if (code < ZERO || code > NINE) return false;
  }
  return true;
}

const INFINITY_WORD = 'infinity';

function infinityAt(text: string, at: number, end: number, negative: boolean): number {
  const length = end - at;
  if (length !== 3 && length !== INFINITY_WORD.length) return NaN;
  for (let i = 0; i < length; i += 1) {
    const code = text.charCodeAt(at + i);
    // Setting the bit must not make a letter of something else: codes above 127 and control codes stay different.
    if (code > 127 || (code | LOWER_CASE_BIT) !== INFINITY_WORD.charCodeAt(i)) return NaN;
  }
  return negative ? -Infinity : Infinity;
}
