import { AppError } from '#contracts';
import type { OutOfFold } from '../fit/out-of-fold.ts';
import { HOLDOUT } from '../partition/types.ts';
import type { Choice } from './blend.ts';
import type { LinkScale } from './link-scale.ts';
import { partsOf } from './selection-data.ts';

/** Reads the out-of-fold predictions of a model that the task names. */
export type ReadOutOfFold = (model: number) => Promise<OutOfFold>;

/** Predictions for the same rows by two ways of choosing, neither of which has seen the validation rows that it predicts. */
export interface HeldBack {
  readonly ensemble: OutOfFold;
  /** By the single model that is best without the row's part; holdout rows by the first model. */
  readonly single: OutOfFold;
}

/** Rows that are blended at a time. */
const BLOCK_ROWS = 4_096;

/**
 * The ensemble's out-of-fold predictions: of each validation row with the weights that were chosen without its part, so that
 * choosing does not flatter the scores; of each holdout row with the ensemble's own. Sums go in the models' order, on the link
 * scale. Beside it what it is compared with: the best single model, chosen in the same way. One model is in memory at a time,
 * beside the first.
 *
 * @param first of model 0
 * @throws INTERNAL where a model's are of other rows
 */
export async function blendOutOfFold(
  scale: LinkScale,
  first: OutOfFold,
  choice: Choice,
  seed: number,
  read: ReadOutOfFold,
): Promise<HeldBack> {
  const { outputCount } = scale;
  const parts = partsOf(first, seed);
  const sum = shiftedSum(choice, parts, outputCount);
  const single = first.predictions.slice();
  const raw = new Float64Array(BLOCK_ROWS * outputCount);
  for (const model of choice.final.weights.keys()) {
    const use = useOf(choice, model);
    if (!use.isUsed) continue;
    const data = model === 0 ? first : await read(model);
    checkSameRows(first, data, model);
    for (let from = 0; from < parts.length; from += BLOCK_ROWS) {
      const count = Math.min(BLOCK_ROWS, parts.length - from);
      scale.toRaw(data.predictions, from, count, raw);
      for (let row = 0; row < count; row += 1) {
        const part = parts[from + row] ?? HOLDOUT;
        const at = (from + row) * outputCount;
        const weight = use.weightOf(part);
        // A weight of 0 leaves the model out: its raw score may be infinite.
        if (weight !== 0) addRow(sum, at, raw, row * outputCount, outputCount, weight);
        if (use.isBestOf(part)) single.set(data.predictions.subarray(at, at + outputCount), at);
      }
    }
  }
  return {
    ensemble: { ...first, predictions: scale.toPredictions(sum) },
    single: { ...first, predictions: single },
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

/** @throws INTERNAL: all models of a run hold the same rows back, and the app server has checked that each does */
export function checkSameRows(first: OutOfFold, data: OutOfFold, model: number): void {
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
  if (!isSame) throw new AppError('INTERNAL', `model ${model} of the ensemble holds other rows back than the first`);
}
