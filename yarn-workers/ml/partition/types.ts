/** A row of the holdout. */
export const HOLDOUT = -1;
/** A training row of a training/validation/holdout split; its validation rows are fold 0. */
export const TRAINING = -2;

/**
 * The partition of each row: a fold (0, 1, ...), {@link HOLDOUT} or {@link TRAINING}. A row trains the model of fold k
 * if it is neither holdout nor of fold k, in cross-validation and in a training/validation split alike.
 */
export interface Partitions {
  readonly of: Int8Array;
  readonly foldCount: number;
}

/** The key of each row in the group or partition column, already read by the column's parse rule. */
export interface KeyColumn {
  readonly name: string;
  /** Index into `keys`; -1 is missing. */
  readonly codes: Int32Array;
  readonly keys: readonly string[];
}

/** What dealing may look at. */
export interface PartitionRows {
  readonly rowCount: number;
  /** Class index of each row; null for regression. */
  readonly classes: Int32Array | null;
  /** Class labels in class order, for messages. */
  readonly classLabels: readonly string[];
  /** Needed by the methods `group` and `column`. */
  readonly key: KeyColumn | null;
}
