import { expect } from 'chai';
import { codesFor, encodeRows, findBins, type Bins } from '../../../../../../yarn-workers/ml/fit/xgboost/bins.ts';

const binsOf = (values: readonly number[], binsMax = 254): Bins =>
  findBins(Float64Array.from(values), values.length, [null], binsMax);

function codesOf(bins: Bins, values: readonly number[]): number[] {
  const codes = codesFor(bins, values.length / bins.columns.length);
  encodeRows(bins, Float64Array.from(values), values.length / bins.columns.length, codes, 0);
  return [...codes];
}

describe('ml fit xgboost: bins', () => {
  it('cut half-way between distinct numbers, zeros and what is next to zero being one', () => {
    const bins = binsOf([3, -1, 0, -0, 1e-36, NaN, 3, 8]);
    expect([...(bins.columns[0]?.cuts ?? [])]).to.deep.equal([-0.5, 1.5, 5.5]);
    expect(bins.missingCode).to.equal(255);
    expect(bins.binsMax).to.equal(5);
    expect(codesOf(bins, [-7, -1, -0.5, -0.4, 0, 1.5, 1.6, 8, 1e300, NaN])).to.deep.equal([
      0, 0, 0, 1, 1, 1, 2, 3, 3, 255,
    ]);
  });

  it('hold about as many rows each where there are more numbers, and a number of many rows by itself', () => {
    const uniform = Array.from({ length: 1_000 }, (_, index) => index);
    const ten = binsOf(uniform, 10);
    expect(ten.columns[0]?.cuts.length).to.equal(9);
    const rows = new Array<number>(10).fill(0);
    for (const code of codesOf(ten, uniform)) rows[code] = (rows[code] ?? 0) + 1;
    expect(Math.max(...rows) - Math.min(...rows)).to.be.at.most(1);
    const spiked = [...uniform, ...new Array<number>(1_000).fill(500)];
    const cuts = [...(binsOf(spiked, 10).columns[0]?.cuts ?? [])];
    expect(cuts).to.have.length.of.at.most(9);
    expect(cuts.filter((cut) => cut >= 499.5 && cut <= 500.5)).to.not.have.length(0);
  });

  it('stay finite and apart at the ends of the doubles', () => {
    const ends = [-Infinity, -Number.MAX_VALUE, 1, 1 + Number.EPSILON, Number.MAX_VALUE, Infinity];
    const { cuts } = binsOf(ends).columns[0] ?? { cuts: new Float64Array(0) };
    expect([...cuts].every((cut) => Number.isFinite(cut))).to.equal(true);
    expect([...cuts]).to.deep.equal([...new Set(cuts)].sort((a, b) => a - b));
    // The two least cannot be told apart by a finite threshold, all others are.
    expect(codesOf(binsOf(ends), ends)).to.deep.equal([0, 0, 2, 3, 4, 5]);
  });

  it('of nothing but missing values have one code', () => {
    const bins = binsOf([NaN, NaN]);
    expect(bins.columns[0]?.cuts.length).to.equal(0);
    expect(codesOf(bins, [NaN, 5])).to.deep.equal([255, 0]);
  });

  it('leave categories as they are, unknown ones missing; 255 levels fit a byte, 256 do not', () => {
    const sample = Float64Array.of(1, 0);
    const bins = findBins(sample, 1, [3, null], 254);
    expect(codesOf(bins, [0, 0, 2.9, 0, 3, 0, -0.5, 0, -1, 0, NaN, 0])).to.deep.equal([
      0, 0, 2, 0, 255, 0, 0, 0, 255, 0, 255, 0,
    ]);
    expect(findBins(sample, 1, [255, null], 254).missingCode).to.equal(255);
    const wide = findBins(sample, 1, [256, null], 254);
    expect(wide.missingCode).to.equal(65_535);
    expect(codesOf(wide, [255, 0, 256, NaN])).to.deep.equal([255, 0, 65_535, 65_535]);
  });
});
