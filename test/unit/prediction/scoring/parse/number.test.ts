import { expect } from 'chai';
import { INFINITY_PATTERN, NUMBER_PATTERN, parseNumber } from '#scoring';
import { randomGenerator } from '../support.ts';

const NUMBER = new RegExp(NUMBER_PATTERN);
const INFINITE = new RegExp(INFINITY_PATTERN);

/** The grammar and value as the docstring says them, by regular expression. */
function reference(text: string): number {
  if (!NUMBER.test(text)) return NaN;
  const trimmed = text.replace(/^[ \t]+|[ \t]+$/g, '');
  if (INFINITE.test(text)) return trimmed.startsWith('-') ? -Infinity : Infinity;
  return Number(trimmed);
}

describe('parseNumber', () => {
  const readable: readonly (readonly [string, number])[] = [
    ['0', 0],
    ['-0', -0],
    ['007', 7],
    ['1.', 1],
    ['.5', 0.5],
    ['+.5e+1', 5],
    ['1.e2', 100],
    [' \t42\t ', 42],
    ['0.1', 0.1],
    ['123456789012345', 123456789012345],
    ['9007199254740993', 9007199254740992],
    ['0.30000000000000001665', 0.3],
    ['0.30000000000000001666', 0.30000000000000004],
    ['00000000000000000000000000000000000000001', 1],
    ['1e400', Infinity],
    ['-1e400', -Infinity],
    ['1e-400', 0],
    ['4.9e-324', 5e-324],
    ['inf', Infinity],
    ['-INF', -Infinity],
    ['+Infinity', Infinity],
    ['iNfInItY', Infinity],
  ];
  for (const [text, value] of readable) {
    it(`reads ${JSON.stringify(text)} as ${value}`, () => {
      expect(Object.is(parseNumber(text), value), String(parseNumber(text))).to.equal(true);
    });
  }

  const unreadable = [
    '', ' ', '.', '+', '-', '+-1', '--1', 'e5', '.e5', '1e', '1e+', '1e5.0', '1.2.3', '0x10', '0b1', '1_000', '1,000', '1 000',
    'nan', 'NaN', 'infin', 'infinite', 'in', '- 1', '1\n', '\u00a01', '１', '1f', '1d', '1n', '$1', '1%', 'ınf', '\u0049\u0307nf', 'iNF\u0000', ')nf',
  ]; // prettier-ignore
  for (const text of unreadable) {
    it(`cannot read ${JSON.stringify(text)}`, () => expect(parseNumber(text)).to.be.NaN);
  }

  it('agrees with its regular expression and Number on 200,000 random texts', () => {
    const random = randomGenerator(1);
    const alphabet = '0123456789..eE+-- \tinfINFtyTY_xXaN,\n';
    const digits = '0123456789';
    let readableCount = 0;
    for (let i = 0; i < 200_000; i += 1) {
      let text = '';
      const from = i % 3 === 0 ? digits : alphabet;
      for (let length = random.integer(12); length >= 0; length -= 1) text += from.charAt(random.integer(from.length));
      if (i % 3 === 0) {
        const at = random.integer(text.length + 1);
        text = `${text.slice(0, at)}.${text.slice(at)}${digits.repeat(random.integer(3))}${i % 2 === 0 ? `e${random.integer(700) - 350}` : ''}`;
      }
      const expected = reference(text);
      if (!Number.isNaN(expected)) readableCount += 1;
      if (!Object.is(parseNumber(text), expected))
        expect.fail(`${JSON.stringify(text)}: ${parseNumber(text)}, expected ${expected}`);
    }
    expect(readableCount).to.be.greaterThan(50_000);
  });

  it('reads back every double in its shortest form', () => {
    const random = randomGenerator(2);
    const words = new Uint32Array(2);
    const value = new Float64Array(words.buffer);
    for (let i = 0; i < 20_000; i += 1) {
      words[0] = random.integer(2 ** 32);
      words[1] = random.integer(2 ** 32);
      const double = value[0] ?? 0;
      if (Number.isNaN(double)) continue;
      if (parseNumber(String(double)) !== double) expect.fail(String(double));
    }
  });

  it('reads a megabyte of digits', () => {
    expect(parseNumber('1'.repeat(1_000_000))).to.equal(Infinity);
    expect(parseNumber(`0.${'0'.repeat(1_000_000)}1`)).to.equal(0);
  });
});
