/** What another home computes with doubles in: a missing value makes whatever is computed of it missing. */
export interface Arithmetic<E> {
  readonly constant: (value: number) => E;
  readonly add: (a: E, b: E) => E;
  readonly subtract: (a: E, b: E) => E;
  readonly multiply: (a: E, b: E) => E;
  readonly divide: (a: E, b: E) => E;
  readonly floor: (a: E) => E;
  /** Sine or cosine of a share of a full turn. */
  readonly wave: (share: E, isSine: boolean, grid: WaveGrid<E>) => E;
  /** The value, or missing where its magnitude is above the limit. */
  readonly within: (a: E, limit: number) => E;
  /** The same value, computed once where it is used several times. */
  readonly keep: (a: E) => E;
}

/**
 * Shares of a turn that are exact, for homes whose sine is not that of the C library to the last bit: lines that were fitted to waves may bend between values that
 * differ by rounding alone, such as the cosines of Tuesday and Sunday.
 */
export interface WaveGrid<E> {
  /** Whole where the share is one of them: its index. */
  readonly place: E;
  readonly shares: readonly number[];
}
