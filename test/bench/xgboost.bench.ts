/**
 * What XGBoost adds to LightGBM and linear models on real data: `node test/bench/xgboost.bench.ts FOLDER [SEEDS] [DATASET...]`, with
 * the FOLDER of `linear-models.bench.ts`. For each seed, which deals the folds and grows the trees anew, each model is fitted by
 * five folds: its score there, the score of the fold members' blend on the test rows, which no model has seen, CPU and wall time.
 * Then an ensemble is made, as a worker makes it, of all models, of those without XGBoost, and of those without XGBoost
 * but with as many further models of LightGBM: whether another engine is worth more than more of the first.
 */
import { rankingScore } from '#ml';
import { COMMON, blendScore, ensembleOf, modelsOf, type Candidate, type Model } from './ensembles.ts';
import { realData, testScore } from './real-data.ts';

const [folder = '', seeds = '3', ...only] = process.argv.slice(2);

const XGBOOST: readonly Candidate[] = ['xgboost-default', 'xgboost-slow'].map((blueprintId) => ({
  blueprintId,
  parameters: {},
}));

/** Variations of LightGBM: what the search would fit next. */
const FURTHER: readonly Candidate[] = [
  { blueprintId: 'lightgbm-slow', parameters: { leaves: 16, featureFraction: 0.5 } },
  { blueprintId: 'lightgbm-slow', parameters: { leaves: 64, minRowsPerLeaf: 5, l2: 3 } },
];

for await (const data of realData(folder, only)) {
  const readable = new Set(data.plan({ mode: 'full' }).candidates.map(({ blueprintId }) => blueprintId));
  for (let seed = 0; seed < Number(seeds); seed += 1) {
    const plan = data.plan({ seed });
    const fit = async (candidates: readonly Candidate[]): Promise<Model[]> => {
      const models = await modelsOf(
        plan,
        data,
        candidates.filter(({ blueprintId }) => readable.has(blueprintId)),
      );
      for (const { blueprintId, score, scorer, cpuMs, rowMicros, fit: made } of models) {
        const { totalMs } = made.timings;
        process.stdout.write(
          `${data.name} ${plan.metric} seed ${seed}: ${blueprintId} cv ${score.toPrecision(6)}, test ${testScore(plan, scorer, data.test).toPrecision(6)}, ${made.iterations ?? 'no'} iterations, cpu ${(cpuMs / 1000).toFixed(2)} s, wall ${(totalMs / 1000).toFixed(2)} s, ${rowMicros.toFixed(2)} us/row\n`,
        );
      }
      return models;
    };
    const common = await fit(COMMON);
    const xgboost = await fit(XGBOOST);
    const further = await fit(FURTHER);
    for (const [name, models] of Object.entries({
      without: common,
      with: [...common, ...xgboost],
      'with further LightGBM': [...common, ...further],
    })) {
      const ensemble = await ensembleOf(plan, data, models);
      const told = new Map(ensemble.facts.members.map(({ modelId, weight }) => [modelId, weight]));
      const weights = models.map((_, index) => told.get(`model-${index}`) ?? 0);
      const own = ensemble.scores === null ? null : rankingScore(ensemble.scores, plan.metric);
      const shares = models.flatMap(({ blueprintId }, index) => {
        const weight = weights[index] ?? 0;
        return weight > 0 ? [`${weight.toFixed(2)} ${blueprintId}`] : [];
      });
      const figures = {
        greedyCv: own,
        greedyTest: await blendScore(plan, data, models, weights),
      };
      process.stdout.write(
        `${data.name} ${plan.metric} seed ${seed}: ensemble ${name} [${shares.join(', ')}] ${JSON.stringify(figures)}\n`,
      );
    }
  }
}
