/** A row of the holdout. */
export const HOLDOUT = -1;
/** A training row of a training/validation/holdout split; its validation rows are fold 0. */
export const TRAINING = -2;

/** A row of no partition: it lies in a gap, trains nothing and is not predicted. A refit trains on it. */
export const UNUSED = -3;

/** True for a row that is predicted by a model that has not seen it: of a fold, or of the holdout. */
export const isHeldBack = (partition: number): boolean => partition >= HOLDOUT;

/** True for a row that trains or validates some member. */
export const isModelled = (partition: number): boolean => partition !== HOLDOUT && partition !== UNUSED;

/**
 * The partition of each row: a fold (0, 1, ...), {@link HOLDOUT}, {@link TRAINING} or {@link UNUSED}. A row trains the model of fold k
 * if it is neither holdout nor of fold k, in cross-validation and in a training/validation split alike; by date if it is
 * in the fold's training window, which `spans` tell.
 */
export interface Partitions {
  readonly of: Int8Array;
  readonly foldCount: number;
  /** Null but for partitions by date. */
  readonly spans: TrainingSpans | null;
}

/** Rows of one span of time train the same members. */
export interface TrainingSpans {
  /** Span of each row, below `count`. */
  readonly of: Uint8Array;
  readonly count: number;
  /** By fold, then by span: 1 if the span's rows train the fold's member. */
  readonly trains: readonly Uint8Array[];
}

/** The key of each row in the group or partition column, already read by the column's parse rule. */
export interface KeyColumn {
  readonly name: string;
  /** Index into `keys`; -1 is missing. */
  readonly codes: Int32Array;
  readonly keys: readonly string[];
}

/** Class index of each row, in as few bytes as the number of classes needs: tables have many rows. */
export type ClassIndices = Uint8Array | Uint16Array | Int32Array;

/** Room for the class indices of so many rows. */
export function classIndices(rowCount: number, classCount: number): ClassIndices {
  if (classCount <= 2 ** 8) return new Uint8Array(rowCount);
  return classCount <= 2 ** 16 ? new Uint16Array(rowCount) : new Int32Array(rowCount);
}

/** What dealing may look at. */
export interface PartitionRows {
  readonly rowCount: number;
  /** Class index of each row; null for regression. */
  readonly classes: ClassIndices | null;
  /** Class labels in class order, for messages. */
  readonly classLabels: readonly string[];
  /** Needed by the methods `group` and `column`. */
  readonly key: KeyColumn | null;
  /** The first row that each row equals; needed where equal rows stay together. */
  readonly first?: Uint32Array | null;
  /** Seconds since 1970; needed by the method `date`. */
  readonly times?: Float64Array | null;
}
