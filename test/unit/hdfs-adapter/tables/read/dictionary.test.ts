import { expect } from 'chai';
import { NativeStrings } from '../../../../../hdfs-adapter/tables/native-strings.ts';
import { DictionaryBuilder } from '../../../../../hdfs-adapter/tables/read/dictionary.ts';
import { TextCache } from '../../../../../hdfs-adapter/tables/read/text-cache.ts';

/** A column as DuckDB lays it out: short texts in the cell, long ones elsewhere. */
function column(texts: readonly (string | null)[]) {
  const cells = Buffer.alloc(texts.length * 16);
  const validity = new Uint32Array(Math.ceil(texts.length / 32));
  texts.forEach((text, row) => {
    if (text === null) return;
    validity[row >>> 5] = (validity[row >>> 5] ?? 0) | (1 << (row & 31));
    cells.writeUInt32LE(Buffer.byteLength(text), row * 16);
    if (Buffer.byteLength(text) <= 12) cells.write(text, row * 16 + 4);
  });
  let decodedCount = 0;
  const text = (row: number): string | null => {
    decodedCount += 1;
    return texts[row] ?? null;
  };
  const words = new Uint32Array(new Uint8Array(cells).buffer);
  return { native: { validity, doubles: null, words, text }, decoded: () => decodedCount };
}

const codesOf = (builder: DictionaryBuilder, texts: readonly (string | null)[]): (string | null)[] => {
  const out = new Int32Array(texts.length);
  builder.encode(column(texts).native, 0, texts.length, out, 0);
  return Array.from(out, (code) => (code < 0 ? null : (builder.dictionary[code] ?? 'none')));
};

const TEXTS = [
  'a',
  '',
  null,
  'b',
  'a',
  'exactly 12 b',
  'more than 12 bytes',
  'a\0',
  'é',
  'more than 12 bytes',
  null,
  '',
];

describe('DictionaryBuilder', () => {
  it('gives equal texts one code over chunks, short, long, empty and null, in order of first appearance', () => {
    const builder = new DictionaryBuilder();
    expect(codesOf(builder, TEXTS)).to.deep.equal(TEXTS);
    expect(codesOf(builder, TEXTS.toReversed())).to.deep.equal(TEXTS.toReversed());
    expect(builder.dictionary).to.deep.equal(['a', '', 'b', 'exactly 12 b', 'more than 12 bytes', 'a\0', 'é']);
  });

  it('does not decode a short text that it knows', () => {
    const builder = new DictionaryBuilder();
    const texts = Array.from({ length: 2_048 }, (_, i) => `k${i % 20}`);
    const { native, decoded } = column(texts);
    builder.encode(native, 0, texts.length, new Int32Array(texts.length), 0);
    expect(decoded()).to.equal(20);
  });

  it('grows with many distinct texts', () => {
    const builder = new DictionaryBuilder();
    const texts = Array.from({ length: 20_000 }, (_, i) => `${i}`);
    expect(codesOf(builder, texts)).to.deep.equal(texts);
    expect(codesOf(builder, texts)).to.deep.equal(texts);
    expect(builder.dictionary.length).to.equal(20_000);
  });
});

describe('TextCache', () => {
  it('gives exact texts, of which short ones are decoded once while they stay', () => {
    const cache = new TextCache();
    const { native, decoded } = column([...TEXTS, ...TEXTS]);
    expect([...TEXTS, ...TEXTS].map((_, row) => cache.text(native, row))).to.deep.equal([...TEXTS, ...TEXTS]);
    expect(decoded()).to.equal(6 + 4);
    const many = Array.from({ length: 50_000 }, (_, i) => `${i % 9_973}`);
    const second = column(many).native;
    expect(many.every((text, row) => cache.text(second, row) === text)).to.be.true;
  });
});

describe('NativeStrings', () => {
  it('reads adjacent texts by one call and never a byte between texts', () => {
    const texts = ['first long text', 'short', 'second long text', null, 'third long text', '\ufefffourth long'];
    const heap = Buffer.from('first long textsecond long text????third long text\ufefffourth long');
    const places = texts.map((text) => (text === null ? 0 : heap.indexOf(text)));
    const cells = Buffer.from(column(texts).native.words.buffer);
    texts.forEach((text, row) => {
      if (text !== null && Buffer.byteLength(text) > 12)
        cells.writeBigUInt64LE(BigInt(0x7f0000000000 + (places[row] ?? 0)), row * 16 + 8);
    });
    const calls: string[] = [];
    const view = new DataView(cells.buffer, cells.byteOffset, cells.byteLength);
    const strings = new NativeStrings(
      view,
      (row) => texts[row] !== null,
      (offset, count) => {
        const start = Number(view.getBigUint64(offset, true)) - 0x7f0000000000;
        calls.push(heap.toString('utf8', start, start + count));
        return heap.subarray(start, start + count);
      },
    );
    expect(texts.map((_, row) => strings.text(row))).to.deep.equal(texts);
    expect(calls).to.deep.equal(['first long textsecond long text', 'third long text\ufefffourth long']);
  });
});
