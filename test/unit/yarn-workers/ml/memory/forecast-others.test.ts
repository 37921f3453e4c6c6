import { expect } from 'chai';
import type { EnsembleTask, InsightTask } from '#contracts';
import {
  forecastEnsemble,
  forecastInsight,
  forecastProfile,
  forecastScoring,
  forecastTraining,
  type MemoryForecast,
} from '#ml';
import { ensembleTask, fitModels } from '../../../../support/ensemble-task.ts';
import { mixedTable, MIXED_FEATURES } from '../../../../support/mixed-table.ts';
import { planOf, trainTask } from '../../../../support/modelling-task.ts';

const MIB = 1024 ** 2;
const part = ({ parts }: MemoryForecast, what: string): number => parts.find((one) => one.what === what)?.bytes ?? 0;

describe('memory that other tasks than fits are predicted to take', function () {
  this.timeout(30_000);
  const table = mixedTable(200);
  let task: EnsembleTask;
  let insight: InsightTask;

  before(async () => {
    const plan = await planOf(table, { target: 'binary', featureNames: [...MIXED_FEATURES] });
    task = ensembleTask(table, plan, await fitModels(table, plan));
    const { modelId, projectId, datasetId, target, metric, seed } = task;
    insight = {
      ...{ kind: 'insight', insight: 'feature-impact', modelId, projectId, datasetId, target, metric, seed },
      ...{ table: task.table, artifactPath: 'models/a/1-a', manifestSha256: '0'.repeat(64) },
      train: trainTask(table, plan, { blueprintId: 'lightgbm-fast' }),
    };
  });

  const ensembleOn = (rowCount: number, sizes: readonly number[] = [MIB, MIB, MIB, MIB]): MemoryForecast =>
    forecastEnsemble(task, rowCount, sizes);

  it('of an ensemble does not grow with rows where they are many', () => {
    expect(ensembleOn(500_000_000).peakBytes).to.equal(ensembleOn(5_000_000).peakBytes);
    expect(ensembleOn(4_000_000).peakBytes).to.be.above(ensembleOn(1_000_000).peakBytes);
    expect(ensembleOn(200).peakBytes).to.be.within(250 * MIB, 450 * MIB);
  });

  it('of an ensemble is above what was taken, by a third at most (ADR 76): 2 and 20 million predictions of three models', () => {
    const three = { ...task, members: task.members.slice(0, 3), membersMax: 6, stepsMax: 30 };
    for (const [rowCount, takenMib] of [
      [2_000_000, 414],
      [20_000_000, 374],
    ] as const) {
      const predicted = forecastEnsemble(three, rowCount, [0, 0, 0]).peakBytes / MIB;
      expect(predicted).to.be.within(takenMib, 1.34 * takenMib);
    }
  });

  it('of an ensemble counts the blend and its largest member, and a guess of what is not known', () => {
    const known = ensembleOn(200, [100 * MIB, 300 * MIB, 200 * MIB, MIB]);
    expect(known.phase).to.equal('artefact');
    expect(part(known, 'the blend')).to.equal(600 * MIB);
    expect(part(known, 'a member')).to.equal(300 * MIB);
    const refit = forecastEnsemble({ ...task, refitOf: 'e' }, 200, [MIB]);
    expect(part(refit, 'the blend')).to.equal(3 * 64 * MIB + MIB);
    expect(part(refit, 'predictions of held-back rows')).to.equal(0);
  });

  it('of an insight is that of a bounded sample, of a learning curve that of half a fit', () => {
    const on = (rowCount: number, kind: InsightTask['insight']): MemoryForecast =>
      forecastInsight({ ...insight, insight: kind, table: { ...insight.table, rowCount } }, 10 * MIB);
    expect(on(1_000_000, 'segments').peakBytes).to.equal(on(100_000_000, 'segments').peakBytes);
    expect(part(on(1_000_000, 'segments'), 'artefact')).to.equal(10 * MIB);
    const { train } = insight;
    if (train === undefined) expect.fail('no task');
    const half = forecastTraining({ ...train, sampleFraction: 0.5 });
    expect(on(200, 'learning-curve').peakBytes).to.be.within(half.peakBytes, half.peakBytes + MIB);
  });

  it('of a profile is that of columns, not of rows; texts and levels count most', () => {
    const ofColumns = (storages: readonly ('float64' | 'string')[]): number => {
      const columns = storages.map((storage, position) => ({ ...task.table.columns[0], storage, position }));
      return forecastProfile({ columns: columns as typeof task.table.columns }).peakBytes; // all fields but these are the first one's
    };
    const [none, number, text] = [ofColumns([]), ofColumns(['float64']), ofColumns(['string'])];
    expect(number).to.be.above(none);
    expect(text).to.be.above(number);
    expect(ofColumns(['string', 'float64', 'string'])).to.equal(2 * text + number - 2 * none);
  });

  it('of a batch is that of its model and of some rows', () => {
    expect(forecastScoring(1_000 * MIB).peakBytes - forecastScoring(0).peakBytes).to.equal(1_000 * MIB);
    expect(forecastScoring(0).peakBytes).to.be.within(300 * MIB, 600 * MIB);
  });
});
