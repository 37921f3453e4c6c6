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
