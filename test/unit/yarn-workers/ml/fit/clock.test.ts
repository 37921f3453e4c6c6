import { expect } from 'chai';
import { memberStopAt, type FitIo } from '../../../../../yarn-workers/ml/fit/clock.ts';
import { freeIo } from '../../../../support/modelling-task.ts';

const io = (remaining: number | null): FitIo => ({ ...freeIo(), now: () => 1_000, remainingMs: () => remaining });
const times = { finishMs: 500, predictedRatio: 2 };

describe('ml fit: the end of a member', () => {
  it('is never without a deadline', () => {
    expect(memberStopAt(io(null), times, 10, 1, 2)(1e9)).to.equal(Infinity);
  });

  it('gives each member that is left an equal part of what is left', () => {
    expect(memberStopAt(io(10_500), times, 0, 0, 4)(0)).to.equal(1_000 + 2_500);
    expect(memberStopAt(io(10_500), times, 0, 3, 4)(0)).to.equal(1_000 + 10_000);
  });

  it('comes earlier the longer its own validation takes, by what predicting all rows will take', () => {
    const stopAt = memberStopAt(io(10_500), times, 0, 0, 1);
    expect(stopAt(500)).to.be.closeTo(1_000 + 10_000 - 1.2 * 2 * 500, 1e-9);
    expect(stopAt(1_000)).to.be.closeTo(1_000 + 10_000 - 1.2 * 2 * 1_000, 1e-9);
  });

  it('goes by the members before, or by its own validation where that takes longer', () => {
    const stopAt = memberStopAt(io(10_500), times, 800, 2, 3);
    expect(stopAt(0)).to.be.closeTo(1_000 + 10_000 - 1.2 * 2 * 3 * 400, 1e-9);
    expect(stopAt(600)).to.be.closeTo(1_000 + 10_000 - 1.2 * 2 * 3 * 600, 1e-9);
  });

  it('leaves half of the time to fitting, whatever predicting takes', () => {
    expect(memberStopAt(io(10_000), times, 0, 0, 2)(1e6)).to.equal(1_000 + 2_500);
  });

  it('is refused where nothing is left', () => {
    expect(() => memberStopAt(io(0), times, 0, 1, 2)).to.throw('no time is left to fit member 2 of 2');
  });
});
