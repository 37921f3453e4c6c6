/** Cells of an encoded matrix that is kept in memory (128 MiB); larger ones are encoded again whenever they are needed. */
export const MATRIX_CELLS_MAX = 16 * 1024 * 1024;
/** Rows that bins are found from, as LightGBM's own default. */
export const BIN_SAMPLE_ROWS_MAX = 200_000;
/** Cells of the bin sample (80 MB and as much again while LightGBM reads it): fewer rows where there are many columns. */
export const BIN_SAMPLE_CELLS_MAX = 10_000_000;
/** Cells pushed at a time (8 MB). */
export const PUSH_CELLS_MAX = 1_000_000;
/** Rows encoded at a time: their matrix stays in the processor's cache. */
export const BLOCK_ROWS = 256;
/**
 * Iterations of a segment at most, of tables that are not large (`segmentLength`): boosting with random numbers has a new seed in each, so
 * that resuming changes nothing.
 */
export const SEGMENT_ITERATIONS_MAX = 50;
/** Levels of a category feature at most; the most frequent ones are kept. */
export const CATEGORY_LEVELS_MAX = 1_000;
/** A level needs so many training rows: one in 2000, at least the first and at most the second number. */
export const LEVEL_ROWS_SHARE = 1 / 2_000;
export const LEVEL_ROWS_MIN = 2;
export const LEVEL_ROWS_MAX = 10;
/** Rows and cells that training statistics (the baseline for drift) are made from. */
export const STATISTICS_ROWS_MAX = 100_000;
export const STATISTICS_CELLS_MAX = 4_000_000;
/** Bins of a numeric feature in the training statistics. */
export const STATISTICS_BINS = 10;
/** Values of a category feature in the training statistics. */
export const STATISTICS_VALUES_MAX = 50;
/** After SEGMENT_ITERATIONS_MAX iterations the validation loss is looked at every so many: each look costs a logarithm a row. */
export const VALIDATION_STRIDE = 5;
