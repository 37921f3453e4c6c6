import { AppError } from '#contracts';

/** Terms until a series or fraction is exact; some hundred are needed at most for the degrees that are allowed. */
const TERMS_MAX = 10_000;
const DEGREES_MAX = 100_000;
const EPSILON = 2 ** -52;
const TINY = 1e-300;

/**
 * Probability that a chi-squared variable is above `x`: the upper regularised gamma function Q(degrees / 2, x / 2). Relative error about
 * 1e-12 of whatever is above 1e-300, so that small ones can be compared.
 *
 * @param x from 0 up; infinite gives 0
 * @param degrees an integer in [1, 100000]
 * @throws INTERNAL for others
 * @see W. Press et al., Numerical Recipes, 3rd edition (2007), section 6.2: the series (6.2.5) below a + 1, Lentz's continued
 * fraction (6.2.7) above
 */
export function chiSquareAbove(x: number, degrees: number): number {
  if (!Number.isInteger(degrees) || degrees < 1 || degrees > DEGREES_MAX || !(x >= 0))
    throw new AppError('INTERNAL', `chi-squared: ${x} with ${degrees} degrees of freedom`);
  const [a, half] = [degrees / 2, x / 2];
  if (half === 0) return 1;
  if (half === Infinity) return 0;
  const scale = Math.exp(a * Math.log(half) - half - logGammaOfHalf(degrees));
  return half < a + 1 ? Math.max(0, 1 - scale * lowerSeries(a, half)) : scale * upperFraction(a, half);
}

/**
 * The value that a chi-squared variable is above with probability `share`: inverse of {@link chiSquareAbove} by bisection, to 1e-12 of itself.
 * @param share in (0, 1]
 */
export function chiSquareQuantile(share: number, degrees: number): number {
  if (!(share > 0 && share <= 1)) throw new AppError('INTERNAL', `chi-squared: share ${share} is not in (0, 1]`);
  let [low, high] = [0, degrees];
  while (chiSquareAbove(high, degrees) > share) [low, high] = [high, 2 * high];
  for (let step = 0; step < 200 && high - low > 1e-12 * high; step += 1) {
    const middle = (low + high) / 2;
    if (chiSquareAbove(middle, degrees) > share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** ln of the gamma function at degrees / 2, by its recursion from 1/2 or 1. */
function logGammaOfHalf(degrees: number): number {
  let sum = degrees % 2 === 0 ? 0 : Math.log(Math.PI) / 2;
  for (let at = degrees % 2 === 0 ? 1 : 0.5; at < degrees / 2; at += 1) sum += Math.log(at);
  return sum;
}

/** Sum of x^n / (a (a + 1) ... (a + n)). */
function lowerSeries(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let n = 1; n < TERMS_MAX && term > sum * EPSILON; n += 1) {
    term *= x / (a + n);
    sum += term;
  }
  return sum;
}

/** 1 / (x + 1 - a - 1 (1 - a) / (x + 3 - a - 2 (2 - a) / (x + 5 - a - ...))). */
function upperFraction(a: number, x: number): number {
  let b = x + 1 - a;
  let c = 1 / TINY;
  let d = 1 / b;
  let value = d;
  for (let n = 1; n < TERMS_MAX; n += 1) {
    const factor = -n * (n - a);
    b += 2;
    d = 1 / notZero(factor * d + b);
    c = notZero(b + factor / c);
    value *= d * c;
    if (Math.abs(d * c - 1) < EPSILON) break;
  }
  return value;
}

const notZero = (value: number): number => (Math.abs(value) < TINY ? TINY : value);
