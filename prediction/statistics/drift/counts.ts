import { AppError } from '#contracts';
import { neumaierSum } from '../numeric/compensated-sum.ts';

/** Totals of two distributions over the same bins. */
export interface Totals {
  readonly expected: number;
  readonly actual: number;
}

/** @throws INTERNAL when the lengths differ or a count is negative or not finite */
export function totalsOf(subject: string, expected: ArrayLike<number>, actual: ArrayLike<number>): Totals {
  if (expected.length !== actual.length)
    throw new AppError('INTERNAL', `${subject}: ${expected.length} expected bins, ${actual.length} actual ones`);
  return { expected: totalOf(subject, expected), actual: totalOf(subject, actual) };
}

function totalOf(subject: string, counts: ArrayLike<number>): number {
  for (let bin = 0; bin < counts.length; bin += 1) {
    const count = counts[bin] ?? 0;
    if (!(count >= 0 && count < Infinity)) throw new AppError('INTERNAL', `${subject}: count ${count} of bin ${bin}`);
  }
  return neumaierSum(counts);
}
