import type { Objective } from '../blueprints/objective.ts';
import { rowLossOf } from '../fit/linear/families.ts';

/** A row's loss as a function of its raw scores: slope and curvature, which is what a Newton step looks at. */
export interface LayerLoss {
  /** Fills in the derivative of the loss by each output's score, and `shares`, from which the curvature follows. */
  readonly derivatives: (scores: Float64Array, label: number, gradient: Float64Array, shares: Float64Array) => void;
  /**
   * False: outputs are independent and `shares` are their second derivatives. True: softmax, whose second derivatives are
   * diag(shares) - shares x shares.
   */
  readonly isSoftmax: boolean;
}

/** Losses that are smooth and what the models were fitted by: those of absolute errors have no curvature. */
const SMOOTH = ['logLoss', 'rmse', 'poissonDeviance', 'gammaDeviance', 'tweedieDeviance'];

/** The loss that a stacked layer minimises; null where there is none that is smooth. */
export function layerLoss({ glm, stoppingMetric }: Objective): LayerLoss | null {
  if (!SMOOTH.includes(stoppingMetric)) return null;
  if (glm === 'multinomial') return { derivatives: softmaxDerivatives, isSoftmax: true };
  const { gradient, curvature } = rowLossOf(glm);
  return {
    derivatives: (scores, label, gradients, shares) => {
      const score = scores[0] ?? NaN;
      gradients[0] = -gradient(score, label);
      shares[0] = curvature(score, label);
    },
    isSoftmax: false,
  };
}

function softmaxDerivatives(scores: Float64Array, label: number, gradient: Float64Array, shares: Float64Array): void {
  let most = -Infinity;
  for (const score of scores) most = Math.max(most, score);
  let sum = 0;
  for (let i = 0; i < scores.length; i += 1) sum += shares[i] = Math.exp((scores[i] ?? NaN) - most);
  for (let i = 0; i < scores.length; i += 1) {
    const share = (shares[i] ?? NaN) / sum;
    shares[i] = share;
    gradient[i] = share - Number(i === label);
  }
}
