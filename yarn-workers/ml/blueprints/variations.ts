import type { Parameters } from '#contracts';
import { createRandom } from '#statistics';

/** One candidate of a search. */
export interface Candidate {
  readonly blueprintId: string;
  readonly parameters: Parameters;
}

/** The blueprint that variations change. */
export const VARIED_BLUEPRINT = 'lightgbm-slow';

const LEAVES = [8, 12, 16, 24, 32, 48, 64, 96] as const;
const LEARNING_RATES = [0.02, 0.03, 0.05, 0.08] as const;
const MIN_ROWS = [5, 10, 20, 40, 80] as const;
const FRACTIONS = [0.4, 0.5, 0.6, 0.7, 0.8, 0.9] as const;
const L2 = [0, 0.5, 1, 3, 10, 30] as const;
const CATEGORY_SMOOTHING = [1, 5, 10, 20, 50] as const;

/** Seeded random search around {@link VARIED_BLUEPRINT}: the same seed gives the same list, and a longer list begins with a shorter one. */
export function variations(seed: number, count: number): Candidate[] {
  const random = createRandom(seed);
  const pick = <T>(values: readonly [T, ...T[]]): T => values[random.below(values.length)] ?? values[0];
  return Array.from({ length: count }, () => ({
    blueprintId: VARIED_BLUEPRINT,
    parameters: {
      leaves: pick(LEAVES),
      learningRate: pick(LEARNING_RATES),
      minRowsPerLeaf: pick(MIN_ROWS),
      rowFraction: pick(FRACTIONS),
      featureFraction: pick(FRACTIONS),
      l2: pick(L2),
      categorySmoothing: pick(CATEGORY_SMOOTHING),
    },
  }));
}
