import type { BinnedRows } from './bins.ts';

/** What a forest is grown from. */
export interface ForestRows {
  readonly rowCount: number;
  readonly binned: BinnedRows;
  /** Least and greatest value of each bin, by column. */
  readonly low: readonly Float64Array[];
  readonly high: readonly Float64Array[];
  /** Value, or 1 for the positive class of two and 0 for the other, or class index. */
  readonly labels: Float64Array;
  /** All above 0. */
  readonly weights: Float64Array;
  /** By label what its weight is multiplied by in a leaf: see `leafScales`; null: 1. */
  readonly leafScales: Float64Array | null;
  /** 1 for numbers and two classes, else the number of classes. */
  readonly outputCount: number;
}

/** The node at hand. */
export interface NodeRows {
  /** All rows of the tree, those of each open node beside each other. */
  readonly rows: Int32Array;
  start: number;
  count: number;
  /** By place in the node: label and weight. */
  readonly labels: Float64Array;
  readonly weights: Float64Array;
  weight: number;
  /** Sum of weight x label. */
  sum: number;
  /** Several outputs: weight of each class. */
  readonly classWeights: Float64Array;
}

/** The best split so far. */
export interface Split {
  /** -1: none */
  column: number;
  /** Greatest bin of the node that goes left; the bin after it in the node, -1 where only missing ones go right. */
  bin: number;
  nextBin: number;
  missingLeft: boolean;
  /**
   * The squared sums of both sides, each over its weight: greatest where the variance (of two classes and of several the Gini
   * index) within the sides is least.
   */
  score: number;
}

/** A search for splits: offers the split of one column, and says whether the column could be split at all. */
export type ColumnSearch = (column: number, node: NodeRows, minRows: number, best: Split) => boolean;

/** Keeps a split if it is better than the best; of equals the first. */
export function offer(
  best: Split,
  score: number,
  column: number,
  bin: number,
  nextBin: number,
  missingLeft: boolean,
): void {
  if (!(score > best.score)) return;
  best.score = score;
  best.column = column;
  best.bin = bin;
  best.nextBin = nextBin;
  best.missingLeft = missingLeft;
}
