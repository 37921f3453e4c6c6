/**
 * Weight of the rows at each code; in the last place that of the rows that have none.
 *
 * @param weights of the rows, summing up to 1
 */
export function codeShares(codeCount: number, values: Float64Array, weights: Float64Array): Float64Array {
  const shares = new Float64Array(codeCount + 1);
  for (let row = 0; row < values.length; row += 1) {
    const code = codeOf(values[row] ?? NaN, codeCount);
    shares[code] = (shares[code] ?? 0) + (weights[row] ?? 0);
  }
  return shares;
}

/**
 * Weight of the rows at each point of a broken line: a row between two points is parted among them as interpolation parts
 * it, one beyond the ends is at the end. In the last place that of the rows that miss the value. So the mean of any function
 * that is interpolated between the points is its values there, times these.
 *
 * @param points strictly ascending, at least two or none; without points what is not missing has no place
 * @param values NaN is missing
 * @param weights of the rows, summing up to 1
 */
export function knotShares(points: Float64Array, values: Float64Array, weights: Float64Array): Float64Array {
  const shares = new Float64Array(points.length + 1);
  for (let row = 0; row < values.length; row += 1) {
    const value = values[row] ?? NaN;
    const weight = weights[row] ?? 0;
    if (Number.isNaN(value)) shares[points.length] = (shares[points.length] ?? 0) + weight;
    else if (points.length > 0) {
      const low = lastAtOrBelow(points, value);
      const first = points[low] ?? NaN;
      const next = points[low + 1] ?? NaN;
      const share = (Math.min(Math.max(value, first), next) - first) / (next - first);
      shares[low] = (shares[low] ?? 0) + weight * (1 - share);
      shares[low + 1] = (shares[low + 1] ?? 0) + weight * share;
    }
  }
  return shares;
}

/** A code, or `codeCount` of what has none. */
export const codeOf = (value: number, codeCount: number): number =>
  value >= 0 && value < codeCount ? Math.trunc(value) : codeCount;

/** The place of the last knot but one that is not above the value; 0 where there is none. */
export function lastAtOrBelow(knots: Float64Array, value: number): number {
  let low = 0;
  for (let high = knots.length - 1; high - low > 1;) {
    const middle = (low + high) >>> 1;
    if ((knots[middle] ?? NaN) <= value) low = middle;
    else high = middle;
  }
  return low;
}
