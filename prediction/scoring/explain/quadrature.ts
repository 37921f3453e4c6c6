/** Points and weights on (0, 1): the sum of weight x f(point) is the integral of f. */
export interface Quadrature {
  /** ascending; 1 - point is the point at the same place from the other end */
  readonly points: Float64Array;
  readonly weights: Float64Array;
}

/** Newton's method needs 3 to 5 steps; a later one only moves the last bit. */
const NEWTON_STEPS = 8;

/**
 * The Gauss-Legendre rule of `count` points: exact for polynomials up to degree 2 count - 1. Points are the roots of the
 * Legendre polynomial, found from Tricomi's first guess.
 *
 * @see NIST Digital Library of Mathematical Functions, 3.5(v) and 18.16.5
 */
export function gaussLegendre(count: number): Quadrature {
  const points = new Float64Array(count);
  const weights = new Float64Array(count);
  for (let index = 0; index < Math.ceil(count / 2); index += 1) {
    let x = 2 * index + 1 === count ? 0 : Math.cos((Math.PI * (index + 0.75)) / (count + 0.5));
    let slope = legendre(count, x).slope;
    for (let step = 0; step < NEWTON_STEPS && x !== 0; step += 1) {
      const { value, slope: found } = legendre(count, x);
      x -= value / found;
      slope = found;
    }
    const mirror = count - 1 - index;
    points[index] = (1 - x) / 2;
    points[mirror] = (1 + x) / 2;
    weights[index] = weights[mirror] = 1 / ((1 - x * x) * slope * slope);
  }
  return { points, weights };
}

/** Rules by number of points, each made once. */
export function rulesOnce(): (count: number) => Quadrature {
  const made = new Map<number, Quadrature>();
  return (count) => {
    const rule = made.get(count) ?? gaussLegendre(count);
    made.set(count, rule);
    return rule;
  };
}

/** Legendre polynomial of a degree and its derivative at |x| < 1, by the three-term recurrence. @see DLMF 18.9.1 */
function legendre(degree: number, x: number): { value: number; slope: number } {
  let before = 0;
  let value = 1;
  for (let n = 1; n <= degree; n += 1) [before, value] = [value, ((2 * n - 1) * x * value - (n - 1) * before) / n];
  return { value, slope: (degree * (x * value - before)) / (x * x - 1) };
}
