/**
 * What each candidate of the portfolio is worth to the ensemble: `node test/bench/automl/left-out.ts FOLDERS [SEEDS SETS CANDIDATES]`.
 * FOLDERS (by comma) have sets with `manifest.json`. For each set and seed the first CANDIDATES of a run with a time budget are fitted by
 * five folds outside a holdout of a fifth, all of them, and ensembles are made as a worker makes them: of the run's library, and of the
 * library that is left without each candidate, and each family of blueprints, in turn. Shown is the loss on the test rows of the blend of fold models: of the best single
 * model and the ensemble, then by how many percent it rises without a candidate (below 0: it falls), by set and as the mean over all
 * sets and seeds with its standard error. Of AUC the loss is what it lacks of 1. No time is in it.
 */
import type { AutopilotPlan, PlannedTask } from '#contracts';
import { isBetter } from '#statistics';
import { libraryOf } from '../../../yarn-workers/ml/autopilot/reserve.ts';
import { candidateName } from '../../../yarn-workers/ml/blueprints/names.ts';
import { objectiveOf } from '../../../yarn-workers/ml/blueprints/objective.ts';
import { linkScale } from '../../../yarn-workers/ml/ensemble/link-scale.ts';
import { ensembleOf, modelsOf, type Candidate, type Model } from '../ensembles.ts';
import { realData, scoreOf, testPredictions, type RealData } from '../real-data.ts';

const [folders = '', seeds = '1', sets = '', most = '30'] = process.argv.slice(2);
const line = (text: string): void => void process.stdout.write(`${text}\n`);

/** A candidate's model with its raw scores of the test rows. */
interface Tested {
  readonly candidate: Candidate;
  readonly name: string;
  readonly model: Model;
  readonly raw: Float64Array;
}

/** Blueprints that make much the same mistakes. */
const FAMILIES: Readonly<Record<string, readonly string[]>> = {
  'linear models': ['linear', 'linear-text', 'linear-splines'],
  forests: ['extra-trees', 'random-forest'],
  networks: ['network'],
};
/** What all others are: boosted trees. */
const BOOSTING = 'boosted trees';
const familyOf = (blueprintId: string): string =>
  Object.entries(FAMILIES).find(([, members]) => members.includes(blueprintId))?.[0] ??
  (blueprintId.startsWith('lightgbm') ? BOOSTING : blueprintId);

const scaleOf = ({ target, metric }: AutopilotPlan) => linkScale(target, objectiveOf(target, metric));

async function tested(plan: AutopilotPlan, data: RealData): Promise<Tested[]> {
  const scale = scaleOf(plan);
  const all: Tested[] = [];
  for (const candidate of plan.candidates.slice(0, Number(most))) {
    const [model] = await modelsOf(plan, data, [candidate]);
    if (model === undefined || Number.isNaN(model.score)) continue;
    const predicted = testPredictions(plan, model.scorer, data.test);
    const raw = new Float64Array(predicted.length);
    scale.toRaw(predicted, 0, predicted.length / scale.outputCount, raw);
    all.push({ candidate, name: candidateName(candidate), model, raw });
  }
  return all;
}

/** What a run would blend of these models. */
function libraryOfThese(plan: AutopilotPlan, models: readonly Tested[]): Tested[] {
  const searched = models.map(({ candidate, model }, index) => {
    const task: PlannedTask = {
      ...{ key: String(index), role: 'search', refitOf: null, iterations: null, deadlineMs: null },
      ...candidate,
    };
    const result = {
      ...{ key: task.key, modelId: task.key, state: 'succeeded' as const },
      ...{ score: model.score, iterations: model.fit.iterations, fitMs: 0 },
    };
    return { task, result, isOverdue: false, candidate: index };
  });
  return libraryOf({ plan, searched }).flatMap(({ candidate }) => models[candidate] ?? []);
}

/** Loss on the test rows of the ensemble of these models. */
async function ensembleLoss(plan: AutopilotPlan, data: RealData, models: readonly Tested[]): Promise<number> {
  const library = libraryOfThese(plan, models);
  const { facts } = await ensembleOf(
    plan,
    data,
    library.map(({ model }) => model),
  );
  const raw = new Float64Array(library[0]?.raw.length ?? 0);
  const shifts = facts.layer?.shifts ?? [];
  for (const at of raw.keys()) raw[at] = shifts[at % Math.max(1, shifts.length)] ?? 0;
  for (const { modelId, weight } of facts.members)
    for (const [at, score] of (library[Number(modelId.split('-')[1])]?.raw ?? []).entries())
      raw[at] = (raw[at] ?? NaN) + weight * score;
  return lossOf(plan, data, raw);
}

function lossOf(plan: AutopilotPlan, data: RealData, raw: Float64Array): number {
  const score = scoreOf(plan, scaleOf(plan).toPredictions(raw), data.test);
  return isBetter(plan.metric, 1, 0) ? 1 - score : score;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function errorOf(values: readonly number[]): number {
  const centre = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1) / values.length);
}

const rises = new Map<string, { set: string; percent: number }[]>();
function note(name: string, set: string, percent: number): void {
  const known = rises.get(name) ?? [];
  rises.set(name, [...known, { set, percent }]);
}

const names: string[] = [];
for (const folder of folders.split(',')) {
  for await (const data of realData(folder, sets === '' ? [] : sets.split(','))) {
    names.push(data.name);
    for (let seed = 0; seed < Number(seeds); seed += 1) {
      const partitioning = { method: 'random', validation: 'cv', folds: 5, holdoutFraction: 0.2 } as const;
      const plan = data.plan({ seed, partitioning, timeBudgetSeconds: 3_600 });
      const models = await tested(plan, data);
      const best = models.reduce((a, b) => (isBetter(plan.metric, b.model.score, a.model.score) ? b : a));
      const single = lossOf(plan, data, best.raw);
      const whole = await ensembleLoss(plan, data, models);
      line(
        `${data.name} ${plan.metric} seed ${seed}: ${best.name} alone loses ${single.toPrecision(5)}, the ensemble ${whole.toPrecision(5)}`,
      );
      note('the ensemble (its best model alone)', data.name, 100 * (single / whole - 1));
      for (const left of models) {
        const without = await ensembleLoss(
          plan,
          data,
          models.filter((one) => one !== left),
        );
        note(left.name, data.name, 100 * (without / whole - 1));
      }
      for (const family of new Set(models.map(({ candidate }) => familyOf(candidate.blueprintId)))) {
        const others = models.filter(({ candidate }) => familyOf(candidate.blueprintId) !== family);
        note(`all: ${family}`, data.name, 100 * ((await ensembleLoss(plan, data, others)) / whole - 1));
      }
    }
  }
}
line(`\n| without | ${names.join(' | ')} | mean, % | standard error |\n| --- |${' --- |'.repeat(names.length + 2)}`);
for (const [name, list] of rises) {
  const cells = names.map((set) => {
    const own = list.filter((one) => one.set === set).map(({ percent }) => percent);
    return own.length === 0 ? '' : mean(own).toFixed(2);
  });
  const all = list.map(({ percent }) => percent);
  line(`| ${[name, ...cells, mean(all).toFixed(3), all.length < 2 ? '' : errorOf(all).toFixed(3)].join(' | ')} |`);
}
