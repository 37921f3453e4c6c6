/**
 * What the stacked layer of ensembles is worth beside greedy weights on real data, without a clock:
 * `node test/bench/stacked-layer.bench.ts FOLDER [SEEDS] [DATASET...]`, with the FOLDER of `linear-models.bench.ts`. For each seed the same
 * models are fitted by five folds, and blended in both ways: the honest score by folds with its paired difference, and the score of
 * the fold models' blend on the test rows, which nothing has seen.
 */
import type { EnsembleTask } from '#contracts';
import { memoryPredictions, rankingScore, scoresFromOutOfFold } from '#ml';
import { objectiveOf } from '../../yarn-workers/ml/blueprints/objective.ts';
import type { Blend } from '../../yarn-workers/ml/ensemble/blend.ts';
import { blendInMemory } from '../support/in-memory.ts';
import { chooseBlends } from '../../yarn-workers/ml/ensemble/choose-blends.ts';
import { compareScores } from '../../yarn-workers/ml/ensemble/compare-scores.ts';
import { linkScale } from '../../yarn-workers/ml/ensemble/link-scale.ts';
import { COMMON, ensembleTaskOf, modelsOf, never, outOfFoldOf } from './ensembles.ts';
import { realData, scoreOf, testPredictions, type RealData } from './real-data.ts';

const [folder = '', seeds = '1', ...only] = process.argv.slice(2);

type Plan = ReturnType<RealData['plan']>;

/** What a blend of models predicts of the test rows. */
function blended(
  { target, metric }: Plan,
  predicted: readonly Float64Array[],
  { weights, layer }: Blend,
): Float64Array {
  const scale = linkScale(target, objectiveOf(target, metric));
  const size = predicted[0]?.length ?? 0;
  const sum = Float64Array.from({ length: size }, (_, at) => layer?.shifts[at % scale.outputCount] ?? 0);
  const raw = new Float64Array(size);
  for (const [index, weight] of weights.entries()) {
    if (weight === 0) continue;
    scale.toRaw(predicted[index] ?? never(), 0, size / scale.outputCount, raw);
    for (let at = 0; at < size; at += 1) sum[at] = (sum[at] ?? NaN) + weight * (raw[at] ?? NaN);
  }
  return scale.toPredictions(sum);
}

for await (const data of realData(folder, only)) {
  const readable = new Set(data.plan({ mode: 'full' }).candidates.map(({ blueprintId }) => blueprintId));
  const candidates = COMMON.filter(({ blueprintId }) => readable.has(blueprintId));
  for (let seed = 0; seed < Number(seeds); seed += 1) {
    const plan = data.plan({ seed });
    const models = await modelsOf(plan, data, candidates);
    const predicted = models.map(({ scorer }) => testPredictions(plan, scorer, data.test));
    const read = async (index: number) => memoryPredictions(outOfFoldOf(models[index] ?? never()));
    const scale = linkScale(plan.target, objectiveOf(plan.target, plan.metric));
    const made = async (stacks: boolean) => {
      const task: EnsembleTask = { ...ensembleTaskOf(plan, data, models), stacks };
      const { choice } = await chooseBlends(task, read, async () => undefined);
      const { ensemble } = await blendInMemory({ scale, choice, seed }, read);
      return { choice, ensemble, test: scoreOf(plan, blended(plan, predicted, choice.final), data.test) };
    };
    const greedy = await made(false);
    const stacked = await made(true);
    const figures = {
      models: models.length,
      greedyCv: rankingScore(scoresFromOutOfFold(greedy.ensemble, plan.target), plan.metric),
      ...compareScores(stacked.ensemble, greedy.ensemble, plan.target, plan.metric, seed),
      greedyTest: greedy.test,
      stackedTest: stacked.test,
      parts: stacked.choice.byPart.filter(({ layer }) => layer !== null).length,
      ...stacked.choice.final.layer,
      weights: stacked.choice.final.weights.map((weight) => Number(weight.toPrecision(3))),
    };
    process.stdout.write(`${data.name} ${plan.metric} seed ${seed}: ${JSON.stringify(figures)}\n`);
  }
}
