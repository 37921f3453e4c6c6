/** Models that an ensemble blends at most: each costs its time in every prediction, and a refit. */
export const ENSEMBLE_MEMBERS_MAX = 6;
/** Steps of the selection at most: weights are multiples of one over the number of steps. */
export const ENSEMBLE_STEPS_MAX = 30;
/** Numbers that all selections of weights may look at (rows x outputs x models x steps x parts): about 2 s of one core. */
export const SELECTION_TERMS_MAX = 100_000_000;
/** Parts of the validation rows of a training/validation/holdout split; cross-validation has its folds. */
export const VALIDATION_PARTS = 5;
/** Groups of rows that the noise of a gain is estimated from. */
export const NOISE_GROUPS = 10;
