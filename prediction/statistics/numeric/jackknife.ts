/**
 * Standard error of a statistic from its values without each of some groups of rows; null if one of them is undefined.
 *
 * @see Efron and Tibshirani 1993, "An introduction to the bootstrap", equation 11.5, over groups as in section 11.5
 */
export function jackknifeError(without: readonly (number | null)[]): number | null {
  const values = without.flatMap((value) => (value === null ? [] : [value]));
  const count = values.length;
  if (count < without.length) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(((count - 1) / count) * squares);
}
