/** Crosses of a model, at most. */
export const CROSSES_MAX = 8;
/** Features that are crossed with each other, the first ones: 190 pairs. */
export const CROSSED_FEATURES_MAX = 20;
/** Different values of a number that is crossed, at most. */
export const CROSSED_VALUES_MAX = 10;
/** Levels of a category that is crossed, at most: the most frequent ones, the others count as unseen. */
export const CROSSED_LEVELS_MAX = 30;
/** Training rows of a level, and of a pair of levels, at least. */
export const CROSS_ROWS_MIN = 20;
/** Rows that crosses are chosen by. */
export const CROSS_ROWS_MAX = 20_000;
/** Rows that the gain of a pair of levels counts as, of no gain: few rows say little. */
export const CROSS_PRIOR_ROWS = 20;
/** Standard errors that the gain of a cross must have: of 190 pairs that say nothing one in four choices lets one through. */
export const CROSS_ERRORS_MIN = 3;
/** Turns in which what levels add is fitted, before crosses are looked for. */
export const CROSS_TURNS = 5;
/** Classes that a cross may gain for, the largest ones. */
export const CROSS_CLASSES_MAX = 10;
