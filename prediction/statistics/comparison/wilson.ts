import type { Interval } from './bootstrap.ts';

/**
 * The score interval of a proportion, sensible also near 0 and 1 and for few rows.
 *
 * @param z quantile of the normal distribution, 1.959964 for 0.95
 * @see E. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927)
 */
export function wilsonInterval(successes: number, count: number, z: number): Interval | null {
  if (count === 0) return null;
  const share = successes / count;
  const square = z * z;
  const middle = (share + square / (2 * count)) / (1 + square / count);
  const half = (z / (1 + square / count)) * Math.sqrt((share * (1 - share)) / count + square / (4 * count * count));
  return { lower: Math.max(0, middle - half), upper: Math.min(1, middle + half) };
}
