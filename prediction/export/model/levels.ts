import type { ParseRule } from '#contracts';
import { parseNumber } from '#scoring';

/** A key as another home finds it: by its text, or under the key rule `number` by its value. */
export type LevelTest =
  { readonly kind: 'text'; readonly text: string } | { readonly kind: 'number'; readonly value: number };

/** How a cell of a feature is recognised as a key. Null: no cell is ever that key. */
export function levelTest(parse: ParseRule, key: string): LevelTest | null {
  if (parse.kind === 'number') {
    const value = Number(key);
    return Number.isNaN(value) ? null : { kind: 'number', value };
  }
  if (parse.kind !== 'category') return null;
  const value = parse.keyRule === 'number' ? parseNumber(key) : NaN;
  return Number.isFinite(value) ? { kind: 'number', value } : { kind: 'text', text: key };
}
