import { AppError, canonicalJson } from '#contracts';
import type { OutOfFoldFacts } from '../fit/out-of-fold-file.ts';
import { blocksTogether, Collected, type OutOfFoldSource } from '../fit/out-of-fold-source.ts';
import type { OutOfFold } from '../fit/out-of-fold.ts';
import { HOLDOUT } from '../partition/types.ts';
import type { Choice } from './blend.ts';
import type { LinkScale } from './link-scale.ts';
import { partsOf } from './selection-data.ts';

/** Opens the out-of-fold predictions of a model that the task names. */
export type ReadOutOfFold = (model: number) => Promise<OutOfFoldSource>;

/** Predictions for the same rows by two ways of choosing, neither of which has seen the validation rows that it predicts. */
export interface HeldBack {
  readonly ensemble: OutOfFold;
  /** By the single model that is best without the row's part; holdout rows by the first model. */
  readonly single: OutOfFold;
}

/** What predictions are blended by. */
export interface Blending {
  readonly scale: LinkScale;
  readonly choice: Choice;
  readonly seed: number;
}

/**
 * The ensemble's out-of-fold predictions: of each validation row with the weights that were chosen without its part, so that
 * choosing does not flatter the scores; of each holdout row with the ensemble's own. Sums go in the models' order, on the link
 * scale. Beside it what it is compared with: the best single model, chosen in the same way. A block of every model that is used is in memory at
 * a time.
 *
 * @throws INTERNAL where a model's are of other rows
 */
export async function* blendOutOfFold(
  { scale, choice, seed }: Blending,
  read: ReadOutOfFold,
): AsyncGenerator<HeldBack> {
  const used = [...choice.final.weights.keys()].filter((model) => useOf(choice, model).isUsed);
  // The first says what the rows are, and predicts those of the holdout alone.
  const models = [0, ...used.filter((model) => model !== 0)];
  const sources: OutOfFoldSource[] = [];
  for (const model of models) sources.push(await read(model));
  for (const [index, { facts }] of sources.entries()) checkSameFacts(sources[0]?.facts ?? facts, facts, models[index]);
  for await (const blocks of blocksTogether(sources)) {
    const [first] = blocks;
    if (first === undefined) return;
    for (const [index, block] of blocks.entries()) checkSameRows(first, block, models[index]);
    yield blendBlock({ scale, choice, seed }, first, (model) =>
      used.includes(model) ? blocks[models.indexOf(model)] : undefined,
    );
  }
}

/** @param blockOf of the same rows, of a model that is used; else undefined */
function blendBlock(
  { scale, choice, seed }: Blending,
  first: OutOfFold,
  blockOf: (model: number) => OutOfFold | undefined,
): HeldBack {
  const { outputCount } = scale;
  const parts = partsOf(first, seed);
  const sum = shiftedSum(choice, parts, outputCount);
  const single = first.predictions.slice();
  const raw = new Float64Array(parts.length * outputCount);
  for (const model of choice.final.weights.keys()) {
    const data = blockOf(model);
    if (data === undefined) continue;
    const use = useOf(choice, model);
    scale.toRaw(data.predictions, 0, parts.length, raw);
    for (let row = 0; row < parts.length; row += 1) {
      const part = parts[row] ?? HOLDOUT;
      const at = row * outputCount;
      const weight = use.weightOf(part);
      // A weight of 0 leaves the model out: its raw score may be infinite.
      if (weight !== 0) addRow(sum, at, raw, at, outputCount, weight);
      if (use.isBestOf(part)) single.set(data.predictions.subarray(at, at + outputCount), at);
    }
  }
  return {
    ensemble: { ...first, predictions: scale.toPredictions(sum) },
    single: { ...first, predictions: single },
  };
}

/** The ensemble's predictions, blended anew whenever they are looked at. @param first of model 0 */
export function blendedPredictions(first: OutOfFoldSource, blending: Blending, read: ReadOutOfFold): OutOfFoldSource {
  const { facts } = first;
  async function* blocks(): AsyncGenerator<OutOfFold> {
    for await (const { ensemble } of blendOutOfFold(blending, read)) yield ensemble;
  }
  return {
    facts,
    blocks,
    rowBytes: () => first.rowBytes(),
    whole: async () => {
      const collected = new Collected(facts);
      for await (const block of blocks()) collected.add(block);
      return collected.data;
    },
  };
}

/** What sums of raw scores begin with: the shifts of a layer, 0 where there are none. */
function shiftedSum({ final, byPart }: Choice, parts: Int8Array, outputCount: number): Float64Array {
  const sum = new Float64Array(parts.length * outputCount);
  for (const [row, part] of parts.entries()) {
    const { layer } = part === HOLDOUT ? final : (byPart[part] ?? final);
    if (layer !== null) sum.set(layer.shifts, row * outputCount);
  }
  return sum;
}

/** What a model is good for in each part, or in the holdout. */
function useOf({ final, byPart, bestByPart }: Choice, model: number) {
  const ofPart = byPart.map(({ weights }) => weights[model] ?? 0);
  const ofHoldout = final.weights[model] ?? 0;
  return {
    isUsed: ofHoldout !== 0 || ofPart.some((weight) => weight !== 0) || bestByPart.includes(model),
    weightOf: (part: number): number => (part === HOLDOUT ? ofHoldout : (ofPart[part] ?? NaN)),
    isBestOf: (part: number): boolean => part !== HOLDOUT && bestByPart[part] === model,
  };
}

function addRow(sum: Float64Array, to: number, raw: Float64Array, from: number, count: number, weight: number): void {
  for (let i = 0; i < count; i += 1) sum[to + i] = (sum[to + i] ?? NaN) + weight * (raw[from + i] ?? NaN);
}

const otherRows = (model: number | undefined): AppError =>
  new AppError('INTERNAL', `model ${model ?? 0} of the ensemble holds other rows back than the first`);

/** @throws INTERNAL: all models of a run hold the same rows back, and the app server has checked that each does */
function checkSameFacts(first: OutOfFoldFacts, facts: OutOfFoldFacts, model: number | undefined): void {
  if (canonicalJson(first) !== canonicalJson(facts)) throw otherRows(model);
}

/** The same of rows. @throws INTERNAL */
export function checkSameRows(first: OutOfFold, data: OutOfFold, model: number | undefined): void {
  const same = <A extends Uint32Array | Int8Array | Int32Array | Float64Array>(a: A | null, b: A | null): boolean =>
    a === null || b === null ? a === b : a.length === b.length && a.every((value, at) => Object.is(value, b[at]));
  const isSame =
    data.outputCount === first.outputCount &&
    data.foldCount === first.foldCount &&
    data.isByDate === first.isByDate &&
    same(data.rows, first.rows) &&
    same(data.partitions, first.partitions) &&
    same(data.classes, first.classes) &&
    same(data.values, first.values) &&
    same(data.weights, first.weights);
  if (!isSame) throw otherRows(model);
}
