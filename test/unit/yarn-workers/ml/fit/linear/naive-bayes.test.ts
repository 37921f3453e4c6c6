import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { oneOf, parse, strict, Type, type TrainTask } from '#contracts';
import { fitModel, manifestOf, settingsOf, type AutopilotRequest, type FitResult } from '#ml';
import { openArtifact } from '#scoring';
import { checkFits } from '../../../../../../yarn-workers/ml/blueprints/misfit.ts';
import { NAIVE_BAYES_VARIANTS } from '../../../../../../yarn-workers/ml/blueprints/linear-settings.ts';
import { naiveBayes } from '../../../../../../yarn-workers/ml/fit/linear/naive-bayes.ts';
import type { SparseColumns } from '../../../../../../yarn-workers/ml/fit/linear/design.ts';
import { sha256, testEngine } from '../../../../../support/boosting-engine.ts';
import { appErrorOf } from '../../../../../support/expect-error.ts';
import { memorySource, numberRule } from '../../../../../support/memory-table.ts';
import { freeIo, planOf, trainTask } from '../../../../../support/modelling-task.ts';
import { TEXT_FEATURES, textTable } from '../../../../../support/text-table.ts';

const Numbers = Type.Array(Type.Number());
const Fixture = strict({
  sklearn: Type.String(),
  cases: Type.Array(
    strict({
      variant: oneOf(NAIVE_BAYES_VARIANTS),
      smoothing: Type.Number(),
      classCount: Type.Integer(),
      labels: Numbers,
      weights: Numbers,
      cells: Type.Array(Numbers),
      termCount: Type.Integer(),
      logOdds: Numbers,
    }),
  ),
});
const { cases } = parse(
  Fixture,
  JSON.parse(
    readFileSync(new URL('../../../../../fixtures/naive-bayes/naive-bayes.json', import.meta.url), 'utf8'),
  ) as unknown,
  'naive Bayes of scikit-learn',
);

/** The columns of terms [from, to). */
function columnsOf(cells: readonly (readonly number[])[], from: number, to: number): SparseColumns {
  const byTerm = Array.from({ length: to - from }, (_, index) => cells.filter(([, term]) => term === from + index));
  const offsets = [0];
  for (const own of byTerm) offsets.push((offsets.at(-1) ?? 0) + own.length);
  const flat = byTerm.flat();
  return {
    offsets: Int32Array.from(offsets),
    rows: Int32Array.from(flat, ([row = 0]) => row),
    values: Float32Array.from(flat, ([, , count = 0]) => count),
  };
}

const TABLE = [
  ...textTable(500, 3),
  { name: 'added', cells: Array.from({ length: 500 }, (_, row) => String(row % 3)), parse: numberRule },
];

async function taskOf(changes: Partial<TrainTask> = {}, request: Partial<AutopilotRequest> = {}): Promise<TrainTask> {
  const plan = await planOf(TABLE, { target: 'binary', featureNames: [...TEXT_FEATURES], ...request });
  return trainTask(TABLE, plan, { blueprintId: 'naive-bayes-text', ...changes });
}

const fit = (task: TrainTask, batchRows = 100): Promise<FitResult> =>
  fitModel(task, memorySource(TABLE, batchRows), testEngine(), freeIo());

describe('ml fit: naive Bayes', function () {
  this.timeout(60_000);

  for (const { variant, smoothing, classCount, labels, weights, cells, termCount, logOdds } of cases)
    it(`is scikit-learn’s: ${variant}, ${classCount} classes, smoothing ${smoothing}`, () => {
      // Two blocks, as words and characters are: all terms share their texts.
      const blocks = [columnsOf(cells, 0, 9), columnsOf(cells, 9, termCount)];
      const rows = { blocks, labels: Float64Array.from(labels), weights: Float64Array.from(weights), classCount };
      const outputs = naiveBayes(variant, rows)(smoothing);
      expect(outputs).to.have.length(classCount === 2 ? 1 : classCount);
      const shares = outputs.map(({ intercept, blocks: [first, second] }) => {
        const odds = new Float64Array(labels.length).fill(intercept);
        for (const [row = 0, term = 0, count = 0] of cells)
          odds[row] = (odds[row] ?? NaN) + count * ((term < 9 ? first?.[term] : second?.[term - 9]) ?? NaN);
        return odds;
      });
      for (let row = 0; row < labels.length; row += 1) {
        // Priors are not centred: what all classes share is no part of the comparison.
        const own = shares.map((odds) => odds[row] ?? NaN);
        const mean = own.length === 1 ? 0 : own.reduce((sum, value) => sum + value, 0) / own.length;
        for (const [output, value] of own.entries())
          expect(value - mean).to.be.closeTo(logOdds[row * own.length + output] ?? NaN, 1e-9);
      }
    });

  it('gives every class a chance that has no rows', () => {
    const rows = {
      blocks: [columnsOf([[0, 0, 2]], 0, 1)],
      labels: Float64Array.of(0, 1),
      weights: Float64Array.of(1, 1),
      classCount: 3,
    };
    for (const variant of NAIVE_BAYES_VARIANTS)
      for (const { intercept, blocks } of naiveBayes(variant, rows)(0.5))
        expect([intercept, ...(blocks[0] ?? [])].every(Number.isFinite)).to.equal(true);
  });

  it('predicts classes by texts alone, the same whatever the batches, and is refitted with the smoothing that was kept', async () => {
    const task = await taskOf();
    const made = await fit(task);
    expect((await fit(task, 37)).contentHash).to.equal(made.contentHash);
    expect(made.scores?.crossValidation?.auc ?? made.scores?.validation?.auc).to.be.greaterThan(0.75);
    expect(made.content.steps.map(({ kind }) => kind)).to.satisfy((kinds: string[]) =>
      kinds.every((kind) => kind === 'text-scores'),
    );
    const iterations = made.iterations ?? 0;
    expect(iterations).to.be.within(1, 9);
    const refit = await fit({ ...task, refit: { of: 'model-0', iterations } });
    expect(refit.iterations).to.equal(iterations);
    const complement = await fit({ ...task, parameters: { naiveBayes: 'complement' } });
    expect(complement.contentHash).not.to.equal(made.contentHash);
  });

  it('of several classes is explained by its texts, exactly', async () => {
    const task = await taskOf({}, { target: 'multiclass' });
    const made = await fit(task);
    const manifest = manifestOf(task, made, { createdAt: '2026-01-01T00:00:00Z', files: [] });
    const scorer = openArtifact(manifest, made.blob, sha256);
    const answer = scorer.createPrediction(true);
    scorer.scoreRow({ note: 'refund, broken box', x: 1 }, answer);
    const { baseValues } = scorer.explainer();
    const contributions = answer.contributions ?? expect.fail('no contributions');
    const featureCount = contributions.length / baseValues.length;
    for (const [output, base] of baseValues.entries()) {
      const own = contributions.subarray(output * featureCount, (output + 1) * featureCount);
      const sum = own.reduce((total, value) => total + value, base);
      expect(sum).to.be.closeTo(answer.rawScores[output] ?? NaN, 1e-9);
    }
  });

  it('is refused for numbers, beside offsets, and with parameters that mean nothing to it', async () => {
    const settings = settingsOf('naive-bayes-text', {});
    for (const request of [
      { target: 'regression', targetType: 'regression' },
      { target: 'binary', offsetColumn: 'added' },
    ] as const) {
      const plan = await planOf(TABLE, { ...request, featureNames: ['note'] });
      const err = await appErrorOf('VALIDATION_FAILED', () => checkFits('naive-bayes-text', settings, plan));
      expect(err.message).to.match(/naive Bayes (predicts classes only|cannot be fitted beside an offset)/);
    }
    for (const [id, parameters, part] of [
      ['naive-bayes-text', { l1Ratio: 0.5 }, 'l1Ratio: must be 0 beside naiveBayes'],
      ['naive-bayes-text', { pieces: 4 }, 'pieces: must be 1 beside naiveBayes'],
      ['naive-bayes-text', { words: 0 }, 'words: must be at least 1'],
      ['naive-bayes-text', { naiveBayes: 'gaussian' }, 'must be one of multinomial, complement'],
      ['naive-bayes-text', { smoothing: 0 }, 'a number from 1e-10 to 1000000'],
      ['linear-text', { smoothing: 1 }, 'smoothing: has a meaning only where naiveBayes'],
    ] as const) {
      const err = await appErrorOf('VALIDATION_FAILED', () => settingsOf(id, parameters));
      expect(err.message).to.contain(part);
    }
  });
});
