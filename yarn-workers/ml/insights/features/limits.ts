import { TEXT_CHARACTERS_MAX } from '../../fit/text/limits.ts';

/** Permutations of each feature: their spread is some tenths of their mean for what matters, and time is in proportion. */
export const REPEATS = 5;

/** Rows that an insight uses at most: the metric of 10,000 rows is known to about a hundredth. */
const ROWS_MAX = 10_000;
/** Yet not fewer than this, however wide the data. */
const ROWS_MIN = 500;
/** Predictions for one insight: a minute of a model that takes 10 microseconds a row. More classes than this take longer. */
const PREDICTIONS_MAX = 5_000_000;
const CLASSES_AT_ONCE = 10;
/** Cells of the encoded rows, which are in memory: 128 MB. */
const CELLS_MAX = 16_000_000;
/** Predicted probabilities of all rows, of which there are some copies: 32 MB each. */
export const PROBABILITIES_MAX = 4_000_000;
/** UTF-16 units of texts, which are in memory too: 160 MB at most. */
const CHARACTERS_MAX = 80_000_000;

/** Rows that are used at most. */
export function rowsMax(featureCount: number, columnCount: number, textCount: number, outputCount: number): number {
  const perRow = REPEATS * Math.max(1, featureCount) * Math.max(1, outputCount / CLASSES_AT_ONCE);
  const byPredictions = Math.floor(PREDICTIONS_MAX / perRow);
  const byOutputs = Math.floor(PROBABILITIES_MAX / outputCount);
  const byCells = Math.floor(CELLS_MAX / Math.max(1, columnCount));
  const byCharacters = Math.floor(CHARACTERS_MAX / (TEXT_CHARACTERS_MAX * Math.max(1, textCount)));
  return Math.max(
    ROWS_MIN,
    Math.min(ROWS_MAX, byPredictions, byCells, byOutputs, textCount === 0 ? ROWS_MAX : byCharacters),
  );
}

/** Features that are held against each other: pairs grow with the square. */
export const ASSOCIATED_MAX = 200;
/** Two features at or above this say much the same: a rank correlation of 0.9 leaves a fifth of the variance apart. */
export const ASSOCIATION_MIN = 0.9;
/** Levels of a category, and bins of a number, that are told apart when two features are compared. */
export const ASSOCIATION_LEVELS = 50;
export const ASSOCIATION_BINS = 10;

/** Features whose effects are told, those that move predictions most. */
export const EFFECT_FEATURES_MAX = 100;
/** Bins of a feature beside those of missing values and of other levels. */
export const EFFECT_BINS = 20;
/** Rows over which a partial dependence is a mean. */
export const DEPENDENCE_ROWS_MAX = 1_000;
/** Classes of a multiclass target that are told. */
export const EFFECT_CLASSES_MAX = 10;
