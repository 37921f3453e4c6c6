import { expect } from 'chai';
import type { MetricName, MetricValues, ModelScores, TargetType } from '#contracts';
import {
  compareScores,
  encodeOutOfFold,
  memoryPredictions,
  metricOf,
  openOutOfFold,
  scoresOf,
  scoresFromOutOfFold,
} from '#ml';
import { groupedComparison, partitionScores } from '../../../../../yarn-workers/ml/ensemble/compare-scores.ts';
import { GroupedScores } from '../../../../../yarn-workers/ml/fit/grouped-scores.ts';
import { rowRange } from '../../../../../yarn-workers/ml/fit/out-of-fold-source.ts';
import { stateScores } from '../../../../../yarn-workers/ml/fit/scores.ts';
import { manyPredictions, targetOf, type MadePredictions } from '../../../../support/many-predictions.ts';

const CASES: readonly MadePredictions[] = [
  { rowCount: 30_000, targetType: 'binary' },
  { rowCount: 30_000, targetType: 'binary', foldCount: 4, isWeighted: true },
  { rowCount: 20_000, targetType: 'multiclass', foldCount: 3 },
  { rowCount: 30_000, targetType: 'regression', foldCount: 3, isByDate: true },
];
const METRICS: Readonly<Record<TargetType, MetricName>> = {
  ...{ binary: 'auc', multiclass: 'logLoss', regression: 'medianAbsoluteError' },
};
/** Those that count rows of a bucket as tied, which of so few rows, and with a state for each group of each fold, is seen. */
const TOLERANCE: Readonly<Record<string, number>> = {
  ...{ auc: 1e-4, gini: 1e-4, prAuc: 1e-4, topDecileLift: 1e-3, medianAbsoluteError: 1e-3, r2: 1e-12 },
};

function expectNear(found: MetricValues | null, expected: MetricValues | null): void {
  expect(Object.keys(found ?? {}).sort()).to.deep.equal(Object.keys(expected ?? {}).sort());
  for (const [metric, value] of Object.entries(expected ?? {}))
    expect(found?.[metric], metric).to.be.closeTo(value, TOLERANCE[metric] ?? 1e-13 * Math.max(1, Math.abs(value)));
}

describe('scores of predictions in blocks', function () {
  this.timeout(30_000);

  it('are those of all rows at once: means to rounding, ranks to the grid, whatever the size of blocks', () => {
    for (const kind of CASES) {
      const data = manyPredictions(kind);
      const target = targetOf(kind.targetType);
      const expected = scoresFromOutOfFold(data, target);
      const found: ModelScores[] = [1_001, 30_000].map((blockRows) => {
        const collector = stateScores(data, target);
        for (let from = 0; from < data.rows.length; from += blockRows)
          collector.add(rowRange(data, from, from + blockRows));
        return collector.scores();
      });
      expect(found[0]).to.deep.equal(found[1]);
      const states = stateScores(data, target);
      states.add(data);
      const ranked = (scores: ModelScores | undefined): MetricValues =>
        scores?.backtests?.at(-1) ?? scores?.crossValidation ?? scores?.validation ?? {};
      for (const [metric, error] of Object.entries(states.errors()))
        expect(Math.abs((ranked(found[0])[metric] ?? NaN) - (ranked(expected)[metric] ?? NaN)), metric).to.be.at.most(
          error + 1e-12,
        );
      for (const part of ['validation', 'crossValidation', 'holdout'] as const)
        expectNear(found[0]?.[part] ?? null, expected[part]);
      expect(found[0]?.backtests?.length).to.equal(expected.backtests?.length);
    }
  });

  it('are to the last bit those of before where the rows are few, from a file or from memory', async () => {
    for (const kind of CASES) {
      const data = manyPredictions({ ...kind, rowCount: 1_000 });
      const bytes = encodeOutOfFold(data);
      const source = await openOutOfFold(async (start, end) => bytes.subarray(start, end), bytes.length, 77);
      const target = targetOf(kind.targetType);
      expect(await scoresOf(source, target)).to.deep.equal(scoresFromOutOfFold(data, target));
      expect(await scoresOf(memoryPredictions(data), target)).to.deep.equal(scoresFromOutOfFold(data, target));
    }
  });

  it('are compared, with their errors, as those of all rows at once', async () => {
    for (const kind of CASES) {
      const [first, second] = [manyPredictions(kind), manyPredictions({ ...kind, seed: 2 })];
      const target = targetOf(kind.targetType);
      const metric = METRICS[kind.targetType];
      const expected = compareScores(first, second, target, metric, 5);
      const comparison = groupedComparison(first, { target, metric, seed: 5 });
      for (let from = 0; from < first.rows.length; from += 7_777)
        comparison.add(rowRange(first, from, from + 7_777), rowRange(second, from, from + 7_777));
      const found = comparison.result();
      expect(found.gain, metric).to.be.closeTo(expected.gain ?? NaN, TOLERANCE[metric] ?? 1e-13);
      expect(found.noise, metric).to.be.closeTo(expected.noise ?? NaN, TOLERANCE[metric] ?? 1e-13);
      const scores = new GroupedScores(first, target, metric, 5);
      scores.add(first);
      const exact = await partitionScores(memoryPredictions(first), target, { metric, seed: 5 });
      for (const partition of [-1, 0]) {
        expect(scores.rowCount(partition)).to.equal(exact.rowCount(partition));
        const value = exact.ofPartition(partition) ?? NaN;
        expect(scores.ofPartition(partition, null)).to.be.closeTo(value, TOLERANCE[metric] ?? 1e-13);
      }
      const ranked = metricOf(metric, first, target, (partition) => partition >= 0) ?? NaN;
      expect(scores.ranked(null)).to.be.closeTo(ranked, TOLERANCE[metric] ?? 1e-13);
    }
  });

  it('are undefined where a partition has no rows', () => {
    const data = manyPredictions({ rowCount: 100, targetType: 'binary' });
    const all = { ...data, partitions: new Int8Array(100) };
    const target = targetOf('binary');
    const collector = stateScores(all, target);
    collector.add(all);
    expect(collector.scores().holdout).to.equal(null);
    const scores = new GroupedScores(all, target, 'auc', 1);
    scores.add(all);
    expect(scores.ofPartition(-1, null)).to.equal(null);
    expect(scores.rowCount(-1)).to.equal(0);
  });
});
