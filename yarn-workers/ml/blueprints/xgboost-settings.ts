import type { EncodingSettings } from './settings.ts';

/** Settings of a blueprint of XGBoost; the parameters of a blueprint have these names. */
export interface XgboostSettings extends EncodingSettings {
  /** Shrinkage of each tree, in (0, 1]. */
  readonly learningRate: number;
  /** At most so many iterations (trees a class output). */
  readonly maxIterations: number;
  /** Boosting stops after so many iterations without a better validation loss; 0 = never. */
  readonly earlyStoppingRounds: number;
  /** Leaves of a tree, the best of all split first; 0 = no limit, level by level. */
  readonly leaves: number;
  /** Depth of a tree. */
  readonly maxDepth: number;
  /** Least sum of a leaf's Hessians; of squares the weight of its rows. Above 0. */
  readonly minChildWeight: number;
  /** Least gain of a split. */
  readonly minSplitGain: number;
  /** Part of the rows that each iteration sees, in (0, 1]. */
  readonly rowFraction: number;
  /** Part of the columns that each split sees, in (0, 1]. */
  readonly featureFraction: number;
  readonly l1: number;
  readonly l2: number;
  /** Bins of a numeric column, 15 to 1023. */
  readonly maxBins: number;
  /** A feature of fewer levels is split one level against all others, others by sets of levels. */
  readonly oneHotLevels: number;
  /** Levels of a set at most. */
  readonly categorySetMax: number;
}
