/** Largest magnitude of a leaf, weight or constant: no sum of them can overflow. */
export const SCORE_MAX = 1e100;

/** LightGBM takes values of at most this magnitude as 0. It is a float32 constant there. @see LightGBM meta.h */
export const ZERO_THRESHOLD = Math.fround(1e-35);
