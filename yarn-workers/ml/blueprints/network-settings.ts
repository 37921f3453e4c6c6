import type { HolidayCalendar } from '../holidays/calendars.ts';

/** Settings of a network of cosines; the parameters of a blueprint have these names. */
export interface NetworkSettings {
  /** Cosines of each copy; a multiple of 8. */
  readonly units: number;
  /** Networks of different random numbers that are averaged. */
  readonly copies: number;
  /** Passes over the training rows; 0: as many as show 525,000 rows of the table, at least 16 and at most 64. */
  readonly epochs: number;
  readonly learningRate: number;
  /** Part of the units that a step leaves out. */
  readonly dropout: number;
  readonly weightDecay: number;
  /** Pieces of a number's fitted functions at most. */
  readonly numberBins: number;
  /** Whose holidays dates are looked up in. */
  readonly holidays: HolidayCalendar;
}
