import { expect } from 'chai';
import { isAppError } from '#contracts';
import { rowMediaType, type RowMediaType } from '../../../../../prediction/server/http/media-types.ts';
import { readRows } from '../../../../../prediction/server/http/rows.ts';

const LIMITS = { rowsMax: 3, columnsMax: 4, depthMax: 4 };
const read = (text: string, type: RowMediaType) => readRows(Buffer.from(text), type, LIMITS);
/** The rows of a JSON body, or of lines. */
const json = (text: string, type: RowMediaType = 'application/json') => {
  const rows = read(text, type);
  return rows.kind === 'objects' ? rows.rows : expect.fail('JSON gives objects');
};
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (err) {
    if (isAppError(err)) return err.code;
    throw err;
  }
  return 'nothing was thrown';
};

describe('prediction server: rows of a body', () => {
  it('reads an object, an array, {data} and NDJSON as the same rows', () => {
    const row = { a: 1, b: 'x' };
    expect(json('{"a":1,"b":"x"}')).to.deep.equal([row]);
    expect(json('[{"a":1,"b":"x"},{}]')).to.deep.equal([row, {}]);
    expect(json('\ufeff{"data":[{"a":1,"b":"x"}]}')).to.deep.equal([row]);
    const lines = '\r\n{"a":1,"b":"x"}\r\n\n{"a":1,"b":"x"}';
    expect(json(lines, 'application/x-ndjson')).to.deep.equal([row, row]);
  });

  it('takes a column called data for one unless it is an array', () => {
    expect(json('{"data":"x"}')).to.deep.equal([{ data: 'x' }]);
    expect(json('{"data":null,"a":1}')).to.deep.equal([{ data: null, a: 1 }]);
  });

  it('keeps an own __proto__ column and is not misled by one', () => {
    const rows = json('{"__proto__":{"data":[{"a":1}]}}');
    expect(rows).to.have.length(1);
    expect(Object.keys(rows[0] ?? {})).to.deep.equal(['__proto__']);
  });

  it('takes the limit of rows and not one more, in each form', () => {
    expect(json('[{},{},{}]')).to.have.length(3);
    expect(codeOf(() => json('[{},{},{},{}]'))).to.equal('TOO_MANY_ROWS');
    expect(codeOf(() => json('{"data":[{},{},{},{}]}'))).to.equal('TOO_MANY_ROWS');
    const lines = (count: number) => json('{}\n'.repeat(count), 'application/x-ndjson');
    expect(lines(3)).to.have.length(3);
    expect(codeOf(() => lines(4))).to.equal('TOO_MANY_ROWS');
  });

  it('refuses rows that are no objects, naming the row', () => {
    for (const text of ['[null]', '[[]]', '["a"]', 'null', '"a"', 'true'])
      expect(
        codeOf(() => json(text)),
        text,
      ).to.equal('VALIDATION_FAILED');
    try {
      json('[{},7]');
      expect.fail('a number was taken for a row');
    } catch (err) {
      expect(isAppError(err) && err.errors[0]?.path).to.equal('row 2');
    }
  });

  it('says where JSON is wrong without repeating it', () => {
    try {
      json('{"secret": "hunter2" "b"}');
      expect.fail('wrong JSON was taken');
    } catch (err) {
      const message = isAppError(err, 'INVALID_JSON') ? err.message : String(err);
      expect(message).to.include('line 1, column 22 (byte 21)');
      expect(message).to.not.include('hunter2');
    }
  });

  it('reads CSV under its header', () => {
    const rows = read('a,b\n1,2\n', 'text/csv');
    if (rows.kind !== 'table') expect.fail('CSV gives a table');
    expect([rows.header, rows.rowCount]).to.deep.equal([['a', 'b'], 1]);
    expect([0, 1].map((column) => rows.reader(column, null)(0))).to.deep.equal(['1', '2']);
  });

  it('says at which byte and line JSON is wrong, of lines too', () => {
    const messageOf = (run: () => unknown): string => {
      try {
        run();
      } catch (err) {
        if (isAppError(err)) return err.message;
      }
      return expect.fail('it was taken');
    };
    expect(messageOf(() => json('{"é€":?}'))).to.include('line 1, column 7 (byte 9)');
    expect(messageOf(() => json('{"é":1}\n\n{"a":}\n', 'application/x-ndjson'))).to.include(
      'line 3, column 6 (byte 15)',
    );
  });

  for (const [what, text, type, code, part] of [
    [
      'an object of too many columns',
      '{"a":1,"b":1,"c":1,"d":1,"e":1}',
      'application/json',
      'TOO_MANY_COLUMNS',
      'row 1',
    ],
    [
      'a second row of too many',
      '[{},{"a":1,"b":1,"c":1,"d":1,"e":1}]',
      'application/json',
      'TOO_MANY_COLUMNS',
      'row 2',
    ],
    ['a line of too many', '{}\n{"a":1,"b":1,"c":1,"d":1,"e":[]}', 'application/x-ndjson', 'TOO_MANY_COLUMNS', 'row 2'],
    ['a header of too many', 'a,b,c,d,e\n', 'text/csv', 'TOO_MANY_COLUMNS', 'the header has more than 4'],
    ['a CSV row of too many', 'a\n1,2,3,4,5\n', 'text/csv', 'TOO_MANY_COLUMNS', 'row 1'],
    [
      'JSON that is too deep',
      '{"data":[{"é":[[]]}]}',
      'application/json',
      'JSON_TOO_DEEP',
      'more than 4 deep at byte 16',
    ],
    ['too many containers', `{"a":[${'{},'.repeat(20)}{}]}`, 'application/json', 'TOO_MANY_ROWS', 'objects and arrays'],
  ] as const) {
    it(`refuses ${what}`, () => {
      try {
        read(text, type);
        expect.fail('it was taken');
      } catch (err) {
        expect(isAppError(err) ? err.code : String(err)).to.equal(code);
        expect(isAppError(err) && err.message).to.include(part);
      }
    });
  }

  it('takes brackets and colons in texts for what they are', () => {
    const row = { a: '{[[[[[[:::::', 'b"\\': ':\\', c: [{}], d: '\\"' };
    expect(json(JSON.stringify([row]))).to.deep.equal([row]);
    expect(codeOf(() => json('{"a":"\\"'))).to.equal('INVALID_JSON');
    expect(codeOf(() => json(']]]{}'))).to.equal('INVALID_JSON');
  });

  for (const [type, encoding, expected] of [
    [undefined, undefined, 'application/json'],
    ['Application/JSON; charset=UTF-8', undefined, 'application/json'],
    ['text/csv;header=present', 'identity', 'text/csv'],
    ['application/jsonl', undefined, 'application/x-ndjson'],
    ['text/csv; charset="utf-16"', undefined, 'UNSUPPORTED_MEDIA_TYPE'],
    ['text/plain', undefined, 'UNSUPPORTED_MEDIA_TYPE'],
    ['', undefined, 'UNSUPPORTED_MEDIA_TYPE'],
    ['text/csv', 'gzip', 'UNSUPPORTED_MEDIA_TYPE'],
    ['application/vnd.apache.arrow.stream', undefined, 'application/vnd.apache.arrow.stream'],
    ['application/vnd.apache.arrow.file', undefined, 'UNSUPPORTED_MEDIA_TYPE'],
  ] as const) {
    it(`takes content type ${type ?? 'none'}, encoding ${encoding ?? 'none'} as ${expected}`, () => {
      let found = '';
      const code = codeOf(() => (found = rowMediaType(type, encoding)));
      expect(found === '' ? code : found).to.equal(expected);
    });
  }
});
