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
import type { OutOfFoldSource } from '../../fit/out-of-fold-source.ts';
import { checkOutputs, metricOf, type OutOfFold } from '../../fit/out-of-fold.ts';
import { effectOutputs } from './feature-effects.ts';
import { factsOf, inputFeaturesOf, insightSample, isNear } from './insight-facts.ts';
import { DEPENDENCE_ROWS_MAX, EFFECT_FEATURES_MAX, REPEATS } from './limits.ts';
import { normalizer, scoreOf } from './permutation-impact.ts';
import { countRankingRows } from './sample-rows.ts';
import { curveParts, curveScore, trainingOf } from '../learning-curve/learning-curve.ts';
import { segmentColumns } from '../segments/segment-columns.ts';
import { segmentRows } from '../segments/segments.ts';

/**
 * Holds an insight against its task and the model's committed files: the rows are those that they give, the features the model's, the
 * score and the means of effects and segments those of the stored predictions. What permuted rows are predicted as is the worker's word.
 *
 * @throws RESULT_MISMATCH
 */
export async function checkInsight(
  task: InsightTask,
  stored: StoredInsight,
  manifest: Manifest,
  outOfFold: OutOfFoldSource,
): Promise<void> {
  const { facts: predicted } = outOfFold;
  checkOutputs(predicted.outputCount, predicted.isRegression, task.target);
  const { insight, ...facts } = stored;
  if (insight.kind !== task.insight) throw mismatch(`expected ${task.insight}; found ${insight.kind}`);
  const checkFacts = (rowCount: number): void => {
    if (canonicalJson(facts) !== canonicalJson(factsOf(task, predicted, rowCount)))
      throw mismatch('it is of other rows, or of another model, than the task');
  };
  if (insight.kind === 'learning-curve') {
    checkFacts(await countRankingRows(outOfFold));
    return checkCurve(task, insight, outOfFold);
  }
  const rows = await (insight.kind === 'segments'
    ? segmentRows(task, outOfFold)
    : insightSample(task, manifest.content, outOfFold));
  checkFacts(rows.rows.length);
  switch (insight.kind) {
    case 'feature-impact':
      return checkImpact(task, insight, manifest, rows);
    case 'feature-effects':
      return checkEffects(task, insight, manifest, rows);
    case 'segments':
      return checkSegments(task, insight, manifest, rows);
  }
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
  checkParts(
    target,
    insight.outputs,
    insight.features.map(({ feature, bins }) => ({ feature, parts: bins })),
    rows,
  );
}

function checkSegments(
  task: InsightTask,
  insight: InsightOf<'segments'>,
  { content }: Manifest,
  rows: OutOfFold,
): void {
  const { target, metric } = task;
  const columns = segmentColumns(task, content);
  const names = columns.features.map(({ name }) => name);
  const told = insight.features.map(({ feature }) => feature);
  if (
    insight.columnCount !== names.length ||
    new Set(told).size !== told.length ||
    told.some((one) => !names.includes(one))
  )
    throw mismatch('its features are not columns of the table');
  if (insight.features.some(({ feature, isModelled }) => isModelled !== columns.modelled.has(feature)))
    throw mismatch('it says of a feature that the model reads it, or does not');
  const score = metricOf(metric, rows, target, () => true);
  if (insight.metric !== metric || !isNear(insight.score ?? NaN, score ?? NaN))
    throw mismatch('its score is not that of out-of-fold.bin');
  if (insight.notable.some(({ feature, segment }) => segmentAt(insight, feature, segment) === undefined))
    throw mismatch('a notable segment is none of its features');
  const parts = insight.features.map(({ feature, segments }) => ({ feature, parts: segments }));
  checkParts(target, insight.outputs, parts, rows);
}

/** What other fits score is the worker's word. */
async function checkCurve(
  task: InsightTask,
  { metric, points }: InsightOf<'learning-curve'>,
  outOfFold: OutOfFoldSource,
): Promise<void> {
  const parts = curveParts(trainingOf(task));
  if (metric !== task.metric || canonicalJson(points.map(({ part }) => part)) !== canonicalJson(parts))
    throw mismatch(`expected ${task.metric} of the parts ${parts.join(', ')} of the rows`);
  const last = points.at(-1);
  if (!isNear(last?.score ?? NaN, (await curveScore(task, outOfFold)) ?? NaN) || last?.gain !== null)
    throw mismatch('its last point is not the model itself');
}

const segmentAt = ({ features }: InsightOf<'segments'>, name: string, place: number) =>
  features.find(({ feature }) => feature === name)?.segments[place];

/** Some rows of a feature: how many they are, and what they have on average. */
type Part = Pick<
  InsightOf<'feature-effects'>['features'][number]['bins'][number],
  'rowCount' | 'weight' | 'meanActual' | 'meanPredicted'
>;

/** The parts of each feature add up to all rows. */
function checkParts(
  target: InsightTask['target'],
  labels: readonly (string | null)[],
  features: readonly { readonly feature: string; readonly parts: readonly Part[] }[],
  rows: OutOfFold,
): void {
  const outputs = effectOutputs(target, rows);
  if (canonicalJson(labels) !== canonicalJson(outputs.map(({ label }) => label)))
    throw mismatch('its outputs are not those of the target');
  const actual = outputs.map(({ classIndex }) =>
    meanOf(rows, (row) =>
      classIndex === null ? (rows.values?.[row] ?? NaN) : Number(rows.classes?.[row] === classIndex),
    ),
  );
  const predicted = outputs.map(({ place }) =>
    meanOf(rows, (row) => rows.predictions[row * rows.outputCount + place] ?? NaN),
  );
  for (const { feature, parts } of features) {
    const rowCount = parts.reduce((sum, bin) => sum + bin.rowCount, 0);
    const isWhole =
      rowCount === rows.rows.length &&
      outputs.every((_, at) => isNear(meanOver(parts, at, 'meanActual'), actual[at] ?? NaN)) &&
      outputs.every((_, at) => isNear(meanOver(parts, at, 'meanPredicted'), predicted[at] ?? NaN));
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

function meanOver(parts: readonly Part[], output: number, what: 'meanActual' | 'meanPredicted'): number {
  const [weight, sum] = [emptySum(), emptySum()];
  for (const bin of parts) {
    addTerm(weight, bin.weight);
    addTerm(sum, bin.weight * (bin[what][output] ?? NaN));
  }
  return sumOf(sum) / sumOf(weight);
}
