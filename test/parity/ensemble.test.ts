import { expect } from 'chai';
import type { ManifestContent, TargetType } from '#contracts';
import { HOLDOUT, ensembleManifest } from '#ml';
import { makeEnsemble, type Ensemble } from '../support/in-memory.ts';
import { contentHashOf, openArtifact, packArtifact, readModels, type Scorer } from '#scoring';
import { sha256 } from '../support/boosting-engine.ts';
import {
  BLENDED_BLUEPRINTS,
  ensembleTask,
  fitModels,
  modelReader,
  type FittedModel,
} from '../support/ensemble-task.ts';
import { appErrorOf } from '../support/expect-error.ts';
import { memorySource } from '../support/memory-table.ts';
import { MIXED_FEATURES, mixedTable } from '../support/mixed-table.ts';
import { planOf } from '../support/modelling-task.ts';

const ROWS = 500;
const TABLE = mixedTable(ROWS, 9);

const TARGETS = [
  { target: 'binary', targetType: 'binary', metric: 'auc' },
  { target: 'multiclass', targetType: 'multiclass', metric: 'logLoss' },
  { target: 'regression', targetType: 'regression', metric: 'rmse' },
  { target: 'count', targetType: 'regression', metric: 'tweedieDeviance' },
] as const satisfies readonly { target: string; targetType: TargetType; metric: string }[];

const VALIDATIONS = { cv: { method: 'random', folds: 3 }, tvh: { method: 'random', validation: 'tvh' } } as const;

const LINEAR_LEAVES = ['lightgbm-linear-trees', { maxIterations: 12, leaves: 6 }] as const;
const VECTORS = ['factorization-machine', { penalties: 5 }] as const;

const cellsOf = (row: number): Record<string, string | null> =>
  Object.fromEntries(TABLE.map(({ name, cells }) => [name, cells[row] ?? null]));

/** Raw scores of all rows, one by one from raw cells. */
function rawOfRows(scorer: Scorer): Float64Array {
  const answer = scorer.createPrediction();
  const raw = new Float64Array(ROWS * scorer.outputCount);
  for (let row = 0; row < ROWS; row += 1) {
    scorer.scoreRow(cellsOf(row), answer, row);
    raw.set(answer.rawScores, row * scorer.outputCount);
  }
  return raw;
}

/** The same from decoded batches. */
async function rawOfBatches(scorer: Scorer, batchRows: number): Promise<Float64Array> {
  const columns = TABLE.map(({ name, parse }, position) => ({
    name,
    position,
    parse,
    storage: 'string' as const,
    hasTwin: parse.kind !== 'category',
  }));
  const raw = new Float64Array(ROWS * scorer.outputCount);
  for await (const batch of memorySource(TABLE, batchRows).batches(scorer.columnRequests(columns)))
    scorer.scoreBatch(batch, raw.subarray(batch.firstRow * scorer.outputCount));
  return raw;
}

/** Opens an artefact's content with other members. */
function opened(task: Parameters<typeof ensembleManifest>[0], ensemble: Ensemble, content: ManifestContent): Scorer {
  const contentHash = contentHashOf(content, sha256);
  const manifest = ensembleManifest(
    task,
    { ...ensemble, content, contentHash },
    { createdAt: '2026-01-01T00:00:00Z', files: [] },
  );
  return openArtifact(JSON.parse(JSON.stringify(manifest)), ensemble.blob, sha256);
}

/** Rows that are explained one by one. */
const EXPLAINED_ROWS = 60;
/** Of the sum of all magnitudes: contributions of many trees are added up in another order. */
const TOLERANCE = 1e-12;

/** A row's base value and contributions by feature for one output. */
function partsOf(scorer: Scorer, row: number, output: number): Map<string, number> {
  const { features, baseValues } = scorer.explainer();
  const out = scorer.createPrediction(true);
  scorer.scoreRow(cellsOf(row), out, row);
  const parts = new Map([['', baseValues[output] ?? NaN]]);
  for (const [place, name] of features.entries())
    parts.set(name, out.contributions?.[output * features.length + place] ?? NaN);
  const size = [...parts.values()].reduce((sum, value) => sum + Math.abs(value), 0);
  const sum = [...parts.values()].reduce((total, value) => total + value, 0);
  expect(sum, 'raw score').to.be.closeTo(out.rawScores[output] ?? NaN, TOLERANCE * size);
  return parts;
}

/** What models say of a row by their weights, each opened by itself. */
function blendedParts(scorers: readonly Scorer[], weights: readonly number[], row: number, output: number) {
  const parts = new Map<string, number>();
  let size = 0;
  for (const [index, scorer] of scorers.entries())
    for (const [name, value] of partsOf(scorer, row, output)) {
      parts.set(name, (parts.get(name) ?? 0) + (weights[index] ?? NaN) * value);
      size += (weights[index] ?? NaN) * Math.abs(value);
    }
  return { parts, size };
}

/** The model as a version without explanations wrote it: nothing says how many rows ended in each leaf. */
function withoutCovers(model: FittedModel): FittedModel {
  const { sections: _, blobSizeBytes: __, blobSha256: ___, ...unpacked } = model.fit.content;
  const models = [...readModels(model.fit.content, model.fit.blob)].map(
    ([prefix, arrays]) => [prefix, 'decisionType' in arrays ? { ...arrays, leafCover: null } : arrays] as const,
  );
  const packed = packArtifact(unpacked, new Map(models), sha256);
  return {
    ...model,
    fit: { ...model.fit, ...packed },
    manifest: { ...model.manifest, content: packed.content, contentHash: packed.contentHash },
  };
}

describe('parity: ensembles, exactly', function () {
  this.timeout(60_000);
  for (const { target, targetType, metric } of TARGETS) {
    for (const [validation, partitioning] of Object.entries(VALIDATIONS)) {
      it(`${targetType} by ${metric}, ${validation}`, async () => {
        const request = { target, targetType, metric, partitioning, featureNames: [...MIXED_FEATURES] };
        const plan = await planOf(TABLE, request);
        const models = await fitModels(TABLE, plan, [...BLENDED_BLUEPRINTS, LINEAR_LEAVES, VECTORS]);
        // All models weigh something, so that members of every kind are blended.
        const members = [0.35, 0.25, 0.1, 0.1, 0.1, 0.1];
        const task = ensembleTask(TABLE, plan, models, { membersMax: models.length });
        const refit = {
          ...task,
          refitOf: 'x',
          members: task.members.map((one, index) => ({ ...one, weight: members[index] ?? 0 })),
        };
        const blend = await makeEnsemble(refit, modelReader(models), { sha256, now: () => 0, remainingMs: () => null });
        const whole = opened(task, blend, blend.content);
        const raw = rawOfRows(whole);
        for (const batchRows of [1, 130, ROWS]) expect(await rawOfBatches(whole, batchRows)).to.deep.equal(raw);

        // The weighted sum of the models' fold members, in the artefact's order: each read from its own model's artefact.
        const sum = new Float64Array(raw.length);
        let first = true;
        for (const [index, { manifest, fit }] of models.entries()) {
          const { calibration, ...plain } = fit.content;
          for (const [place, member] of plain.members.entries()) {
            const alone = plain.members.map((other, at) => ({ ...other, weight: at === place ? 1 : 0 }));
            const own = opened(
              task,
              { ...blend, blob: fit.blob, trainingStatistics: manifest.trainingStatistics },
              { ...plain, members: alone },
            );
            const weight = (members[index] ?? 0) * member.weight * (calibration?.slope ?? 1);
            for (const [at, score] of rawOfRows(own).entries()) {
              const share = weight * score;
              sum[at] = first ? share : (sum[at] ?? NaN) + share;
            }
            first = false;
          }
        }
        const { calibration } = blend.content;
        expect(raw).to.deep.equal(calibration === undefined ? sum : sum.map((score) => score + calibration.intercept));

        // Explanations are the weighted sum of the models' too, and add up to the raw score.
        const alone = models.map(({ manifest, fit }) => openArtifact(manifest, fit.blob, sha256));
        for (let row = 0; row < EXPLAINED_ROWS; row += 1)
          for (let output = 0; output < whole.outputCount; output += 1) {
            const { parts, size } = blendedParts(alone, members, row, output);
            const found = partsOf(whole, row, output);
            expect([...found.keys()]).to.have.members([...parts.keys()]);
            for (const [name, value] of found)
              expect(value, name).to.be.closeTo(parts.get(name) ?? NaN, TOLERANCE * size);
          }
      });

      it(`${targetType} by ${metric}, ${validation}: what ranks it is what it predicts`, async () => {
        const request = { target, targetType, metric, partitioning, featureNames: [...MIXED_FEATURES] };
        const plan = await planOf(TABLE, request);
        const models = await fitModels(TABLE, plan);
        const task = ensembleTask(TABLE, plan, models);
        const ensemble = await makeEnsemble(task, modelReader(models), {
          sha256,
          now: () => 0,
          remainingMs: () => null,
        });
        const { outOfFold } = ensemble;
        if (outOfFold === null) throw new Error('an ensemble has out-of-fold predictions');
        const scorer = opened(task, ensemble, ensemble.content);
        const answer = scorer.createPrediction();
        const positive = plan.target.positiveClass ?? 1;
        let compared = 0;
        for (const [place, row] of outOfFold.rows.entries()) {
          if (outOfFold.partitions[place] !== HOLDOUT) continue;
          scorer.scoreRow(cellsOf(row), answer, row);
          const served =
            targetType === 'regression'
              ? [Number(answer.prediction)]
              : targetType === 'binary'
                ? [answer.probabilities[positive] ?? NaN]
                : [...answer.probabilities];
          for (const [i, value] of served.entries())
            // The stored predictions of the models are blended, not their raw scores: log and exp lose some digits.
            expect(outOfFold.predictions[place * outOfFold.outputCount + i]).to.be.closeTo(
              value,
              1e-10 * Math.max(1, Math.abs(value)),
            );
          compared += 1;
        }
        expect(compared).to.be.greaterThan(50);
      });
    }
  }

  it('predicts without explanations where a model was trained without what they need, and says so', async () => {
    const plan = await planOf(TABLE, {
      target: 'binary',
      featureNames: [...MIXED_FEATURES],
      partitioning: VALIDATIONS.tvh,
    });
    const [linear, trees] = await fitModels(TABLE, plan, BLENDED_BLUEPRINTS.slice(0, 2));
    if (linear === undefined || trees === undefined) throw new Error('two models were fitted');
    const models = [linear, withoutCovers(trees)];
    const task = ensembleTask(TABLE, plan, models);
    const refit = { ...task, refitOf: 'x', members: task.members.map((one) => ({ ...one, weight: 0.5 })) };
    const blend = await makeEnsemble(refit, modelReader(models), { sha256, now: () => 0, remainingMs: () => null });
    const scorer = opened(task, blend, blend.content);
    const answer = scorer.createPrediction();
    scorer.scoreRow(cellsOf(0), answer, 0);
    expect(answer.rawScores[0]).to.be.finite;
    const error = await appErrorOf('NOT_AVAILABLE', () => scorer.createPrediction(true));
    expect(error.message).to.match(/trained by a version without explanations; train it again/);
  });
});
