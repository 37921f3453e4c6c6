import { expect } from 'chai';
import { parse } from '#contracts';
import {
  DistinctCounterData,
  addNumbersToDistinct,
  addTextsToDistinct,
  createDistinctCounter,
  createRandom,
  distinctCountOf,
  distinctFromData,
  distinctToData,
  isExactDistinct,
  mergeDistinct,
  type DistinctCounter,
} from '#statistics';
import { mergeAtRandom, splits, throughJson } from '../support.ts';

function counterOf(values: Float64Array | string[], limit = 1000, from = 0, to = values.length): DistinctCounter {
  const counter = createDistinctCounter(limit);
  if (Array.isArray(values)) addTextsToDistinct(counter, values, from, to);
  else addNumbersToDistinct(counter, values, from, to);
  return counter;
}

describe('DistinctCounter', () => {
  it('is exact up to its limit', () => {
    const texts = Array.from({ length: 5000 }, (_, i) => `value ${i % 1000}`);
    expect(distinctCountOf(counterOf(texts))).to.equal(1000);
    expect(isExactDistinct(counterOf(texts))).to.be.true;
    expect(isExactDistinct(counterOf([...texts, 'one more']))).to.be.false;
    expect(distinctCountOf(createDistinctCounter())).to.equal(0);
    expect(isExactDistinct(counterOf(['a'], 0))).to.be.false;
  });

  it('passes over missing values and tells what looks alike apart', () => {
    const texts = createDistinctCounter();
    addTextsToDistinct(texts, [null, '', ' ', 'a', 'A', 'é', 'e\u0301', '__proto__', 'a\u0000', null, '']);
    expect(distinctCountOf(texts)).to.equal(8);
    const numbers = counterOf(Float64Array.of(NaN, 0, -0, 1, 1, Infinity, -Infinity, 5e-324, 1 + 2 ** -52));
    expect(distinctCountOf(numbers)).to.equal(6);
  });

  it('keeps its error of 0.81 % on every scale', () => {
    for (const size of [1500, 8000, 30_000, 200_000]) {
      let squares = 0;
      const runs = 12;
      for (let run = 0; run < runs; run++) {
        const found = distinctCountOf(counterOf(new Float64Array(size).map((_, i) => run * 1e7 + i)));
        squares += (found / size - 1) ** 2;
        expect(found / size, `${size}, run ${run}`).to.be.within(1 - 4 * 0.0081, 1 + 4 * 0.0081);
      }
      expect(Math.sqrt(squares / runs), String(size)).to.be.below(1.5 * 0.0081);
    }
    const texts = Array.from({ length: 50_000 }, (_, i) => `customer-${i}`);
    expect(distinctCountOf(counterOf(texts)) / texts.length).to.be.within(0.97, 1.03);
  });

  it('is the same in any split, below the limit, across it and above', () => {
    for (const size of [800, 1400, 30_000]) {
      const random = createRandom(size);
      const texts = Array.from({ length: size * 2 }, () => (random.below(20) === 0 ? '' : `v${random.below(size)}`));
      const whole = distinctToData(counterOf(texts));
      const parts = splits(random, texts.length, 8).map(([from, to]) => counterOf(texts, 1000, from, to));
      expect(distinctToData(mergeAtRandom(random, parts, mergeDistinct))).to.deep.equal(whole);
      expect(distinctToData(counterOf(texts.toReversed()))).to.deep.equal(whole);
    }
  });

  it('comes back from JSON', () => {
    for (const size of [0, 10, 3000]) {
      const counter = counterOf(new Float64Array(size).map((_, i) => i / 7));
      const data = throughJson(distinctToData(counter));
      const back = distinctFromData(parse(DistinctCounterData, data, 'counter'));
      expect(distinctCountOf(back)).to.equal(distinctCountOf(counter));
      expect(distinctToData(back)).to.deep.equal(data);
    }
  });

  it('refuses what does not fit', () => {
    expect(() => createDistinctCounter(-1)).to.throw('limit');
    expect(() => mergeDistinct(createDistinctCounter(10), createDistinctCounter(11))).to.throw('limit');
    const hashes = ['0000000000000001', '0000000000000002'];
    for (const data of [
      { limit: 1, hashes, registers: null },
      { limit: 9, hashes: null, registers: null },
      { limit: 9, hashes, registers: '' },
      { limit: 9, hashes: null, registers: 'AAAA' },
      { limit: 9, hashes: null, registers: Buffer.alloc(16_384, 52).toString('base64') },
    ]) {
      expect(() => distinctFromData(data)).to.throw('distinct counter');
    }
  });
});
