import { expect } from 'chai';
import type { TargetSpec } from '#contracts';
import { classesAtThreshold } from '#ml';
import type { OutcomeStateData } from '#statistics';
import { predictionBins, probabilityBins } from '../../../../../appserver/server/monitoring/target-drift.ts';

const BINARY: TargetSpec = {
  name: 'y',
  targetType: 'binary',
  classes: ['no', 'yes'].map((label) => ({ label, texts: [label], rowCount: 1 })),
  positiveClass: 1,
};
const NOTHING = { rowCount: 10, classCounts: null, probabilities: null, edges: null, counts: null };
const LIVE: OutcomeStateData = { classCounts: null, probabilities: null, moments: null, quantiles: null };

/** Training rows at these probabilities of the second class, in thousandths. */
const spreadAt = (...thousandths: number[]) => {
  const probabilities = Array.from({ length: 1_000 }, () => 0);
  for (const at of thousandths) probabilities[at] = (probabilities[at] ?? 0) + 1;
  return { ...NOTHING, probabilities };
};

describe('classesAtThreshold', () => {
  it('has the rows of each class for any threshold of three digits, whichever class is positive', () => {
    const { probabilities } = spreadAt(100, 499, 500, 700, 900);
    expect(classesAtThreshold(probabilities, 1)).to.deep.equal([2, 3]);
    expect(classesAtThreshold(probabilities, 1, 0.701)).to.deep.equal([4, 1]);
    expect(classesAtThreshold(probabilities, 0, 0.1)).to.deep.equal([4, 1]);
    expect(classesAtThreshold(probabilities, 1, 0)).to.deep.equal([0, 5]);
  });
});

describe('predictions beside those of training', () => {
  it('are classes by the threshold of the deployment', () => {
    const spread = spreadAt(100, 600, 800);
    const live = { ...LIVE, classCounts: [4, 6] };
    const counts = (threshold: number | undefined) =>
      predictionBins({ target: BINARY, spread, threshold }, live).map((bin) => [
        bin.level,
        bin.trainingCount,
        bin.liveCount,
      ]);
    expect(counts(undefined)).to.deep.equal([['no', 1, 4], ['yes', 2, 6]]); // prettier-ignore
    expect(counts(0.7)).to.deep.equal([['no', 2, 4], ['yes', 1, 6]]); // prettier-ignore
  });

  it('are probabilities in twenty bins, those of training put together', () => {
    const bins =
      probabilityBins({ target: BINARY, spread: spreadAt(0, 49, 50, 999), threshold: undefined }, null) ?? [];
    expect(bins.map(({ trainingCount }) => trainingCount)).to.deep.equal([
      2,
      1,
      ...Array.from({ length: 17 }, () => 0),
      1,
    ]);
  });

  it('are numbers in the bins of training, of which nothing is known without them', () => {
    const target: TargetSpec = { name: 'y', targetType: 'regression', classes: [], positiveClass: null };
    const values = { edges: [0, 1, 2], counts: [3, 4], belowCount: 1, aboveCount: 2, missingCount: 0 };
    const asked = { target, threshold: undefined };
    const bins = predictionBins(
      { ...asked, spread: { ...NOTHING, edges: [0, 1, 2], counts: [5, 5] } },
      { ...LIVE, values },
    );
    expect(bins.map(({ trainingCount, liveCount }) => [trainingCount, liveCount])).to.deep.equal([[5, 4], [5, 6]]); // prettier-ignore
    expect(predictionBins({ ...asked, spread: null }, { ...LIVE, values })).to.deep.equal([]);
    expect(probabilityBins({ ...asked, spread: null }, LIVE)).to.equal(null);
  });
});
