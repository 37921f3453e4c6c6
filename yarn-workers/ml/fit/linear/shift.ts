/**
 * The number that, taken from all values, makes their elastic net penalty least. Used along directions in which the
 * predictions do not change at all: all levels of a category against the intercept, and one coefficient in all classes.
 * Coordinate descent alone creeps there, the slower the smaller the penalty.
 *
 * The derivative of the penalty rises with the shift and jumps at each value: its root is within a gap between two values,
 * or at a value.
 *
 * @see Friedman, Hastie, Tibshirani (2010), J. Stat. Soft. 33(1), section 4.1
 */
export function leastPenaltyShift(values: readonly number[], l1Ratio: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const { length } = sorted;
  const sum = sorted.reduce((total, value) => total + value, 0);
  for (let below = 0; below < length; below += 1) {
    const next = sorted[below] ?? 0;
    const slopeBefore = (1 - l1Ratio) * (length * next - sum) + l1Ratio * (2 * below - length);
    if (slopeBefore < 0 && slopeBefore + 2 * l1Ratio < 0) continue;
    if (slopeBefore <= 0) return next;
    // Not at a value, so the squared part is there and not all of the penalty is absolute.
    return l1Ratio === 1 ? next : (sum - (l1Ratio * (2 * below - length)) / (1 - l1Ratio)) / length;
  }
  return sorted.at(-1) ?? 0;
}

/** A sum of convex terms of a shift s: absolute x |value - s| of each value, square / 2 x s^2 - moment x s. */
export interface ShiftTerms {
  readonly values: readonly number[];
  readonly absolute: number;
  readonly square: number;
  readonly moment: number;
}

/** The shift at which these terms are least; 0 where it is of no matter. As above, its derivative rises and jumps at each value. */
export function leastTiltedShift({ values, absolute, square, moment }: ShiftTerms): number {
  const sorted = values.toSorted((a, b) => a - b);
  const { length } = sorted;
  const rootWith = (below: number): number => (moment - absolute * (2 * below - length)) / square;
  for (const [below, next] of sorted.entries()) {
    const slopeBefore = square * next - moment + absolute * (2 * below - length);
    if (slopeBefore + 2 * absolute < 0) continue;
    return slopeBefore <= 0 || square === 0 ? next : rootWith(below);
  }
  return square > 0 ? rootWith(length) : (sorted.at(-1) ?? 0);
}
