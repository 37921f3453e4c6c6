import { expect } from 'chai';
import { parse } from '#contracts';
import {
  MomentsData,
  addAllToMoments,
  createMoments,
  createRandom,
  meanOf,
  mergeMoments,
  momentsFromData,
  momentsToData,
  standardDeviationOf,
  varianceOf,
  type Moments,
} from '#statistics';
import { mergeAtRandom, normals, splits, throughJson } from '../support.ts';

function momentsOf(values: Float64Array, from = 0, to = values.length): Moments {
  const moments = createMoments();
  addAllToMoments(moments, values, from, to);
  return moments;
}

/** Mean and m2 in exact integer arithmetic, of values that are multiples of 2^-20. */
function exactly(values: Float64Array): { mean: number; m2: number } {
  const scale = 2 ** 20;
  const n = BigInt(values.length);
  let sum = 0n;
  let squares = 0n;
  for (const value of values) {
    const x = BigInt(value * scale);
    sum += x;
    squares += x * x;
  }
  const ratio = (a: bigint, b: bigint): number => Number((a << 64n) / b) / 2 ** 64;
  return { mean: ratio(sum, n) / scale, m2: ratio(squares * n - sum * sum, n) / scale ** 2 };
}

const onGrid = (values: Float64Array): Float64Array => values.map((value) => Math.round(value * 2 ** 20) / 2 ** 20);

describe('Moments', () => {
  it('counts missing and infinite values apart', () => {
    const moments = momentsOf(Float64Array.of(NaN, 1, Infinity, 3, -Infinity, NaN, NaN, 5));
    expect(moments).to.deep.include({ count: 3, missingCount: 3, infiniteCount: 2, min: 1, max: 5, mean: 3, m2: 8 });
    expect(varianceOf(moments)).to.equal(4);
    expect(standardDeviationOf(moments)).to.equal(2);
  });

  it('knows nothing of nothing, and no spread of one value', () => {
    for (const moments of [createMoments(), momentsOf(Float64Array.of(NaN, NaN))]) {
      expect(meanOf(moments)).to.be.null;
      expect(varianceOf(moments)).to.be.null;
      expect(standardDeviationOf(moments)).to.be.null;
    }
    const single = momentsOf(Float64Array.of(7));
    expect(meanOf(single)).to.equal(7);
    expect(varianceOf(single)).to.be.null;
    expect(varianceOf(momentsOf(new Float64Array(5000).fill(0.1)))).to.equal(0);
  });

  it('agrees with exact arithmetic, whole and in any split, also where the mean hides the spread', () => {
    for (const [seed, mean, deviation] of [
      [1, 0, 1],
      [2, 1e4, 1],
      [3, -1e9, 1],
      [4, 1e6, 0.01],
    ] as const) {
      const values = onGrid(normals(seed, 20_000, mean, deviation));
      const exact = exactly(values);
      const random = createRandom(seed);
      const parts = splits(random, values.length, 17).map(([from, to]) => momentsOf(values, from, to));
      for (const moments of [momentsOf(values), mergeAtRandom(random, parts, mergeMoments)]) {
        expect(moments.count).to.equal(values.length);
        expect(moments.min).to.equal(Math.min(...values));
        expect(moments.max).to.equal(Math.max(...values));
        expect(moments.mean, 'mean').to.be.closeTo(
          exact.mean,
          1e-15 * Math.max(Math.abs(moments.min), Math.abs(moments.max)),
        );
        expect(moments.m2 / exact.m2 - 1, `m2 around ${mean}`).to.be.closeTo(0, 1e-12);
      }
    }
  });

  it('agrees value by value with one batch', () => {
    const values = normals(6, 3000, 50, 3);
    const single = createMoments();
    for (let i = 0; i < values.length; i++) addAllToMoments(single, values, i, i + 1);
    const whole = momentsOf(values);
    expect(single.mean).to.be.closeTo(whole.mean, 1e-14);
    expect(single.m2 / whole.m2 - 1).to.be.closeTo(0, 1e-12);
  });

  it('merges with nothing on either side', () => {
    const values = normals(7, 100);
    const left = createMoments();
    mergeMoments(left, momentsOf(values));
    const right = momentsOf(values);
    mergeMoments(right, createMoments());
    expect(left).to.deep.equal(momentsOf(values));
    expect(right).to.deep.equal(momentsOf(values));
  });

  it('keeps the mean of the largest numbers finite', () => {
    const largest = Number.MAX_VALUE;
    const moments = momentsOf(new Float64Array(3000).map((_, i) => (i < 1500 ? largest : -largest)));
    expect(Math.abs(moments.mean) / largest).to.be.below(1e-15);
    expect(varianceOf(moments)).to.be.null;
    expect(momentsFromData(throughJson(momentsToData(moments)))).to.deep.equal(moments);
  });

  it('comes back from JSON', () => {
    for (const moments of [createMoments(), momentsOf(normals(8, 1000))]) {
      const data = throughJson(momentsToData(moments));
      expect(momentsFromData(parse(MomentsData, data, 'moments'))).to.deep.equal(moments);
    }
    expect(() => momentsFromData({ ...momentsToData(createMoments()), count: 1 })).to.throw('extremes');
  });
});
