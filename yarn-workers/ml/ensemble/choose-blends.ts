import { ENSEMBLE_WEIGHT_MAX, type EnsembleTask } from '#contracts';
import { indicesBelow, isBetter } from '#statistics';
import { objectiveOf, type Objective } from '../blueprints/objective.ts';
import { takeRows } from '../fit/out-of-fold-source.ts';
import { metricOf, type OutOfFold } from '../fit/out-of-fold.ts';
import { HOLDOUT } from '../partition/types.ts';
import type { Blend, Choice } from './blend.ts';
import { checkSameRows, type ReadOutOfFold } from './blend-out-of-fold.ts';
import { layerLoss } from './layer-loss.ts';
import { linkScale } from './link-scale.ts';
import { labelsAt, partCountOf, partsOf, rawAt, selectionRows, termsAt } from './selection-data.ts';
import { selectWeights } from './select-weights.ts';
import { stackWeights, type LayerRows } from './stack-weights.ts';

/** Says what comes next, or stops the work. */
export type Step = (fraction: number, phase: string, message: string) => Promise<void>;

/** What was chosen, by how many rows. */
export interface Chosen {
  readonly choice: Choice;
  readonly selectionRowCount: number;
}

/**
 * Chooses how a task's models are blended: without each part of the validation rows in turn, and by all of them. Memory: the rows that choose,
 * of every model.
 */
export async function chooseBlends(task: EnsembleTask, read: ReadOutOfFold, step: Step): Promise<Chosen> {
  const { metric, members, seed } = task;
  const source = await read(0);
  const chosenIn = await selectionRows(source, seed, members.length, task);
  const first = await takeRows(source, chosenIn);
  const places = indicesBelow(first.rows.length);
  const parts = partsOf(first, seed);
  const partCount = partCountOf(first);
  const raw: Float64Array[] = [];
  const scoresByPart: (number | null)[][] = [];
  const objective = objectiveOf(task.target, metric);
  const scale = linkScale(task.target, objective);
  for (const index of members.keys()) {
    await step((0.2 * index) / members.length, 'reading', `reading model ${index + 1} of ${members.length}`);
    const data = index === 0 ? first : await takeRows(await read(index), chosenIn);
    checkSameRows(first, data, index);
    raw.push(rawAt(scale, data, places));
    scoresByPart.push(scoresWithoutParts(data, task, parts, partCount));
  }
  const data = rowsOf(task, objective, first, places, raw);
  const byPart: Blend[] = [];
  const all = places;
  const partOf = (row: number): number => parts[row] ?? HOLDOUT;
  const rowsByPart = Array.from({ length: partCount }, (_, part) => all.filter((row) => partOf(row) === part));
  for (let left = 0; left < partCount; left += 1) {
    await step(0.2 + (0.4 * left) / (partCount + 1), 'selecting', `weights without part ${left + 1} of ${partCount}`);
    const rows = all.filter((row) => partOf(row) !== left);
    const otherParts = rowsByPart.filter((_, part) => part !== left);
    byPart.push(blendOf(task, data, rows, otherParts));
  }
  await step(0.55, 'selecting', 'weights by all parts');
  const final = blendOf(task, data, all, rowsByPart);
  const choice = { final, byPart, bestByPart: bestWithoutParts(metric, scoresByPart, partCount) };
  return { choice, selectionRowCount: places.length };
}

/** What selection and layer look at. `loss` null: there is no layer for such a target. */
type Rows = Omit<LayerRows, 'loss'> & { readonly loss: LayerRows['loss'] | null };

function rowsOf(
  { target, stacks }: EnsembleTask,
  objective: Objective,
  first: OutOfFold,
  places: Uint32Array,
  raw: readonly Float64Array[],
): Rows {
  const labels = labelsAt(first, places, target);
  const loss = stacks === true && !isShifted(target) ? layerLoss(objective) : null;
  return { raw, labels, loss, ...termsAt(first, places, labels, objective) };
}

/** True where each row's raw score has something of its own added, once for the blend: weights must add up to 1 then. */
const isShifted = ({ offsetColumn, exposureColumn }: EnsembleTask['target']): boolean =>
  offsetColumn !== undefined || exposureColumn !== undefined;

/**
 * Greedy weights by these rows, or the layer that begins with them, if that is better by more than noise.
 *
 * @param rowsByPart the same rows by part
 */
function blendOf(
  task: EnsembleTask,
  { loss, ...data }: Rows,
  rows: Uint32Array,
  rowsByPart: readonly Uint32Array[],
): Blend {
  const { weights } = selectWeights(data, rows, task);
  const layer = loss === null ? null : stackWeights({ ...data, loss }, rowsByPart, weights);
  if (layer === null || !isUsable(layer.weights)) return { weights, layer: null };
  const { shifts, penalty } = layer;
  return { weights: layer.weights, layer: { shifts, penalty } };
}

/** A layer that takes nothing of any model, which it may where all of them guess, leaves no ensemble. */
const isUsable = (weights: readonly number[]): boolean =>
  weights.every((weight) => weight <= ENSEMBLE_WEIGHT_MAX) && weights.some((weight) => weight > 0);

/** A model's score on the rows that choose without each part in turn. */
function scoresWithoutParts(
  data: OutOfFold,
  { target, metric }: EnsembleTask,
  parts: Int8Array,
  partCount: number,
): (number | null)[] {
  return Array.from({ length: partCount }, (_, left) =>
    metricOf(metric, data, target, (_of, place) => parts[place] !== left),
  );
}

/** The model with the best score without each part; of equal ones the first. */
const bestWithoutParts = (
  metric: EnsembleTask['metric'],
  scoresByPart: readonly (readonly (number | null)[])[],
  partCount: number,
): number[] =>
  Array.from({ length: partCount }, (_, part) =>
    scoresByPart.reduce(
      (best, scores, model) => (isBetter(metric, scores[part], scoresByPart[best]?.[part]) ? model : best),
      0,
    ),
  );
