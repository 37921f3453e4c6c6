import { expect } from 'chai';
import { DEFAULT_NULL_MARKERS } from '#contracts';
import { cellReader, parsePlace } from '#scoring';
import { createRandom } from '#statistics';

/** Latitude and longitude, or null where the text is unreadable; what was there before must stay then. */
function placeOf(text: string): [number, number] | null {
  const out = Float64Array.of(7, 7, 7, 7);
  if (!parsePlace(text, out, 1)) {
    expect([...out]).to.deep.equal([7, 7, 7, 7]);
    return null;
  }
  expect([out[0], out[3]]).to.deep.equal([7, 7]);
  return [out[1] ?? NaN, out[2] ?? NaN];
}

/** The same grammar, read sign by sign without a pattern. */
function reference(text: string): [number, number] | null {
  let at = 0;
  const blanks = (): number => {
    const from = at;
    while (text[at] === ' ' || text[at] === '\t') at += 1;
    return at - from;
  };
  const digits = (): number => {
    const from = at;
    while (at < text.length && '0123456789'.includes(text[at] ?? '')) at += 1;
    return at - from;
  };
  const number = (): number => {
    const from = at;
    if (text[at] === '+' || text[at] === '-') at += 1;
    const whole = digits();
    let fraction = 0;
    if (text[at] === '.') {
      at += 1;
      fraction = digits();
    }
    return whole + fraction === 0 ? NaN : parseFloat(text.slice(from, at));
  };
  blanks();
  const isText = text.slice(at, at + 5).toUpperCase() === 'POINT';
  if (isText) {
    at += 5;
    blanks();
  }
  const hasBracket = text[at] === '(';
  if (isText && !hasBracket) return null;
  if (hasBracket) at += 1;
  blanks();
  const first = number();
  const gap = blanks();
  const hasComma = text[at] === ',';
  if (hasComma) at += 1;
  if (isText ? hasComma || gap === 0 : !hasComma && gap === 0) return null;
  if (hasComma) blanks();
  const second = number();
  blanks();
  if (hasBracket) {
    if (text[at] !== ')') return null;
    at += 1;
    blanks();
  }
  const [latitude, longitude] = isText ? [second, first] : [first, second];
  if (at !== text.length || !(latitude >= -90 && latitude <= 90)) return null;
  return longitude >= -180 && longitude <= 360 ? [latitude, longitude] : null;
}

describe('parsePlace', () => {
  it('reads pairs with and without comma and parentheses, and points as well-known text', () => {
    for (const text of [
      '37.75,-122.4',
      ' 37.75 , -122.4\t',
      '+37.75 -122.40',
      '(37.75,-122.4)',
      '( 37.75  -122.4 )',
      'POINT(-122.4 37.75)',
      'point ( -122.4\t37.75 ) ',
      '037.75,-122.4',
    ])
      expect(placeOf(text), text).to.deep.equal([37.75, -122.4]);
    expect(placeOf('-.5,5.')).to.deep.equal([-0.5, 5]);
    expect(placeOf('-90,360')).to.deep.equal([-90, 360]);
    expect(placeOf('90,-180')).to.deep.equal([90, -180]);
  });

  it('refuses anything else, and what degrees cannot be', () => {
    for (const text of [
      '',
      ' ',
      '37.75',
      '37.75,',
      ',1',
      '37.75,,1',
      '37.75;1',
      '37.75,1,2',
      '1 2 3',
      '(37.75,1',
      '37.75,1)',
      '()',
      '[37.75,1]',
      'POINT EMPTY',
      'POINT(1,2)',
      'POINT 1 2',
      'POINT Z(1 2 3)',
      'SRID=4326;POINT(1 2)',
      '1e1,2',
      'inf,1',
      'nan,nan',
      "37°45'N 122°24'W",
      '37,75,-122,4',
      '٣٧,١',
      '37.75\u00a0-122.4',
      '37.75\n-122.4',
      '90.0001,0',
      '-91 0',
      '0,360.5',
      '0,-180.5',
      'POINT(0 91)',
      `1${' '.repeat(300)}2`,
    ])
      expect(placeOf(text), JSON.stringify(text)).to.equal(null);
  });

  it('reads what a reader sign by sign reads, over 200,000 texts of its signs', () => {
    const random = createRandom(20_261_129);
    const pick = (parts: readonly string[]): string => parts[random.below(parts.length)] ?? '';
    const number = (): string => {
      const value = (random.uniform() - 0.5) * pick2([2, 200, 400, 800]);
      return pick(['', '', '', '+', '-']) + pick([value.toFixed(random.below(8)), String(value), '.5', '5.', '.', '']);
    };
    const pick2 = (values: readonly number[]): number => values[random.below(values.length)] ?? 1;
    const gap = (): string => pick(['', '', ' ', '\t', '  ']);
    let read = 0;
    for (let i = 0; i < 200_000; i += 1) {
      const inner = number() + gap() + pick([',', ',', '', ' ', ';']) + gap() + number();
      const text =
        gap() + pick(['', '', '(', 'POINT(', 'point (', 'POINT']) + gap() + inner + gap() + pick(['', '', ')']) + gap();
      const found = placeOf(text);
      expect(found, JSON.stringify(text)).to.deep.equal(reference(text));
      if (found !== null) read += 1;
    }
    expect(read).to.be.above(10_000);
  });
});

describe('cellReader: places', () => {
  const reader = cellReader({ kind: 'geo', nullMarkers: [...DEFAULT_NULL_MARKERS, '0,0'] });
  const read = (cell: unknown): number[] | 'unreadable' => {
    if (reader.kind !== 'geo') throw new Error(`a reader of ${reader.kind}`);
    const out = Float64Array.of(7, 7);
    return reader.read(cell, out, 0) ? [...out] : 'unreadable';
  };

  it('takes texts only; missing cells have neither number', () => {
    expect(read('1.5,2')).to.deep.equal([1.5, 2]);
    for (const cell of ['', 'NA', '0,0', null, undefined, NaN]) expect(read(cell)).to.deep.equal([NaN, NaN]);
    for (const cell of [1.5, true, {}, [1.5, 2], 'here', ' ']) expect(read(cell)).to.equal('unreadable');
  });
});
