import {
  CATEGORY_COLUMN,
  COLUMN_SHIFT,
  LEFT_LEAF_BIT,
  MISSING_LEFT_BIT,
  NUMBER_COLUMN,
  RIGHT_LEAF_BIT,
  type ForestArrays,
} from '#scoring';

/** The first tree asks the number and then the category; the second is one leaf. */
export const SAMPLE_FOREST: ForestArrays = {
  outputCount: 3,
  treeCount: 2,
  columnCount: 2,
  link: 'softmax',
  priorVotes: 1,
  prior: Float64Array.of(0.5, 0.25, 0.25),
  columnKind: Uint8Array.of(NUMBER_COLUMN, CATEGORY_COLUMN),
  pointOffset: Int32Array.of(0, 2, 5),
  point: Float64Array.of(-1, 10, 1, 0, 2),
  otherwiseBin: Int32Array.of(0, 1),
  nodeOffset: Int32Array.of(0, 2, 2),
  leafOffset: Int32Array.of(0, 3, 4),
  node: Uint32Array.of(MISSING_LEFT_BIT | RIGHT_LEAF_BIT | 1, (1 << COLUMN_SHIFT) | LEFT_LEAF_BIT | RIGHT_LEAF_BIT | 0),
  leafValue: new Float32Array(0),
  leafShares: Uint32Array.of(0, 1, 2, 1),
  sharesOffset: Int32Array.of(0, 1, 3, 4),
  shareClass: Int32Array.of(0, 1, 2, 2),
  share: Float32Array.of(1, 0.25, 0.75, 1),
  leafCover: Uint32Array.of(1, 2, 3, 6),
};
