import type { LayerLoss } from './layer-loss.ts';
import type { SelectionRows } from './select-weights.ts';

/** Rows that a layer is fitted on: what selection looks at, and what was true of them. */
export interface LayerRows extends SelectionRows {
  /** Index of the class (binary: 1 is positive), or the value. */
  readonly labels: Float64Array;
  readonly loss: LayerLoss;
}

/** A linear model over the raw scores of other models. */
export interface Layer {
  /** One a model, 0 or above; they need not add up to 1. */
  readonly weights: number[];
  /** Added to the raw score of each output; empty where there are none. */
  readonly shifts: number[];
  /** How hard the layer is held to the weights that it began with. */
  readonly penalty: number;
}

/** Penalties, relative to the curvature of the loss: with the last ones next to nothing moves. */
const PENALTIES = [1e-3, 1e-2, 1e-1, 1, 10] as const;
/** Targets of more outputs have no shifts: there are too few rows a class to tell them by. */
const SHIFTED_OUTPUTS_MAX = 20;
/** Rounds over the coordinates of a quadratic of at most 26; a handful suffices. */
const SWEEPS_MAX = 500;
const MOVED_MIN = 1e-10;

/** Shifts that a layer of so many outputs has. */
export const shiftCountOf = (outputCount: number): number => (outputCount <= SHIFTED_OUTPUTS_MAX ? outputCount : 0);

/** The loss of some rows at the start, and how it changes near it. */
interface Quadratic {
  readonly loss: number;
  readonly gradient: Float64Array;
  /** Parameters x parameters. */
  readonly hessian: Float64Array;
}

/**
 * A stacked layer that begins with greedy weights and may move away from them as far as the rows warrant: one weight for each model that
 * greedy selection took, not below 0 (so monotonic constraints hold), the same for all classes, and one shift an output (binary and
 * regression: one). It is one Newton step from the greedy weights under a ridge penalty on the distance from them; of squares
 * that is the minimum. The penalty is chosen by leaving out one part of the rows after the other. Null where that gains no more than the
 * standard error of it over the parts: then greedy weights are as good.
 *
 * On the link scale the layer is a sum, and explanations of it stay exact.
 *
 * @param rowsByPart indices of the rows that may be looked at, by part; two parts at least, else null
 * @param greedy one weight a model
 * @see Wolpert 1992, "Stacked generalization"; Breiman 1996, "Stacked regressions" (weights not below 0); van Wieringen 2015,
 * "Lecture notes on ridge regression", chapter 3 (ridge towards a target)
 */
export function stackWeights(
  data: LayerRows,
  rowsByPart: readonly Uint32Array[],
  greedy: readonly number[],
): Layer | null {
  if (rowsByPart.length < 2) return null;
  const start = startOf(data, greedy);
  const parts = rowsByPart.map((rows) => quadraticAt(data, start, rows));
  const gains = PENALTIES.map(() => new Float64Array(parts.length));
  for (const [left, part] of parts.entries()) {
    const others = sumOf(parts.filter((other) => other !== part));
    for (const [index, penalty] of PENALTIES.entries()) {
      const moved = minimumOf(others, start, penalty);
      const own = gains[index];
      if (own !== undefined) own[left] = part.loss - lossOf(data, start, moved, rowsByPart[left] ?? new Uint32Array(0));
    }
  }
  const best = bestPenalty(gains);
  if (best === null) return null;
  const { models, outputCount } = start;
  const moved = minimumOf(sumOf(parts), start, best);
  const weights = greedy.map(() => 0);
  for (const [at, model] of models.entries()) weights[model] = moved[at] ?? 0;
  return { weights, shifts: [...moved.subarray(models.length, models.length + outputCount)], penalty: best };
}

/** Where the layer begins. */
interface Start {
  /** Indices of the models that greedy selection took. */
  readonly models: readonly number[];
  /** Outputs that have a shift. */
  readonly outputCount: number;
  /** A weight a model, then a shift an output. */
  readonly parameters: Float64Array;
}

function startOf({ outputCount }: SelectionRows, greedy: readonly number[]): Start {
  const models = [...greedy.keys()].filter((model) => (greedy[model] ?? 0) > 0);
  const shifted = shiftCountOf(outputCount);
  const parameters = new Float64Array(models.length + shifted);
  for (const [at, model] of models.entries()) parameters[at] = greedy[model] ?? 0;
  return { models, outputCount: shifted, parameters };
}

/** The penalty of most gain over all parts, if that is above the standard error of its sum. */
function bestPenalty(gains: readonly Float64Array[]): number | null {
  let best: { readonly penalty: number; readonly gain: number; readonly noise: number } | null = null;
  for (const [index, penalty] of PENALTIES.entries()) {
    const byPart = gains[index] ?? new Float64Array(0);
    const gain = byPart.reduce((sum, value) => sum + value, 0);
    const mean = gain / byPart.length;
    const squares = byPart.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    const noise = Math.sqrt((squares * byPart.length) / (byPart.length - 1));
    if (gain > (best?.gain ?? 0)) best = { penalty, gain, noise };
  }
  return best !== null && best.gain > best.noise ? best.penalty : null;
}

/** Raw scores of one row under a layer. */
function scoresAt(
  { raw, outputCount }: LayerRows,
  { models, outputCount: shifted }: Start,
  parameters: Float64Array,
  row: number,
  out: Float64Array,
): void {
  for (let output = 0; output < outputCount; output += 1) {
    let score = shifted === 0 ? 0 : (parameters[models.length + output] ?? 0);
    for (const [at, model] of models.entries())
      score += (parameters[at] ?? 0) * (raw[model]?.[row * outputCount + output] ?? NaN);
    out[output] = score;
  }
}

function lossOf(data: LayerRows, start: Start, parameters: Float64Array, rows: Uint32Array): number {
  const scores = new Float64Array(data.outputCount);
  let loss = 0;
  for (const row of rows) {
    scoresAt(data, start, parameters, row, scores);
    loss += (data.weights?.[row] ?? 1) * data.term(scores, 0, row);
  }
  return loss;
}

/** Sums in the order of `rows`. */
function quadraticAt(data: LayerRows, start: Start, rows: Uint32Array): Quadratic {
  const { raw, outputCount, loss, labels, weights } = data;
  const { models, parameters, outputCount: shifted } = start;
  const size = parameters.length;
  const gradient = new Float64Array(size);
  const hessian = new Float64Array(size * size);
  const scores = new Float64Array(outputCount);
  const slopes = new Float64Array(outputCount);
  const shares = new Float64Array(outputCount);
  const input = new Float64Array(size);
  const mean = new Float64Array(size);
  const total = lossOf(data, start, parameters, rows);
  for (const row of rows) {
    const weight = weights?.[row] ?? 1;
    scoresAt(data, start, parameters, row, scores);
    loss.derivatives(scores, labels[row] ?? NaN, slopes, shares);
    mean.fill(0);
    for (let output = 0; output < outputCount; output += 1) {
      input.fill(0);
      for (const [at, model] of models.entries()) input[at] = raw[model]?.[row * outputCount + output] ?? NaN;
      if (shifted > 0) input[models.length + output] = 1;
      const slope = weight * (slopes[output] ?? NaN);
      const share = weight * (shares[output] ?? NaN);
      for (let i = 0; i < size; i += 1) {
        gradient[i] = (gradient[i] ?? 0) + slope * (input[i] ?? 0);
        mean[i] = (mean[i] ?? 0) + (shares[output] ?? NaN) * (input[i] ?? 0);
      }
      addOuter(hessian, input, share);
    }
    if (loss.isSoftmax) addOuter(hessian, mean, -weight);
  }
  return { loss: total, gradient, hessian };
}

/** Adds factor x input x input'. */
function addOuter(hessian: Float64Array, input: Float64Array, factor: number): void {
  const size = input.length;
  for (let i = 0; i < size; i += 1) {
    const left = factor * (input[i] ?? 0);
    if (left === 0) continue;
    for (let j = 0; j < size; j += 1) hessian[i * size + j] = (hessian[i * size + j] ?? 0) + left * (input[j] ?? 0);
  }
}

function sumOf(parts: readonly Quadratic[]): Quadratic {
  const size = parts[0]?.gradient.length ?? 0;
  const sum = { loss: 0, gradient: new Float64Array(size), hessian: new Float64Array(size * size) };
  for (const { loss, gradient, hessian } of parts) {
    sum.loss += loss;
    for (let i = 0; i < gradient.length; i += 1) sum.gradient[i] = (sum.gradient[i] ?? 0) + (gradient[i] ?? 0);
    for (let i = 0; i < hessian.length; i += 1) sum.hessian[i] = (sum.hessian[i] ?? 0) + (hessian[i] ?? 0);
  }
  return sum;
}

/**
 * The minimum of a quadratic under the penalty, weights not below 0, by coordinate descent. Weights are held to where they began, shifts to 0,
 * each by the mean curvature of their kind.
 */
function minimumOf({ gradient, hessian }: Quadratic, { models, parameters }: Start, penalty: number): Float64Array {
  const size = parameters.length;
  const curvature = (from: number, to: number): number => {
    let sum = 0;
    for (let i = from; i < to; i += 1) sum += (hessian[i * size + i] ?? 0) / (to - from);
    return sum;
  };
  const ridge = new Float64Array(size)
    .fill(penalty * curvature(0, models.length), 0, models.length)
    .fill(penalty * curvature(models.length, size), models.length);
  const at = parameters.slice();
  for (let sweep = 0; sweep < SWEEPS_MAX; sweep += 1) {
    let moved = 0;
    for (let i = 0; i < size; i += 1) {
      const own = (hessian[i * size + i] ?? 0) + (ridge[i] ?? 0);
      if (!(own > 0)) continue;
      let slope = (gradient[i] ?? 0) + (ridge[i] ?? 0) * ((at[i] ?? 0) - (parameters[i] ?? 0));
      for (let j = 0; j < size; j += 1) slope += (hessian[i * size + j] ?? 0) * ((at[j] ?? 0) - (parameters[j] ?? 0));
      const wanted = (at[i] ?? 0) - slope / own;
      const value = i < models.length ? Math.max(0, wanted) : wanted;
      moved = Math.max(moved, Math.abs(value - (at[i] ?? 0)));
      at[i] = value;
    }
    if (moved < MOVED_MIN) break;
  }
  return at;
}
