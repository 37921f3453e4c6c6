import { expect } from 'chai';
import { isAppError } from '#contracts';
import { CATEGORY_COLUMN, NUMBER_COLUMN, compileLinear, type LinearArrays } from '#scoring';

/** Two outputs; a broken line with knots 0, 2, 10, a category of two codes, and a number of which only missing counts. */
const MODEL: LinearArrays = {
  outputCount: 2,
  columnCount: 3,
  intercept: Float64Array.of(100, 200),
  columnKind: Uint8Array.of(NUMBER_COLUMN, CATEGORY_COLUMN, NUMBER_COLUMN),
  pointOffset: Int32Array.of(0, 3, 5, 5),
  knot: Float64Array.of(0, 2, 10, 0, 1),
  value: Float64Array.of(1, -1, 5, -5, 9, 3, 0.5, 0.25, -0.5, -0.25),
  otherwise: Float64Array.of(0.125, 0.375, 16, 32, 64, 128),
  mean: new Float64Array(6),
};

function scored(...row: number[]): number[] {
  const out = new Float64Array(3).fill(77);
  compileLinear(MODEL, 3).score(Float64Array.from([NaN, ...row]), 1, out, 1);
  expect(out[0], 'nothing before its place is written').to.equal(77);
  return [...out.subarray(1)];
}

describe('linear models', () => {
  it('are an intercept, points between which is interpolated, and codes', () => {
    expect(scored(0, 0, 5)).to.deep.equal([101.5, 199.25]);
    expect(scored(2, 1, 5)).to.deep.equal([104.5, 194.75]);
    expect(scored(1, 0, 5)).to.deep.equal([103.5, 197.25]);
    expect(scored(4, 0, 5)).to.deep.equal([106.5, 197.25]);
    expect(scored(10, 0, -0)).to.deep.equal([109.5, 203.25]);
  });

  it('are flat beyond their knots, whatever the value', () => {
    for (const value of [-1e-300, -1, -1e308, -Infinity]) expect(scored(value, 0, 5)).to.deep.equal(scored(0, 0, 5));
    for (const value of [10.5, 1e308, Infinity]) expect(scored(value, 0, 5)).to.deep.equal(scored(10, 0, 5));
  });

  it('have a value for what is missing, and for codes that they do not know', () => {
    expect(scored(NaN, 0, 5)).to.deep.equal([100.625, 200.625]);
    for (const code of [NaN, 2, -1, 1e300, Infinity]) expect(scored(0, code, 5)).to.deep.equal([117, 231]);
    expect(scored(0, 0, NaN)).to.deep.equal([165.5, 327.25]);
  });

  it('read the columns that they are told to', () => {
    const out = new Float64Array(2);
    compileLinear(MODEL, 5, Int32Array.of(4, 0, 2)).score(Float64Array.of(1, NaN, 5, NaN, 2), 0, out, 0);
    expect([...out]).to.deep.equal(scored(2, 1, 5));
    for (const columns of [Int32Array.of(5, 0, 2), Int32Array.of(-1, 0, 2), Int32Array.of(0, 1)])
      expect(() => compileLinear(MODEL, 5, columns))
        .to.throw()
        .that.satisfies(isAppError);
  });
});
