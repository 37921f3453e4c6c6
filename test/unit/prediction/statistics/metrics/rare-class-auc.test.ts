import { expect } from 'chai';
import { computeMetrics, createRandom } from '#statistics';
import { areaUnderRoc, tiedGroups } from '../../../../../prediction/statistics/metrics/ranking.ts';
import { rareClassAuc } from '../../../../../prediction/statistics/metrics/rare-class-auc.ts';

describe('auc of rare classes', () => {
  it('is the area under the curve, with ties and weights', () => {
    const random = createRandom(7);
    for (let round = 0; round < 50; round += 1) {
      const score = Float64Array.from({ length: 60 }, () => random.below(round % 2 === 0 ? 8 : 1_000_000));
      const weight = round % 3 === 0 ? undefined : Float64Array.from(score, () => random.below(4) / 2);
      const flags = Array.from(score, () => random.below(6) === 0);
      const isPositive = (row: number): boolean => flags[row] === true;
      const expected = areaUnderRoc(tiedGroups(score, isPositive, weight));
      const found = rareClassAuc(score, isPositive, weight);
      if (expected === undefined) expect(found).to.equal(undefined);
      else expect(found).to.be.closeTo(expected, 1e-12);
    }
  });

  it('counts a tie half, and is undefined without rows of a side', () => {
    const score = Float64Array.of(1, 2, 2, 3);
    expect(rareClassAuc(score, (row) => row === 1, undefined)).to.equal(0.5);
    expect(rareClassAuc(score, (row) => row === 3, undefined)).to.equal(1);
    expect(rareClassAuc(score, () => false, undefined)).to.equal(undefined);
    expect(rareClassAuc(score, () => true, undefined)).to.equal(undefined);
    expect(rareClassAuc(score, (row) => row < 2, Float64Array.of(0, 0, 1, 1))).to.equal(undefined);
  });

  it('is the macro auc of more than 100 classes, as of fewer', () => {
    const rowCount = 300;
    const aucOf = (classCount: number): number | undefined => {
      const random = createRandom(3);
      // Classes beyond the first 90 have no rows, and none of their probability.
      const actual = Int32Array.from({ length: rowCount }, (_, row) => row % 90);
      const probabilities = new Float64Array(rowCount * classCount);
      for (let row = 0; row < rowCount; row += 1)
        for (let index = 0; index < 90; index += 1)
          probabilities[row * classCount + index] = (random.below(50) + (actual[row] === index ? 10 : 0)) / 100;
      return computeMetrics(['auc'], { targetType: 'multiclass', actual, classCount, probabilities })['auc'];
    };
    const few = aucOf(100);
    expect(few).to.be.within(0.6, 0.9);
    expect(aucOf(101)).to.be.closeTo(few ?? NaN, 1e-12);
  });
});
