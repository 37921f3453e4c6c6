/**
 * What fitting needs of XGBoost. Columns come binned, gradients are made here, trees are read here: native code only
 * finds splits. All calls are synchronous and are made on one thread.
 */

/** Parameters in XGBoost's own words, passed on as they are. */
export type XgboostParameters = Readonly<Record<string, string | number>>;

/** Rows as codes: rowCount x columnCount, row-major. */
export interface CodedRows {
  readonly rowCount: number;
  readonly columnCount: number;
  /** Backed by an ArrayBuffer of its own, which does not move. */
  readonly codes: Uint8Array | Uint16Array;
  /** The code of a missing value. */
  readonly missingCode: number;
}

export interface XgboostDatasetSpec extends CodedRows {
  /** One entry a column: true where codes are categories. */
  readonly isCategory: readonly boolean[];
  /** More than any numeric column has codes: each code is a bin of its own then. */
  readonly binsMax: number;
  /** One a row; what leaves of medians are renewed from. */
  readonly labels: Float32Array;
  /** One a row, for the same; null without. */
  readonly weights: Float32Array | null;
  readonly threadCount: number;
}

export interface XgboostDataset {
  /** Scores that boosters begin from: rows x outputs, row-major. */
  setMargins(margins: Float32Array, outputCount: number): void;
  createBooster(parameters: XgboostParameters): XgboostBooster;
  /** Frees the native memory; repeated calls do nothing. */
  close(): void;
}

/** A model being boosted. Must be closed before its data set. */
export interface XgboostBooster {
  /** Scores of the training rows, those they began from among them; `out` is rows x outputs, row-major. */
  readMargins(out: Float32Array): void;
  /**
   * One tree an output from gradients and Hessians, rows x outputs, row-major. A row of Hessian 0 takes no part.
   */
  boost(gradients: Float32Array, hessians: Float32Array): void;
  /** The model of iterations [first, first + count), as UBJSON. */
  model(first: number, count: number): Uint8Array;
  /** Sums of the leaves of iterations [first, first + count) in float32, rows x outputs: only tests use it, as the oracle. */
  predict(rows: CodedRows & { readonly isCategory: readonly boolean[] }, first: number, count: number): Float32Array;
  close(): void;
}

export interface XgboostEngine {
  /** @throws INTERNAL with the engine's own text */
  createDataset(spec: XgboostDatasetSpec): XgboostDataset;
}
