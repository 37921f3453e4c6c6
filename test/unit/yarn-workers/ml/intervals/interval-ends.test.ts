import { expect } from 'chai';
import { coverageOfRows, rowsForCoverage } from '#ml';
import { createRandom } from '#statistics';
import { intervalEnds } from '../../../../../yarn-workers/ml/intervals/interval-ends.ts';

const ones = (count: number): Float64Array => new Float64Array(count).fill(1);
/** -n to n, shuffled by a step that has no divisor in common with their number. */
const symmetric = (n: number): Float64Array => {
  const count = 2 * n + 1;
  return Float64Array.from({ length: count }, (_, index) => ((index * 7) % count) - n);
};

describe('ml intervals: ends of one range', () => {
  it('are the k-th least and the k-th greatest residual, k = (n + 1) (1 - coverage) / 2 rounded down', () => {
    const residuals = symmetric(9);
    for (const [coverage, end] of [
      [0.9, 9],
      [0.85, 9],
      [0.8, 8],
      [0.5, 5],
    ] as const)
      expect(intervalEnds(residuals, ones(19), coverage), String(coverage)).to.deep.equal({ lower: -end, upper: end });
    expect(intervalEnds(symmetric(99), ones(199), 0.99)).to.deep.equal({ lower: -99, upper: 99 });
    expect(intervalEnds(symmetric(99), ones(199), 0.95)).to.deep.equal({ lower: -95, upper: 95 });
  });

  it('need as many rows as the coverage says, not one more', () => {
    for (const [coverage, rows] of [
      [0.5, 3],
      [0.8, 9],
      [0.9, 19],
      [0.95, 39],
      [0.99, 199],
    ] as const) {
      expect(rowsForCoverage(coverage), String(coverage)).to.equal(rows);
      expect(coverageOfRows(rows)).to.equal(coverage);
      expect(coverageOfRows(rows - 1)).to.be.lessThan(coverage);
      const residuals = (count: number) => Float64Array.from({ length: count }, (_, index) => index);
      expect(intervalEnds(residuals(rows), ones(rows), coverage)).to.deep.equal({ lower: 0, upper: rows - 1 });
      expect(intervalEnds(residuals(rows - 1), ones(rows - 1), coverage)).to.equal(null);
    }
    expect(coverageOfRows(2)).to.be.lessThan(0.5);
  });

  it('are of each side by itself, and equal where all residuals are', () => {
    const skewed = Float64Array.from({ length: 39 }, (_, index) => (index - 9) ** 3);
    expect(intervalEnds(skewed, ones(39), 0.95)).to.deep.equal({ lower: (-9) ** 3, upper: 29 ** 3 });
    expect(intervalEnds(new Float64Array(50).fill(2), ones(50), 0.9)).to.deep.equal({ lower: 2, upper: 2 });
  });

  it('are never nearer for a greater coverage', () => {
    const random = createRandom(1);
    const residuals = Float64Array.from({ length: 400 }, () => Math.round(20 * (random.uniform() - 0.3)));
    const weights = Float64Array.from(residuals, () => random.below(4) + 0.5);
    for (const rows of [ones(400), weights]) {
      let last = { lower: Infinity, upper: -Infinity };
      for (let coverage = 0.5; coverage < 0.985; coverage += 0.01) {
        const ends = intervalEnds(residuals, rows, coverage) ?? expect.fail('rows are enough');
        expect(ends.lower).to.be.at.most(last.lower);
        expect(ends.upper).to.be.at.least(last.upper);
        last = ends;
      }
    }
  });

  it('count rows by their weights, whatever these are measured in', () => {
    const random = createRandom(2);
    const residuals = Float64Array.from({ length: 300 }, () => random.uniform() - 0.5);
    const plain = intervalEnds(residuals, ones(300), 0.9);
    for (const weight of [0.1, 3, 1e-9, 1e12])
      expect(intervalEnds(residuals, new Float64Array(300).fill(weight), 0.9)).to.deep.equal(plain);
    // Half of the rows, of nearly no weight, are as good as not there.
    const both = Float64Array.from([...residuals, ...residuals.map((residual) => 100 * residual)]);
    const weights = Float64Array.from(both, (_, index) => (index < 300 ? 1 : 1e-12));
    expect(intervalEnds(both, weights, 0.9)).to.deep.equal(plain);
    // One row that has nearly all the weight is one row.
    const heavy = Float64Array.from(both, (_, index) => (index === 7 ? 1e9 : 1));
    expect(intervalEnds(both, heavy, 0.9)).to.equal(null);
  });

  it('of weights hold the part of new rows that is asked for, by weight', () => {
    const random = createRandom(3);
    const wide = (): [number, number] => {
      const weight = random.below(2) === 0 ? 1 : 9;
      // Heavy rows have errors four times as large: unweighted ends would be too near for them.
      return [(random.uniform() - 0.5) * (weight === 9 ? 4 : 1), weight];
    };
    const known = Array.from({ length: 4_000 }, wide);
    const ends = intervalEnds(
      Float64Array.from(known, ([residual]) => residual),
      Float64Array.from(known, ([, weight]) => weight),
      0.9,
    );
    if (ends === null) expect.fail('rows are enough');
    const [inside, all] = Array.from({ length: 20_000 }, wide).reduce(
      ([within, sum], [residual, weight]) => [
        within + (residual >= ends.lower && residual <= ends.upper ? weight : 0),
        sum + weight,
      ],
      [0, 0],
    );
    expect(inside / all).to.be.closeTo(0.9, 0.015);
  });
});
