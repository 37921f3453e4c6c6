/**
 * What a small neural network adds to the ensemble of a library on real data, beside three more settings of boosting:
 * `node test/bench/network.bench.ts FOLDER KEEP SEEDS NETWORKS [DATASET...]`, with the FOLDER of `linear-models.bench.ts`, or that of
 * `stand-ins/network_sets.py`. KEEP is where the library's predictions are kept, so that other networks need no new fits of it. NETWORKS has
 * configurations of `stand-ins/network.py` parted by `;`, each a name, or a name and changed settings as JSON parted by a blank.
 *
 * For each seed all are fitted by the same five folds, without a time budget, and ensembles are made as a worker makes them: of the
 * library, of it with the settings, with a network, with both. Shown: score of each model by folds, its CPU; of each ensemble the weight
 * of what was added, the paired gain of the out-of-fold score with its standard error, and the score of the fold models' blend on test rows.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { deserialize, serialize } from 'node:v8';
import type { AutopilotPlan, EnsembleTask } from '#contracts';
import { memoryPredictions, rankingScore, scoresFromOutOfFold, type OutOfFold } from '#ml';
import { isBetter } from '#statistics';
import { objectiveOf } from '../../yarn-workers/ml/blueprints/objective.ts';
import { PORTFOLIO } from '../../yarn-workers/ml/blueprints/portfolio.ts';
import type { Blend } from '../../yarn-workers/ml/ensemble/blend.ts';
import { blendInMemory } from '../support/in-memory.ts';
import { chooseBlends } from '../../yarn-workers/ml/ensemble/choose-blends.ts';
import { compareScores } from '../../yarn-workers/ml/ensemble/compare-scores.ts';
import { linkScale } from '../../yarn-workers/ml/ensemble/link-scale.ts';
import { COMMON, ensembleTaskOf, modelsOf, never, outOfFoldOf, type Candidate } from './ensembles.ts';
import { pythonOf } from '../support/python.ts';
import { realData, scoreOf, testPredictions, type RealData } from './real-data.ts';

const [folder = '', keep = '', seeds = '1', networks = '', ...only] = process.argv.slice(2);
const PACKAGES = ['jax==0.10.2', 'numpy==2.4.6', 'pandas==3.1.1'];
const FURTHER_COUNT = 3;

/** The first settings of boosting in the portfolio that are no blueprint's defaults, so not in the library. */
const FURTHER: readonly Candidate[] = PORTFOLIO.filter(
  ({ blueprintId, parameters }) => blueprintId === 'lightgbm-slow' && Object.keys(parameters).length > 0,
).slice(0, FURTHER_COUNT);

/** A fitted model as far as ensembles look at it. */
interface Fitted {
  readonly name: string;
  readonly score: number;
  readonly cpuSeconds: number;
  readonly outOfFold: OutOfFold;
  /** Rows x outputs, as in `outOfFold`. */
  readonly test: Float64Array;
}

const line = (text: string): void => void process.stdout.write(`${text}\n`);

/** What `make` makes, from its file if it was made before. */
async function kept<T>(file: string, make: () => Promise<T>): Promise<T> {
  // The cast holds: only this function writes these files.
  if (existsSync(file)) return deserialize(readFileSync(file)) as T;
  const made = await make();
  writeFileSync(file, serialize(made));
  return made;
}

/** Fits blueprints as a worker does. */
async function blueprintsOf(plan: AutopilotPlan, data: RealData, candidates: readonly Candidate[]): Promise<Fitted[]> {
  const models = await modelsOf(plan, data, candidates);
  return models.map((model) => ({
    name: model.blueprintId,
    score: model.score,
    cpuSeconds: model.cpuMs / 1000,
    outOfFold: outOfFoldOf(model),
    test: testPredictions(plan, model.scorer, data.test),
  }));
}

/** Fits networks by the program in Python on the folds of a model. */
function networksOf(plan: AutopilotPlan, data: RealData, { outOfFold }: Fitted): Fitted[] {
  const { target, seed } = plan;
  const [taskFile, answerFile] = ['task', 'answer'].map((what) => path.join(keep, `${data.name}-${seed}-${what}.json`));
  if (taskFile === undefined || answerFile === undefined) return never();
  const scale = linkScale(target, objectiveOf(target, plan.metric));
  const task = {
    train: path.join(folder, data.name, 'train.csv.gz'),
    test: path.join(folder, data.name, 'test.csv.gz'),
    target: target.name,
    targetType: target.targetType,
    classes: target.classes.map(({ texts }) => texts),
    positiveClass: target.positiveClass,
    isLog: objectiveOf(target, plan.metric).link === 'log',
    features: plan.features,
    rows: [...outOfFold.rows],
    folds: [...outOfFold.partitions],
    seed,
    networks: networks.split(';').map((text) => {
      const [name = '', ...json] = text.trim().split(' ');
      return { name, settings: JSON.parse(json.length === 0 ? '{}' : json.join(' ')) as unknown };
    }),
  };
  writeFileSync(taskFile, JSON.stringify(task));
  const program = path.join(import.meta.dirname, 'stand-ins', 'network.py');
  execFileSync(pythonOf('bench-network', PACKAGES), [program, taskFile, answerFile], { stdio: 'inherit' });
  // The cast holds: the program writes this shape.
  const answers = JSON.parse(readFileSync(answerFile, 'utf8')) as {
    name: string;
    cpuSeconds: number;
    outOfFold: number[];
    test: number[];
  }[];
  return answers.map(({ name, cpuSeconds, ...raw }) => {
    const predicted = { ...outOfFold, predictions: scale.toPredictions(Float64Array.from(raw.outOfFold)) };
    const score = rankingScore(scoresFromOutOfFold(predicted, target), plan.metric) ?? NaN;
    return { name, score, cpuSeconds, outOfFold: predicted, test: scale.toPredictions(Float64Array.from(raw.test)) };
  });
}

/** What a blend of models predicts of the test rows. */
function blended(
  { target, metric }: AutopilotPlan,
  models: readonly Fitted[],
  { weights, layer }: Blend,
): Float64Array {
  const scale = linkScale(target, objectiveOf(target, metric));
  const size = models[0]?.test.length ?? 0;
  const sum = Float64Array.from({ length: size }, (_, at) => layer?.shifts[at % scale.outputCount] ?? 0);
  const raw = new Float64Array(size);
  for (const [index, weight] of weights.entries()) {
    if (weight === 0) continue;
    scale.toRaw((models[index] ?? never()).test, 0, size / scale.outputCount, raw);
    for (let at = 0; at < size; at += 1) sum[at] = (sum[at] ?? NaN) + weight * (raw[at] ?? NaN);
  }
  return scale.toPredictions(sum);
}

/** An ensemble as a worker makes it of these models, with its score on the test rows. */
async function ensembleOf(plan: AutopilotPlan, data: RealData, models: readonly Fitted[]) {
  const sorted = [...models].sort(
    (a, b) => Number(isBetter(plan.metric, b.score, a.score)) - Number(isBetter(plan.metric, a.score, b.score)),
  );
  const named = sorted.map(({ name }) => ({ blueprintId: name }));
  const read = async (index: number) => memoryPredictions((sorted[index] ?? never()).outOfFold);
  const task: EnsembleTask = { ...ensembleTaskOf(plan, data, named), stacks: true };
  const { choice } = await chooseBlends(task, read, async () => undefined);
  const scale = linkScale(plan.target, objectiveOf(plan.target, plan.metric));
  const { ensemble } = await blendInMemory({ scale, choice, seed: plan.seed }, read);
  const weights = new Map(sorted.map((model, index) => [model, choice.final.weights[index] ?? 0]));
  const score = rankingScore(scoresFromOutOfFold(ensemble, plan.target), plan.metric) ?? NaN;
  return { ensemble, weights, score, test: scoreOf(plan, blended(plan, sorted, choice.final), data.test) };
}

mkdirSync(keep, { recursive: true });
for await (const data of realData(folder, only)) {
  const readable = new Set(data.plan({ mode: 'full' }).candidates.map(({ blueprintId }) => blueprintId));
  const common = COMMON.filter(({ blueprintId }) => readable.has(blueprintId));
  for (let seed = 0; seed < Number(seeds); seed += 1) {
    const plan = data.plan({ seed });
    const fitsOf = async (name: string, candidates: readonly Candidate[]): Promise<Fitted[]> =>
      kept(path.join(keep, `${data.name}-${seed}-${name}`), async () => blueprintsOf(plan, data, candidates));
    const library = await fitsOf('library', common);
    const further = await fitsOf('further', FURTHER);
    const about = `${data.name} ${plan.metric} seed ${seed}:`;
    const added = networks === '' ? [] : networksOf(plan, data, library[0] ?? never());
    for (const { name, score, cpuSeconds, test } of [...library, ...further, ...added])
      line(
        `${about} ${name} cv ${score.toPrecision(6)}, test ${scoreOf(plan, test, data.test).toPrecision(6)}, cpu ${cpuSeconds.toFixed(2)} s`,
      );
    const without = await ensembleOf(plan, data, library);
    const withFurther = await ensembleOf(plan, data, [...library, ...further]);
    line(
      `${about} ensembles: library cv ${without.score.toPrecision(6)}, test ${without.test.toPrecision(6)}; and further settings cv ${withFurther.score.toPrecision(6)}, test ${withFurther.test.toPrecision(6)}`,
    );
    const compared = (what: string, first: typeof without, second: typeof without, models: readonly Fitted[]): void => {
      const { gain, noise } = compareScores(first.ensemble, second.ensemble, plan.target, plan.metric, seed);
      const weight = models.reduce((sum, model) => sum + (first.weights.get(model) ?? 0), 0);
      line(
        `${about} ${what}: weight ${weight.toFixed(2)}, cv gain ${String(gain?.toPrecision(3))} +- ${String(noise?.toPrecision(3))}, test ${second.test.toPrecision(6)} -> ${first.test.toPrecision(6)}`,
      );
    };
    compared('further settings to the library', withFurther, without, further);
    for (const network of added) {
      compared(`${network.name} to the library`, await ensembleOf(plan, data, [...library, network]), without, [
        network,
      ]);
      const withBoth = await ensembleOf(plan, data, [...library, ...further, network]);
      compared(`${network.name} to library and further settings`, withBoth, withFurther, [network]);
    }
  }
}
