import { expect } from 'chai';
import { isAppError, type ErrorCode } from '#contracts';
import { csvCell, parseCsv } from '../../../conf/csv.ts';

const read = (text: string) => parseCsv(text, { rowsMax: 100, columnsMax: 100 });
const refusal = (run: () => unknown, code: ErrorCode): string => {
  try {
    run();
  } catch (err) {
    if (isAppError(err, code)) return err.message;
    throw err;
  }
  throw new Error(`expected ${code}`);
};

describe('comma-separated values', () => {
  for (const [what, text, header, rows] of [
    [
      'line feeds',
      'a,b\n1,2\n3,4\n',
      ['a', 'b'],
      [
        ['1', '2'],
        ['3', '4'],
      ],
    ],
    ['no last line end', 'a,b\n1,2', ['a', 'b'], [['1', '2']]],
    ['carriage returns', 'a,b\r1,2\r', ['a', 'b'], [['1', '2']]],
    ['both', 'a,b\r\n1,2\r\n', ['a', 'b'], [['1', '2']]],
    ['a byte-order mark', '\ufeffa,b\n1,2\n', ['a', 'b'], [['1', '2']]],
    ['quotes', '"a","b ""x"""\n"1,\n2",""\n', ['a', 'b "x"'], [['1,\n2', '']]],
    ['quotes at the end', 'a,b\n1,"2"', ['a', 'b'], [['1', '2']]],
    ['a quote inside a cell', 'a,b\n1"2",3\n', ['a', 'b'], [['1"2"', '3']]],
    ['spaces', ' a , b \n 1 , 2 \n', [' a ', ' b '], [[' 1 ', ' 2 ']]],
    [
      'empty cells',
      'a,b,c\n,,\n1,,\n',
      ['a', 'b', 'c'],
      [
        ['', '', ''],
        ['1', '', ''],
      ],
    ],
    ['a last empty cell without a line end', 'a,b\n1,', ['a', 'b'], [['1', '']]],
    ['empty lines among columns', 'a,b\n\n1,2\n\r\n\n', ['a', 'b'], [['1', '2']]],
    ['empty lines of one column', 'a\n\n1\n""\n', ['a'], [[''], ['1'], ['']]],
    ['a quoted empty line among columns', 'a,b\n""\n', ['a', 'b'], [['']]],
    ['a header only', 'a,b\n', ['a', 'b'], []],
    ['ragged rows', 'a,b\n1\n1,2,3\n', ['a', 'b'], [['1'], ['1', '2', '3']]],
    ['__proto__', '__proto__,constructor\n1,2\n', ['__proto__', 'constructor'], [['1', '2']]],
  ] as const) {
    it(`reads ${what}`, () => {
      expect(read(text)).to.deep.equal({ header, rows });
    });
  }

  it('refuses an empty text', () => {
    expect(refusal(() => read(''), 'BAD_REQUEST')).to.include('the first row must have the column names');
    expect(refusal(() => read('\ufeff'), 'BAD_REQUEST')).to.include('empty');
  });

  it('names the row of a quote that never ends or is followed by text', () => {
    expect(refusal(() => read('a,b\n1,2\n3,"4\n5,6\n'), 'BAD_REQUEST')).to.equal('row 2: a quoted cell never ends');
    expect(refusal(() => read('a,b\n1,"2"x\n'), 'BAD_REQUEST')).to.equal('row 1: text after the end of a quoted cell');
    expect(refusal(() => read('"a'), 'BAD_REQUEST')).to.equal('the header: a quoted cell never ends');
  });

  it('takes the limit of rows and not one more', () => {
    expect(parseCsv('a\n1\n2\n', { rowsMax: 2, columnsMax: 1 }).rows).to.have.length(2);
    expect(refusal(() => parseCsv('a\n1\n2\n3', { rowsMax: 2, columnsMax: 1 }), 'TOO_MANY_ROWS')).to.include('2 rows');
    expect(
      parseCsv('a,b\n1,2\n\n\n\n\n', { rowsMax: 1, columnsMax: 2 }).rows,
      'empty lines do not count',
    ).to.have.length(1);
  });

  it('writes cells that read back as they were', () => {
    for (const cell of ['', 'a', 'a,b', 'a"b', '"', '\r', 'a\nb', ' ', '""', 'é']) {
      const line = `${csvCell(cell)},${csvCell(cell)}`;
      expect(read(`x,y\n${line}\n`).rows).to.deep.equal([[cell, cell]]);
    }
    expect(csvCell('plain')).to.equal('plain');
  });

  it('reads a million cells in passing', () => {
    const line = `${Array.from({ length: 100 }, (_, i) => (i % 3 === 0 ? `"q ${i}"` : `cell ${i}`)).join(',')}\n`;
    expect(parseCsv(line.repeat(10_001), { rowsMax: 10_000, columnsMax: 100 }).rows.at(-1)?.at(-1)).to.equal(
      '"q 99"'.slice(1, -1),
    );
  });
});
