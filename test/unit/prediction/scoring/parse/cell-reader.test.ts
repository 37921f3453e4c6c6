import { expect } from 'chai';
import { DEFAULT_NULL_MARKERS, type ParseRule } from '#contracts';
import { categoryKey, cellReader, isMissing } from '#scoring';

const markers = [...DEFAULT_NULL_MARKERS];

function readNumber(rule: ParseRule, cell: unknown): number | 'unreadable' {
  const reader = cellReader(rule);
  if (reader.kind === 'category') throw new Error('not a number reader');
  const out = new Float64Array([77]);
  if (!reader.read(cell, out, 0)) {
    expect(out[0]).to.equal(77);
    return 'unreadable';
  }
  return out[0] ?? 77;
}

function readKey(rule: ParseRule, cell: unknown): string | null | undefined {
  const reader = cellReader(rule);
  if (reader.kind !== 'category') throw new Error('not a category reader');
  return reader.read(cell);
}

describe('isMissing', () => {
  it('knows the empty cell and exact markers only', () => {
    expect(isMissing('', [])).to.equal(true);
    expect(isMissing('NA', ['NA'])).to.equal(true);
    expect(isMissing('na', ['NA'])).to.equal(false);
    expect(isMissing(' NA', ['NA'])).to.equal(false);
    expect(isMissing(' ', ['NA'])).to.equal(false);
  });
});

describe('categoryKey', () => {
  it('keeps exact text under the text rule', () => expect(categoryKey(' 007', 'text')).to.equal(' 007'));

  it('makes numerically equal spellings one key under the number rule', () => {
    for (const text of ['7', '007', '7.0', ' 7', '+7', '7e0', '0.7e1'])
      expect(categoryKey(text, 'number')).to.equal('7');
    for (const text of ['0', '-0', '0.0', '-0e5']) expect(categoryKey(text, 'number')).to.equal('0');
    for (const text of ['inf', '1e999', 'x7', '1,0', ' ']) expect(categoryKey(text, 'number')).to.equal(text);
    expect(categoryKey('1e21', 'number')).to.equal('1e+21');
  });

  it('makes spellings of true and false one key under the boolean rule', () => {
    for (const text of ['true', 'TRUE', 'True', 'tRuE']) expect(categoryKey(text, 'boolean')).to.equal('true');
    for (const text of ['false', 'FALSE']) expect(categoryKey(text, 'boolean')).to.equal('false');
    for (const text of [' true', '1', 'yes', 'T']) expect(categoryKey(text, 'boolean')).to.equal(text);
  });

  it('is idempotent', () => {
    for (const rule of ['text', 'number', 'boolean'] as const) {
      for (const text of ['007', '1e21', '-0', 'TRUE', 'inf', '1e-7', '123456789012345678901234567890', 'x', '0.1']) {
        const key = categoryKey(text, rule);
        expect(categoryKey(key, rule)).to.equal(key);
      }
    }
  });
});

describe('cellReader', () => {
  const number: ParseRule = { kind: 'number', nullMarkers: markers };
  const text: ParseRule = { kind: 'category', keyRule: 'text', nullMarkers: markers };
  const numeric: ParseRule = { kind: 'category', keyRule: 'number', nullMarkers: markers };
  const boolean: ParseRule = { kind: 'category', keyRule: 'boolean', nullMarkers: markers };
  const date: ParseRule = { kind: 'date', formats: ['iso-date', 'compact-date'], nullMarkers: markers };

  it('reads numbers', () => {
    expect(readNumber(number, '1.5')).to.equal(1.5);
    expect(readNumber(number, 1.5)).to.equal(1.5);
    expect(Object.is(readNumber(number, -0), -0)).to.equal(true);
    for (const missing of [null, undefined, '', 'NA', 'nan', NaN]) expect(readNumber(number, missing)).to.be.NaN;
    for (const cell of [true, {}, [], [1], 'x', ' ', 1n, 'NaN '])
      expect(readNumber(number, cell), typeof cell).to.equal('unreadable');
  });

  it('takes a number whose text is a marker as missing, in JSON and CSV', () => {
    const rule: ParseRule = { kind: 'number', nullMarkers: ['-999', '1.0'] };
    expect(readNumber(rule, '-999')).to.be.NaN;
    expect(readNumber(rule, -999)).to.be.NaN;
    expect(readNumber(rule, '-999.0')).to.equal(-999);
    expect(readNumber(rule, '1.0')).to.be.NaN;
    expect(readNumber(rule, 1)).to.equal(1);
    const category: ParseRule = { kind: 'category', keyRule: 'number', nullMarkers: ['-999', 'false'] };
    expect(readKey(category, -999)).to.equal(null);
    expect(readKey(category, '-999.0')).to.equal('-999');
    expect(readKey(category, false)).to.equal(null);
  });

  it('reads categories', () => {
    expect(readKey(text, '007')).to.equal('007');
    expect(readKey(numeric, '007')).to.equal('7');
    expect(readKey(boolean, 'TRUE')).to.equal('true');
    for (const rule of [text, numeric, boolean]) {
      expect(readKey(rule, 7)).to.equal('7');
      expect(readKey(rule, -0)).to.equal('0');
      expect(readKey(rule, 1e21)).to.equal('1e+21');
      expect(readKey(rule, true)).to.equal('true');
      for (const missing of [null, undefined, '', 'NA', NaN]) expect(readKey(rule, missing)).to.equal(null);
      for (const cell of [{}, [], ['a'], 1n]) expect(readKey(rule, cell)).to.equal(undefined);
    }
    expect(readKey(text, '__proto__')).to.equal('__proto__');
  });

  it('reads dates', () => {
    expect(readNumber(date, '1970-01-02')).to.equal(86400);
    expect(readNumber(date, '19700102')).to.equal(86400);
    expect(readNumber(date, 19700102)).to.equal(86400);
    for (const missing of [null, undefined, '', 'NULL']) expect(readNumber(date, missing)).to.be.NaN;
    for (const cell of [true, {}, [], '1970-02-30', 5]) expect(readNumber(date, cell)).to.equal('unreadable');
  });
});
