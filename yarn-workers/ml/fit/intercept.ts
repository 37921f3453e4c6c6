import { TWEEDIE_POWER, neumaierSum } from '#statistics';
import type { GlmFamily } from '../blueprints/objective.ts';

/** Means are kept this far from where their link is infinite. */
const MEAN_MIN = 1e-15;
/** Steps of Newton's method with bisection, at most; each halves the bracket or converges. */
const STEPS_MAX = 200;
const WIDTH_MIN = 1e-14;

/**
 * The intercept that minimises a family's loss where each row has an offset of its own and nothing else is known: in closed
 * form, or by Newton's method (binomial), held within a bracket that bisection closes.
 *
 * @param labels values, or 1 for the positive class and 0
 * @param weights not negative, their sum positive
 * @see McCullagh and Nelder, Generalized Linear Models (1989), section 2.5: the score equation of the intercept
 */
export function interceptBeside(
  family: Exclude<GlmFamily, 'multinomial'>,
  labels: Float64Array,
  weights: Float64Array,
  offsets: Float64Array,
): number {
  switch (family) {
    case 'gaussian':
      return (
        neumaierSum(labels.map((label, row) => (weights[row] ?? 0) * (label - (offsets[row] ?? 0)))) /
        neumaierSum(weights)
      );
    case 'binomial':
      return binomialIntercept(labels, weights, offsets);
    case 'poisson':
      return logShare(labels, weights, offsets, 1);
    case 'tweedie':
      return logShare(labels, weights, offsets, TWEEDIE_POWER);
    case 'gamma':
      return logShare(labels, weights, offsets, 2);
  }
}

/** ln(sum of w y e^((1 - p) o) / sum of w e^((2 - p) o)) for variance power p. */
function logShare(labels: Float64Array, weights: Float64Array, offsets: Float64Array, power: number): number {
  const sumOf = (factor: number, values: Float64Array | null): { shift: number; sum: number } => {
    const shift = offsets.reduce((most, offset) => Math.max(most, factor * offset), -Infinity);
    const terms = offsets.map(
      (offset, row) => (weights[row] ?? 0) * (values?.[row] ?? 1) * Math.exp(factor * offset - shift),
    );
    return { shift, sum: neumaierSum(terms) };
  };
  const above = sumOf(1 - power, labels);
  const below = sumOf(2 - power, null);
  return above.shift - below.shift + Math.log(Math.max(above.sum / below.sum, MEAN_MIN));
}

/** The root of sum of w (y - 1 / (1 + e^-(c + o))), which falls as c rises. */
function binomialIntercept(labels: Float64Array, weights: Float64Array, offsets: Float64Array): number {
  const share = neumaierSum(labels.map((label, row) => label * (weights[row] ?? 0))) / neumaierSum(weights);
  const inside = Math.min(Math.max(share, MEAN_MIN), 1 - MEAN_MIN);
  const centre = Math.log(inside / (1 - inside));
  const total = neumaierSum(weights);
  const excess = (c: number): { value: number; slope: number } => {
    const predicted = offsets.map((offset) => 1 / (1 + Math.exp(-(c + offset))));
    return {
      value: inside * total - neumaierSum(predicted.map((p, row) => p * (weights[row] ?? 0))),
      slope: neumaierSum(predicted.map((p, row) => p * (1 - p) * (weights[row] ?? 0))),
    };
  };
  // With every offset at the largest the root is at the low end, and the other way round.
  let low = centre - offsets.reduce((most, offset) => Math.max(most, offset), -Infinity);
  let high = centre - offsets.reduce((least, offset) => Math.min(least, offset), Infinity);
  let c = (low + high) / 2;
  for (let step = 0; step < STEPS_MAX && high - low > WIDTH_MIN * Math.max(1, Math.abs(c)); step += 1) {
    const { value, slope } = excess(c);
    if (value === 0) break;
    if (value > 0) low = c;
    else high = c;
    const newton = c + value / slope;
    const next = newton > low && newton < high ? newton : (low + high) / 2;
    if (next === c) break;
    c = next;
  }
  return c;
}
