import { expect } from 'chai';
import { parse } from '#contracts';
import {
  QuantileSketchData,
  addAllToQuantiles,
  createQuantileSketch,
  createRandom,
  isExactQuantiles,
  mergeQuantiles,
  quantilesFromData,
  quantilesOf,
  quantilesToData,
  rankErrorOf,
  rankOf,
  type QuantileSketch,
} from '#statistics';
import { mergeAtRandom, normals, splits, throughJson } from '../support.ts';

const FRACTIONS = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99];

function sketchOf(values: Float64Array, k: number, seed = 0, from = 0, to = values.length): QuantileSketch {
  const sketch = createQuantileSketch(k, seed);
  addAllToQuantiles(sketch, values, from, to);
  return sketch;
}

/** Share of ascending values <= value. */
function trueRank(sorted: Float64Array, value: number): number {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((sorted[middle] ?? 0) <= value) from = middle + 1;
    else to = middle;
  }
  return from / sorted.length;
}

/** Checks what must hold of any sketch: weights add up, upper levels ascend, memory is bounded. */
function checkShape(sketch: QuantileSketch): void {
  const { levels, k, count } = quantilesToData(sketch);
  expect(levels.reduce((sum, items, h) => sum + items.length * 2 ** h, 0)).to.equal(count);
  for (const items of levels.slice(1)) expect(items).to.deep.equal(Array.from(Float64Array.from(items).sort()));
  expect(levels.reduce((sum, items) => sum + items.length, 0)).to.be.at.most(3 * Math.max(k, 32) + 32 * levels.length);
}

const ORDERS: readonly [string, (values: Float64Array) => Float64Array][] = [
  ['random', (values) => values],
  ['ascending', (values) => values.slice().sort()],
  ['descending', (values) => values.slice().sort().reverse()],
  [
    'from both ends',
    (values) =>
      values
        .slice()
        .sort()
        .map((_, i, all) => all[i % 2 === 0 ? i >> 1 : all.length - 1 - (i >> 1)] ?? 0),
  ],
];

describe('QuantileSketch', () => {
  it('is exact up to k values, as NumPy', () => {
    // numpy.quantile([3, 1, 4, 1, 5, 9, 2, 6], [0, .1, .25, .5, .9, 1])
    const sketch = sketchOf(Float64Array.of(3, 1, 4, 1, 5, 9, 2, 6), 8);
    const found = quantilesOf(sketch, [0, 0.1, 0.25, 0.5, 0.9, 1]) ?? [];
    // One rounding of the interpolation.
    [1, 1, 1.75, 3.5, 6.9, 9].forEach((value, i) => expect(found[i]).to.be.closeTo(value, 1e-15 * value));
    expect(isExactQuantiles(sketch)).to.be.true;
    expect(rankOf(sketch, 4)).to.equal(5 / 8);
    const full = sketchOf(normals(1, 2048), 2048);
    expect(isExactQuantiles(full)).to.be.true;
    addAllToQuantiles(full, Float64Array.of(1));
    expect(isExactQuantiles(full)).to.be.false;
  });

  it('knows nothing of nothing and one of one; passes over what is not finite', () => {
    expect(quantilesOf(createQuantileSketch(), [0.5])).to.be.null;
    expect(rankOf(createQuantileSketch(), 1)).to.be.null;
    const sketch = sketchOf(Float64Array.of(NaN, Infinity, 42, -Infinity), 200);
    expect(sketch.count).to.equal(1);
    expect(quantilesOf(sketch, [0, 0.3, 1])).to.deep.equal([42, 42, 42]);
    expect(quantilesOf(sketchOf(new Float64Array(10_000).fill(0.1), 100), FRACTIONS)).to.deep.equal(
      FRACTIONS.map(() => 0.1),
    );
  });

  it('keeps its rank error in any order and any split', () => {
    const k = 200;
    let asked = 0;
    let beyond = 0;
    for (const [name, arrange] of ORDERS) {
      for (let seed = 0; seed < 12; seed++) {
        const values = arrange(normals(seed, 30_000));
        const sorted = values.slice().sort();
        const random = createRandom(seed);
        const parts = splits(random, values.length, 9).map(([from, to], i) =>
          sketchOf(values, k, seed * 9 + i, from, to),
        );
        for (const sketch of [sketchOf(values, k, seed), mergeAtRandom(random, parts, mergeQuantiles)]) {
          checkShape(sketch);
          expect(sketch.count).to.equal(values.length);
          const found = quantilesOf(sketch, FRACTIONS) ?? [];
          found.forEach((value, i) => {
            const error = Math.abs(trueRank(sorted, value) - (FRACTIONS[i] ?? 0));
            asked++;
            if (error > rankErrorOf(k)) beyond++;
            expect(error, `${name}, seed ${seed}`).to.be.below(2 * rankErrorOf(k));
          });
        }
      }
    }
    // 1 % may be beyond; those of one sketch go together, hence twice that.
    expect(beyond).to.be.at.most(0.02 * asked);
  });

  it('is unbiased: errors of many seeds cancel', () => {
    const values = normals(3, 20_000);
    const sorted = values.slice().sort();
    const median = sorted[10_000] ?? 0;
    let sum = 0;
    for (let seed = 0; seed < 60; seed++)
      sum += (rankOf(sketchOf(values, 64, seed), median) ?? 0) - trueRank(sorted, median);
    // One error has a standard deviation of about rankErrorOf / 2.6; the mean of 60 an eighth of that; four of these.
    expect(Math.abs(sum / 60)).to.be.below((4 * rankErrorOf(64)) / 2.6 / Math.sqrt(60));
  });

  it('gives the same sketch for the same values, whatever the batches', () => {
    const values = normals(4, 50_000).map((value, i) => (i % 97 === 0 ? NaN : value));
    const whole = quantilesToData(sketchOf(values, 128, 7));
    const random = createRandom(1);
    const sketch = createQuantileSketch(128, 7);
    for (const [from, to] of splits(random, values.length, 400)) addAllToQuantiles(sketch, values, from, to);
    expect(quantilesToData(sketch)).to.deep.equal(whole);
    expect(quantilesToData(sketchOf(values, 128, 8))).not.to.deep.equal(whole);
  });

  it('stays exact when small parts are merged', () => {
    const values = normals(5, 900);
    const random = createRandom(2);
    const parts = splits(random, values.length, 6).map(([from, to]) => sketchOf(values, 1024, 0, from, to));
    const merged = mergeAtRandom(random, parts, mergeQuantiles);
    expect(isExactQuantiles(merged)).to.be.true;
    expect(quantilesOf(merged, FRACTIONS)).to.deep.equal(quantilesOf(sketchOf(values, 1024), FRACTIONS));
  });

  it('answers in ascending order between exact extremes', () => {
    const sketch = sketchOf(normals(6, 40_000), 32);
    const fractions = Array.from({ length: 1001 }, (_, i) => i / 1000);
    const found = quantilesOf(sketch, fractions) ?? [];
    expect(found).to.deep.equal(Array.from(Float64Array.from(found).sort()));
    expect([found[0], found[1000]]).to.deep.equal([sketch.min, sketch.max]);
    expect(sketch.min).to.equal(Math.min(...normals(6, 40_000)));
  });

  it('comes back from JSON and goes on as if it had never been away', () => {
    const values = normals(9, 10_000);
    const sketch = sketchOf(values, 100, 3, 0, 6000);
    const back = quantilesFromData(parse(QuantileSketchData, throughJson(quantilesToData(sketch)), 'sketch'));
    for (const each of [sketch, back]) addAllToQuantiles(each, values, 6000);
    expect(quantilesToData(back)).to.deep.equal(quantilesToData(sketch));
    expect(quantilesToData(quantilesFromData(quantilesToData(createQuantileSketch())))).to.deep.equal(
      quantilesToData(createQuantileSketch()),
    );
  });

  it('refuses what does not fit', () => {
    for (const k of [7, 65_537, 100.5, NaN]) expect(() => createQuantileSketch(k), String(k)).to.throw('k ');
    expect(() => mergeQuantiles(createQuantileSketch(100), createQuantileSketch(101))).to.throw('merged with k 101');
    expect(() => quantilesOf(sketchOf(Float64Array.of(1), 8), [1.5])).to.throw('fraction');
    const data = quantilesToData(sketchOf(normals(1, 1000), 8));
    expect(() => quantilesFromData({ ...data, count: 999 }))
      .to.throw('expected 999')
      .with.property('code', 'VALIDATION_FAILED');
    expect(() => quantilesFromData({ ...data, levels: data.levels.map((items) => items.toReversed()) })).to.throw(
      'in order',
    );
    expect(() => quantilesFromData({ ...data, min: null })).to.throw('quantile sketch');
  });
});
