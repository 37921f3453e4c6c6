/** Rows that segments are of at most: one in twenty of them still has a thousand. */
export const SEGMENT_ROWS_MAX = 20_000;
/** Columns that rows are parted by, those of the model first. */
export const SEGMENT_FEATURES_MAX = 200;
/** Segments of a feature beside those of missing values and of other levels. */
export const SEGMENT_BINS = 10;
/** Rows of a segment whose score is held against the whole, and whose rates are. */
export const SEGMENT_ROWS_MIN = 50;
/** Groups of rows of the jackknife; one less, the degrees of freedom, must be odd. */
export const SEGMENT_GROUPS = 20;
/** Segments that are drawn at random for each number of rows at which their noise is measured: it is known to 7 %. */
export const CHANCE_DRAWS = 100;
/** What chance alone may give in one of twenty models. */
export const NOTABLE_P = 0.05;
