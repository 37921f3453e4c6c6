/** UTF-16 units that are read of a text (about 3,000 English words): what follows adds little, and a text of 1 MB costs as much. */
export const TEXT_CHARACTERS_MAX = 20_000;
/** Terms of one analysis of a text column that a model may have. */
export const TERMS_MAX = 10_000;
/** Coefficients (terms x outputs) of one analysis: fewer terms where there are many classes. */
export const TERM_COEFFICIENTS_MAX = 200_000;
/** Terms counted at a time (about 60 MB); the rarest are dropped where there are more. */
export const COUNTED_TERMS_MAX = 300_000;
/** Terms that are kept at most when some are dropped. */
export const COUNTED_TERMS_KEPT = 150_000;
/**
 * UTF-16 units of a text column that terms are counted in, characters counted {@link CHARACTERS_WORK} times: about 10 s.
 * Where there are more, so many of the rows are left out of counting and of the fit, by hash.
 */
export const TEXT_WORK_MAX = 64_000_000;
/** What n-grams of characters cost, n-grams of words being 1. */
export const CHARACTERS_WORK = 4;
/** Different terms of all rows of all text columns that are held at a time, 6 bytes each; 8 more while a member is fitted. */
export const CORPUS_ENTRIES_MAX = 8 * 1024 * 1024;
/** Parts of a member's training rows: each part's scores are of the model that was fitted on the others. */
export const SCORE_FOLDS = 3;
/** Part of a member's time that scores of texts may take before boosting begins. */
export const SCORES_TIME_SHARE = 0.4;
