/** Sizes of cells that a place has at most. */
export const CELL_SIZES_MAX = 3;
/** Cuts between one size and the next smaller one: cells of a quarter of the rows. */
export const CELL_STEP = 2;
/** Rows that the smallest cells have on average, at least. */
export const CELL_ROWS_MIN = 20;
/** Cuts to the smallest cells, at most: 256 cells. */
export const CELL_DEPTH_MAX = 8;
