import { POWER_STEPS } from './limits.ts';

/** Labels and weights of rows. */
interface Labelled {
  readonly labels: Float64Array;
  readonly weights: Float64Array;
}

/**
 * What a category's levels are ordered by: their mean label, drawn towards that of all rows as if `smoothing` more rows had it. Of
 * several classes: the level's class shares along the direction in which those of all levels differ most (first principal
 * component of their weighted covariance).
 *
 * @param codes NaN is a level that is not known
 * @see Coppersmith, Hong, Hosking 1999, "Partitioning nominal attributes in decision trees", for several classes; Wright and König
 * 2019, "Splitting on categorical predictors in random forests": ordering once is as good as all subsets in each node
 */
export function levelScores(
  codes: Float64Array,
  levelCount: number,
  { labels, weights }: Labelled,
  outputCount: number,
  smoothing: number,
): { readonly scores: Float64Array; readonly unknown: number } {
  const width = outputCount === 1 ? 1 : outputCount;
  const sums = new Float64Array((levelCount + 1) * width);
  const totals = new Float64Array(levelCount + 1);
  for (let row = 0; row < codes.length; row += 1) {
    const code = codes[row] ?? NaN;
    const level = code >= 0 && code < levelCount ? code : levelCount;
    const weight = weights[row] ?? 0;
    const label = labels[row] ?? 0;
    const at = level * width + (outputCount === 1 ? 0 : label);
    totals[level] = (totals[level] ?? 0) + weight;
    sums[at] = (sums[at] ?? 0) + (outputCount === 1 ? weight * label : weight);
  }
  const overall = new Float64Array(width);
  const total = totals.reduce((sum, one) => sum + one, 0);
  for (let at = 0; at < sums.length; at += 1)
    overall[at % width] = (overall[at % width] ?? 0) + (sums[at] ?? 0) / total;
  // Smoothed differences from the shares or the mean of all rows; weights are on average 1 for smoothing's sake.
  const drawn = (smoothing * total) / Math.max(1, codes.length);
  const differences = new Float64Array(levelCount * width);
  for (let level = 0; level < levelCount; level += 1) {
    const weight = totals[level] ?? 0;
    for (let output = 0; output < width; output += 1) {
      const mean = overall[output] ?? 0;
      const gap = (sums[level * width + output] ?? 0) - weight * mean;
      differences[level * width + output] = weight + drawn > 0 ? gap / (weight + drawn) : 0;
    }
  }
  if (width === 1) return { scores: differences, unknown: 0 };
  const direction = principalDirection(differences, totals, levelCount, width);
  const scores = Float64Array.from({ length: levelCount }, (_, level) => {
    let score = 0;
    for (let output = 0; output < width; output += 1)
      score += (differences[level * width + output] ?? 0) * (direction[output] ?? 0);
    return score;
  });
  return { scores, unknown: 0 };
}

/** By power iteration from a start that no symmetry of classes can be at right angles to. */
function principalDirection(
  differences: Float64Array,
  totals: Float64Array,
  levelCount: number,
  width: number,
): Float64Array {
  let direction = Float64Array.from({ length: width }, (_, output) => 1 / (1 + output));
  for (let step = 0; step < POWER_STEPS; step += 1) {
    const next = new Float64Array(width);
    for (let level = 0; level < levelCount; level += 1) {
      let along = 0;
      for (let output = 0; output < width; output += 1)
        along += (differences[level * width + output] ?? 0) * (direction[output] ?? 0);
      along *= totals[level] ?? 0;
      for (let output = 0; output < width; output += 1)
        next[output] = (next[output] ?? 0) + along * (differences[level * width + output] ?? 0);
    }
    const length = Math.hypot(...next);
    if (!(length > 0)) return direction;
    direction = next.map((value) => value / length);
  }
  return direction;
}
