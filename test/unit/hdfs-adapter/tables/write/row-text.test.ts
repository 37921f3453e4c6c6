import { expect } from 'chai';
import { csvCell, jsonCell } from '../../../../../hdfs-adapter/tables/write/row-text.ts';

describe('cells of result files', () => {
  it('are CSV by RFC 4180, NULL apart from an empty text', () => {
    const cases = [null, '', 'a', 'a,b', 'a"b', 'a\nb', 'a\rb', ' a ', 0.1, -0, 1e21, 5e-324, NaN, Infinity] as const;
    expect(cases.map(csvCell)).to.deep.equal([
      '',
      '""',
      'a',
      '"a,b"',
      '"a""b"',
      '"a\nb"',
      '"a\rb"',
      ' a ',
      '0.1',
      '0',
      '1e+21',
      '5e-324',
      '',
      'Infinity',
    ]);
  });

  it('are JSON, infinities as texts', () => {
    const cases = [null, '', 'a"\n', 0.1, -0, NaN, -Infinity] as const;
    expect(cases.map(jsonCell)).to.deep.equal(['null', '""', '"a\\"\\n"', '0.1', '0', 'null', '"-Infinity"']);
  });
});
