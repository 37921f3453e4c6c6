import { expect } from 'chai';
import { jsonErrorPlace } from '../../../../../prediction/server/http/json-place.ts';
import { randomGenerator } from '../../scoring/support.ts';

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

describe('prediction server: place of a JSON error', () => {
  for (const [text, offset, expected] of [
    ['', 0, 'the text ends where a JSON value is expected'],
    ['  ', 2, 'the text ends where a JSON value is expected'],
    ['{"a":x}', 5, 'a JSON value is expected'],
    ['{a:1}', 1, 'a name in double quotes or "}" is expected'],
    ['{"a" 1}', 5, '":" is expected'],
    ['{"a":1,}', 7, 'a name in double quotes is expected'],
    ['[1,]', 3, 'a JSON value is expected'],
    ['[1 2]', 3, '"," or "]" is expected'],
    ['{"a":[{}}', 8, '"," or "]" is expected'],
    ['{"a":1', 6, 'the text ends where "," or "}" is expected'],
    ['1 1', 2, 'the end of the text is expected'],
    ['"abc', 4, 'the text ends where a double quote is expected'],
    ['"a\\x"', 2, 'an escape that JSON knows is expected'],
    ['"a\nb"', 2, 'a double quote or an escaped control character is expected'],
    ['01', 1, 'the end of the text is expected'],
    ['[1.]', 2, '"," or "]" is expected'],
    ['nul', 0, 'a JSON value is expected'],
    ["{'a':1}", 1, 'a name in double quotes or "}" is expected'],
    ['[NaN]', 1, 'a JSON value (null for a missing value, not NaN) is expected'],
    ['[-NaN]', 1, 'a JSON value is expected'],
    ['[NaNa]', 1, 'a JSON value is expected'],
    ['{"a": Infinity}', 6, 'a JSON value (null for a missing value or the text "Infinity", not Infinity) is expected'],
    ['-Infinity', 0, 'a JSON value (null for a missing value or the text "-Infinity", not -Infinity) is expected'],
  ] as const) {
    it(`finds ${JSON.stringify(text)} wrong at ${offset}`, () => {
      const place = jsonErrorPlace(text);
      expect([place?.offset, place?.expected]).to.deep.equal([offset, expected]);
    });
  }

  it('counts lines and columns from 1', () => {
    const place = jsonErrorPlace('{\n  "a": 1,\n  "b": ?\n}');
    expect([place?.line, place?.column]).to.deep.equal([3, 8]);
    expect(jsonErrorPlace('?')).to.include({ line: 1, column: 1 });
    expect(jsonErrorPlace('[\n?')).to.include({ line: 2, column: 1 });
  });

  it('takes what JSON.parse takes and finds a place where it finds none', () => {
    const random = randomGenerator(7);
    const parts = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '1',
      '-0.5e+3',
      'true',
      'null',
      ' ',
      '\n',
      '"\\u00e9\\n"',
      '{}',
    ];
    let taken = 0;
    for (let i = 0; i < 30_000; i += 1) {
      let text = '';
      for (let left = 1 + random.integer(6); left > 0; left -= 1) text += random.pick(parts);
      const place = jsonErrorPlace(text);
      expect(place === null, text).to.equal(isJson(text));
      if (place === null) taken += 1;
      else expect(place.offset, text).to.be.within(0, text.length);
    }
    expect(taken).to.be.greaterThan(500);
  });

  it('does not run out of stack on deep nesting or long strings', () => {
    expect(jsonErrorPlace('['.repeat(1_000_000))?.offset).to.equal(1_000_000);
    expect(jsonErrorPlace(`"${'x'.repeat(5_000_000)}`)?.offset).to.equal(5_000_001);
    expect(jsonErrorPlace(`${' '.repeat(5_000_000)}x`)?.offset).to.equal(5_000_000);
  });
});
