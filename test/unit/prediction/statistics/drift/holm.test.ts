import { expect } from 'chai';
import { createRandom, holmAdjusted, testHomogeneity } from '#statistics';
import { sampled } from './samples.ts';

describe('holmAdjusted', () => {
  it('multiplies by the tests that are left, and never falls', () => {
    const adjusted = holmAdjusted([0.01, 0.04, null, 0.03, 0.005]);
    [0.03, 0.06, null, 0.06, 0.02].forEach((expected, place) => {
      if (expected === null) expect(adjusted[place]).to.equal(null);
      else expect(adjusted[place]).to.be.closeTo(expected, 1e-15);
    });
    expect(holmAdjusted([0.9, 0.8])).to.deep.equal([1, 1]);
    expect(holmAdjusted([0.2])).to.deep.equal([0.2]);
    expect(holmAdjusted([])).to.deep.equal([]);
  });

  it('calls any of twenty features shifted in no more than its share of answers, replayed from the training rows', () => {
    const random = createRandom(9);
    const shares = [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1];
    const training = Array.from({ length: 20 }, () => sampled(shares, 2_000, random));
    const [windows, level] = [300, 0.05];
    let alarms = 0;
    let uncorrected = 0;
    for (let window = 0; window < windows; window += 1) {
      const pValues = training.map((counts) => testHomogeneity(counts, sampled(shares, 200, random))?.pValue ?? null);
      if (holmAdjusted(pValues).some((pValue) => pValue !== null && pValue <= level)) alarms += 1;
      if (pValues.some((pValue) => pValue !== null && pValue <= level)) uncorrected += 1;
    }
    // 15 are allowed on average, 4 standard deviations more are 30; the windows share their training rows.
    expect(alarms).to.be.at.most(30);
    expect(uncorrected, 'without correction most windows have one').to.be.above(120);
  }).timeout(30_000);
});
