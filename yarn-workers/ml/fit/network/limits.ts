/** Levels up to which a category has an input each; of more it has vectors that are fitted. */
export const ONE_HOT_LEVELS_MAX = 9;
/** Numbers of a category's vector, and of what is fitted of a number beside its scaled value. */
export const LEVEL_INPUTS = 8;
export const NUMBER_INPUTS = 3;
/** Rows of a step of the fit; of few training rows one in eight, at least the second number. */
export const BATCH_ROWS = 256;
export const BATCH_ROWS_MIN = 16;
/** Training rows from which the means of what fields add are found: evenly spaced ones where there are more. */
export const MEAN_ROWS_MAX = 16_384;
/** Batches after which the event loop turns and a cancelled fit ends. */
export const TURN_BATCHES = 32;
/** Classes of a target at most: more are not measured. */
export const NETWORK_CLASSES_MAX = 100;
/** Values that knots are found from: every so many rows where there are more. */
export const KNOT_VALUES_MAX = 100_000;
