/** Parts of a member's training rows: the encoding of a row in one part is of the others. */
export const ENCODING_PARTS = 5;
/** Different levels that a feature needs: of fewer, trees find the best set themselves. */
export const ENCODED_LEVELS_MIN = 100;
/** Levels of a feature that have numbers of their own, the most frequent ones; the others read as unseen. */
export const ENCODED_LEVELS_MAX = 20_000;
/** Training rows of a level at least: the number of a single one would be of nothing but its own target. */
export const ENCODED_LEVEL_ROWS_MIN = 2;
/** Classes of a target that get a column, the most frequent ones. */
export const ENCODED_OUTPUTS_MAX = 10;
/** Numbers (levels x outputs) of a feature at most, some 1 MB of artefact. */
export const ENCODED_VALUES_MAX = 50_000;
