import { expect } from 'chai';
import type { TrainTask } from '#contracts';
import { fitModel, manifestOf, settingsOf, type AutopilotRequest, type FitResult } from '#ml';
import { openArtifact } from '#scoring';
import { checkFits } from '../../../../../yarn-workers/ml/blueprints/misfit.ts';
import { sha256, testEngine } from '../../../../support/boosting-engine.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { memorySource, numberRule, type MemoryColumn } from '../../../../support/memory-table.ts';
import { freeIo, planOf, trainTask } from '../../../../support/modelling-task.ts';

const ROWS = 800;
const PARAMETERS = { maxIterations: 120, leaves: 8 };

/** A broken plane that trees of constants can only climb by steps. */
const TABLE: MemoryColumn[] = (() => {
  const numbers = Array.from({ length: ROWS }, (_, row) => {
    const [a, b] = [((row * 37) % ROWS) / 80 - 5, ((row * 101) % ROWS) / 80];
    return { a, b, y: (a > 0 ? 3 * a : -a) + b * (a > 1 ? 1 : -2) + ((row * 7) % 5) / 10 };
  });
  const column = (name: string, cellOf: (row: (typeof numbers)[number]) => string) => ({
    name,
    parse: numberRule,
    cells: numbers.map(cellOf),
  });
  return [column('a', ({ a }) => String(a)), column('b', ({ b }) => String(b)), column('y', ({ y }) => String(y))];
})();

async function taskOf(changes: Partial<TrainTask> = {}, request: Partial<AutopilotRequest> = {}): Promise<TrainTask> {
  const plan = await planOf(TABLE, { target: 'y', targetType: 'regression', featureNames: ['a', 'b'], ...request });
  return trainTask(TABLE, plan, { blueprintId: 'lightgbm-linear-trees', parameters: PARAMETERS, ...changes });
}

const fit = (task: TrainTask, batchRows = 100): Promise<FitResult> =>
  fitModel(task, memorySource(TABLE, batchRows), testEngine(), freeIo());

const rmseOf = ({ scores }: FitResult): number => scores?.crossValidation?.rmse ?? scores?.validation?.rmse ?? NaN;

describe('ml fit: trees with linear leaves', function () {
  this.timeout(60_000);

  it('follow lines that trees of constants climb by steps, and lead on beyond the training rows', async () => {
    const task = await taskOf();
    const linear = await fit(task);
    const constant = await fit({ ...task, blueprintId: 'lightgbm-default' });
    expect(rmseOf(linear)).to.be.lessThan(0.9 * rmseOf(constant));
    const [led, flat] = [linear, constant].map((made) => {
      const manifest = manifestOf(task, made, { createdAt: '2026-01-01T00:00:00Z', files: [] });
      const scorer = openArtifact(manifest, made.blob, sha256);
      const out = scorer.createPrediction();
      const valueOf = (a: number): number => {
        scorer.scoreRow({ a, b: 5 }, out);
        return Number(out.prediction);
      };
      return valueOf(8) - valueOf(5);
    });
    expect(led).to.be.within(3, 15);
    expect(flat).to.equal(0);
  });

  it('are explained exactly, beginning from about the mean of the training rows', async () => {
    const task = await taskOf();
    const made = await fit(task);
    const manifest = manifestOf(task, made, { createdAt: '2026-01-01T00:00:00Z', files: [] });
    const scorer = openArtifact(manifest, made.blob, sha256);
    const answer = scorer.createPrediction(true);
    const [base = NaN] = scorer.explainer().baseValues;
    const values = TABLE.find(({ name }) => name === 'y')?.cells.map(Number) ?? [];
    expect(base).to.be.closeTo(values.reduce((sum, value) => sum + value, 0) / ROWS, 0.2);
    for (const row of [
      { a: 4, b: 2 },
      { a: -3.5, b: null },
      { a: 1e200, b: 5 },
    ]) {
      scorer.scoreRow(row, answer);
      const sum = [...(answer.contributions ?? [])].reduce((total, value) => total + value, base);
      expect(sum).to.be.closeTo(answer.rawScores[0] ?? NaN, 1e-9);
      expect(answer.rawScores[0]).to.be.finite;
    }
  });

  it('are the same model whatever the threads and batches', async () => {
    const task = await taskOf();
    const { contentHash } = await fit(task);
    expect((await fit({ ...task, threadCount: 2 }, 333)).contentHash).to.equal(contentHash);
    expect((await fit({ ...task, parameters: { ...PARAMETERS, linearPenalty: 50 } })).contentHash).not.to.equal(
      contentHash,
    );
  });

  it('minimise squares of absolute errors, which then decide where boosting stops', async () => {
    const parameters = { ...PARAMETERS, maxIterations: 20, earlyStoppingRounds: 0 };
    const [absolute, squared] = [
      await fit(await taskOf({ parameters, metric: 'mae' })),
      await fit(await taskOf({ parameters, metric: 'rmse' })),
    ];
    expect(absolute.contentHash).to.equal(squared.contentHash);
  });

  it('are refused for a quantile and where a constraint is to be kept, and left out of plans', async () => {
    const settings = settingsOf('lightgbm-linear-trees', {});
    const quantile = await planOf(TABLE, { target: 'y', metric: 'quantileLoss', quantile: 0.9 });
    const constrained = await planOf(TABLE, { target: 'y', monotonic: { increasing: ['b'] } });
    for (const [plan, part] of [
      [quantile, 'linear leaves have no loss for a quantile'],
      [constrained, 'cannot keep the constraints'],
    ] as const) {
      const err = await appErrorOf('VALIDATION_FAILED', () => checkFits('lightgbm-linear-trees', settings, plan));
      expect(err.message).to.contain(part);
      expect(plan.leftOut?.find(({ blueprintId }) => blueprintId === 'lightgbm-linear-trees')?.reason).to.contain(part);
    }
    const named = await planOf(TABLE, { target: 'y', blueprints: ['lightgbm-linear-trees'] });
    expect(named.candidates.map(({ blueprintId }) => blueprintId)).to.deep.equal(['lightgbm-linear-trees']);
  });

  it('refuse parameters that do not go together', async () => {
    for (const [parameters, part] of [
      [{ boosting: 'dart' }, 'linearLeaves: must be false unless boosting is gbdt'],
      [{ boosting: 'rf', rowFraction: 0.5 }, 'linearLeaves: must be false unless boosting is gbdt'],
      [{ linearLeaves: false }, 'linearPenalty: has a meaning only where linearLeaves is true'],
      [{ linearLeaves: 1 }, 'must be true or false'],
      [{ linearPenalty: -1 }, 'a number from 0 to 1000000'],
    ] as const) {
      const err = await appErrorOf('VALIDATION_FAILED', () => settingsOf('lightgbm-linear-trees', parameters));
      expect(err.message).to.contain(part);
    }
  });
});
