import { expect } from 'chai';
import { createRandom, testHomogeneity } from '#statistics';
import { sampled } from './samples.ts';

describe('testHomogeneity', () => {
  it('is the chi-squared test of a table', () => {
    // (10 x 40 - 20 x 30)^2 x 100 / (30 x 70 x 40 x 60), without a correction for continuity
    const found = testHomogeneity([10, 20], [30, 40]);
    expect(found?.statistic).to.be.closeTo(50 / 63, 1e-14);
    expect(found?.degrees).to.equal(1);
    expect(found?.pValue).to.be.closeTo(0.37299848361348, 1e-12);
  });

  it('puts bins together until both samples are expected to have five of each', () => {
    const many = Array.from({ length: 100 }, () => 1_000);
    const found = testHomogeneity(many, [...many.slice(0, 60).map(() => 1), ...many.slice(60).map(() => 0)]);
    expect(found?.degrees).to.equal(10); // 60 events in 100 bins: nine bins to a pool that expects five, and the last one left over
    expect(testHomogeneity([1_000, 1_000], [2, 1])).to.deep.equal({ statistic: 0, degrees: 0, pValue: 1 });
    expect(testHomogeneity([10, 0, 20], [30, 0, 40])?.degrees).to.equal(1);
    expect(testHomogeneity([0, 0], [1, 2])).to.be.null;
  });

  it('refuses equal distributions as often as it says', () => {
    const random = createRandom(5);
    const shares = [...Array.from({ length: 10 }, () => 0.09), 0.09, 0.01];
    const rounds = 4_000;
    let below = 0;
    for (let round = 0; round < rounds; round += 1) {
      const found = testHomogeneity(sampled(shares, 1_000, random), sampled(shares, 200, random));
      if ((found?.pValue ?? 1) <= 0.01) below += 1;
    }
    // 40 expected; four standard deviations of the count are 25.
    expect(below).to.be.within(15, 65);
  }).timeout(20_000);

  it('sees a shift of a tenth of the rows', () => {
    const random = createRandom(6);
    const training = sampled([0.25, 0.25, 0.25, 0.25], 5_000, random);
    expect(testHomogeneity(training, sampled([0.35, 0.25, 0.25, 0.15], 1_000, random))?.pValue).to.be.below(1e-6);
  });
});
