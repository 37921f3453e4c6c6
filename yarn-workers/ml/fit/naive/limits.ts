/** Series that have values of their own: those with most training rows. All others are predicted as unseen ones. */
export const SERIES_MAX = 5_000;
/** The least that is forecast on a logarithmic scale, as a part of the mean. */
export const LEAST_SHARE = 0.01;
