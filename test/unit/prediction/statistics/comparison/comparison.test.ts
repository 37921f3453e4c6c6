import { expect } from 'chai';
import { bootstrapIntervals, comparePairs, createRandom, spreadOf, wilsonInterval, type Pair } from '#statistics';

const RANDOM_ROWS = 400;

/** Pairs of a regression: both are off by noise of their own spread around a row's value. */
function numbers(
  seed: number,
  spreads: readonly [champion: number, challenger: number],
  rowCount = RANDOM_ROWS,
): Pair[] {
  const random = createRandom(seed);
  const noise = () => random.uniform() + random.uniform() - 1;
  return Array.from({ length: rowCount }, () => {
    const actual = 10 * random.uniform();
    return { champion: actual + spreads[0] * noise(), challenger: actual + spreads[1] * noise(), actual };
  });
}

const classes = (probability: number) => ({
  classIndex: probability >= 0.5 ? 1 : 0,
  probabilities: [1 - probability, probability],
});

describe('statistics: comparison of two models', () => {
  it('has Wilson’s interval of a share', () => {
    // Agresti, Coull 1998: 0 of 10 and 5 of 10 at 0.95.
    const none = wilsonInterval(0, 10, 1.959964);
    expect(none?.lower).to.equal(0);
    expect(none?.upper).to.be.closeTo(0.2775, 1e-4);
    const half = wilsonInterval(5, 10, 1.959964);
    expect(half?.lower).to.be.closeTo(0.2366, 1e-4);
    expect(half?.upper).to.be.closeTo(0.7634, 1e-4);
    expect(wilsonInterval(0, 0, 1.96)).to.equal(null);
  });

  it('has bootstrap intervals of a mean that hold it as often as they say, and are the same each time', () => {
    let held = 0;
    const rounds = 200;
    for (let round = 0; round < rounds; round += 1) {
      const random = createRandom(round);
      const values = Array.from({ length: 60 }, () => random.uniform());
      const mean = (weights: Uint32Array) =>
        values.reduce((sum, value, row) => sum + value * (weights[row] ?? 0), 0) / 60;
      const options = { rowCount: 60, resamples: 300, seed: 1, coverage: 0.9 };
      const [interval] = bootstrapIntervals(options, (weights) => [mean(weights)]);
      if (round === 0) expect(bootstrapIntervals(options, (weights) => [mean(weights)])[0]).to.deep.equal(interval);
      if (interval !== null && interval !== undefined && interval.lower <= 0.5 && 0.5 <= interval.upper) held += 1;
    }
    // 0.9 of 200 rounds with a standard error of 0.021: four of them, and a percentile interval of 60 rows is a little short.
    expect(held / rounds).to.be.within(0.81, 0.98);
  });

  it('finds the better of two regressions, in rmse and mae', () => {
    const comparison = comparePairs(numbers(1, [1, 0.5]), 0) ?? expect.fail('there are pairs');
    expect(comparison.actualCount).to.equal(RANDOM_ROWS);
    expect(comparison.sameClass).to.equal(null);
    expect(comparison.metrics.map(({ metric }) => metric)).to.deep.equal(['rmse', 'mae']);
    for (const { champion, challenger, difference } of comparison.metrics) {
      expect(challenger).to.be.lessThan(champion);
      expect(difference.value).to.equal(challenger - champion);
      expect(difference.interval?.lower).to.be.lessThan(difference.value);
      expect(difference.interval?.upper).to.be.greaterThan(difference.value).and.lessThan(0);
    }
    // Noise of a sum of two uniforms has variance 1/6.
    expect(comparison.metrics[0]?.champion).to.be.closeTo(Math.sqrt(1 / 6), 0.03);
  });

  it('does not tell two of equal quality apart more often than it says', () => {
    let apart = 0;
    for (let seed = 0; seed < 40; seed += 1) {
      const [rmse] = comparePairs(numbers(seed, [1, 1], 100), 0)?.metrics ?? [];
      const interval = rmse?.difference.interval ?? expect.fail('an interval');
      if (interval.lower > 0 || interval.upper < 0) apart += 1;
    }
    // 2 expected; 7 or more have a probability of 0.004. The seeds are fixed.
    expect(apart).to.be.lessThan(7);
  });

  it('is paired: what makes rows hard for both does not widen the interval', () => {
    const random = createRandom(5);
    const pairs = Array.from({ length: 200 }, (): Pair => {
      const hard = 100 * random.uniform();
      return { champion: hard + 1, challenger: hard + 1 - 0.01 * random.uniform(), actual: 0 };
    });
    const [, mae] = comparePairs(pairs, 0)?.metrics ?? [];
    expect(mae?.difference.interval?.lower).to.be.within(-0.007, -0.004);
    expect(mae?.difference.interval?.upper).to.be.within(-0.006, -0.003);
  });

  it('compares classes by log loss, Brier score and accuracy', () => {
    const pairs: Pair[] = [
      { champion: classes(0.8), challenger: classes(0.6), actual: 1 },
      { champion: classes(0.3), challenger: classes(0.6), actual: 0 },
      { champion: classes(0.9), challenger: classes(0.9), actual: null },
    ];
    const { metrics, sameClass, meanDistance, actualCount } = comparePairs(pairs, 2) ?? expect.fail('there are pairs');
    expect(actualCount).to.equal(2);
    expect(sameClass?.value).to.equal(2 / 3);
    expect(meanDistance.value).to.be.closeTo(0.5 / 3, 1e-12);
    const byName = new Map(metrics.map((entry) => [entry.metric, entry]));
    expect([...byName.keys()]).to.deep.equal(['logLoss', 'brier', 'accuracy']);
    expect(byName.get('logLoss')?.champion).to.be.closeTo(-(Math.log(0.8) + Math.log(0.7)) / 2, 1e-12);
    expect(byName.get('brier')?.challenger).to.be.closeTo((0.16 + 0.36) / 2, 1e-12);
    expect([byName.get('accuracy')?.champion, byName.get('accuracy')?.challenger]).to.deep.equal([1, 0.5]);
    // Of two rows no interval is told.
    expect(byName.get('accuracy')?.difference.interval).to.equal(null);
  });

  it('leaves out what events of many classes do not tell', () => {
    const many = (classIndex: number): Pair['champion'] => ({ classIndex, probabilities: [0.4] });
    const pairs = Array.from({ length: 20 }, (_, row): Pair => ({
      champion: many(row),
      challenger: many(0),
      actual: 0,
    }));
    const comparison = comparePairs(pairs, 40);
    expect(comparison?.metrics.map(({ metric }) => metric)).to.deep.equal(['accuracy']);
    expect(comparison?.meanDistance.value).to.be.NaN;
  });

  it('tells what predictions were', () => {
    const values = Array.from({ length: 101 }, (_, value) => value);
    expect(spreadOf(values, 0)).to.deep.equal({
      ...{ classShares: null, meanProbability: null, mean: 50 },
      quantiles: [5, 25, 50, 75, 95],
    });
    expect(spreadOf([classes(0.25), classes(0.75), classes(0.5)], 2)).to.deep.equal({
      ...{ classShares: [1 / 3, 2 / 3], meanProbability: 0.5, mean: null, quantiles: null },
    });
    expect(comparePairs([], 2)).to.equal(null);
  });
});
