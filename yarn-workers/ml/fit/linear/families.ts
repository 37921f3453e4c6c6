import { TWEEDIE_POWER } from '#statistics';
import type { GlmFamily } from '../../blueprints/objective.ts';

/** The loss of one output as a function of its linear predictor: half a unit deviance, up to a constant, weighted. */
export interface OutputLoss {
  /** True if the loss is a square: one quadratic approximation is exact. */
  readonly isQuadratic: boolean;
  /** Fills in each row's negative gradient and its curvature, which is positive. */
  readonly derivatives: (predictor: Float64Array, gradient: Float64Array, curvature: Float64Array) => void;
  /** Sum over the rows, in row order. */
  readonly loss: (predictor: Float64Array) => number;
}

/** Loss, negative gradient and curvature of one row at predictor `eta`. */
export interface RowLoss {
  readonly loss: (eta: number, label: number) => number;
  readonly gradient: (eta: number, label: number) => number;
  readonly curvature: (eta: number, label: number) => number;
}

/** Curvatures are at least this, as in glmnet, so that a row which is already certain does not ask for infinite steps. */
const CURVATURE_MIN = 1e-5;

const sigmoid = (eta: number): number => 1 / (1 + Math.exp(-eta));
/** ln(1 + e^x) without overflow. */
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

const ONE = 1 - TWEEDIE_POWER;
const TWO = 2 - TWEEDIE_POWER;

/**
 * Each family with its link: identity, logit, log. Curvatures are those of the loss itself (Newton), not their expectation;
 * all are convex in the predictor.
 *
 * @see McCullagh and Nelder, Generalized Linear Models (1989), section 2.2.2; Jorgensen, The Theory of Dispersion Models
 * (1997), section 4.1 (Tweedie)
 */
const ROW_LOSSES: Readonly<Record<Exclude<GlmFamily, 'multinomial'>, RowLoss>> = {
  gaussian: {
    loss: (eta, label) => (label - eta) ** 2 / 2,
    gradient: (eta, label) => label - eta,
    curvature: () => 1,
  },
  binomial: {
    loss: (eta, label) => softplus(eta) - label * eta,
    gradient: (eta, label) => label - sigmoid(eta),
    curvature: (eta) => {
      const probability = sigmoid(eta);
      return probability * (1 - probability);
    },
  },
  poisson: {
    loss: (eta, label) => Math.exp(eta) - label * eta,
    gradient: (eta, label) => label - Math.exp(eta),
    curvature: (eta) => Math.exp(eta),
  },
  gamma: {
    loss: (eta, label) => label * Math.exp(-eta) + eta,
    gradient: (eta, label) => label * Math.exp(-eta) - 1,
    curvature: (eta, label) => label * Math.exp(-eta),
  },
  tweedie: {
    loss: (eta, label) => Math.exp(TWO * eta) / TWO - (label * Math.exp(ONE * eta)) / ONE,
    gradient: (eta, label) => label * Math.exp(ONE * eta) - Math.exp(TWO * eta),
    curvature: (eta, label) => TWO * Math.exp(TWO * eta) - ONE * label * Math.exp(ONE * eta),
  },
};

/** The loss of one row of a family with one output. */
export const rowLossOf = (family: Exclude<GlmFamily, 'multinomial'>): RowLoss => ROW_LOSSES[family];

/** The loss of all outputs, seen from one after the other while the others stand still. */
export interface JointLoss {
  /** Takes all predictors in; to be called before a round over the outputs. */
  readonly refresh: (predictors: readonly Float64Array[]) => void;
  /** The loss as a function of one output's predictor. */
  readonly ofOutput: (index: number) => OutputLoss;
  /** Takes one output's new predictor in. */
  readonly moved: (index: number, predictor: Float64Array) => void;
  /** The loss at predictors that were taken in. */
  readonly whole: (predictors: readonly Float64Array[]) => number;
}

/** @param weights of the rows, all positive, summing up to 1 */
export function lossOf(family: GlmFamily, labels: Float64Array, weights: Float64Array, outputCount: number): JointLoss {
  if (family === 'multinomial') return multinomialLoss(labels, weights, outputCount);
  const only = outputLoss(family, labels, weights);
  const none = new Float64Array(0);
  return {
    refresh: () => undefined,
    ofOutput: () => only,
    moved: () => undefined,
    whole: ([predictor = none]) => only.loss(predictor),
  };
}

function outputLoss(
  family: Exclude<GlmFamily, 'multinomial'>,
  labels: Float64Array,
  weights: Float64Array,
): OutputLoss {
  const { loss, gradient, curvature } = ROW_LOSSES[family];
  return {
    isQuadratic: family === 'gaussian',
    derivatives: (predictor, gradients, curvatures) => {
      for (let row = 0; row < labels.length; row += 1) {
        const eta = predictor[row] ?? 0;
        const label = labels[row] ?? 0;
        const weight = weights[row] ?? 0;
        gradients[row] = weight * gradient(eta, label);
        curvatures[row] = weight * Math.max(CURVATURE_MIN, curvature(eta, label));
      }
    },
    loss: (predictor) => {
      let sum = 0;
      for (let row = 0; row < labels.length; row += 1)
        sum += (weights[row] ?? 0) * loss(predictor[row] ?? 0, labels[row] ?? 0);
      return sum;
    },
  };
}

/**
 * Softmax in its symmetric form, every class with coefficients of its own. What is kept of each row are the exponentials
 * of all predictors, relative to the largest one when {@link JointLoss.refresh} was called, and their sum.
 *
 * @see Friedman, Hastie, Tibshirani (2010), J. Stat. Soft. 33(1), section 4.1: partial Newton steps
 */
function multinomialLoss(labels: Float64Array, weights: Float64Array, classCount: number): JointLoss {
  const rowCount = labels.length;
  const shift = new Float64Array(rowCount);
  const total = new Float64Array(rowCount);
  const terms = Array.from({ length: classCount }, () => new Float64Array(rowCount));
  const none = new Float64Array(rowCount);
  return {
    refresh: (predictors) => {
      for (let row = 0; row < rowCount; row += 1) {
        let most = -Infinity;
        for (const predictor of predictors) most = Math.max(most, predictor[row] ?? 0);
        let sum = 0;
        for (const [index, predictor] of predictors.entries()) {
          const term = Math.exp((predictor[row] ?? 0) - most);
          const own = terms[index];
          if (own !== undefined) own[row] = term;
          sum += term;
        }
        shift[row] = most;
        total[row] = sum;
      }
    },
    ofOutput: (index) => classLoss(index, labels, weights, shift, total, terms[index] ?? none),
    moved: (index, predictor) => {
      const own = terms[index] ?? none;
      for (let row = 0; row < rowCount; row += 1) {
        const term = Math.exp((predictor[row] ?? 0) - (shift[row] ?? 0));
        total[row] = (total[row] ?? 0) - (own[row] ?? 0) + term;
        own[row] = term;
      }
    },
    whole: (predictors) => {
      let sum = 0;
      for (let row = 0; row < rowCount; row += 1) {
        const eta = predictors[labels[row] ?? 0]?.[row] ?? NaN;
        sum += (weights[row] ?? 0) * ((shift[row] ?? 0) + Math.log(total[row] ?? 0) - eta);
      }
      return sum;
    },
  };
}

function classLoss(
  index: number,
  labels: Float64Array,
  weights: Float64Array,
  shift: Float64Array,
  total: Float64Array,
  own: Float64Array,
): OutputLoss {
  return {
    isQuadratic: false,
    derivatives: (_predictor, gradients, curvatures) => {
      for (let row = 0; row < labels.length; row += 1) {
        const probability = (own[row] ?? 0) / (total[row] ?? 1);
        const weight = weights[row] ?? 0;
        gradients[row] = weight * ((labels[row] === index ? 1 : 0) - probability);
        curvatures[row] = weight * Math.max(CURVATURE_MIN, probability * (1 - probability));
      }
    },
    loss: (predictor) => {
      let sum = 0;
      for (let row = 0; row < labels.length; row += 1) {
        const eta = predictor[row] ?? 0;
        const most = shift[row] ?? 0;
        // Of the others at least one is there with a positive term, unless this class is all there is.
        const others = Math.max((total[row] ?? 0) - (own[row] ?? 0), Number.MIN_VALUE);
        const log = most + Math.log(others + Math.exp(eta - most));
        sum += (weights[row] ?? 0) * (log - (labels[row] === index ? eta : 0));
      }
      return sum;
    },
  };
}
