import { expect } from 'chai';
import { isAppError } from '#contracts';
import { readRows, rowMediaType } from '../../../../../prediction/server/http/rows.ts';

const json = (text: string) => readRows(Buffer.from(text), 'application/json', 3);
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
    expect(json('{"a":1,"b":"x"}')).to.deep.equal({ kind: 'objects', rows: [row] });
    expect(json('[{"a":1,"b":"x"},{}]')).to.deep.equal({ kind: 'objects', rows: [row, {}] });
    expect(json('\ufeff{"data":[{"a":1,"b":"x"}]}')).to.deep.equal({ kind: 'objects', rows: [row] });
    const lines = Buffer.from('\r\n{"a":1,"b":"x"}\r\n\n{"a":1,"b":"x"}');
    expect(readRows(lines, 'application/x-ndjson', 3)).to.deep.equal({ kind: 'objects', rows: [row, row] });
  });

  it('takes a column called data for one unless it is an array', () => {
    expect(json('{"data":"x"}')).to.deep.equal({ kind: 'objects', rows: [{ data: 'x' }] });
    expect(json('{"data":null,"a":1}')).to.deep.equal({ kind: 'objects', rows: [{ data: null, a: 1 }] });
  });

  it('keeps an own __proto__ column and is not misled by one', () => {
    const { rows } = json('{"__proto__":{"data":[{"a":1}]}}');
    expect(rows).to.have.length(1);
    expect(Object.keys(rows[0] ?? {})).to.deep.equal(['__proto__']);
  });

  it('takes the limit of rows and not one more, in each form', () => {
    expect(json('[{},{},{}]').rows).to.have.length(3);
    expect(codeOf(() => json('[{},{},{},{}]'))).to.equal('TOO_MANY_ROWS');
    expect(codeOf(() => json('{"data":[{},{},{},{}]}'))).to.equal('TOO_MANY_ROWS');
    const lines = (count: number) => readRows(Buffer.from('{}\n'.repeat(count)), 'application/x-ndjson', 3);
    expect(lines(3).rows).to.have.length(3);
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
      expect(message).to.include('line 1, column 22 (position 21)');
      expect(message).to.not.include('hunter2');
    }
  });

  it('reads CSV under its header', () => {
    expect(readRows(Buffer.from('a,b\n1,2\n'), 'text/csv', 3)).to.deep.equal({
      kind: 'table',
      header: ['a', 'b'],
      rows: [['1', '2']],
    });
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
    ['application/vnd.apache.arrow.stream', undefined, 'NOT_AVAILABLE'],
  ] as const) {
    it(`takes content type ${type ?? 'none'}, encoding ${encoding ?? 'none'} as ${expected}`, () => {
      let found = '';
      const code = codeOf(() => (found = rowMediaType(type, encoding)));
      expect(found === '' ? code : found).to.equal(expected);
    });
  }
});
