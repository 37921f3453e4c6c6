/** Settings of a factorization machine; the parameters of a blueprint have these names. */
export interface FactorizationSettings {
  /** Numbers of the vector that each level and number has. */
  readonly rank: number;
  /** Squared penalty of the coefficients, in rows: a level of so many rows is drawn half of the way to 0 by squares of unit variance. */
  readonly coefficientPenalty: number;
  /** Steps of the path of penalties of the vectors. */
  readonly penalties: number;
  /** The last penalty of the vectors as a part of the first, which is the least that leaves none. */
  readonly penaltyRatio: number;
  /** Rounds over all features at each penalty. */
  readonly rounds: number;
  /** The path ends after so many steps without a better validation loss; 0 = never. */
  readonly earlyStoppingRounds: number;
}
