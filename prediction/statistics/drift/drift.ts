import { neumaierSum } from '../numeric/compensated-sum.ts';
import { testHomogeneity } from './homogeneity.ts';
import { jensenShannonDivergence } from './jensen-shannon.ts';
import { binnedKolmogorovSmirnov } from './kolmogorov-smirnov.ts';
import { indexByChance, populationStabilityIndex } from './population-stability.ts';

/** What a bin of a distribution holds; `present`: whatever is not missing. */
export const DRIFT_BIN_KINDS = ['range', 'level', 'others', 'present', 'missing'] as const;
export type DriftBinKind = (typeof DRIFT_BIN_KINDS)[number];

/** Training and live counts of one bin. */
export interface DriftBin {
  readonly kind: DriftBinKind;
  /** Of a range, inclusive; null: whatever is below `to`. */
  readonly from: number | null;
  /** Of a range, exclusive; null: whatever is from `from` up. */
  readonly to: number | null;
  readonly level: string | null;
  readonly trainingCount: number;
  readonly liveCount: number;
}

/** How far live values are from those of training. Null where one of the two has none. */
export interface Drift {
  readonly trainingCount: number;
  readonly liveCount: number;
  /** Population stability index. */
  readonly psi: number | null;
  /** What that of so few values is on average without any change. */
  readonly psiByChance: number | null;
  /** In [0, 1]. */
  readonly jensenShannon: number | null;
  /** In [0, 1], by the bins of numbers that are not missing; null of what has no order. */
  readonly kolmogorovSmirnov: number | null;
  /** Probability of counts as different, were both of one distribution. */
  readonly pValue: number | null;
}

/** @param bins ranges in their order; missing values are a bin like others, except for the Kolmogorov-Smirnov distance */
export function driftOf(bins: readonly DriftBin[]): Drift {
  const [training, live] = countsOf(bins);
  const trainingCount = neumaierSum(training);
  const liveCount = neumaierSum(live);
  const isBoth = trainingCount > 0 && liveCount > 0;
  const filled = bins.filter((bin) => bin.trainingCount + bin.liveCount > 0).length;
  const ranges = bins.filter(({ kind }) => kind === 'range');
  return {
    trainingCount,
    liveCount,
    psi: populationStabilityIndex(training, live),
    psiByChance: isBoth ? indexByChance(filled, trainingCount, liveCount) : null,
    jensenShannon: jensenShannonDivergence(training, live),
    kolmogorovSmirnov: ranges.length === 0 ? null : binnedKolmogorovSmirnov(...countsOf(ranges)),
    pValue: testHomogeneity(training, live)?.pValue ?? null,
  };
}

const countsOf = (bins: readonly DriftBin[]): [number[], number[]] => [
  bins.map(({ trainingCount }) => trainingCount),
  bins.map(({ liveCount }) => liveCount),
];

/** How large a drift is. */
export const DRIFT_LEVELS = ['unknown', 'none', 'moderate', 'large'] as const;
export type DriftLevel = (typeof DRIFT_LEVELS)[number];

/** Index from which a shift is one to look at, and a large one, by custom. */
export const PSI_MODERATE = 0.1;
export const PSI_LARGE = 0.25;
/** A shift that chance makes as often as this is none. */
const CHANCE_MAX = 0.01;

/**
 * A shift has to be both large enough to matter and too large for chance: an index of a few rows is large by itself, and of many rows any
 * difference is beyond chance.
 */
export function driftLevelOf({ psi, pValue }: Pick<Drift, 'psi' | 'pValue'>): DriftLevel {
  if (psi === null || pValue === null) return 'unknown';
  if (psi < PSI_MODERATE || pValue > CHANCE_MAX) return 'none';
  return psi < PSI_LARGE ? 'moderate' : 'large';
}
