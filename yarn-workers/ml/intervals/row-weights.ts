/** Sum of rows' weights, and of their squares. */
export interface WeightSums {
  sum: number;
  squares: number;
}

export const emptyWeights = (): WeightSums => ({ sum: 0, squares: 0 });

export function addWeight(sums: WeightSums, weight: number): void {
  sums.sum += weight;
  sums.squares += weight * weight;
}

/** Of all rows. */
export function weightSums(weights: Iterable<number>): WeightSums {
  const sums = emptyWeights();
  for (const weight of weights) addWeight(sums, weight);
  return sums;
}

/** Equal weights count as their rows, whatever their sums are rounded by. */
const ROUNDING = 1e-6;

/**
 * So many whole rows of equal weight say as much: (sum of weights)^2 / sum of their squares, the number of rows where all weights are equal.
 *
 * @see Kish 1965, "Survey sampling", section 11.7
 */
export const effectiveRows = ({ sum, squares }: WeightSums): number => Math.floor((sum * sum) / squares + ROUNDING);
