import { expect } from 'chai';
import { readMembers } from '../../../../../hdfs-adapter/tables/ingest/json-object.ts';

const members = (line: string): [string, string | null][] => {
  JSON.parse(line);
  const found: [string, string | null][] = [];
  readMembers(line, (key, cell) => found.push([key, cell]));
  return found;
};

describe('readMembers', () => {
  it('gives values as they are written', () => {
    expect(members('{}')).to.deep.equal([]);
    expect(members(' { "a" : 1.50 , "b":-0E+5,"c":null ,"d":true,"e":"" }')).to.deep.equal([
      ['a', '1.50'],
      ['b', '-0E+5'],
      ['c', null],
      ['d', 'true'],
      ['e', ''],
    ]);
  });

  it('decodes strings, keys too, and keeps nested values whole', () => {
    const line = '{"k\\u0041\\"":"x\\n\\\\","o":{"a":["}\\"]",{}],"b":"{"},"l":[ 1,[2] ],"é":"😀"}';
    expect(members(line)).to.deep.equal([
      ['kA"', 'x\n\\'],
      ['o', '{"a":["}\\"]",{}],"b":"{"}'],
      ['l', '[ 1,[2] ]'],
      ['é', '😀'],
    ]);
  });
});
