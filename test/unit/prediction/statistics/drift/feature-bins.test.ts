import { expect } from 'chai';
import { driftLevelOf, driftOf, featureBins, type FeatureBaseline, type FeatureStateData } from '#statistics';

const NUMBER: FeatureBaseline = {
  name: 'age',
  rowCount: 100,
  missingCount: 10,
  edges: [0, 10, 20, 30],
  counts: [30, 30, 30],
  topValues: null,
};
const CATEGORY: FeatureBaseline = {
  ...{ name: 'color', rowCount: 100, missingCount: 0, edges: null, counts: null },
  topValues: [
    { value: 'red', count: 60 },
    { value: 'blue', count: 30 },
  ],
};
const NOTHING: FeatureStateData = { moments: null, histogram: null, levels: null, others: null };

describe('featureBins', () => {
  it('has the ranges of a number, open to both sides, and missing values', () => {
    const histogram = { edges: [0, 10, 20, 30], counts: [1, 2, 3], belowCount: 4, aboveCount: 5, missingCount: 0 };
    const live = { eventCount: 21, missingCount: 6, state: { ...NOTHING, histogram } };
    expect(
      featureBins(NUMBER, live).map((bin) => [bin.kind, bin.from, bin.to, bin.trainingCount, bin.liveCount]),
    ).to.deep.equal([
      ['range', null, 10, 30, 5],
      ['range', 10, 20, 30, 2],
      ['range', 20, null, 30, 8],
      ['missing', null, null, 10, 6],
    ]);
  });

  it('has the frequent levels of a category and what is none of them', () => {
    const live = { eventCount: 20, missingCount: 1, state: { ...NOTHING, levels: [10, 2] } };
    expect(
      featureBins(CATEGORY, live).map((bin) => [bin.kind, bin.level, bin.trainingCount, bin.liveCount]),
    ).to.deep.equal([
      ['level', 'red', 60, 10],
      ['level', 'blue', 30, 2],
      ['others', null, 10, 7],
      ['missing', null, 0, 1],
    ]);
  });

  it('has whether there is a value where nothing more is known of it', () => {
    const text = { ...NUMBER, edges: null, counts: null };
    const live = { eventCount: 8, missingCount: 3, state: NOTHING };
    expect(featureBins(text, live).map((bin) => [bin.kind, bin.trainingCount, bin.liveCount])).to.deep.equal([
      ['present', 90, 5],
      ['missing', 10, 3],
    ]);
  });
});

describe('driftOf', () => {
  const binsOf = (counts: readonly number[], missingCount: number) => {
    const histogram = { edges: [0, 10, 20, 30], counts: [...counts], belowCount: 0, aboveCount: 0, missingCount: 0 };
    const eventCount = counts.reduce((sum, count) => sum + count, missingCount);
    return featureBins(NUMBER, { eventCount, missingCount, state: { ...NOTHING, histogram } });
  };

  it('takes missing values for a bin, but not for the order of numbers', () => {
    const same = driftOf(binsOf([300, 300, 300], 100));
    expect(same).to.deep.include({ trainingCount: 100, liveCount: 1_000, psi: 0, jensenShannon: 0, pValue: 1 });
    expect(same.kolmogorovSmirnov).to.be.closeTo(0, 1e-15);
    const missing = driftOf(binsOf([30, 30, 30], 910));
    expect(missing.kolmogorovSmirnov).to.be.closeTo(0, 1e-15);
    expect(driftLevelOf(missing)).to.equal('large');
    expect(driftOf(featureBins(CATEGORY, { eventCount: 0, missingCount: 0, state: null }))).to.deep.include({
      ...{ psi: null, psiByChance: null, jensenShannon: null, kolmogorovSmirnov: null, pValue: null, liveCount: 0 },
    });
  });

  it('calls no shift what chance can have made, however large it looks', () => {
    const few = driftOf(binsOf([2, 1, 0], 0));
    expect(few.psi).to.be.above(0.25);
    expect(driftLevelOf(few)).to.equal('none');
    expect(driftLevelOf({ psi: 0.02, pValue: 1e-9 })).to.equal('none');
    expect(driftLevelOf({ psi: 0.2, pValue: 1e-9 })).to.equal('moderate');
    expect(driftLevelOf({ psi: null, pValue: null })).to.equal('unknown');
  });
});
