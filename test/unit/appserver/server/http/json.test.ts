import { expect } from 'chai';
import { isAppError } from '#contracts';
import { JSON_DEPTH_MAX, parseJsonText } from '../../../../../appserver/server/http/json.ts';

const failure = (text: string): string => {
  try {
    parseJsonText(text, 'body');
  } catch (err) {
    if (isAppError(err, 'INVALID_JSON')) return err.message;
    throw err;
  }
  throw new Error(`${text} was taken`);
};

describe('parseJsonText', () => {
  it('agrees with JSON.parse on what is JSON, for texts cut and altered anywhere', () => {
    const whole = '{"a":[1,-2.5e+3,0.1,"\\u00e9\\"\\n",true,false,null,{}],"b":{"c":[]," ":""} }';
    const texts = new Set([
      whole,
      '1',
      '"x"',
      'null',
      '01',
      '1.',
      '-',
      '.5',
      '"\t"',
      '[1,]',
      '{"a":1,}',
      '{a:1}',
      "'x'",
      '',
    ]);
    for (let at = 0; at < whole.length; at += 1) {
      texts.add(whole.slice(0, at));
      for (const piece of ['', ',', '"', '}', ']', '\\', '0', ' ', '\u0001'])
        texts.add(whole.slice(0, at) + piece + whole.slice(at + 1));
    }
    for (const text of texts) {
      let expected: unknown;
      try {
        expected = JSON.parse(text);
      } catch {
        expect(failure(text), text).to.include('is not valid JSON');
        continue;
      }
      expect(parseJsonText(text, 'body'), text).to.deep.equal(expected);
    }
    expect(texts.size).to.be.above(400);
  });

  it('says line, column and what is missing', () => {
    expect(failure('{"a": 1,\n  b: 2}')).to.include('a name in double quotes is expected at line 2, column 3');
    expect(failure('{"a" 1}')).to.include('":" is expected at line 1, column 6');
    expect(failure('[1 2]')).to.include('"," or "]" is expected at line 1, column 4');
    expect(failure('[1] x')).to.include('the end of the text is expected');
    expect(failure('{"a":')).to.include('the text ends; a JSON value is expected');
  });

  it('limits nesting and takes long strings', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(parseJsonText(nested(JSON_DEPTH_MAX), 'body')).to.be.an('array');
    expect(failure(nested(JSON_DEPTH_MAX + 1))).to.include(`at most ${JSON_DEPTH_MAX} levels`);
    expect(parseJsonText(JSON.stringify('\\"x'.repeat(1_000_000)), 'body')).to.have.length(3_000_000);
  });

  it('gives own properties whatever their names are', () => {
    const value = parseJsonText('{"__proto__": {"admin": true}}', 'body') as { admin?: boolean };
    expect(value.admin).to.equal(undefined);
    expect(Object.hasOwn(value, '__proto__')).to.equal(true);
  });
});
