import { expect } from 'chai';
import { METRIC_FACTS, type AutopilotPlan, type EnsembleTask } from '#contracts';
import {
  HOLDOUT,
  encodeOutOfFold,
  ensembleManifest,
  memoryPredictions,
  openOutOfFold,
  outOfFoldFile,
  rankingScore,
  scoresFromOutOfFold,
  selectWeights,
  type EnsembleIo,
  type OutOfFold,
  type OutOfFoldSource,
} from '#ml';
import { makeEnsemble, remakeEnsemble, type Ensemble } from '../../../../support/in-memory.ts';
import { openArtifact } from '#scoring';
import { createRandom } from '#statistics';
import { objectiveOf } from '../../../../../yarn-workers/ml/blueprints/objective.ts';
import { blendedPredictions } from '../../../../../yarn-workers/ml/ensemble/blend-out-of-fold.ts';
import { chooseBlends } from '../../../../../yarn-workers/ml/ensemble/choose-blends.ts';
import { heldBack } from '../../../../../yarn-workers/ml/ensemble/make-ensemble.ts';
import { linkScale } from '../../../../../yarn-workers/ml/ensemble/link-scale.ts';
import {
  partsOf,
  labelsAt,
  rawAt,
  selectionRows,
  termsAt,
} from '../../../../../yarn-workers/ml/ensemble/selection-data.ts';
import { sha256 } from '../../../../support/boosting-engine.ts';
import {
  BLENDED_BLUEPRINTS,
  ensembleTask,
  fitModels,
  modelReader,
  type FittedModel,
} from '../../../../support/ensemble-task.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { MIXED_FEATURES, mixedTable } from '../../../../support/mixed-table.ts';
import { planOf } from '../../../../support/modelling-task.ts';

const TABLE = mixedTable(600);
const io = (changes: Partial<EnsembleIo> = {}): EnsembleIo => ({
  sha256,
  now: () => performance.now(),
  remainingMs: () => null,
  ...changes,
});

interface Made {
  readonly plan: AutopilotPlan;
  readonly models: readonly FittedModel[];
  readonly task: EnsembleTask;
  readonly ensemble: Ensemble;
  readonly outOfFold: OutOfFold;
}

const CASES = [
  ['binary', 'cv', {}],
  ['binary', 'tvh', { weightColumn: 'weight' }],
  ['multiclass', 'cv', {}],
  ['regression', 'cv', { metric: 'mae' }],
  ['count', 'tvh', { metric: 'poissonDeviance', targetType: 'regression' }],
] as const;

/** Places of the rows that choose weights. */
const placesOf = async (
  data: OutOfFold,
  ...[seed, modelCount, limits]: [number, number, { readonly stepsMax: number }]
): Promise<Uint32Array> => (await selectionRows(memoryPredictions(data), seed, modelCount, limits))(data);

describe('ml ensemble', function () {
  this.timeout(60_000);
  const made = new Map<string, Made>();

  before(async () => {
    for (const [target, validation, request] of CASES) {
      const partitioning =
        validation === 'cv' ? ({ method: 'random', folds: 3 } as const) : ({ method: 'random', validation } as const);
      const plan = await planOf(TABLE, { target, featureNames: [...MIXED_FEATURES], partitioning, ...request });
      const models = await fitModels(TABLE, plan);
      const task = ensembleTask(TABLE, plan, models);
      const ensemble = await makeEnsemble(task, modelReader(models), io());
      if (ensemble.outOfFold === null) throw new Error('an ensemble has out-of-fold predictions');
      made.set(`${target} ${validation}`, { plan, models, task, ensemble, outOfFold: ensemble.outOfFold });
    }
  });

  const each = function* (): Generator<readonly [string, Made]> {
    expect(made.size).to.equal(CASES.length);
    yield* made;
  };
  const caseOf = (name: string): Made => made.get(name) ?? expect.fail(`no case ${name}`);

  it('predicts each row with the weighted mean of raw scores, weights of the row’s part left out', () => {
    for (const [name, { plan, models, ensemble, outOfFold }] of each()) {
      const { target, metric } = plan;
      const scale = linkScale(target, objectiveOf(target, metric));
      const parts = partsOf(outOfFold, plan.seed);
      const weightOf = new Map(ensemble.facts.members.map(({ modelId, weight }) => [modelId, weight]));
      const raw = new Float64Array(outOfFold.predictions.length);
      for (const [index, { task, outOfFold: own }] of models.entries()) {
        const scores = new Float64Array(raw.length);
        scale.toRaw(own.predictions, 0, own.rows.length, scores);
        for (let at = 0; at < raw.length; at += 1) {
          const part = parts[Math.floor(at / scale.outputCount)] ?? HOLDOUT;
          const weight =
            part === HOLDOUT ? (weightOf.get(task.modelId) ?? 0) : (ensemble.partWeights[part]?.[index] ?? NaN);
          raw[at] = (raw[at] ?? NaN) + weight * (scores[at] ?? NaN);
        }
      }
      const expected = scale.toPredictions(raw);
      for (const [at, value] of expected.entries())
        // Both are sums of the same numbers; only where a weight is 0 one adds a term of 0 more.
        expect(outOfFold.predictions[at], name).to.be.closeTo(value, 1e-12 * Math.max(1, Math.abs(value)));
      expect(ensemble.scores).to.deep.equal(scoresFromOutOfFold(outOfFold, target));
      expect(new Set(parts.filter((part) => part !== HOLDOUT)).size).to.equal(ensemble.partWeights.length);
    }
  });

  it('chooses on the validation rows alone: what it says of the holdout changes no weight', async () => {
    for (const [name, { models, task, ensemble }] of each()) {
      const spoiled = models.map((model, index): FittedModel => {
        const { predictions, partitions, outputCount } = model.outOfFold;
        const turned = predictions.map((value, at) =>
          partitions[Math.floor(at / outputCount)] === HOLDOUT ? (index === 0 ? 0.5 : value / 2) : value,
        );
        return { ...model, outOfFold: { ...model.outOfFold, predictions: turned } };
      });
      const again = await makeEnsemble(task, modelReader(spoiled), io());
      expect(again.facts, name).to.deep.equal(ensemble.facts);
      expect(again.partWeights, name).to.deep.equal(ensemble.partWeights);
      expect(again.scores?.holdout, name).not.to.deep.equal(ensemble.scores?.holdout);
    }
  });

  it('is not flattered by its choice: of models that know nothing it promises nothing', async () => {
    const { plan, models } = caseOf('binary cv');
    const random = createRandom(11);
    const flattered: number[] = [];
    const honest: number[] = [];
    for (let turn = 0; turn < 10; turn += 1) {
      const guessing = Array.from({ length: 12 }, (_, index): FittedModel => {
        const model = models[0] ?? expect.fail('no model');
        const predictions = model.outOfFold.predictions.map(() => 0.5 + 0.4 * (random.uniform() - 0.5));
        const task = { ...model.task, modelId: `guess-${index}` };
        return { ...model, task, outOfFold: { ...model.outOfFold, predictions } };
      });
      const task = ensembleTask(TABLE, plan, guessing, { membersMax: 6, stepsMax: 30, metric: 'auc' });
      const ensemble = await makeEnsemble(task, modelReader(guessing), io());
      honest.push(rankingScore(ensemble.scores ?? expect.fail(), 'auc') ?? NaN);
      const seen = {
        ...ensemble,
        partWeights: ensemble.partWeights.map(() => task.members.map(({ modelId }) => weightIn(ensemble, modelId))),
      };
      const claim = { ...seen, ensemble: ensemble.facts };
      const peeking = await remakeEnsemble(task, claim, modelReader(guessing), sha256);
      flattered.push(rankingScore(peeking.scores ?? expect.fail(), 'auc') ?? NaN);
    }
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    // 480 rows, so that one AUC has a standard error of about 0.027, ten of them 0.009.
    expect(mean(honest)).to.be.closeTo(0.5, 0.03);
    expect(mean(flattered)).to.be.greaterThan(0.53);
  });

  it('says what it gains over the single model that is chosen as honestly', () => {
    for (const [name, { ensemble }] of each()) {
      const { gain, noise, selectionRowCount } = ensemble.facts;
      expect(gain, name).to.be.finite;
      expect(noise, name).to.be.at.least(0);
      expect(selectionRowCount, name).to.equal(
        ensemble.outOfFold?.partitions.filter((part) => part !== HOLDOUT).length,
      );
      expect(ensemble.partBest, name).to.have.length(ensemble.partWeights.length);
    }
  });

  it('takes the weights that the selection finds on all validation rows, and no more models than it may', async () => {
    for (const [name, { plan, models, task, ensemble }] of each()) {
      const { target, metric } = plan;
      const objective = objectiveOf(target, metric);
      const first = models[0]?.outOfFold ?? expect.fail('no model');
      const places = await placesOf(first, plan.seed, models.length, task);
      const raw = models.map(({ outOfFold }) => rawAt(linkScale(target, objective), outOfFold, places));
      const rows = Uint32Array.from(places.keys());
      const { weights } = selectWeights(
        { raw, ...termsAt(first, places, labelsAt(first, places, target), objective) },
        rows,
        task,
      );
      expect(
        models.map((model) => weightIn(ensemble, model.task.modelId)),
        name,
      ).to.deep.equal(weights);
      expect(ensemble.facts.members.length, name).to.be.at.most(task.membersMax);
    }
  });

  it('is the same whoever makes it, and made again from what is said of it', async () => {
    for (const [name, { models, task, ensemble }] of each()) {
      const again = await makeEnsemble(task, modelReader(models), io());
      expect(again, name).to.deep.equal(ensemble);
      const claim = JSON.parse(
        JSON.stringify({ ...ensemble, blob: null, outOfFold: null, ensemble: ensemble.facts }),
      ) as typeof ensemble & {
        ensemble: Ensemble['facts'];
      };
      expect(await remakeEnsemble(task, claim, modelReader(models), sha256), name).to.deep.equal(ensemble);
    }
  });

  it('blends refits with the weights that it is told, and predicts no row that they have seen', async () => {
    const { models, task, ensemble } = caseOf('binary cv');
    const members = task.members.slice(0, 2).map((member, index) => ({ ...member, weight: index === 0 ? 0.25 : 0.75 }));
    const refit = await makeEnsemble({ ...task, members, refitOf: 'ensemble-0' }, modelReader(models), io());
    expect(refit).to.deep.include({ outOfFold: null, scores: null, partWeights: [], partBest: [] });
    expect(refit.facts).to.deep.equal({
      members: members.map(({ modelId, weight }) => ({ modelId, weight })),
      ...{ selectionRowCount: null, gain: null, noise: null },
    });
    expect(refit.content.members.map(({ weight }) => weight)).to.deep.equal(
      [0.25, 0.25, 0.25, 0.75, 0.75, 0.75].map((w) => w * (1 / 3)),
    );
    const untold = { ...task, members: task.members.slice(0, 2), refitOf: 'ensemble-0' };
    await appErrorOf('INTERNAL', () => makeEnsemble(untold, modelReader(models), io()));
    expect(ensemble.rowCount).to.equal(models[0]?.fit.rowCount);
  });

  it('keeps a monotonic constraint that its members keep', async () => {
    const partitioning = { method: 'random', folds: 3 } as const;
    const request = { target: 'regression', featureNames: [...MIXED_FEATURES], partitioning };
    const plan = await planOf(TABLE, { ...request, monotonic: { increasing: ['x'] } });
    const models = await fitModels(TABLE, plan, BLENDED_BLUEPRINTS.slice(0, 2));
    const task = ensembleTask(TABLE, plan, models);
    const members = task.members.map((member) => ({ ...member, weight: 0.5 }));
    const half = { ...task, members, refitOf: 'ensemble-0' };
    const ensemble = await makeEnsemble(half, modelReader(models), io());
    const manifest = ensembleManifest(half, ensemble, { createdAt: '2026-01-01T00:00:00Z', files: [] });
    const scorer = openArtifact(manifest, ensemble.blob, sha256);
    const answer = scorer.createPrediction();
    const predicted = Array.from({ length: 101 }, (_, step) => {
      scorer.scoreRow({ x: step / 10 - 5, y: 3, colour: 'red', member: 'true', day: '2021-01-01' }, answer);
      return Number(answer.prediction);
    });
    expect(predicted).to.deep.equal(predicted.toSorted((a, b) => a - b));
    expect((predicted.at(-1) ?? NaN) - (predicted[0] ?? NaN)).to.be.greaterThan(100);
  });

  it('chooses on a part of the rows where there are too many, and says how many', async () => {
    const { models } = caseOf('binary cv');
    const first = models[0]?.outOfFold ?? expect.fail('no model');
    const validation = first.partitions.filter((part) => part !== HOLDOUT).length;
    expect(await placesOf(first, 1, 4, { stepsMax: 10 })).to.have.length(validation);
    // 100 million terms, of which a row has 4 models x 25,002 steps x (3 parts and all): 250 rows.
    const some = await placesOf(first, 1, 4, { stepsMax: 25_000 });
    expect(some.length).to.be.within(150, 350);
    expect([...(await placesOf(first, 1, 4, { stepsMax: 25_000 }))]).to.deep.equal([...some]);
    expect([...some].every((place) => first.partitions[place] !== HOLDOUT)).to.be.true;
  });

  it('has the same bytes where it is blended anew whenever it is looked at, block by block', async () => {
    for (const [name, { plan, models, task, outOfFold }] of each()) {
      const read = async (model: number): Promise<OutOfFoldSource> => {
        const bytes = encodeOutOfFold(models[model]?.outOfFold ?? expect.fail('no model'));
        return openOutOfFold(async (start, end) => bytes.slice(start, end), bytes.length, 77);
      };
      const { choice } = await chooseBlends(task, read, async () => undefined);
      const scale = linkScale(plan.target, objectiveOf(plan.target, plan.metric));
      const blended = blendedPredictions(await read(0), { scale, choice, seed: plan.seed }, read);
      for (let look = 0; look < 2; look += 1) {
        const written = Buffer.concat(await Array.fromAsync(outOfFoldFile(blended)));
        expect(Buffer.compare(written, encodeOutOfFold(outOfFold)), name).to.equal(0);
      }
      expect(await blended.whole(), name).to.deep.equal(outOfFold);
    }
  });

  it('is scored and compared block by block as all at once, but for metrics of an order', async () => {
    for (const [name, { models, task, ensemble, outOfFold }] of each()) {
      const { outOfFold: read } = modelReader(models);
      const { choice } = await chooseBlends(task, read, async () => undefined);
      const found = await heldBack(task, choice, { outOfFold: read }, undefined, () => false);
      expect(await found.outOfFold.whole(), name).to.deep.equal(outOfFold);
      const metric = METRIC_FACTS.logLoss.targetTypes.includes(task.target.targetType) ? 'logLoss' : 'rmse';
      for (const part of ['validation', 'crossValidation', 'holdout'] as const)
        expect(found.scores[part]?.[metric], `${name} ${part}`).to.equal(ensemble.scores?.[part]?.[metric]);
      expect(found.gain, name).to.be.closeTo(ensemble.facts.gain ?? NaN, 1e-3);
      expect(found.noise, name).to.be.closeTo(ensemble.facts.noise ?? NaN, 1e-3);
    }
  });

  it('stops where its time ends or it is cancelled', async () => {
    const { models, task } = caseOf('multiclass cv');
    let left = 3;
    await appErrorOf('TASK_DEADLINE', () =>
      makeEnsemble(task, modelReader(models), io({ remainingMs: () => (left -= 1) })),
    );
    const signal = AbortSignal.abort();
    await appErrorOf('TASK_CANCELLED', () => makeEnsemble(task, modelReader(models), io({ signal })));
  });

  it('refuses models that hold other rows back or have other targets', async () => {
    const { models, task } = caseOf('binary cv');
    const other = caseOf('regression cv').models;
    await appErrorOf('INTERNAL', () =>
      makeEnsemble(task, modelReader([...models.slice(0, 3), ...other.slice(0, 1)]), io()),
    );
    const mixed = { ...modelReader(models), artifact: modelReader([...other]).artifact };
    const halves = ensembleTask(TABLE, caseOf('binary cv').plan, models.slice(0, 2), { refitOf: 'x' });
    const members = halves.members.map((member) => ({ ...member, weight: 0.5 }));
    const oneOfEach = {
      ...mixed,
      artifact: (index: number) => (index === 0 ? modelReader(models).artifact(0) : modelReader(other).artifact(1)),
    };
    await appErrorOf('INTERNAL', () => makeEnsemble({ ...halves, members }, oneOfEach, io()));
  });
});

const weightIn = ({ facts }: Pick<Ensemble, 'facts'>, wanted: string): number =>
  facts.members.find(({ modelId }) => modelId === wanted)?.weight ?? 0;
