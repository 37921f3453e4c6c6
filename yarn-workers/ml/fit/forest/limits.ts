/** Bytes of a leaf in the artefact, with the node that leads to it. */
export const LEAF_BYTES = 12;
/**
 * Leaves of all members of a model at most, LEAF_BYTES each in the artefact and 25 in memory while it predicts. Where there could be more,
 * the forest has fewer trees, down to FOREST_TREES_MIN; where that does not suffice, leaves have more rows.
 */
export const FOREST_LEAVES_MAX = 5_000_000;
/** Test scores of 50, 100 and 200 trees differ by 1 %; those of leaves of 1 and 3 rows by up to 20 % (`test/bench/forests.bench.ts`). */
export const FOREST_TREES_MIN = 50;
/** Part of the rows that is drawn when as many are drawn with replacement: 1 - 1 / e. */
export const BOOTSTRAP_SHARE = 0.632;
/** Cells (rows x columns) that a forest is grown on, a byte each, two with more than 255 bins: of more rows a part by hash is fitted. */
export const FOREST_CELLS_MAX = 64 * 1024 * 1024;
/** Numbers of every row beside its cells, counted as cells. */
export const FOREST_ROW_CELLS = 40;
/** Trees after which a forest hands out its state. */
export const GROUP_TREES = 10;
/** Of up to so many rows a node sorts, of more it counts by bin: measured 16 to 64, 32 was the quickest. */
export const SORTED_ROWS_MAX = 32;
/** A refit gives up when, after so many trees, the rest cannot be made in time. */
export const PROJECTION_TREES = 3;
/** Steps of the power iteration that orders levels by several classes. */
export const POWER_STEPS = 30;
/** Column shares of a node where the settings name none and the target is a number. */
export const NUMBER_FEATURE_FRACTION = 0.5;
