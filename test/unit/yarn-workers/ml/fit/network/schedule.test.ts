import { expect } from 'chai';
import { epochsInTime, isSpent, stepSizes } from '../../../../../../yarn-workers/ml/fit/network/schedule.ts';

const SETTINGS = { learningRate: 0.1, dropout: 0.2, weightDecay: 0.02 };

describe('the schedule of a network', () => {
  it('takes the rate down to nothing at the ends of four turns, each twice as long as the one before', () => {
    for (const progress of [0, 1 / 15, 3 / 15, 7 / 15, 1])
      expect(stepSizes(SETTINGS, progress).rate).to.be.closeTo(0, 1e-12);
    // Half of a turn, by its logarithm.
    for (const turn of [0, 1, 2, 3])
      expect(stepSizes(SETTINGS, (2 ** (turn + 0.5) - 1) / 15).rate).to.be.closeTo(0.1, 1e-12);
  });

  it('keeps dropout and decay for the first half, and takes both to nothing', () => {
    for (const [progress, share] of [
      [0, 1],
      [0.49, 1],
      [0.75, 0.5],
      [1, 0],
    ] as const) {
      const { dropout, decay } = stepSizes(SETTINGS, progress);
      expect(dropout).to.be.closeTo(0.2 * share, 1e-12);
      expect(decay).to.be.closeTo(0.02 * share, 1e-12);
    }
  });

  it('is shortened to what there is time for after the first epoch, but not below four', () => {
    const planned = (leftMs: number): number => epochsInTime(16, 100, leftMs);
    expect([1e9, 1_580, 1_570, 1_000, 300, 0, -50].map(planned)).to.deep.equal([16, 16, 15, 10, 4, 4, 4]);
    // Fewer were asked for.
    expect(epochsInTime(2, 100, 0)).to.equal(2);
  });

  it('is spent when a whole turn has brought nothing', () => {
    // Of 60 epochs turns end after 4, 12, 28 and 60.
    const spentAt = (best: number): number[] =>
      Array.from({ length: 60 }, (_, index) => index + 1).filter((made) => made >= best && isSpent(made, 60, best));
    expect(spentAt(3)).to.deep.equal([12, 28, 60]);
    expect(spentAt(4)).to.deep.equal([12, 28, 60]);
    expect(spentAt(5)).to.deep.equal([28, 60]);
    expect(spentAt(28)).to.deep.equal([60]);
    expect(spentAt(29)).to.deep.equal([]);
  });
});
