/** Cells of the sample rows at most: fewer rows where there are many columns. */
export const SAMPLE_CELLS_MAX = 1_000_000;
/** Characters of the sample rows at most: fewer rows where cells are long; the first row is always there. */
export const SAMPLE_CHARS_MAX = 4_000_000;
/** Characters of all values of a column that are kept; a target's classes are shorter by far. */
export const DISTINCT_CHARS_MAX = 256_000;
/** Longer values are not shown among the most frequent ones. */
export const TOP_VALUE_CHARS_MAX = 1_000;
/** A category column whose dictionary grows beyond is read as texts, so that memory does not grow with the rows. */
export const DICTIONARY_TEXTS_MAX = 100_000;
/** Part of different texts among the first rows above which a column is read as texts from the start. */
export const TEXT_VIEW_SHARE = 0.5;
/** Rows that this is judged by at least. */
export const TEXT_VIEW_ROWS_MIN = 1_000;
/** And at most. */
export const TEXT_VIEW_ROWS = 5_000;
/** Different values that most frequent ones are kept among. */
export const TOP_VALUES_CAPACITY = 4_096;
/** Most frequent values shown. */
export const TOP_VALUES_SHOWN = 20;
export const HISTOGRAM_BINS = 20;
/** Rows from which uniqueness says something: of texts, and of integers without order or density. */
export const UNIQUE_TEXT_ROWS_MIN = 20;
export const UNIQUE_INTEGER_ROWS_MIN = 100;
export const UNIQUE_SPARSE_ROWS_MIN = 1_000;
/** A distinct count this near to the row count is unique (estimates have an error of 0.8 %). */
export const NEAR_UNIQUE_SHARE = 0.98;
/** Part of different values among all from which a column of words is text rather than categories. */
export const TEXT_SHARE_MIN = 0.2;
/** Words or characters a value from which it is a text. */
export const TEXT_WORDS_MIN = 3;
export const TEXT_LENGTH_MIN = 50;
/** Different times of a date column that are counted each by itself; beyond, longer units of time are counted. */
export const TIME_BUCKETS_MAX = 4_096;
/** The same for all date columns together: some 20 bytes of JSON each. */
export const TIME_BUCKETS_TOTAL_MAX = 409_600;
/** Part of missing values that is worth a warning. */
export const HIGH_MISSING_SHARE = 0.5;
/** Rows that features are held against each other by, and from how many on. */
export const COMPARED_ROWS_MAX = 2_000;
export const COMPARED_ROWS_MIN = 100;
/** Columns that are compared, the first ones: pairs grow with the square. */
export const COMPARED_COLUMNS_MAX = 200;
/** Levels of what is compared as a category: with more of them, nearly every row has a pair of its own. */
export const COMPARED_LEVELS_MAX = 100;
/** Two numbers at or above this rank correlation say nearly the same to trees. */
export const NEAR_DUPLICATE_CORRELATION = 0.999;
/** Two categories say nearly the same if they share this part of what they say. */
export const NEAR_DUPLICATE_INFORMATION = 0.99;
/** Part of zeros among all values from which they are in excess, and different values without which they are not: counts have many zeros. */
export const EXCESS_ZERO_SHARE = 0.5;
export const EXCESS_ZERO_VALUES_MIN = 20;
/** Part of values beyond the fences above which they are a heavy tail rather than outliers. */
export const OUTLIER_SHARE_MAX = 0.01;
/** Rows from which a value is repeated, and other values that it is held against. */
export const SENTINEL_ROWS_MIN = 5;
export const SENTINEL_REST_VALUES_MIN = 10;
/** Part of the places of a column that must be written with a point in both numbers, or as well-known text. */
export const PLACE_MARKS_MIN = 0.5;
/** Part of places among the values from which the others are worth a warning. */
export const NEAR_PLACES_SHARE = 0.9;
/** Texts that look like missing values which a warning names. */
export const SENTINELS_SHOWN_MAX = 5;
