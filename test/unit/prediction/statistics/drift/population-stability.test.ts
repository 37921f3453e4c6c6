import { expect } from 'chai';
import { createRandom, indexByChance, populationStabilityIndex } from '#statistics';
import { sampled } from './samples.ts';

describe('populationStabilityIndex', () => {
  it('is the symmetric divergence of the shares', () => {
    const expected = (0.3 - 0.5) * Math.log(0.3 / 0.5) + (0.7 - 0.5) * Math.log(0.7 / 0.5);
    expect(populationStabilityIndex([50, 50], [30, 70])).to.be.closeTo(expected, 1e-15);
    expect(populationStabilityIndex([30, 70], [500, 500])).to.be.closeTo(expected, 1e-15);
  });

  it('is zero for equal shares and finite for empty bins', () => {
    expect(populationStabilityIndex([900, 100, 0], [9, 1, 0])).to.equal(0);
    const found = populationStabilityIndex([90, 10, 0], [0, 10, 90]);
    expect(found).to.be.closeTo(2 * (0.9 - 1e-4) * Math.log(0.9 / 1e-4), 1e-12);
  });

  it('is unknown of nothing, and refuses counts that are none', () => {
    expect(populationStabilityIndex([0, 0], [1, 2])).to.be.null;
    expect(populationStabilityIndex([1, 2], [0, 0])).to.be.null;
    expect(populationStabilityIndex([], [])).to.be.null;
    expect(() => populationStabilityIndex([1], [1, 2])).to.throw('bins');
    for (const bad of [-1, NaN, Infinity]) expect(() => populationStabilityIndex([1, bad], [1, 2])).to.throw('count');
  });
});

describe('indexByChance', () => {
  it('is what the index of two samples of one distribution is on average', () => {
    const random = createRandom(11);
    const shares = [0.1, 0.2, 0.3, 0.4];
    let sum = 0;
    for (let round = 0; round < 2_000; round += 1)
      sum += populationStabilityIndex(sampled(shares, 2_000, random), sampled(shares, 500, random)) ?? NaN;
    // The mean of 2,000 draws of a chi-squared variable of 3 degrees has a standard error of 1.8 %.
    expect(sum / 2_000 / indexByChance(4, 2_000, 500)).to.be.closeTo(1, 0.06);
  });
});
