import { expect } from 'chai';
import { readRecord, sniffDelimiter } from '../../../../../hdfs-adapter/tables/ingest/csv-record.ts';

describe('readRecord', () => {
  it('reads quotes, line ends and where the record ends', () => {
    expect(readRecord('a,"b ""q"", \n",c\r\nd', 0, ',')).to.deep.equal({ cells: ['a', 'b "q", \n', 'c'], end: 18 });
    expect(readRecord('a\rb', 0, ',')).to.deep.equal({ cells: ['a'], end: 2 });
    expect(readRecord('x\n,\n', 2, ',')).to.deep.equal({ cells: ['', ''], end: 4 });
  });

  it('says that the text ends before the record', () => {
    expect(readRecord('a,b', 0, ',').end).to.equal(-1);
    expect(readRecord('a,"b\n', 0, ',').end).to.equal(-1);
  });
});

describe('sniffDelimiter', () => {
  it('takes what gives the header several cells and the records as many', () => {
    const texts: readonly (readonly [string, string])[] = [
      [',', 'a,b\n1,2\n'],
      [';', 'a;b\n1,5;2\n'],
      ['\t', 'a, x\tb\n1\t2\n'],
      ['|', 'a|b|c\n1|2|3\n'],
      [',', 'one column\nhello; world\n'],
      [';', '"a,b";c\n"1;2";3\n'],
      [',', 'a,b\n1,2\n3\n'],
      [';', 'name;note, long\nx;y\nz;w\n'],
      [',', ''],
    ];
    for (const [delimiter, text] of texts) expect(sniffDelimiter(text), JSON.stringify(text)).to.equal(delimiter);
  });
});
