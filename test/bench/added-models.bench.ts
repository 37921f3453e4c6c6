/**
 * What single models add to the ensemble of a library on real data: `node test/bench/added-models.bench.ts FOLDER SEEDS ADDED [DATASET...]`,
 * with the FOLDER of `linear-models.bench.ts`. ADDED has models parted by `;`, each a blueprint's id, or id and parameters as
 * JSON parted by a blank. For each seed all models are fitted by five folds without a time budget: score there, score of the fold
 * members' blend on the test rows, CPU. Then ensembles are made as a worker makes them: of the library, and of it with each added
 * model. Shown: the weight it gets, the paired gain of the ensemble's out-of-fold score with its noise, the change on the test rows.
 */
import { compareScores } from '../../yarn-workers/ml/ensemble/compare-scores.ts';
import { COMMON as LIBRARY, blendScore, ensembleOf, modelsOf, type Candidate, type Model } from './ensembles.ts';
import { realData, testScore } from './real-data.ts';

const [folder = '', seeds = '1', added = '', ...only] = process.argv.slice(2);

const ADDED = added.split(';').map((text): Candidate => {
  const [blueprintId = '', ...json] = text.trim().split(' ');
  // The cast holds by the usage above; a fit refuses what are no parameters.
  return { blueprintId, parameters: json.length === 0 ? {} : (JSON.parse(json.join(' ')) as Candidate['parameters']) };
});

const line = (text: string): void => void process.stdout.write(`${text}\n`);

for await (const data of realData(folder, only)) {
  const readable = new Set(data.plan({ mode: 'full' }).candidates.map(({ blueprintId }) => blueprintId));
  for (let seed = 0; seed < Number(seeds); seed += 1) {
    const plan = data.plan({ seed });
    const about = `${data.name} ${plan.metric} seed ${seed}:`;
    const fit = async (candidates: readonly Candidate[]): Promise<Model[]> => {
      const models = await modelsOf(plan, data, candidates);
      for (const { blueprintId, score, scorer, cpuMs, rowMicros, fit: made } of models)
        line(
          `${about} ${blueprintId} cv ${score.toPrecision(6)}, test ${testScore(plan, scorer, data.test).toPrecision(6)}, ${made.iterations ?? 'no'} iterations, cpu ${(cpuMs / 1000).toFixed(2)} s, ${rowMicros.toFixed(2)} us/row`,
        );
      return models;
    };
    const blended = async (models: readonly Model[]) => {
      const ensemble = await ensembleOf(plan, data, models);
      const told = new Map(ensemble.facts.members.map(({ modelId, weight }) => [modelId, weight]));
      const weights = models.map((_, index) => told.get(`model-${index}`) ?? 0);
      return { outOfFold: ensemble.outOfFold, weights, test: await blendScore(plan, data, models, weights) };
    };
    const library = await fit(LIBRARY.filter(({ blueprintId }) => readable.has(blueprintId)));
    const without = await blended(library);
    line(`${about} ensemble of the library: test ${without.test.toPrecision(6)}`);
    for (const candidate of ADDED) {
      const models = [...library, ...(await fit([candidate]))];
      const withIt = await blended(models);
      if (withIt.outOfFold === null || without.outOfFold === null) continue;
      const { gain, noise } = compareScores(withIt.outOfFold, without.outOfFold, plan.target, plan.metric, seed);
      line(
        `${about} with ${candidate.blueprintId} ${JSON.stringify(candidate.parameters)}: weight ${(withIt.weights.at(-1) ?? 0).toFixed(2)}, cv gain ${String(gain?.toPrecision(3))} +- ${String(noise?.toPrecision(3))}, test ${without.test.toPrecision(6)} -> ${withIt.test.toPrecision(6)}`,
      );
    }
  }
}
