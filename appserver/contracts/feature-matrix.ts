/**
 * What steps produce and models eat: `rowCount` rows of `columnCount` float64 values, row-major, in a buffer owned by
 * the caller. A category is its code (0, 1, ...) as a float64; NaN is missing or unseen.
 */
export interface FeatureMatrix {
  readonly rowCount: number;
  readonly columnCount: number;
  /** length >= rowCount x columnCount; value of row r, column c at r x columnCount + c */
  readonly values: Float64Array;
}

/** One column of the matrix and the dataset feature it comes from. */
export interface MatrixColumn {
  readonly name: string;
  readonly sourceFeature: string;
  readonly kind: 'dense' | 'category';
}
