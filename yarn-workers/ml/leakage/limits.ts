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

/** Counts of equal rows that are kept: 8 MB, at most 262,144 different rows of five folds and a holdout; of more a part by hash. */
export const DUPLICATE_COUNTS_MAX = 2_097_152;
/** Rows that chance is judged by. */
export const CHANCE_ROWS_MAX = 5_000;
/** Below this share of the validation rows, or of the holdout, equal rows flatter no score by more than its noise. */
export const COPIED_SHARE_MIN = 0.01;
/** Fewer equal rows than these tell nothing. */
export const COPIED_ROWS_MIN = 10;
/** So many times what a tree of pairs explains: columns that depend on each other in threes have more equal rows than it knows. */
export const COPIED_FACTOR_MIN = 3;
export const COPIED_SIGMAS_MIN = 4;

/** Rows that a column of groups is measured on, about; twice as many at most. */
export const GROUP_ROWS = 20_000;
/** Groups that are measured, about, where the rows of so many are more than GROUP_ROWS: of those rows a part then. */
export const GROUP_LEVELS = 400;
/** Times that the groups are dealt anew to learn what chance gives. */
export const GROUP_PERMUTATIONS = 20;
/** A score of groups that matters: Gini 0.1 is an AUC of 0.55. */
export const GROUP_SCORE_MIN = 0.1;
/** So many times the root mean square of what chance gives: of 400 permuted tables the largest score was 4.1 times that. */
export const GROUP_SIGMAS_MIN = 5;
/** Of the validated rows, those whose group some training row is of too. */
export const GROUP_SEEN_MIN = 0.5;

/** Parts of the time of the search after which reading ends, then single features and groups; pairs have the rest. */
export const READING_SHARE = 0.6;
export const SINGLE_SHARE = 0.9;
