import type { HolidayCalendar } from '../holidays/calendars.ts';

/** Settings of a forest of fully grown trees; the parameters of a blueprint have these names. */
export interface ForestSettings {
  /** Trees; a deadline may end it with fewer. */
  readonly trees: number;
  /** One random threshold a column and node, instead of the best. */
  readonly randomThresholds: boolean;
  /** Each tree has its own rows, drawn with replacement, instead of all. */
  readonly bootstrap: boolean;
  /** Rows of a leaf at least; more where the forest would become too large, see `minRowsOf`. */
  readonly minRowsPerLeaf: number;
  /** Part of the columns that each node draws, in (0, 1]; 0: the square root of their number for classes, half of them for numbers. */
  readonly featureFraction: number;
  /** Bins of a column, 15 to 1023. */
  readonly maxBins: number;
  /** Rows of the mean target that the mean target of a category's level is drawn towards, before levels are ordered by it. */
  readonly categorySmoothing: number;
  /** Whose holidays dates are looked up in. */
  readonly holidays: HolidayCalendar;
  /** Components of each text's terms that trees read beside its scores; 0: none. */
  readonly textComponents: number;
}
