import { expect } from 'chai';
import type { PredictionIntervals } from '#contracts';
import { intervalOf } from '#scoring';

const intervals: PredictionIntervals = {
  modelId: 'mdl_1',
  coverage: 0.9,
  isNonNegative: false,
  ranges: [
    { upTo: 10, lower: -1, upper: 2, rowCount: 200 },
    { upTo: 20, lower: -30, upper: 4, rowCount: 200 },
    { upTo: null, lower: 5, upper: 6, rowCount: 200 },
  ],
};

describe('scoring: the interval around a prediction', () => {
  it('is that of the range, whose limit is in it', () => {
    for (const [prediction, lower, upper] of [
      [-1e9, -1e9 - 1, -1e9 + 2],
      [9, 8, 11],
      [10, 9, 12],
      [10.5, -19.5, 14.5],
      [20, -10, 24],
      [21, 26, 27],
    ] as const)
      expect(intervalOf(intervals, prediction), String(prediction)).to.deep.equal({ lower, upper });
  });

  it('has no end below 0 where the target has no such value', () => {
    const positive = { ...intervals, isNonNegative: true };
    expect(intervalOf(positive, 15)).to.deep.equal({ lower: 0, upper: 19 });
    expect(intervalOf(positive, 9)).to.deep.equal({ lower: 8, upper: 11 });
    expect(intervalOf(positive, -7)).to.deep.equal({ lower: 0, upper: 0 });
  });

  it('has finite ends for every prediction', () => {
    const ends = { upTo: null, lower: -1e308, upper: 1e308, rowCount: 200 };
    for (const prediction of [Number.MAX_VALUE, -Number.MAX_VALUE]) {
      const { lower, upper } = intervalOf({ ...intervals, ranges: [ends] }, prediction);
      expect([lower, upper].every(Number.isFinite)).to.equal(true);
    }
  });
});
