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
 * UTF-16 units of a text column whose n-grams of words are read, twice: about 9 s each time. Of characters
 * {@link CHARACTERS_WORK} times fewer. Where there are more, n-grams of characters are left out, and then rows, by hash.
 */
export const TEXT_WORK_MAX = 32_000_000;
/** What n-grams of characters cost, n-grams of words being 1. */
export const CHARACTERS_WORK = 4;
/** Texts after which it is told from their length whether n-grams of characters can be read of all. */
export const EXPECTED_AFTER_TEXTS = 1_000;
/** Different terms of all rows of all text columns that are held at a time, 6 bytes each; 8 more while a member is fitted. */
export const CORPUS_ENTRIES_MAX = 16 * 1024 * 1024;
/** Parts of a member's training rows: each part's scores are of the model that was fitted on the others. */
export const SCORE_FOLDS = 3;
/** Terms that components of a text are made of: a coefficient each and component stands in the artefact. */
export const COMPONENT_TERMS_MAX = 2_000;
/** Rows, and terms of rows, that they are found from: 1.1 s of CPU a member and text for eight components. */
export const COMPONENT_ROWS_MAX = 20_000;
export const COMPONENT_ENTRIES_MAX = 2_000_000;
/** Part of a member's time that scores of texts may take before boosting begins. */
export const SCORES_TIME_SHARE = 0.4;
