import { expect } from 'chai';
import { parse, StoredInsight, type InsightOf, type InsightTask } from '#contracts';
import { fitModel } from '../../../../../support/in-memory.ts';
import { checkInsight, computeInsight, type InsightInput } from '../../../../../support/in-memory.ts';
import { curveParts } from '../../../../../../yarn-workers/ml/insights/learning-curve/learning-curve.ts';
import { testEngine } from '../../../../../support/boosting-engine.ts';
import { fitModels, type FittedModel } from '../../../../../support/ensemble-task.ts';
import { appErrorOf } from '../../../../../support/expect-error.ts';
import { memorySource, storedTable } from '../../../../../support/memory-table.ts';
import { MIXED_FEATURES, mixedTable } from '../../../../../support/mixed-table.ts';
import { freeIo, planOf } from '../../../../../support/modelling-task.ts';

const TABLE = mixedTable(600);
const CASES = [
  ['binary', { method: 'random', folds: 3 }],
  ['regression', { method: 'random', validation: 'tvh' }],
] as const;

interface Asked {
  readonly task: InsightTask;
  readonly input: InsightInput;
  readonly model: FittedModel;
}

describe('ml learning curves', function () {
  this.timeout(60_000);
  const asked: Asked[] = [];

  before(async () => {
    for (const [target, partitioning] of CASES) {
      const plan = await planOf(TABLE, { target, featureNames: [...MIXED_FEATURES], partitioning });
      for (const model of await fitModels(TABLE, plan)) {
        const { projectId, datasetId, metric, seed, modelId } = model.task;
        const task: InsightTask = {
          ...{ kind: 'insight', insight: 'learning-curve', projectId, datasetId, metric, seed, modelId },
          ...{ target: plan.target, table: storedTable(TABLE), artifactPath: 'models/m/1-a' },
          ...{ manifestSha256: '0'.repeat(64), train: model.task },
        };
        const { manifest, outOfFold, fit } = model;
        const source = memorySource(TABLE, 100);
        asked.push({ task, model, input: { manifest, outOfFold, blob: fit.blob, source, engine: testEngine() } });
      }
    }
  });

  const compute = async ({ task, input }: Asked): Promise<[StoredInsight, InsightOf<'learning-curve'>]> => {
    const made: unknown = JSON.parse(JSON.stringify(await computeInsight(task, input, freeIo())));
    const stored = parse(StoredInsight, made, 'insight.json');
    if (stored.insight.kind !== 'learning-curve') expect.fail(stored.insight.kind);
    return [stored, stored.insight];
  };

  it('are scores of the same blueprint on fewer rows, and of the model itself', async () => {
    for (const one of asked) {
      const { task, model } = one;
      const [stored, { points, metric }] = await compute(one);
      await checkInsight(task, stored, model.manifest, model.outOfFold);
      expect(points.map(({ part }) => part)).to.deep.equal([0.125, 0.25, 0.5, 1]);
      const scores = model.fit.scores ?? expect.fail('no scores');
      const own = (scores.crossValidation ?? scores.validation)?.[metric];
      expect(points.at(-1)).to.deep.include({ rowCount: null, gain: null, noise: null });
      expect(points.at(-1)?.score).to.be.closeTo(own ?? NaN, 1e-12);
      const half = await fitModel(
        { ...model.task, sampleFraction: 0.5 },
        memorySource(TABLE, 77),
        testEngine(),
        freeIo(),
      );
      const expected = (half.scores?.crossValidation ?? half.scores?.validation)?.[metric] ?? NaN;
      const { score, rowCount, gain } = points[2] ?? expect.fail('no point');
      expect(score, model.task.blueprintId).to.be.closeTo(expected, 1e-12);
      expect(rowCount).to.equal(half.rowCount);
      expect(gain).to.be.closeTo(expected - (own ?? NaN), 1e-9);
      expect(stored.rowCount).to.equal(model.outOfFold.partitions.filter((fold) => fold >= 0).length);
    }
  });

  it('neither look for leakage again nor end where a replay was to end', async () => {
    const one = asked.find(({ model }) => model.task.blueprintId === 'lightgbm-fast') ?? expect.fail('no model');
    const [expected] = await compute(one);
    const train = { ...one.model.task, findsLeakage: true, stops: { 'boost-0': 2, 'boost-1': 2 } };
    const told: string[] = [];
    const onProgress = async (progress: object): Promise<void> => void told.push(JSON.stringify(progress));
    const made: unknown = await computeInsight({ ...one.task, train }, one.input, freeIo({ onProgress }));
    expect(JSON.parse(JSON.stringify(made))).to.deep.equal(expected);
    expect(told).to.not.deep.equal([]);
    expect(told.join('\n')).to.not.contain('leakage');
  });

  it('leave out parts in which a class would have too few rows', () => {
    const train = asked[0]?.model.task ?? expect.fail('no task');
    const { target } = train;
    const withRare = (rowCount: number) => ({
      ...train,
      target: { ...target, classes: target.classes.map((one, index) => (index === 0 ? { ...one, rowCount } : one)) },
    });
    expect(curveParts(withRare(30))).to.deep.equal([0.5, 1]);
    expect(curveParts(withRare(12))).to.deep.equal([1]);
    expect(curveParts({ ...train, sampleFraction: 0.01 })).to.deep.equal([1]);
  });

  it('are refused where they are not of the task, and not made without what they need', async () => {
    const one = asked[0] ?? expect.fail('no model');
    const { task, model, input } = one;
    const [stored, own] = await compute(one);
    const refused = async (change: Partial<typeof own>, says: RegExp): Promise<void> => {
      const spoiled: StoredInsight = { ...stored, insight: { ...own, ...change } };
      const check = () => checkInsight(task, spoiled, model.manifest, model.outOfFold);
      expect((await appErrorOf('RESULT_MISMATCH', check)).message).to.match(says);
    };
    await refused({ points: own.points.slice(1) }, /of the parts 0.125, 0.25, 0.5, 1/);
    const last = own.points.at(-1) ?? expect.fail('no point');
    await refused({ points: [...own.points.slice(0, -1), { ...last, score: 9 }] }, /not the model itself/);
    const { train: _, ...without } = task;
    await appErrorOf('INTERNAL', () => computeInsight(without, input, freeIo()));
    const { engine: __, ...engineless } = input;
    await appErrorOf('INTERNAL', () => computeInsight(task, engineless, freeIo()));
  });
});
