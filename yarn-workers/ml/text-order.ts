import { parseNumber } from '#scoring';

/** Orders texts by code points (not by UTF-16 code units: astral characters come after U+FFFF). */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left === right) continue;
    // Surrogates stand for code points above all others; where both are, unit order is code point order.
    const leftHigh = left >= 0xd800 && left <= 0xdfff;
    const rightHigh = right >= 0xd800 && right <= 0xdfff;
    return leftHigh === rightHigh ? left - right : leftHigh ? 1 : -1;
  }
  return a.length - b.length;
}

/** A sorted copy: ascending by number if all are numbers (equal ones by code points), else by code points. */
export function inTextOrder(texts: readonly string[]): string[] {
  const numbers = new Map(texts.map((text) => [text, parseNumber(text)]));
  const allNumbers = [...numbers.values()].every((value) => !Number.isNaN(value));
  if (!allNumbers) return [...texts].sort(compareCodePoints);
  const valueOf = (text: string): number => numbers.get(text) ?? 0;
  return [...texts].sort((a, b) => {
    const left = valueOf(a);
    const right = valueOf(b);
    return left === right ? compareCodePoints(a, b) : left < right ? -1 : 1;
  });
}
