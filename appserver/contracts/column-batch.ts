/**
 * What readers give: some rows of some columns, in one of three views. The view is asked for by the consumer, so that
 * nothing is converted twice; the `text` view is always exact.
 */

/** How a consumer wants a column. */
export type ColumnView = 'number' | 'dictionary' | 'text';

/** Float64 values, one a row; NaN is missing (NULL or a null marker). Times are seconds since 1970-01-01T00:00Z. */
export interface NumberColumn {
  readonly view: 'number';
  readonly name: string;
  readonly values: Float64Array;
}

/**
 * Codes into a dictionary of exact cell texts; -1 is NULL. The dictionary belongs to the whole read, only ever grows,
 * and is shared by all batches of one read: a code means the same text in every later batch.
 */
export interface DictionaryColumn {
  readonly view: 'dictionary';
  readonly name: string;
  readonly codes: Int32Array;
  readonly dictionary: readonly string[];
}

/**
 * Exact cell texts; null is NULL, '' is an empty string. Typed sources print integers and decimals in full decimal form,
 * doubles in shortest round-trip form (ECMAScript), booleans as true/false, times as ISO-8601 (zoned ones with their offset in UTC, `Z`).
 */
export interface TextColumn {
  readonly view: 'text';
  readonly name: string;
  readonly values: readonly (string | null)[];
}

export type Column = NumberColumn | DictionaryColumn | TextColumn;

/** `rowCount` rows from `firstRow` (zero-based row number in registered file order) on; every column is that long. */
export interface ColumnBatch {
  readonly firstRow: number;
  readonly rowCount: number;
  readonly columns: readonly Column[];
}

/** One column of a read: the feature's name and the wanted view. */
export interface ColumnRequest {
  readonly name: string;
  readonly view: ColumnView;
}

/** Rows of a table from `from` (inclusive) to `to` (exclusive), zero-based in the order of its files. */
export interface RowSpan {
  readonly from: number;
  readonly to: number;
}

/**
 * A table that can be read again and again, always the same rows in the same order.
 * Memory is bounded by `batchRows`, not by the table. A batch's arrays are valid until the next batch is asked for.
 */
export interface BatchSource {
  readonly rowCount: number;
  /**
   * @param wanted rows that will be looked at: a source leaves out others as far as it can read without them, and gives those that it
   * cannot leave out. Default: all
   * @throws DATA_READ_TRUNCATED when fewer rows arrive than there are; COLUMN_UNKNOWN
   */
  batches(request: readonly ColumnRequest[], signal?: AbortSignal, wanted?: RowSpan): AsyncIterable<ColumnBatch>;
}
