/** Series whose history is kept: those with most training rows. All others are unseen ones. */
export const HISTORY_SERIES_MAX = 5_000;
/** Numbers of a history step, which stand in the manifest: fewer series where each has many places of the season. */
export const HISTORY_NUMBERS_MAX = 200_000;
/** Known times that means are of: a week and four weeks of days. */
export const HISTORY_WINDOWS = [7, 28];
/** Values at one place of the season that a mean is of. */
export const SEASON_VALUES = 4;
