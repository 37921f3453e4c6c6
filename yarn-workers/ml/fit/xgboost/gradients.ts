import { AppError } from '#contracts';
import { TWEEDIE_POWER } from '#statistics';
import type { Objective } from '../../blueprints/objective.ts';

/** Rows that gradients are made for. */
export interface GradientRows {
  readonly labels: Float32Array;
  readonly weights: Float32Array | null;
  /** What is added to the margins of each output. */
  readonly constants: readonly number[];
  /** What is added to each row's margin beside it, where there is one output; null: nothing. */
  readonly offsets: Float64Array | null;
}

/** First and second derivatives of the loss by the score, rows x outputs, row-major. */
export interface Gradients {
  readonly gradients: Float32Array;
  readonly hessians: Float32Array;
}

/** Least Hessian of a loss whose own may vanish, as in XGBoost. */
const HESSIAN_MIN = 1e-16;
/** Longest step of a leaf under a log link with counts, as XGBoost's own default for them: its Hessian allows for it. */
export const POISSON_STEP_MAX = 0.7;

/** Writes a row's gradient to `out[0]` and its Hessian to `out[1]`. */
type Derivatives = (score: number, label: number, out: Float64Array) => void;

/**
 * The derivatives that XGBoost's own objectives have.
 *
 * @throws INTERNAL for an objective that this family lacks
 * @see XGBoost 3.2.0, src/objective/regression_loss.h and regression_obj.cu
 */
function derivativesOf(objective: Objective): Derivatives {
  const name = objective.engine['objective'];
  switch (name) {
    case 'binary':
      return (score, label, out) => {
        const p = 1 / (1 + Math.exp(-score));
        out[0] = p - label;
        out[1] = Math.max(HESSIAN_MIN, p * (1 - p));
      };
    case 'regression':
      return (score, label, out) => {
        out[0] = score - label;
        out[1] = 1;
      };
    case 'regression_l1':
    case 'mape':
      return (score, label, out) => {
        out[0] = Math.sign(score - label);
        out[1] = 1;
      };
    case 'quantile': {
      const level = Number(objective.engine['alpha']);
      return (score, label, out) => {
        out[0] = score >= label ? 1 - level : -level;
        out[1] = 1;
      };
    }
    case 'poisson':
      return (score, label, out) => {
        const mean = Math.exp(score);
        out[0] = mean - label;
        out[1] = Math.exp(POISSON_STEP_MAX) * mean;
      };
    case 'gamma':
      return (score, label, out) => {
        const ratio = label * Math.exp(-score);
        out[0] = 1 - ratio;
        out[1] = Math.max(HESSIAN_MIN, ratio);
      };
    case 'tweedie':
      return (score, label, out) => {
        const below = Math.exp((1 - TWEEDIE_POWER) * score);
        const above = Math.exp((2 - TWEEDIE_POWER) * score);
        out[0] = above - label * below;
        out[1] = Math.max(HESSIAN_MIN, (2 - TWEEDIE_POWER) * above - (1 - TWEEDIE_POWER) * label * below);
      };
    default:
      throw new AppError('INTERNAL', `XGBoost: no gradients of the objective ${String(name)}`);
  }
}

/** Fills `out` from the margins of all rows. */
export function fillGradients(objective: Objective, rows: GradientRows, margins: Float32Array, out: Gradients): void {
  if (rows.constants.length > 1) fillSoftmax(rows, margins, out);
  else fillSingle(derivativesOf(objective), rows, margins, out);
}

function fillSingle(derivatives: Derivatives, rows: GradientRows, margins: Float32Array, out: Gradients): void {
  const { labels, weights, constants, offsets } = rows;
  const { gradients, hessians } = out;
  const constant = constants[0] ?? 0;
  const pair = new Float64Array(2);
  for (let row = 0; row < labels.length; row += 1) {
    derivatives((margins[row] ?? NaN) + constant + (offsets?.[row] ?? 0), labels[row] ?? NaN, pair);
    const weight = weights === null ? 1 : (weights[row] ?? 0);
    gradients[row] = weight * (pair[0] ?? NaN);
    hessians[row] = weight * (pair[1] ?? NaN);
  }
}

function fillSoftmax({ labels, weights, constants }: GradientRows, margins: Float32Array, out: Gradients): void {
  const count = constants.length;
  const { gradients, hessians } = out;
  const shares = new Float64Array(count);
  for (let row = 0, at = 0; row < labels.length; row += 1, at += count) {
    let most = -Infinity;
    for (let i = 0; i < count; i += 1) {
      shares[i] = (margins[at + i] ?? NaN) + (constants[i] ?? 0);
      most = Math.max(most, shares[i] ?? NaN);
    }
    let sum = 0;
    for (let i = 0; i < count; i += 1) {
      shares[i] = Math.exp((shares[i] ?? NaN) - most);
      sum += shares[i] ?? NaN;
    }
    const weight = weights === null ? 1 : (weights[row] ?? 0);
    for (let i = 0; i < count; i += 1) {
      const p = (shares[i] ?? NaN) / sum;
      gradients[at + i] = weight * (p - (labels[row] === i ? 1 : 0));
      hessians[at + i] = weight * Math.max(HESSIAN_MIN, 2 * p * (1 - p));
    }
  }
}

/**
 * Rounds values to a grid so fine that nothing is lost but what is below 2^-53 of all rows' largest, and so coarse that
 * doubles add them up without an error: histograms, and with them trees, do not depend on the order of the rows'
 * additions, that is on the number of threads.
 *
 * @param termCount of how many values a sum may consist at most
 */
export function roundToGrid(values: Float32Array, termCount: number): void {
  let most = 0;
  for (let i = 0; i < values.length; i += 1) most = Math.max(most, Math.abs(values[i] ?? 0));
  if (!(most > 0) || most === Infinity) return;
  const step = 2 ** (Math.ceil(Math.log2(most)) + Math.ceil(Math.log2(Math.max(1, termCount))) - 52);
  // Doubles of this size are multiples of `step`; adding it rounds to the nearest, ties to even.
  const shift = 1.5 * 2 ** 52 * step;
  for (let i = 0; i < values.length; i += 1) values[i] = (values[i] ?? 0) + shift - shift;
}
