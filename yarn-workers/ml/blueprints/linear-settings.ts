import type { HolidayCalendar } from '../holidays/calendars.ts';

/** Shares of terms in the texts of a class, or in those of all others. */
export const NAIVE_BAYES_VARIANTS = ['multinomial', 'complement'] as const;
export type NaiveBayesVariant = (typeof NAIVE_BAYES_VARIANTS)[number];

/** Settings of a regularised linear model; the parameters of a blueprint have these names. */
export interface LinearSettings {
  /** Share of the absolute penalty (lasso) in the elastic net; the rest is squared (ridge). */
  readonly l1Ratio: number;
  /** Steps of the path of penalties. */
  readonly penalties: number;
  /** The last penalty as a part of the first, which is the least that leaves nothing but the intercept. */
  readonly penaltyRatio: number;
  /** The path ends after so many steps without a better validation loss; 0 = never. */
  readonly earlyStoppingRounds: number;
  /** Pieces of the broken line that a number may become, at quantiles; 1 = straight lines. */
  readonly pieces: number;
  /** Sizes of cells that places have; 0: none. */
  readonly placeCells?: number;
  /** Crosses of two features, at most: pairs of categories and numbers of few values that gain together; 0: none. */
  readonly crosses?: number;
  /** Whose holidays dates are looked up in, a column a holiday; absent: none's. */
  readonly holidays?: HolidayCalendar;
  /** Longest n-gram of words that a text is read by; 0: none. */
  readonly words: number;
  /** Longest n-gram of characters that a text is read by; 0: none. With no words and no characters texts are left out. */
  readonly characters: number;
  /**
   * Coefficients of the terms alone, by counting them in the classes; absent: all are fitted. Instead of penalties the path has smoothings
   * then: `penalties` of them, from `smoothing` to `smoothing` x `penaltyRatio`.
   */
  readonly naiveBayes?: NaiveBayesVariant;
  /** What is added to the count of each term in each class, at the beginning of the path. */
  readonly smoothing?: number;
}
