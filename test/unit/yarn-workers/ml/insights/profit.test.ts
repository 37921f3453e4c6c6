import { expect } from 'chai';
import type { TargetSpec } from '#contracts';
import { insightOf, insightRows, type OutOfFold } from '#ml';
import { createRandom } from '#statistics';
import { appErrorOf } from '../../../../support/expect-error.ts';

const TARGET: TargetSpec = {
  name: 'bought',
  targetType: 'binary',
  classes: ['no', 'yes'].map((label) => ({ label, texts: [label], rowCount: 1 })),
  positiveClass: 1,
};
const ROWS = 400;

function data(weighted: boolean): OutOfFold {
  const random = createRandom(3);
  const predictions = Float64Array.from({ length: ROWS }, () => Math.round(random.uniform() * 50) / 50);
  return {
    rows: Uint32Array.from({ length: ROWS }, (_, row) => row),
    partitions: Int8Array.from({ length: ROWS }, (_, row) => row % 5),
    foldCount: 5,
    classes: Int32Array.from(predictions, (p) => Number(random.uniform() < p)),
    values: null,
    weights: weighted ? Float64Array.from({ length: ROWS }, () => 1 + random.below(3)) : null,
    outputCount: 1,
    predictions,
  };
}

const MATRIX = { truePositive: 40, falsePositive: -10, trueNegative: 1, falseNegative: -5 };

/** Row by row, as the words say. */
function worthAt({ predictions, classes, weights }: OutOfFold, threshold: number): number {
  return predictions.reduce((sum, p, row) => {
    const isPositive = classes?.[row] === 1;
    const { truePositive, falsePositive, trueNegative, falseNegative } = MATRIX;
    const worth =
      p >= threshold ? (isPositive ? truePositive : falsePositive) : isPositive ? falseNegative : trueNegative;
    return sum + worth * (weights?.[row] ?? 1);
  }, 0);
}

function profitOf(held: OutOfFold) {
  const insight = insightOf('profit', insightRows(held, TARGET, undefined), undefined, MATRIX);
  if (insight.kind !== 'profit') throw new Error('another kind');
  return insight;
}

describe('ml insights: profit', () => {
  it('is what rows are worth at every threshold, and the best one', () => {
    for (const held of [data(false), data(true)]) {
      const found = profitOf(held);
      const thresholds = [...new Set(held.predictions)];
      expect(found.pointCount).to.equal(thresholds.length + 1);
      for (const { threshold, profit, positiveShare } of found.points) {
        expect(profit).to.be.closeTo(worthAt(held, threshold ?? Infinity), 1e-9);
        expect(positiveShare).to.be.within(0, 1);
      }
      const best = Math.max(worthAt(held, Infinity), ...thresholds.map((at) => worthAt(held, at)));
      expect(found.profit).to.be.closeTo(best, 1e-9);
      expect(worthAt(held, found.threshold ?? Infinity)).to.be.closeTo(best, 1e-9);
      expect(found.profitAtHalf).to.be.closeTo(worthAt(held, 0.5), 1e-9);
      expect(found.profitOfAll).to.be.closeTo(worthAt(held, 0), 1e-9);
      expect(found.profitOfNone).to.be.closeTo(worthAt(held, Infinity), 1e-9);
      expect(found.heldOutProfit)
        .to.be.at.most(found.profit)
        .and.at.least(0.9 * found.profit);
    }
  });

  it('has its threshold near where a calibrated probability breaks even', () => {
    // (TN - FP) / (TN - FP + TP - FN), Elkan 2001, equation 2.
    const evenAt = (1 + 10) / (1 + 10 + 40 + 5);
    expect(profitOf(data(false)).threshold).to.be.within(evenAt - 0.1, evenAt + 0.1);
  });

  it('calls nothing positive where nothing is gained by it', () => {
    const rows = insightRows(data(false), TARGET, undefined);
    const found = insightOf('profit', rows, undefined, { falsePositive: -1 });
    expect(found).to.deep.include({ threshold: null, profit: 0, profitOfNone: 0, heldOutProfit: 0 });
  });

  it('counts right and wrong positives alike where no matrix is given', () => {
    const found = insightOf('profit', insightRows(data(false), TARGET, undefined), undefined);
    const matrix = { truePositive: 1, falsePositive: -1, trueNegative: 0, falseNegative: 0 };
    expect(found).to.deep.include({ kind: 'profit', matrix, profitOfNone: 0 });
    expect(found.kind === 'profit' ? found.threshold : null).to.be.within(0.4, 0.6);
  });

  it('says what is wrong with a query', async () => {
    const rows = insightRows(data(false), TARGET, undefined);
    const zeros = await appErrorOf('VALIDATION_FAILED', () =>
      insightOf('profit', rows, undefined, { falsePositive: 0 }),
    );
    expect(zeros.message).to.include('/falsePositive').and.include('must not be 0');
    const surplus = await appErrorOf('VALIDATION_FAILED', () => insightOf('roc', rows, undefined, MATRIX));
    expect(surplus.message).to.include('is not asked for by roc');
    await appErrorOf('VALIDATION_FAILED', () => insightOf('profit', rows, 'yes', MATRIX));
  });
});
