import { neumaierSum } from '#statistics';
import type { GlmFamily } from '../../blueprints/objective.ts';
import { rowLossOf } from '../linear/families.ts';

/** Labels as a network is fitted to them, and the way back to raw scores: raw = base + unit x output. */
export interface TargetScale {
  /** One an output. */
  readonly base: readonly number[];
  readonly unit: number;
}

/**
 * A squared error is fitted in deviations from the mean, so that rates mean the same whatever the unit is; of any other loss the outputs are
 * added to the raw scores of the constant model.
 *
 * @param constants raw scores of the constant model
 * @param labels with offsets taken off where the loss is a square
 */
export function targetScale(
  family: GlmFamily,
  constants: readonly number[],
  labels: Float64Array,
  weights: Float64Array,
): TargetScale {
  if (family !== 'gaussian') return { base: constants, unit: 1 };
  const total = neumaierSum(weights);
  const mean = neumaierSum(labels.map((label, row) => label * (weights[row] ?? 0))) / total;
  const variance = neumaierSum(labels.map((label, row) => (weights[row] ?? 0) * (label - mean) ** 2)) / total;
  return { base: [mean], unit: variance > 0 ? Math.sqrt(variance) : 1 };
}

/** Rows of which the loss is a function of their outputs. */
export interface LossRows {
  readonly labels: Float64Array;
  readonly weights: Float64Array;
  /** Added to the raw scores; null where there are none. */
  readonly offsets: Float64Array | null;
}

/**
 * Writes the gradient of the mean loss of a batch by its outputs.
 *
 * @param outputs rows x `width`, as `gradients`
 */
export type BatchGradient = (
  chosen: Uint32Array,
  outputs: Float32Array,
  gradients: Float32Array,
  width: number,
) => void;

/**
 * The gradient for rows whose outputs are in units of `scale`, but for a constant factor: of one output it is measured in what it is at the
 * constant model on average, so that it is a number of single precision whatever the target's is. Adam does not see the factor.
 */
export function batchGradient(
  family: GlmFamily,
  { labels, weights, offsets }: LossRows,
  { base, unit }: TargetScale,
  outputCount: number,
): BatchGradient {
  const meanWeight = neumaierSum(weights) / weights.length;
  const shareOf = (row: number, count: number): number => (weights[row] ?? 0) / (meanWeight * count);
  if (family === 'multinomial') {
    const terms = new Float64Array(outputCount);
    return (chosen, outputs, gradients, width) => {
      for (let place = 0, at = 0; place < chosen.length; place += 1, at += width) {
        const row = chosen[place] ?? 0;
        const share = shareOf(row, chosen.length);
        const total = softmaxTerms(outputs, at, base, terms);
        for (let output = 0; output < outputCount; output += 1)
          gradients[at + output] = share * ((terms[output] ?? 0) / total - Number(labels[row] === output));
      }
    };
  }
  const { gradient } = rowLossOf(family);
  const [start = 0] = base;
  const size = meanSize(labels, (label, row) => gradient(start + (offsets?.[row] ?? 0), label));
  return (chosen, outputs, gradients, width) => {
    for (let place = 0, at = 0; place < chosen.length; place += 1, at += width) {
      const row = chosen[place] ?? 0;
      const eta = start + unit * (outputs[at] ?? 0) + (offsets?.[row] ?? 0);
      gradients[at] = (-shareOf(row, chosen.length) * gradient(eta, labels[row] ?? 0)) / size;
    }
  };
}

/** Mean magnitude of a function of the rows; 1 where it is 0. */
function meanSize(labels: Float64Array, of: (label: number, row: number) => number): number {
  const mean = neumaierSum(labels.map((label, row) => Math.abs(of(label, row)))) / labels.length;
  return mean > 0 && Number.isFinite(mean) ? mean : 1;
}

/** Fills in the exponentials of the raw scores, relative to the largest; returns their sum. */
function softmaxTerms(outputs: Float32Array, at: number, base: readonly number[], terms: Float64Array): number {
  let most = -Infinity;
  for (let output = 0; output < terms.length; output += 1)
    most = Math.max(most, (base[output] ?? 0) + (outputs[at + output] ?? 0));
  let total = 0;
  for (let output = 0; output < terms.length; output += 1) {
    const term = Math.exp((base[output] ?? 0) + (outputs[at + output] ?? 0) - most);
    terms[output] = term;
    total += term;
  }
  return total;
}
