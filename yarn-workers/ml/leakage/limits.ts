/** Rows that single features are measured on at most. */
export const LEAKAGE_ROWS_MAX = 20_000;
/** Below so many rows a score that is near perfect may be chance. */
export const LEAKAGE_ROWS_MIN = 200;
/** Rows that pairs are measured on at most. */
export const PAIR_ROWS_MAX = 5_000;
/** Features that pairs are made of at most, the best first: 300 pairs. */
export const PAIR_FEATURES_MAX = 25;
/** Parts of the rows; each is predicted from the others. */
export const LEAKAGE_FOLDS = 4;
/** Ranges of a number at most, and rows of a range or value at least. */
export const RANGES_MAX = 128;
export const RANGE_ROWS_MIN = 20;
/**
 * From these scores on a feature is a risk.
 * @see DataRobot documentation, "Data quality assessment", target leakage: Gini norm above 0.85 moderate, above 0.975 high
 */
export const HIGH_SCORE = 0.975;
export const MODERATE_SCORE = 0.85;
