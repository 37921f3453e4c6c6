import { expect } from 'chai';
import { addTerm, ascendingOrder, averageRanks, createRandom, emptySum, mix64, neumaierSum, sumOf } from '#statistics';

describe('compensated sums', () => {
  it('keep what plain addition loses', () => {
    expect(neumaierSum([1, 1e100, 1, -1e100])).to.equal(2);
    expect(neumaierSum(new Float64Array(10).fill(0.1))).to.equal(1);
    expect(neumaierSum([])).to.equal(0);
    expect(neumaierSum([5, 1e100, 3, -1e100], 2, 3)).to.equal(3);
  });

  it('give what plain addition gives for infinities and NaN', () => {
    expect(neumaierSum([1, Infinity, 2])).to.equal(Infinity);
    expect(neumaierSum([1, -Infinity])).to.equal(-Infinity);
    expect(neumaierSum([Infinity, -Infinity])).to.be.NaN;
    expect(neumaierSum([1, NaN])).to.be.NaN;
  });

  it('do not depend on the order', () => {
    const random = createRandom(5);
    const values = new Float64Array(10_000).map(() => (random.uniform() - 0.3) * 10 ** random.below(12));
    const backwards = values.slice().reverse();
    const sorted = values.slice().sort();
    expect(neumaierSum(backwards)).to.equal(neumaierSum(values));
    expect(neumaierSum(sorted)).to.equal(neumaierSum(values));
    const running = emptySum();
    for (const value of values) addTerm(running, value);
    expect(sumOf(running)).to.equal(neumaierSum(values));
  });
});

describe('random numbers', () => {
  it('keep the golden values of SplitMix64', () => {
    const random = createRandom(1234567);
    expect([random.uint32(), random.uint32(), random.uint32(), random.uint32()]).to.deep.equal([
      1503580183, 745795716, 2285812965, 1069479744,
    ]);
    expect(createRandom(1234567).uniform()).to.equal(Number(6457827717110365317n >> 11n) / 2 ** 53);
    expect(createRandom(-1).uint32()).to.equal(3839455607);
    expect(createRandom(2 ** 53 - 1).uint32()).to.equal(616124332);
  });

  it('mix 64-bit words as big integers do', () => {
    const mask = (1n << 64n) - 1n;
    const random = createRandom(3);
    for (let i = 0; i < 1000; i++) {
      const word = { high: random.uint32(), low: random.uint32() };
      let z = (BigInt(word.high) << 32n) | BigInt(word.low);
      z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
      z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask;
      z ^= z >> 31n;
      mix64(word);
      expect((BigInt(word.high) << 32n) | BigInt(word.low)).to.equal(z);
    }
  });

  it('draw below a bound, every number alike', () => {
    const random = createRandom(11);
    const counts = [0, 0, 0, 0, 0, 0, 0];
    for (let i = 0; i < 70_000; i++) {
      const drawn = random.below(7);
      counts[drawn] = (counts[drawn] ?? 0) + 1;
    }
    for (const count of counts) expect(count).to.be.within(9500, 10_500);
    expect(createRandom(1).below(1)).to.equal(0);
    for (const bound of [0, -1, 1.5, 2 ** 32 + 1]) expect(() => createRandom(1).below(bound)).to.throw('bound');
    expect(() => createRandom(0.5)).to.throw('seed');
  });
});

describe('ascending order', () => {
  const check = (values: Float64Array): void => {
    const expected = Array.from(values.keys()).sort((a, b) => {
      const x = values[a] ?? 0;
      const y = values[b] ?? 0;
      return x < y ? -1 : x > y ? 1 : a - b;
    });
    expect(Array.from(ascendingOrder(values))).to.deep.equal(expected);
  };

  it('is stable and takes +0 and -0 as equal, below and above the size for radix sorting', () => {
    const special = [
      0,
      -0,
      1,
      -1,
      Infinity,
      -Infinity,
      5e-324,
      -5e-324,
      1.7976931348623157e308,
      -1.7976931348623157e308,
      1e-310,
    ];
    for (const size of [0, 1, 2, 300, 25_000]) {
      const random = createRandom(size);
      check(new Float64Array(size).map(() => random.uniform()));
      check(new Float64Array(size).map(() => random.below(5) - 2));
      check(new Float64Array(size).map(() => special[random.below(special.length)] ?? 0));
      check(new Float64Array(size).map(() => (random.uniform() - 0.5) * 10 ** (random.below(600) - 300)));
      check(new Float64Array(size).fill(3));
    }
  });
});

describe('average ranks', () => {
  it('are from 0, of equal values the mean, and none where a value is missing', () => {
    const ranks = averageRanks(Float64Array.of(3, NaN, -1, 3, 0, -0, Infinity));
    expect([...ranks]).to.deep.equal([3.5, NaN, 0, 3.5, 1.5, 1.5, 5]);
    expect(averageRanks(new Float64Array(0))).to.have.length(0);
  });
});
