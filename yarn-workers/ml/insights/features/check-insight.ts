import {
  AppError,
  canonicalJson,
  type InsightOf,
  type InsightTask,
  type Manifest,
  type StoredInsight,
} from '#contracts';
import { addTerm, emptySum, sumOf } from '#statistics';
import { ENSEMBLE_BLUEPRINT_ID } from '../../blueprints/ensemble.ts';
import { checkFitsTarget, type OutOfFold } from '../../fit/out-of-fold.ts';
import { effectOutputs } from './feature-effects.ts';
import { factsOf, inputFeaturesOf, insightSample, isNear } from './insight-facts.ts';
import { DEPENDENCE_ROWS_MAX, EFFECT_FEATURES_MAX, REPEATS } from './limits.ts';
import { normalizer, scoreOf } from './permutation-impact.ts';

/**
 * Holds an insight against its task and the model's committed files: the rows are those that they give, the features the model's, the
 * score of an impact and the means of effects those of the stored predictions. What permuted rows are predicted as is the worker's word.
 *
 * @throws RESULT_MISMATCH
 */
export function checkInsight(task: InsightTask, stored: StoredInsight, manifest: Manifest, outOfFold: OutOfFold): void {
  checkFitsTarget(outOfFold, task.target);
  const rows = insightSample(task, manifest.content, outOfFold);
  const { insight, ...facts } = stored;
  if (insight.kind !== task.insight) throw mismatch(`expected ${task.insight}; found ${insight.kind}`);
  if (canonicalJson(facts) !== canonicalJson(factsOf(task, rows)))
    throw mismatch('it is of other rows, or of another model, than the task');
  if (insight.kind === 'feature-impact') checkImpact(task, insight, manifest, rows);
  else checkEffects(task, insight, manifest, rows);
}

const mismatch = (message: string) => new AppError('RESULT_MISMATCH', `insight: ${message}`);

const sameNames = (a: readonly string[], b: readonly string[]): boolean =>
  canonicalJson(a.toSorted()) === canonicalJson(b.toSorted());

function checkImpact(
  { target, metric }: InsightTask,
  insight: InsightOf<'feature-impact'>,
  { content, blueprintId }: Manifest,
  rows: OutOfFold,
): void {
  const inputs = inputFeaturesOf(content);
  const all = content.features.map(({ name }) => name);
  const told = insight.features.map(({ feature }) => feature);
  if (!sameNames(told, inputs) || !sameNames([...told, ...insight.unused], all))
    throw mismatch('its features are not those of the model');
  if (insight.metric !== metric || insight.repeats !== REPEATS)
    throw mismatch(`expected ${REPEATS} repeats in ${metric}; found ${insight.repeats} in ${insight.metric}`);
  const score = scoreOf(metric, { rows, target }, rows.predictions);
  // The stored predictions of an ensemble have weights that were chosen without the row's part.
  if (blueprintId !== ENSEMBLE_BLUEPRINT_ID && !isNear(insight.score ?? NaN, score ?? NaN))
    throw mismatch('its score is not that of out-of-fold.bin');
  const normalized = normalizer(insight.features);
  if ([...insight.features, ...insight.groups].some((one) => one.normalized !== normalized(one)))
    throw mismatch('its normalised impacts are not those of its impacts');
  const groups = insight.groups.map(({ features }) => features);
  if (insight.features.some(({ feature, group }) => group !== null && groups[group]?.includes(feature) !== true))
    throw mismatch('a feature is not in the group that it names');
}

function checkEffects(
  { target }: InsightTask,
  insight: InsightOf<'feature-effects'>,
  { content }: Manifest,
  rows: OutOfFold,
): void {
  const inputs = inputFeaturesOf(content);
  const told = new Set(insight.features.map(({ feature }) => feature));
  const expected = Math.min(EFFECT_FEATURES_MAX, inputs.length);
  if (insight.featureCount !== inputs.length || told.size !== expected || insight.features.length !== expected)
    throw mismatch(`expected effects of ${expected} of ${inputs.length} features; found ${insight.features.length}`);
  if (inputs.filter((name) => told.has(name)).length !== expected)
    throw mismatch('its features are not those of the model');
  if (insight.dependenceRowCount !== Math.min(DEPENDENCE_ROWS_MAX, rows.rows.length))
    throw mismatch(`expected dependence of ${DEPENDENCE_ROWS_MAX} rows at most; found ${insight.dependenceRowCount}`);
  const outputs = effectOutputs(target, rows);
  if (canonicalJson(insight.outputs) !== canonicalJson(outputs.map(({ label }) => label)))
    throw mismatch('its outputs are not those of the target');
  const actual = outputs.map(({ classIndex }) =>
    meanOf(rows, (row) =>
      classIndex === null ? (rows.values?.[row] ?? NaN) : Number(rows.classes?.[row] === classIndex),
    ),
  );
  const predicted = outputs.map(({ place }) =>
    meanOf(rows, (row) => rows.predictions[row * rows.outputCount + place] ?? NaN),
  );
  for (const { feature, bins } of insight.features) {
    const rowCount = bins.reduce((sum, bin) => sum + bin.rowCount, 0);
    const isWhole =
      rowCount === rows.rows.length &&
      outputs.every((_, at) => isNear(meanOver(bins, at, 'meanActual'), actual[at] ?? NaN)) &&
      outputs.every((_, at) => isNear(meanOver(bins, at, 'meanPredicted'), predicted[at] ?? NaN));
    if (!isWhole) throw mismatch(`the bins of ${JSON.stringify(feature)} do not add up to the rows of the model`);
  }
}

function meanOf({ rows, weights }: OutOfFold, valueOf: (row: number) => number): number {
  const [weight, sum] = [emptySum(), emptySum()];
  for (let row = 0; row < rows.length; row += 1) {
    addTerm(weight, weights?.[row] ?? 1);
    addTerm(sum, (weights?.[row] ?? 1) * valueOf(row));
  }
  return sumOf(sum) / sumOf(weight);
}

function meanOver(
  bins: InsightOf<'feature-effects'>['features'][number]['bins'],
  output: number,
  what: 'meanActual' | 'meanPredicted',
): number {
  const [weight, sum] = [emptySum(), emptySum()];
  for (const bin of bins) {
    addTerm(weight, bin.weight);
    addTerm(sum, bin.weight * (bin[what][output] ?? NaN));
  }
  return sumOf(sum) / sumOf(weight);
}
