/** Rows below which nothing is modelled. */
export const MODEL_ROWS_MIN = 20;
/** Classes of a target at most. */
export const CLASSES_MAX = 1_000;
/**
 * Probabilities (rows x classes) of the rows held back, 8 bytes each in a file of every model and in its verification: where
 * defaults decide, no more rows are held back than have so many.
 */
export const HELD_BACK_PROBABILITIES_MAX = 8_000_000;
/** Rows of a class at least: one to learn from and one to be tested on. */
export const CLASS_ROWS_MIN = 2;
/** Rows of a class at least when chance alone deals them; the chance that a partition lacks the class is below 0.2 %. */
export const RANDOM_CLASS_ROWS_MIN = 8;
/** Up to so many cells (rows x features) cross-validation is the default, above a training/validation/holdout split. */
export const CROSS_VALIDATION_CELLS_MAX = 5_000_000;
/** The same per second of a time budget: five fits a model leave too little time where the budget is short. */
export const CROSS_VALIDATION_CELLS_PER_SECOND_MAX = 30_000;
/**
 * Features that a text counts as there, an estimate on the low side: `lightgbm-fast` takes 6 s of CPU for one split of 100,000
 * texts of 20 words and two numbers (`test/bench/text.bench.ts`).
 */
export const TEXT_FEATURES_WORTH = 10;
export const DEFAULT_FOLDS = 5;
/** Backtests where cross-validation would be the default; one where it would not. */
export const DEFAULT_BACKTESTS = 3;
/** Rows that a backtest trains on and validates at least. */
export const BACKTEST_TRAINING_ROWS_MIN = 10;
export const BACKTEST_VALIDATION_ROWS_MIN = 2;
export const DEFAULT_HOLDOUT_FRACTION = 0.2;
export const DEFAULT_VALIDATION_FRACTION = 0.16;
/** Budgets below are refused: starting a worker and committing results take most of it. */
export const BUDGET_SECONDS_MIN = 3;
/** Search models of a quick run that names neither a number nor a budget. */
export const QUICK_MODELS = 11;
export const FULL_VARIATIONS = 24;
/** Candidates of a plan at most, whatever `maxModels` says. */
export const CANDIDATES_MAX = 500;
/** About so much of a budget is for fitting candidates; the rest is for ensemble, refits and reserves. */
export const SEARCH_SHARE = 0.6;
/** One candidate, once there is a boosted model, may take this part of a budget. */
export const CANDIDATE_SHARE_MAX = 0.3;
/** The round on a sample may take this part of the time for candidates. */
export const SAMPLE_ROUND_SHARE = 0.3;
/** Part of the models of that round which goes on at once; the others wait until everything else has had its turn. */
export const PROMOTED_SHARE = 0.5;
/** Fewer rows rank models by how little they can learn. */
export const SAMPLE_ROWS_MIN = 20_000;
/** Rows of the smallest class in a sample: about six in ten of them train, and one at least must in every fold. */
export const SAMPLE_CLASS_ROWS_MIN = 50;
/** A larger part saves too little to be worth a round. */
export const SAMPLE_FRACTION_MAX = 0.25;
/** Rows of the largest class that down-sampling leaves for each row of all others (`docs/adr/0044-imbalance.md`). */
export const DOWNSAMPLING_RATIO = 10;
/** Rows of the largest class that it leaves at least: what is drawn by hash must not be none in a fold. */
export const DOWNSAMPLED_ROWS_MIN = 50;
/** Models that a refit averages at most: one of all rows and five bags; `docs/adr/0049-bagged-refits.md` has what they are worth. */
export const REFIT_COPIES_MAX = 6;
/** The same where they differ by their seeds alone: beside one, three make 0.4 to 1.8 % less error on the development sets. */
export const SEED_COPIES_MAX = 3;
/** Models that learn from features, without which there is nothing to blend. */
export const ENSEMBLE_MODELS_MIN = 2;
