import { expect } from 'chai';
import { binnedKolmogorovSmirnov, jensenShannonDivergence } from '#statistics';

describe('jensenShannonDivergence', () => {
  it('is the mean divergence from the mixture, in bits', () => {
    expect(jensenShannonDivergence([1, 0], [1, 1])).to.be.closeTo(0.31127812445913283, 1e-15);
    expect(jensenShannonDivergence([1, 1], [8, 0])).to.be.closeTo(0.31127812445913283, 1e-15);
  });

  it('is 0 for equal shares, 1 for what has nothing in common, unknown of nothing', () => {
    expect(jensenShannonDivergence([2, 4, 0], [1, 2, 0])).to.equal(0);
    expect(jensenShannonDivergence([2, 4, 0], [0, 0, 7])).to.equal(1);
    expect(jensenShannonDivergence([0], [1])).to.be.null;
    expect(() => jensenShannonDivergence([1], [1, 2])).to.throw('bins');
    expect(() => jensenShannonDivergence([1], [-1])).to.throw('count');
  });
});

describe('binnedKolmogorovSmirnov', () => {
  it('is the largest difference of cumulative shares at an edge', () => {
    expect(binnedKolmogorovSmirnov([25, 25, 25, 25], [1, 0, 0, 1])).to.equal(0.25);
    expect(binnedKolmogorovSmirnov([10, 0, 0], [0, 0, 5])).to.equal(1);
    expect(binnedKolmogorovSmirnov([3, 6], [1, 2])).to.be.closeTo(0, 1e-16);
    expect(binnedKolmogorovSmirnov([1], [0])).to.be.null;
  });

  it('is below that of the values by no more than the largest share of a bin', () => {
    // Training 0, 0.01 ... 0.99; live the same, each 0.1 later: the distance of the values is 0.1.
    const live = Array.from({ length: 100 }, (_, i) => i / 100 + 0.1);
    const inBins = (values: readonly number[], bins: number) =>
      Array.from({ length: bins }, (_, bin) => values.filter((v) => Math.min(bins - 1, Math.floor(v * bins)) === bin).length); // prettier-ignore
    const training = Array.from({ length: 100 }, (_, i) => i / 100);
    for (const bins of [4, 10, 20]) {
      const found = binnedKolmogorovSmirnov(inBins(training, bins), inBins(live, bins)) ?? NaN;
      expect(found).to.be.within(0.1 - 1 / bins, 0.1 + 1e-12);
    }
  });
});
