import { expect } from 'chai';
import type { TargetSpec } from '#contracts';
import { HOLDOUT, compareScores, type OutOfFold } from '#ml';
import { scoreError } from '../../../../../yarn-workers/ml/ensemble/compare-scores.ts';
import { createRandom } from '#statistics';

const TARGET: TargetSpec = { name: 'y', targetType: 'regression', classes: [], positiveClass: null };

/** Predictions of a value that is always 0, off by `error`. */
function predicting(error: (row: number) => number, rowCount: number): OutOfFold {
  return {
    rows: Uint32Array.from({ length: rowCount }, (_, row) => row),
    partitions: Int8Array.from({ length: rowCount }, (_, row) => (row % 6 === 5 ? HOLDOUT : row % 6)),
    foldCount: 5,
    classes: null,
    values: new Float64Array(rowCount),
    weights: null,
    outputCount: 1,
    predictions: Float64Array.from({ length: rowCount }, (_, row) => error(row)),
  };
}

describe('ml ensemble comparison', () => {
  it('finds the gain of the validation rows, better above 0 whichever way the metric goes', () => {
    const good = predicting((row) => (row % 6 === 5 ? 100 : 1), 600);
    const bad = predicting(() => 3, 600);
    expect(compareScores(good, bad, TARGET, 'mae', 1).gain).to.be.closeTo(2, 1e-12);
    expect(compareScores(bad, good, TARGET, 'mae', 1).gain).to.be.closeTo(-2, 1e-12);
    expect(compareScores(good, good, TARGET, 'rmse', 1)).to.deep.equal({ gain: 0, noise: 0 });
    expect(compareScores(good, bad, TARGET, 'r2', 1), 'a value that never changes has no r2').to.deep.equal({
      gain: null,
      noise: null,
    });
  });

  it('knows the standard error of a mean: what it says of 400 samples is what these samples do', () => {
    const random = createRandom(1);
    const gains: number[] = [];
    const noises: number[] = [];
    for (let turn = 0; turn < 400; turn += 1) {
      const first = predicting(() => random.uniform(), 300);
      const second = predicting(() => random.uniform(), 300);
      const { gain, noise } = compareScores(first, second, TARGET, 'mae', turn);
      gains.push(gain ?? NaN);
      noises.push(noise ?? NaN);
    }
    const deviation = Math.sqrt(gains.reduce((sum, gain) => sum + gain ** 2, 0) / gains.length);
    const told = Math.sqrt(noises.reduce((sum, noise) => sum + noise ** 2, 0) / noises.length);
    // The difference of two uniform means over 250 rows has sqrt(2 / 12 / 250); both are samples of it.
    expect(deviation).to.be.closeTo(Math.sqrt(2 / 12 / 250), 0.003);
    expect(told / deviation).to.be.within(0.85, 1.15);
  });

  it('knows the standard error of a single score, of the rows that rank and of the holdout', () => {
    const random = createRandom(2);
    // The mean of n uniform numbers has a deviation of sqrt(1 / 12 / n); a jackknife of ten groups tells it within about a quarter.
    const told = (part: 'ranked' | 'holdout'): number => {
      const turns = Array.from({ length: 200 }, (_, turn) =>
        scoreError(
          predicting(() => random.uniform(), 600),
          TARGET,
          'mae',
          turn,
          part,
        ),
      );
      return Math.sqrt(turns.reduce<number>((sum, error) => sum + (error ?? NaN) ** 2, 0) / turns.length);
    };
    expect(told('ranked') / Math.sqrt(1 / 12 / 500)).to.be.within(0.9, 1.1);
    expect(told('holdout') / Math.sqrt(1 / 12 / 100)).to.be.within(0.9, 1.1);
    const constant = predicting(() => 1, 600);
    expect(scoreError(constant, TARGET, 'mae', 1)).to.equal(0);
    expect(scoreError(constant, TARGET, 'r2', 1), 'a value that never changes has no r2').to.equal(null);
    expect(scoreError({ ...constant, isByDate: true }, TARGET, 'mae', 1, 'holdout')).to.equal(0);
  });
});
