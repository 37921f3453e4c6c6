/** Levels of a category that have vectors of their own, the most frequent ones; of several outputs so many altogether. */
export const VECTOR_LEVELS_MAX = 20_000;
/** Training rows of such a level at least: what a single one says is noise, and it stands with all others of its kind. */
export const VECTOR_LEVEL_ROWS_MIN = 2;
/** Classes of a target at most: each has vectors of its own, and a round takes so many times as long. */
export const FACTORIZED_CLASSES_MAX = 100;
/** Numbers of a vector at most: the equations of a level are of one unknown more. */
export const RANK_FITTED_MAX = 16;
