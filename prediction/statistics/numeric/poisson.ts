import { AppError } from '#contracts';
import { chiSquareAbove } from './chi-square.ts';

/** The chi-squared function has no more than twice as many degrees. */
const COUNT_MAX = 50_000;

/**
 * Probability of `count` or more events where `mean` are expected: the lower regularised gamma function P(count, mean), exact to some 1e-15.
 * More than 50,000 events are scaled down together with their mean: where there are more than expected, that makes the probability larger.
 *
 * @param count an integer from 0 up
 * @param mean from 0 up
 * @throws INTERNAL for others
 * @see M. Abramowitz, I. Stegun, Handbook of Mathematical Functions (1964), 26.4.21
 */
export function poissonAtLeast(count: number, mean: number): number {
  if (!Number.isInteger(count) || count < 0 || !(mean >= 0 && mean < Infinity))
    throw new AppError('INTERNAL', `Poisson: ${count} events where ${mean} are expected`);
  if (count === 0) return 1;
  const scale = Math.min(1, COUNT_MAX / count);
  return Math.max(0, 1 - chiSquareAbove(2 * mean * scale, 2 * Math.min(count, COUNT_MAX)));
}
