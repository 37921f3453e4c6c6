/** What a model's raw scores are made of. Not re-entrant. */
export interface Contributions {
  /** By output: the mean of the raw score over the training rows. */
  readonly baseValues: Float64Array;
  /**
   * Adds `weight` x contributions of the row of a row-major matrix that begins at `base`: `out` is outputs x features.
   */
  readonly add: (values: Float64Array, base: number, weight: number, out: Float64Array) => void;
}

/** Which place of the contributions a matrix column adds to. */
export interface FeaturePlaces {
  /** by matrix column */
  readonly ofColumn: Int32Array;
  readonly count: number;
}
