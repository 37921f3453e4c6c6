import { expect } from 'chai';
import { columnNames } from '../../../../../hdfs-adapter/tables/ingest/column-names.ts';

describe('columnNames', () => {
  it('trims, names the unnamed, tells names apart by case', () => {
    expect(columnNames([' a ', '', 'A', '\t', '__proto__']).names).to.deep.equal([
      'a',
      'column_2',
      'A',
      'column_4',
      '__proto__',
    ]);
  });

  it('gives repeated names a free suffix and says so', () => {
    const { names, warnings } = columnNames(['a', 'a', 'a_2', 'a', 'a_2', '', 'column_6']);
    expect(names).to.deep.equal(['a', 'a_3', 'a_2', 'a_4', 'a_2_2', 'column_6', 'column_6_2']);
    expect(new Set(names).size).to.equal(names.length);
    expect(warnings.map(({ position }) => position)).to.deep.equal([1, 3, 4, 6]);
  });

  it('is quick for ten thousand equal names', () => {
    const { names } = columnNames(new Array<string>(10_000).fill('x'));
    expect(names.at(-1)).to.equal('x_10000');
  });
});
