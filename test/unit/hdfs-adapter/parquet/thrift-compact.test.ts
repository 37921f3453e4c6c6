import { expect } from 'chai';
import { readThrift, writeThrift, type ThriftStruct } from '#parquet';

const struct = (
  fields: readonly [
    number,
    number,
    ThriftStruct['fields'] extends Map<number, infer F> ? (F extends { value: infer V } ? V : never) : never,
  ][],
): ThriftStruct => ({
  fields: new Map(fields.map(([id, type, value]) => [id, { type, value }])),
});

describe('thrift compact protocol', () => {
  it('writes back every type it reads', () => {
    const value = struct([
      [1, 5, -1],
      [2, 6, Number.MAX_SAFE_INTEGER / 4 - 1],
      [3, 1, true],
      [4, 1, false],
      [5, 8, Buffer.from('text')],
      [6, 7, Buffer.alloc(8, 3)],
      [7, 3, 200],
      [30, 9, { type: 12, items: [struct([[1, 5, 7]]), struct([])] }],
      [300, 9, { type: 6, items: Array.from({ length: 40 }, (_, i) => i * 1_000 - 20_000) }],
      [301, 9, { type: 1, items: [true, false] }],
    ]);
    const bytes = writeThrift(value);
    const read = readThrift(bytes);
    expect(writeThrift(read).equals(bytes)).to.be.true;
    expect(read.fields.get(1)?.value).to.equal(-1);
    expect(read.fields.get(4)?.value).to.be.false;
    expect(read.fields.get(300)?.value).to.deep.equal(value.fields.get(300)?.value);
  });

  it('reads the example of the specification', () => {
    // Field 1, i32, value 1: delta 1, type 5, zigzag 2.
    expect(readThrift(Buffer.from([0x15, 0x02, 0x00])).fields.get(1)?.value).to.equal(1);
  });

  it('refuses what ends early, is too deep or too large', () => {
    expect(() => readThrift(Buffer.from([0x15]))).to.throw(/ends early/);
    expect(() => readThrift(Buffer.from([0x18, 0x7f]))).to.throw(/ends early/);
    expect(() => readThrift(Buffer.alloc(100, 0x1c))).to.throw(/too deep/);
    expect(() => readThrift(Buffer.from([0x16, ...new Array<number>(12).fill(0xff)]))).to.throw(/2\^53/);
    expect(() => readThrift(Buffer.from([0x1d, 0]))).to.throw(/type 13/);
  });
});
