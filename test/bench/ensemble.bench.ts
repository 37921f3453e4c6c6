/**
 * What ensembles are worth on real data: `node test/bench/ensemble.bench.ts FOLDER [SEEDS] [DATASET...]`, with the FOLDER of
 * `linear-models.bench.ts`. For each seed, which deals the folds and grows the trees anew, the candidates of `quick` are fitted by
 * five folds, outside a holdout of a fifth as the product has it; then an ensemble is made of them as a worker makes it. Printed
 * are the scores on the test rows, which no model has seen: of the best single model and the ensemble, as they were validated
 * (blends of fold models) and refitted on all rows; by how much the ensemble's own score said that it is better; how long making
 * it takes. `bagged` is the ensemble with the mean weights of 20 selections from random halves of the models.
 */
import type { AutopilotPlan } from '#contracts';
import { encodeOutOfFold, memoryPredictions, rankingScore, selectWeights } from '#ml';
import { createRandom } from '#statistics';
import { objectiveOf } from '../../yarn-workers/ml/blueprints/objective.ts';
import { ENSEMBLE_MEMBERS_MAX, ENSEMBLE_STEPS_MAX } from '../../yarn-workers/ml/ensemble/limits.ts';
import { linkScale } from '../../yarn-workers/ml/ensemble/link-scale.ts';
import { labelsAt, rawAt, selectionRows, termsAt } from '../../yarn-workers/ml/ensemble/selection-data.ts';
import { blendScore, ensembleOf, modelsOf, never, outOfFoldOf, type Model } from './ensembles.ts';
import { fitted, realData, testScore, type RealData } from './real-data.ts';

const [folder = '', seeds = '3', ...only] = process.argv.slice(2);
const BAGS = 20;

/** Mean weights of selections from random halves of the models: the paper's section 2.3. */
async function baggedWeights(plan: AutopilotPlan, models: readonly Model[]): Promise<number[]> {
  const { target, metric, seed } = plan;
  const objective = objectiveOf(target, metric);
  const first = outOfFoldOf(models[0] ?? never());
  const limits = { membersMax: ENSEMBLE_MEMBERS_MAX, stepsMax: ENSEMBLE_STEPS_MAX };
  const places = (await selectionRows(memoryPredictions(first), seed, models.length, limits))(first);
  const raw = models.map((model) => rawAt(linkScale(target, objective), outOfFoldOf(model), places));
  const random = createRandom(seed);
  const sums = models.map(() => 0);
  for (let bag = 0; bag < BAGS; bag += 1) {
    const half = [...models.keys()].filter(() => random.below(2) === 0);
    const chosen = half.length === 0 ? [0] : half;
    const data = {
      raw: chosen.map((model) => raw[model] ?? never()),
      ...termsAt(first, places, labelsAt(first, places, target), objective),
    };
    const { weights } = selectWeights(data, Uint32Array.from(places.keys()), limits);
    for (const [index, model] of chosen.entries()) sums[model] = (sums[model] ?? 0) + (weights[index] ?? 0) / BAGS;
  }
  return sums;
}

async function refitOf(plan: AutopilotPlan, data: RealData, { blueprintId, fit }: Model): Promise<Model> {
  const parameters = plan.candidates.find((candidate) => candidate.blueprintId === blueprintId)?.parameters ?? {};
  const task = { blueprintId, parameters, refitOf: 'twin', iterations: fit.iterations };
  return { blueprintId, score: NaN, ...(await fitted(plan, data.train, task)) };
}

for await (const data of realData(folder, only)) {
  for (let seed = 0; seed < Number(seeds); seed += 1) {
    const partitioning = { method: 'random', validation: 'cv', folds: 5, holdoutFraction: 0.2 } as const;
    const plan = data.plan({ seed, partitioning });
    const models = await modelsOf(plan, data, plan.candidates);
    const [best] = models;
    if (best === undefined) continue;
    const startedAt = performance.now();
    const ensemble = await ensembleOf(plan, data, models);
    const seconds = (performance.now() - startedAt) / 1000;
    const told = new Map(ensemble.facts.members.map(({ modelId, weight }) => [modelId, weight]));
    const weights = models.map((_, index) => told.get(`model-${index}`) ?? 0);
    const refits: Model[] = [];
    for (const [index, model] of models.entries())
      refits.push((weights[index] ?? 0) > 0 || index === 0 ? await refitOf(plan, data, model) : model);
    const own = ensemble.scores === null ? null : rankingScore(ensemble.scores, plan.metric);
    const bagged = await baggedWeights(plan, models);
    const texts = {
      single: testScore(plan, best.scorer, data.test),
      ensemble: await blendScore(plan, data, models, weights),
      bagged: await blendScore(plan, data, models, bagged),
      singleRefit: testScore(plan, (refits[0] ?? never()).scorer, data.test),
      ensembleRefit: await blendScore(plan, data, refits, weights),
    };
    const shares = models.flatMap(({ blueprintId }, index) => {
      const weight = weights[index] ?? 0;
      return weight > 0 ? [`${weight.toFixed(2)} ${blueprintId}`] : [];
    });
    const { gain, noise } = ensemble.facts;
    process.stdout.write(
      [
        `${data.name} ${plan.metric} seed ${seed}: best ${best.blueprintId} cv ${best.score.toPrecision(6)}, ensemble cv ${own?.toPrecision(6) ?? 'none'}`,
        `gain ${gain?.toPrecision(3) ?? 'none'} +- ${noise?.toPrecision(3) ?? 'none'}`,
        ...Object.entries(texts).map(([name, score]) => `${name} ${score.toPrecision(6)}`),
        `[${shares.join(', ')}]`,
        `made in ${seconds.toFixed(2)} s, ${(ensemble.blob.length / 2 ** 20).toFixed(1)} MiB, ${(encodeOutOfFold(outOfFoldOf(best)).length / 2 ** 20).toFixed(1)} MiB a model to choose on\n`,
      ].join('; '),
    );
  }
}
