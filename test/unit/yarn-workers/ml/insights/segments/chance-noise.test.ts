import { expect } from 'chai';
import { createRandom } from '#statistics';
import type { TargetSpec } from '#contracts';
import { metricOf, type OutOfFold } from '../../../../../../yarn-workers/ml/fit/out-of-fold.ts';
import { rowsAt } from '../../../../../../yarn-workers/ml/fit/out-of-fold.ts';
import { chanceNoise } from '../../../../../../yarn-workers/ml/insights/segments/chance-noise.ts';
import { segmentScorer } from '../../../../../../yarn-workers/ml/insights/segments/segment-gains.ts';

const TARGET: TargetSpec = {
  ...{ name: 'y', targetType: 'binary', positiveClass: 1 },
  classes: ['0', '1'].map((label) => ({ label, texts: [label], rowCount: 1_000 })),
};

/** A model that knows the probabilities of 2,000 rows, an eighth of them positive. */
function honest(seed: number): OutOfFold {
  const random = createRandom(seed);
  const predictions = Float64Array.from({ length: 2_000 }, () => random.uniform() ** 7);
  return {
    ...{ foldCount: 1, weights: null, values: null, outputCount: 1, predictions, partitions: new Int8Array(2_000) },
    rows: Uint32Array.from(predictions.keys()),
    classes: Int32Array.from(predictions, (p) => Number(random.uniform() < p)),
  };
}

describe('ml segments: the noise of chance', function () {
  this.timeout(30_000);

  it('is the standard deviation of a mean of a finite population, for a metric that is one', () => {
    const rows = honest(1);
    const score = (some: OutOfFold): number | null => metricOf('logLoss', some, TARGET, () => true);
    const noiseOf = chanceNoise(rows, 'logLoss', score, 5);
    const losses = Array.from(rows.predictions, (p, row) => -Math.log(rows.classes?.[row] === 1 ? p : 1 - p));
    const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
    const variance = losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0) / (losses.length - 1);
    for (const size of [60, 150, 333, 900]) {
      const expected = Math.sqrt(variance * (1 / size - 1 / 2_000));
      // A standard deviation of a hundred draws is known to 7 %; three of those.
      expect((noiseOf(rowsAt(rows, rows.rows.subarray(0, size))) ?? 0) / expected).to.be.within(0.79, 1.21);
    }
  });

  it('of an order follows the rows of the rarer class', () => {
    const rows = honest(2);
    const noiseOf = chanceNoise(rows, 'auc', (some) => metricOf('auc', some, TARGET, () => true), 5);
    const positives = rows.rows.filter((row) => rows.classes?.[row] === 1);
    const negatives = rows.rows.filter((row) => rows.classes?.[row] === 0);
    const segment = (some: number): number | null =>
      noiseOf(rowsAt(rows, Uint32Array.of(...positives.subarray(0, some), ...negatives.subarray(0, 200 - some))));
    expect(segment(5)).to.be.above(1.8 * (segment(25) ?? 0));
    expect(segment(0)).to.equal(null);
  });

  it('lets no segment of a model that knows the truth stand out by a noise that is small by chance', () => {
    for (const metric of ['auc', 'prAuc', 'logLoss'] as const) {
      let least = 1;
      let below = 0;
      for (let seed = 0; seed < 3; seed += 1) {
        const rows = honest(10 + seed);
        const { gainOf } = segmentScorer(rows, TARGET, metric, seed);
        const random = createRandom(seed);
        for (let segment = 0; segment < 100; segment += 1) {
          const { pValue } = gainOf(
            rowsAt(
              rows,
              rows.rows.filter(() => random.below(20) === 0),
            ),
          );
          least = Math.min(least, pValue ?? 1);
          if ((pValue ?? 1) < 0.05) below += 1;
        }
      }
      expect(below / 300, metric).to.be.below(0.06);
      expect(least, metric).to.be.above(0.05 / 300);
    }
  });
});
