import { createRandom } from '#statistics';
import { numberRule, textRule, type MemoryColumn } from './memory-table.ts';

const NEUTRAL = [
  'the',
  'parcel',
  'arrived',
  'on',
  'monday',
  'with',
  'our',
  'order',
  'for',
  'a',
  'customer',
  'of',
  'box',
];
/** Words with what they add to the signal. */
const TELLING: readonly (readonly [string, number])[] = [
  ['refund', 1.4],
  ['broken', 1.2],
  ['très déçu', 1],
  ['坏了', 0.9],
  ['😡', 0.9],
  ['£££', 0.5],
  ['thanks', -1.1],
  ['perfect', -1.3],
  ['merci beaucoup', -1],
  ['很好', -0.9],
  ['😀', -0.9],
];

/** Cells that a program may stumble over, all without a signal. */
export const ODD_TEXTS: readonly (string | null)[] = [
  null,
  '',
  'NA',
  ' ',
  '\u0000\u0001\u0007',
  '12345 67 890123456789',
  'e\u0301te\u0301 E\u0301TE\u0301 \u00e9t\u00e9',
  '\ud83d half a pair \udc00',
  '👩‍👩‍👧‍👦🏳️‍🌈👍🏽',
  '日本語の文章は空白がありません',
  'ไม่มีช่องว่างระหว่างคำ',
  'a'.repeat(300),
  '\u202eright to left\u202c \u200b\ufeff',
  'ﬁ ﷺ Ⅳ ① ＡＢＣ',
  '__proto__ constructor toString',
  'comma, "quoted"\nnext line',
];

/**
 * A table with a text that has most of the signal, beside a number and a category with some; a part of the texts is missing
 * or odd. Targets: `binary`, `multiclass`, `regression`, `count`.
 */
export function textTable(rowCount: number, seed = 1): MemoryColumn[] {
  const random = createRandom(seed);
  const cells: Record<string, (string | null)[]> = {};
  const put = (name: string, cell: string | null): void => void (cells[name] ??= []).push(cell);
  const pick = <T>(values: readonly T[]): T | undefined => values[random.below(values.length)];
  for (let row = 0; row < rowCount; row += 1) {
    const x = random.uniform() * 4 - 2;
    const colour = random.below(3);
    const words = Array.from({ length: 4 + random.below(12) }, () => pick(NEUTRAL) ?? '');
    let signal = x / 3 + (colour === 0 ? 0.4 : 0);
    for (let told = random.below(4); told > 0; told -= 1) {
      const [word = '', worth = 0] = pick(TELLING) ?? [];
      words.splice(random.below(words.length), 0, random.uniform() < 0.3 ? word.toUpperCase() : word);
      signal += worth;
    }
    const isOdd = random.uniform() < 0.08;
    if (isOdd) signal = x / 3;
    const noisy = signal + random.uniform() - 0.5;
    put('x', random.uniform() < 0.05 ? null : String(x));
    put('colour', ['red', 'green', 'blue'][colour] ?? null);
    put('note', isOdd ? (pick(ODD_TEXTS) ?? null) : `${words.join(' ')}${random.uniform() < 0.3 ? '!' : '.'}`);
    put('binary', noisy > 0.2 ? 'yes' : 'no');
    put('multiclass', noisy > 0.8 ? 'high' : noisy > -0.3 ? 'middle' : 'low');
    put('regression', String(noisy * 100));
    put('count', String(Math.max(0, Math.round(noisy * 3 + 2))));
  }
  const texts = new Set(['colour', 'note', 'binary', 'multiclass']);
  return Object.entries(cells).map(([name, column]) => ({
    name,
    cells: column,
    parse: texts.has(name) ? textRule : numberRule,
  }));
}

/** Features of {@link textTable} that are no target. */
export const TEXT_FEATURES = ['x', 'colour', 'note'] as const;
