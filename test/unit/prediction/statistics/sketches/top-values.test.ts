import { expect } from 'chai';
import { parse } from '#contracts';
import {
  TopValuesData,
  addAllToTopValues,
  addToTopValues,
  createRandom,
  createTopValues,
  isExactTopValues,
  mergeTopValues,
  topValuesFromData,
  topValuesOf,
  topValuesToData,
  type TopValues,
} from '#statistics';
import { mergeAtRandom, splits, throughJson } from '../support.ts';

function topOf(texts: readonly (string | null)[], capacity: number, from = 0, to = texts.length): TopValues {
  const top = createTopValues(capacity);
  addAllToTopValues(top, texts, from, to);
  return top;
}

/** Some texts often, most of them seldom. */
function skewed(seed: number, size: number): string[] {
  const random = createRandom(seed);
  return Array.from({ length: size }, () => `t${Math.floor(2 / (random.uniform() + 0.0005))}`);
}

function countsOf(texts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}

describe('TopValues', () => {
  it('counts exactly up to its capacity, in order of first appearance', () => {
    const top = topOf(['b', 'a', null, 'b', '__proto__', 'c', 'b', 'a', ''], 5);
    expect(isExactTopValues(top)).to.be.true;
    expect(topValuesToData(top)).to.deep.equal({
      capacity: 5,
      total: 8,
      error: 0,
      entries: [
        { value: 'b', count: 3 },
        { value: 'a', count: 2 },
        { value: '__proto__', count: 1 },
        { value: 'c', count: 1 },
        { value: '', count: 1 },
      ],
    });
    expect(topValuesOf(top, 3)).to.deep.equal([
      { value: 'b', count: 3 },
      { value: 'a', count: 2 },
      { value: '', count: 1 },
    ]);
    addToTopValues(top, 'd');
    expect(isExactTopValues(top)).to.be.false;
  });

  it('keeps its error, whole and in any split', () => {
    const capacity = 60;
    for (let seed = 0; seed < 10; seed++) {
      const texts = skewed(seed, 20_000);
      const counts = countsOf(texts);
      expect(counts.size).to.be.above(capacity);
      const random = createRandom(seed);
      const parts = splits(random, texts.length, 7).map(([from, to]) => topOf(texts, capacity, from, to));
      for (const top of [topOf(texts, capacity), mergeAtRandom(random, parts, mergeTopValues)]) {
        expect(top.total).to.equal(texts.length);
        expect(top.counts.size).to.be.at.most(capacity);
        expect(isExactTopValues(top)).to.be.false;
        expect(top.error).to.be.at.most(texts.length / (capacity / 2 + 1));
        for (const [text, count] of counts) {
          const found = top.counts.get(text) ?? 0;
          expect(found, text).to.be.within(count - top.error, count);
        }
        expect(topValuesOf(top, 1)[0]?.value).to.equal([...counts].reduce((a, b) => (b[1] > a[1] ? b : a))[0]);
      }
    }
  });

  it('stays exact in any split while the whole is', () => {
    const texts = skewed(3, 5000).map((text) => text.slice(0, 2));
    const random = createRandom(5);
    const parts = splits(random, texts.length, 5).map(([from, to]) => topOf(texts, 20, from, to));
    expect(topValuesToData(mergeAtRandom(random, parts, mergeTopValues))).to.deep.equal(
      topValuesToData(topOf(texts, 20)),
    );
    expect(isExactTopValues(topOf(texts, 20))).to.be.true;
  });

  it('takes counts, as of a dictionary', () => {
    const top = createTopValues(4);
    addToTopValues(top, 'x', 1000);
    for (let i = 0; i < 10; i++) addToTopValues(top, `y${i}`, 2);
    expect(topValuesOf(top, 1)[0]?.value).to.equal('x');
    expect(top.total).to.equal(1020);
    for (const count of [0, -1, 1.5, NaN]) expect(() => addToTopValues(top, 'x', count)).to.throw('count');
  });

  it('comes back from JSON', () => {
    for (const top of [createTopValues(2), topOf(skewed(1, 3000), 40)]) {
      const data = throughJson(topValuesToData(top));
      expect(topValuesFromData(parse(TopValuesData, data, 'top values'))).to.deep.equal(top);
    }
  });

  it('refuses what does not fit', () => {
    for (const capacity of [1, 2.5, NaN, 1e7]) expect(() => createTopValues(capacity)).to.throw('capacity');
    expect(() => mergeTopValues(createTopValues(4), createTopValues(5))).to.throw('capacity');
    const entries = [
      { value: 'a', count: 2 },
      { value: 'b', count: 1 },
    ];
    for (const data of [
      { capacity: 4, total: 4, error: 0, entries },
      { capacity: 4, total: 2, error: 1, entries },
      { capacity: 1, total: 3, error: 0, entries },
      { capacity: 4, total: 4, error: 0, entries: [...entries, { value: 'a', count: 1 }] },
    ]) {
      expect(() => topValuesFromData(data)).to.throw('do not fit together');
    }
  });
});
