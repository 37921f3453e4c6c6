import type { GlmFamily } from '../../blueprints/objective.ts';
import { CROSS_PRIOR_ROWS, CROSS_TURNS } from './limits.ts';

/** Rows that crosses are chosen by: a target that is to be foretold, and the weights of the rows. */
export interface CrossTarget {
  readonly family: 'gaussian' | 'binomial' | 'poisson';
  /** Of two classes 0 and 1; of counts in units of their mean. */
  readonly values: Float64Array;
  readonly weights: Float64Array;
}

/** The levels of a feature: a code a row, from 0 on. */
export interface CrossColumn {
  readonly codes: Int32Array;
  readonly codeCount: number;
}

/** First and second derivative of the loss by the raw score, for each row; the first one without its sign. */
export interface Slopes {
  readonly gradients: Float64Array;
  readonly curvatures: Float64Array;
}

/** The family that crosses are chosen by: losses with a logarithm are alike as far as that goes. */
export const crossFamily = (family: GlmFamily): CrossTarget['family'] => {
  switch (family) {
    case 'gaussian':
      return 'gaussian';
    case 'binomial':
    case 'multinomial':
      return 'binomial';
    case 'poisson':
    case 'gamma':
    case 'tweedie':
      return 'poisson';
  }
};

/** Raw scores of counts beyond this are not told apart. */
const LOG_MAX = 20;

function slopesAt({ family, values, weights }: CrossTarget, scores: Float64Array): Slopes {
  const gradients = new Float64Array(scores.length);
  const curvatures = new Float64Array(scores.length);
  for (let row = 0; row < scores.length; row += 1) {
    const score = scores[row] ?? 0;
    const weight = weights[row] ?? 1;
    const mean =
      family === 'gaussian'
        ? score
        : family === 'binomial'
          ? 1 / (1 + Math.exp(-score))
          : Math.exp(Math.min(LOG_MAX, score));
    gradients[row] = weight * ((values[row] ?? 0) - mean);
    curvatures[row] = weight * (family === 'gaussian' ? 1 : family === 'binomial' ? mean * (1 - mean) : mean);
  }
  return { gradients, curvatures };
}

/** A Newton step of each code, drawn towards 0 by so many rows of mean curvature. */
function stepsOf(codes: Int32Array, codeCount: number, { gradients, curvatures }: Slopes, isWanted?: Uint8Array) {
  const steps = new Float64Array(codeCount);
  const held = new Float64Array(codeCount);
  let total = 0;
  for (let row = 0; row < codes.length; row += 1) {
    total += curvatures[row] ?? 0;
    if (isWanted !== undefined && isWanted[row] !== 1) continue;
    const code = codes[row] ?? 0;
    steps[code] = (steps[code] ?? 0) + (gradients[row] ?? 0);
    held[code] = (held[code] ?? 0) + (curvatures[row] ?? 0);
  }
  const prior = (CROSS_PRIOR_ROWS * total) / codes.length;
  return steps.map((sum, code) => sum / ((held[code] ?? 0) + prior));
}

/** Slopes where a sum of what each level adds has been fitted, level by level and feature by feature in turns. */
export function slopesBesideLevels(target: CrossTarget, columns: readonly CrossColumn[]): Slopes {
  const scores = new Float64Array(target.values.length);
  for (let turn = 0; turn < CROSS_TURNS; turn += 1)
    for (const { codes, codeCount } of columns) {
      const steps = stepsOf(codes, codeCount, slopesAt(target, scores));
      for (let row = 0; row < scores.length; row += 1) scores[row] = (scores[row] ?? 0) + (steps[codes[row] ?? 0] ?? 0);
    }
  return slopesAt(target, scores);
}

/**
 * What pairs of levels gain beyond their sum: each half of the rows gives the pairs' steps, which lessen the loss of the other half,
 * to second order.
 *
 * @param halves 0 or 1, for each row
 * @returns the gain of a row on average, and its standard error
 */
export function jointGain(
  slopes: Slopes,
  first: CrossColumn,
  second: CrossColumn,
  halves: Uint8Array,
): { readonly gain: number; readonly error: number } {
  const codes = first.codes.map((code, row) => code * second.codeCount + (second.codes[row] ?? 0));
  const codeCount = first.codeCount * second.codeCount;
  const stepsFor = [halves.map((half) => half), halves.map((half) => 1 - half)].map((others) =>
    stepsOf(codes, codeCount, slopes, others),
  );
  let sum = 0;
  let squares = 0;
  for (let row = 0; row < codes.length; row += 1) {
    const step = stepsFor[halves[row] ?? 0]?.[codes[row] ?? 0] ?? 0;
    const gain = (slopes.gradients[row] ?? 0) * step - (step * step * (slopes.curvatures[row] ?? 0)) / 2;
    sum += gain;
    squares += gain * gain;
  }
  const gain = sum / codes.length;
  return { gain, error: Math.sqrt(Math.max(0, squares / codes.length - gain * gain) / codes.length) };
}
