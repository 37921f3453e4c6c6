import { expect } from 'chai';
import type { AutopilotPlan, EnsembleTask, InsightTask } from '#contracts';
import { HOLDOUT, encodeOutOfFold, ensembleManifest, scoresFromOutOfFold, type EnsembleIo, type OutOfFold } from '#ml';
import { computeInsight, makeEnsemble, remakeEnsemble, type Ensemble } from '../../../../support/in-memory.ts';
import { openArtifact, type Scorer } from '#scoring';
import { computeMetrics } from '#statistics';
import { objectiveOf } from '../../../../../yarn-workers/ml/blueprints/objective.ts';
import { linkScale } from '../../../../../yarn-workers/ml/ensemble/link-scale.ts';
import { sha256 } from '../../../../support/boosting-engine.ts';
import { ensembleTask, fitModels, modelReader, type FittedModel } from '../../../../support/ensemble-task.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { MIXED_FEATURES, mixedTable } from '../../../../support/mixed-table.ts';
import { memorySource } from '../../../../support/memory-table.ts';
import { freeIo, planOf } from '../../../../support/modelling-task.ts';

const TABLE = mixedTable(600);
const io: EnsembleIo = { sha256, now: () => performance.now(), remainingMs: () => null };
const CREATED = { createdAt: '2026-01-01T00:00:00Z', files: [] };
const TARGETS = ['binary', 'multiclass', 'regression'] as const;
const ROW = { x: 1.5, y: 3, colour: 'red', member: 'true', day: '2021-01-01' };

/** Models whose predictions of the rows held back are turned by a factor, and off. */
function distorted(
  { target, metric }: AutopilotPlan,
  models: readonly FittedModel[],
  { factor, shift }: { readonly factor: number; readonly shift: number },
): FittedModel[] {
  const scale = linkScale(target, objectiveOf(target, metric));
  return models.map((model) => {
    const { outOfFold } = model;
    const raw = new Float64Array(outOfFold.predictions.length);
    scale.toRaw(outOfFold.predictions, 0, outOfFold.rows.length, raw);
    const turned = raw.map((score, at) => factor * score + (at % scale.outputCount === 0 ? shift : 0));
    return { ...model, outOfFold: { ...outOfFold, predictions: scale.toPredictions(turned) } };
  });
}

interface Made {
  readonly plan: AutopilotPlan;
  readonly models: readonly FittedModel[];
  readonly task: EnsembleTask;
  readonly ensemble: Ensemble;
  readonly outOfFold: OutOfFold;
}

/** Too timid, so that weights that add up to 1 do not suffice. */
const TIMID = { factor: 0.5, shift: 0.8 };

async function made(
  target: (typeof TARGETS)[number],
  changes: Partial<EnsembleTask> = {},
  distortion = TIMID,
): Promise<Made> {
  const partitioning = { method: 'random', folds: 3 } as const;
  const plan = await planOf(TABLE, { target, featureNames: [...MIXED_FEATURES], partitioning });
  const models = distorted(plan, await fitModels(TABLE, plan), distortion);
  const task = ensembleTask(TABLE, plan, models, { stacks: true, ...changes });
  const ensemble = await makeEnsemble(task, modelReader(models), io);
  const { outOfFold } = ensemble;
  if (outOfFold === null) throw new Error('an ensemble has out-of-fold predictions');
  return { plan, models, task, ensemble, outOfFold };
}

function rawScores(scorer: Scorer): number[] {
  const answer = scorer.createPrediction();
  scorer.scoreRow(ROW, answer);
  return [...answer.rawScores];
}

/** What a worker says of an ensemble, as it comes over the wire. */
const claimOf = (ensemble: Ensemble) =>
  // The cast holds: it is the same object, once through JSON.
  JSON.parse(JSON.stringify({ ...ensemble, blob: null, outOfFold: null, ensemble: ensemble.facts })) as Ensemble & {
    ensemble: Ensemble['facts'];
  };

describe('ml ensemble with a stacked layer', function () {
  this.timeout(60_000);

  for (const target of TARGETS) {
    it(`beats greedy weights where all models are too timid, and is proven from what is said of it: ${target}`, async () => {
      const { plan, models, task, ensemble, outOfFold } = await made(target);
      const outputs = plan.target.targetType === 'multiclass' ? plan.target.classes.length : 1;
      expect(ensemble.facts.layer?.shifts).to.have.length(outputs);
      expect(ensemble.partLayers).to.have.length(3);
      const greedy = await makeEnsemble({ ...task, stacks: false }, modelReader(models), io);
      expect(greedy.facts).not.to.have.property('layer');
      const lossOf = (one: OutOfFold): number => {
        const scores = scoresFromOutOfFold(one, plan.target).crossValidation;
        return scores?.logLoss ?? scores?.rmse ?? NaN;
      };
      expect(lossOf(outOfFold)).to.be.below(0.98 * lossOf(greedy.outOfFold ?? expect.fail('no predictions')));
      expect(await remakeEnsemble(task, claimOf(ensemble), modelReader(models), sha256)).to.deep.equal(ensemble);
    });

    it(`is one sum on the link scale, which explanations add up to: ${target}`, async () => {
      const { models, task, ensemble } = await made(target);
      const { members, layer } = ensemble.facts;
      const scorer = openArtifact(ensembleManifest(task, ensemble, CREATED), ensemble.blob, sha256);
      const raw = rawScores(scorer);
      const expected = raw.map((_, output) =>
        members.reduce((sum, { modelId, weight }) => {
          const model = models.find((one) => one.task.modelId === modelId) ?? expect.fail(`no ${modelId}`);
          return sum + weight * (rawScores(openArtifact(model.manifest, model.fit.blob, sha256))[output] ?? NaN);
        }, layer?.shifts[output] ?? NaN),
      );
      for (const [output, score] of raw.entries())
        expect(score).to.be.closeTo(expected[output] ?? NaN, 1e-9 * Math.max(1, Math.abs(score)));
      const explained = scorer.createPrediction(true);
      scorer.scoreRow(ROW, explained);
      const { baseValues, features } = scorer.explainer();
      const contributions = explained.contributions ?? expect.fail('no contributions');
      for (const [output, score] of raw.entries()) {
        const own = contributions.subarray(output * features.length, (output + 1) * features.length);
        const sum = own.reduce((total, value) => total + value, baseValues[output] ?? NaN);
        expect(sum, 'base value and contributions').to.be.closeTo(score, 1e-9 * Math.max(1, Math.abs(score)));
      }
    });
  }

  it('is what insights predict with: of each row the fold that has not seen it, and the shifts', async () => {
    const { models, task, ensemble, outOfFold } = await made('binary');
    const bytes = encodeOutOfFold(outOfFold);
    const files = [{ name: 'out-of-fold.bin', sizeBytes: bytes.length, sha256: sha256(bytes) }];
    const manifest = ensembleManifest(task, ensemble, { ...CREATED, files });
    const { projectId, datasetId, metric, seed, target, table, modelId } = task;
    const spec = { projectId, datasetId, metric, seed, target, table, modelId };
    const insight: InsightTask = {
      ...{ kind: 'insight', insight: 'feature-impact', ...spec },
      ...{ artifactPath: 'models/ensemble-1/1-a', manifestSha256: '0'.repeat(64) },
    };
    const input = { manifest, outOfFold, blob: ensemble.blob, source: memorySource(TABLE, 100) };
    const stored = await computeInsight(insight, input, freeIo());
    const { members, layer } = ensemble.facts;
    // By hand: each model's own fold members by its weight, and the shift.
    const own = members.map(({ modelId: id, weight }) => {
      const model = models.find((one) => one.task.modelId === id) ?? expect.fail(`no ${id}`);
      return { weight, predictions: model.fit.outOfFold?.predictions ?? expect.fail('no predictions') };
    });
    const places = [...outOfFold.partitions].flatMap((partition, place) => (partition === HOLDOUT ? [] : [place]));
    const probability = Float64Array.from(places, (place) => {
      const raw = own.reduce(
        (sum, { weight, predictions }) =>
          sum + weight * Math.log((predictions[place] ?? NaN) / (1 - (predictions[place] ?? NaN))),
        layer?.shifts[0] ?? NaN,
      );
      return 1 / (1 + Math.exp(-raw));
    });
    const actual = Int32Array.from(places, (place) => outOfFold.classes?.[place] ?? -1);
    const positiveClass = target.positiveClass ?? 1;
    const scores = computeMetrics([metric], {
      targetType: 'binary',
      actual,
      positiveClass,
      probability,
      threshold: 0.5,
    });
    if (stored.insight.kind !== 'feature-impact') expect.fail(stored.insight.kind);
    expect(stored.insight.score).to.be.closeTo(scores[metric] ?? NaN, 1e-9);
  });

  it('is told to a refit, with its weights', async () => {
    const { models, task, ensemble } = await made('binary');
    const { layer } = ensemble.facts;
    if (layer === undefined) throw new Error('there is a layer');
    const weights = new Map(ensemble.facts.members.map(({ modelId, weight }) => [modelId, weight]));
    const members = task.members.flatMap((member) => {
      const weight = weights.get(member.modelId);
      return weight === undefined ? [] : [{ ...member, weight }];
    });
    const order = { ...task, members, layer, refitOf: 'ensemble-0' };
    const refit = await makeEnsemble(order, modelReader(models), io);
    expect(refit.facts.layer).to.deep.equal(layer);
    expect(refit.content.members.at(-1)).to.deep.equal({
      ...{ weight: 1, steps: [] },
      model: { kind: 'constant', scores: layer.shifts },
    });
    expect(await remakeEnsemble(order, claimOf(refit), modelReader(models), sha256)).to.deep.equal(refit);
    const { layer: _, ...without } = order;
    await appErrorOf('RESULT_MISMATCH', () => remakeEnsemble(without, claimOf(refit), modelReader(models), sha256));
  });

  it('is left out where it would take nothing of any model', async () => {
    const { models, plan } = await made('binary', {}, { factor: -2, shift: 0 });
    const learnt = models.filter(({ task }) => task.blueprintId !== 'baseline');
    const ensemble = await makeEnsemble(ensembleTask(TABLE, plan, learnt, { stacks: true }), modelReader(learnt), io);
    expect(ensemble.facts.members).not.to.be.empty;
    expect(ensemble.facts.layer).to.equal(undefined);
    expect(ensemble.partLayers).to.deep.equal([]);
  });

  it('is refused where none was asked for, or where it has the shifts of another target', async () => {
    const { models, task, ensemble } = await made('multiclass');
    const { layer } = ensemble.facts;
    if (layer === undefined) throw new Error('there is a layer');
    const told = claimOf(ensemble);
    const unasked = { ...task, stacks: false };
    await appErrorOf('RESULT_MISMATCH', () => remakeEnsemble(unasked, told, modelReader(models), sha256));
    const short = { ...told, ensemble: { ...told.ensemble, layer: { ...layer, shifts: layer.shifts.slice(1) } } };
    await appErrorOf('RESULT_MISMATCH', () => remakeEnsemble(task, short, modelReader(models), sha256));
    const fewer = { ...told, partLayers: told.partLayers.slice(1) };
    await appErrorOf('RESULT_MISMATCH', () => remakeEnsemble(task, fewer, modelReader(models), sha256));
  });

  it('is not there for a target whose rows bring scores of their own, or a loss without curvature', async () => {
    const { models, task } = await made('regression');
    const exposed = { ...task, target: { ...task.target, offsetColumn: 'weight' } };
    expect((await makeEnsemble(exposed, modelReader(models), io)).facts).not.to.have.property('layer');
    const absolute = { ...task, metric: 'mae' } as const;
    expect((await makeEnsemble(absolute, modelReader(models), io)).facts).not.to.have.property('layer');
  });
});
