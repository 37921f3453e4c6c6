import { AppError } from '#contracts';
import { SCORE_MAX, ZERO_THRESHOLD } from './limits.ts';
import { checkLinearLeaves, type LinearLeaves } from './linear-leaves.ts';

/**
 * A set of decision trees as flat arrays, the form that artefacts store. Tree t has the nodes nodeOffset[t] up to
 * nodeOffset[t + 1] (exclusive) and the leaves leafOffset[t] up to leafOffset[t + 1]; it adds to output t % outputCount.
 * A tree of one leaf has no node. The meaning of a node is LightGBM's (`compileTreeWalk` says it in code).
 */
export interface TreeArrays {
  readonly outputCount: number;
  readonly treeCount: number;
  /** Raw scores are sums divided by treeCount / outputCount (random forest). */
  readonly averageOutput: boolean;
  /** treeCount + 1 */
  readonly nodeOffset: Int32Array;
  /** treeCount + 1 */
  readonly leafOffset: Int32Array;
  /** matrix column of a node */
  readonly splitFeature: Int32Array;
  /** numeric node: the largest value that goes left; categorical node: an index into catBoundaries */
  readonly threshold: Float64Array;
  /** bit 0 categorical, bit 1 missing goes left, bits 2 and 3 missing type: 0 none, 1 zero, 2 NaN */
  readonly decisionType: Uint8Array;
  /** >= 0 a node of the same tree, counted from the tree's first; < 0 the leaf ~value of the same tree */
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly leafValue: Float64Array;
  /** Training rows that ended in each leaf: explanations need them. Null in artefacts that were made without. */
  readonly leafCover: Float64Array | null;
  /** words of category set k: catBits[catBoundaries[k]] up to catBits[catBoundaries[k + 1]] (exclusive) */
  readonly catBoundaries: Int32Array;
  /** bit b of word w: category 32 w + b goes left */
  readonly catBits: Uint32Array;
  /** Leaves that are linear functions of columns; absent where all are constants. */
  readonly linear?: LinearLeaves;
}

export { SCORE_MAX, ZERO_THRESHOLD };

/** Bits of {@link TreeArrays.decisionType}. */
export const CATEGORICAL_BIT = 1;
export const DEFAULT_LEFT_BIT = 2;
export const MISSING_TYPE_SHIFT = 2;
export const MISSING_NONE = 0;
export const MISSING_ZERO = 1;
export const MISSING_NAN = 2;

/**
 * Proves that evaluation cannot leave the arrays, cannot loop and cannot give anything but a finite sum of leaves: every
 * length and index is checked, each tree's children are numbered above their parents and each node and leaf is reached
 * exactly once, so every path ends.
 *
 * @param columnCount columns of the matrix that nodes may read
 * @throws ARTIFACT_INVALID naming the first thing that is wrong
 */
export function checkTrees(trees: TreeArrays, columnCount: number): void {
  const { treeCount, outputCount, nodeOffset, leafOffset } = trees;
  if (!Number.isSafeInteger(treeCount) || treeCount < 0) fail(`treeCount is ${treeCount}`);
  if (!Number.isSafeInteger(outputCount) || outputCount < 1) fail(`outputCount is ${outputCount}`);
  if (treeCount % outputCount !== 0) fail(`${treeCount} trees are not a multiple of ${outputCount} outputs`);
  checkOffsets('nodeOffset', nodeOffset, treeCount, trees.splitFeature.length);
  checkOffsets('leafOffset', leafOffset, treeCount, trees.leafValue.length);
  const nodeCount = trees.splitFeature.length;
  for (const name of ['threshold', 'decisionType', 'left', 'right'] as const) {
    if (trees[name].length !== nodeCount) fail(`${name} has ${trees[name].length} elements, expected ${nodeCount}`);
  }
  checkCategorySets(trees);
  for (let node = 0; node < nodeCount; node += 1) checkNode(trees, node, columnCount);
  for (const [leaf, value] of trees.leafValue.entries())
    if (!(Math.abs(value) <= SCORE_MAX)) fail(`leaf ${leaf} is ${value}`);
  for (let tree = 0; tree < treeCount; tree += 1) checkShape(trees, tree);
  if (trees.leafCover !== null) checkCover(trees, trees.leafCover);
  if (trees.linear !== undefined) checkLinearLeaves(trees.linear, trees.leafValue.length, columnCount);
}

function fail(what: string): never {
  throw new AppError('ARTIFACT_INVALID', `trees: ${what}`);
}

function checkOffsets(name: string, offsets: Int32Array, treeCount: number, total: number): void {
  if (offsets.length !== treeCount + 1) fail(`${name} has ${offsets.length} elements, expected ${treeCount + 1}`);
  if (offsets[0] !== 0) fail(`${name} starts at ${offsets[0] ?? 'nothing'}, expected 0`);
  for (let tree = 0; tree < treeCount; tree += 1) {
    if ((offsets[tree + 1] ?? 0) < (offsets[tree] ?? 0)) fail(`${name} falls at tree ${tree}`);
  }
  if (offsets[treeCount] !== total) fail(`${name} ends at ${offsets[treeCount] ?? 'nothing'}, expected ${total}`);
}

function checkCategorySets({ catBoundaries, catBits }: TreeArrays): void {
  if (catBoundaries[0] !== 0) fail(`catBoundaries starts at ${catBoundaries[0] ?? 'nothing'}, expected 0`);
  for (let set = 1; set < catBoundaries.length; set += 1) {
    if ((catBoundaries[set] ?? 0) < (catBoundaries[set - 1] ?? 0)) fail(`catBoundaries falls at set ${set}`);
  }
  if (catBoundaries.at(-1) !== catBits.length)
    fail(`catBoundaries ends at ${catBoundaries.at(-1) ?? 'nothing'}, expected ${catBits.length}`);
}

function checkNode(trees: TreeArrays, node: number, columnCount: number): void {
  const column = trees.splitFeature[node] ?? -1;
  const threshold = trees.threshold[node] ?? NaN;
  const decision = trees.decisionType[node] ?? 255;
  if (column < 0 || column >= columnCount) fail(`node ${node} reads column ${column} of ${columnCount}`);
  if (decision > 15 || decision >> MISSING_TYPE_SHIFT > MISSING_NAN) fail(`node ${node} has decision type ${decision}`);
  if ((decision & CATEGORICAL_BIT) === 0) {
    // Infinity is LightGBM's threshold of a node that parts missing values from all others.
    if (!(threshold > -Infinity)) fail(`node ${node} has threshold ${threshold}`);
  } else if (!Number.isInteger(threshold) || threshold < 0 || threshold >= trees.catBoundaries.length - 1) {
    fail(`node ${node} has category set ${threshold} of ${trees.catBoundaries.length - 1}`);
  }
}

/** Covers are finite and, where a tree has a node, above 0, so that each part of them is. */
function checkCover({ treeCount, nodeOffset, leafOffset, leafValue }: TreeArrays, cover: Float64Array): void {
  if (cover.length !== leafValue.length) fail(`leafCover has ${cover.length} elements, expected ${leafValue.length}`);
  for (let tree = 0; tree < treeCount; tree += 1) {
    const hasNode = nodeOffset[tree] !== nodeOffset[tree + 1];
    for (let leaf = leafOffset[tree] ?? 0; leaf < (leafOffset[tree + 1] ?? 0); leaf += 1) {
      const rows = cover[leaf] ?? NaN;
      if (!(hasNode ? rows > 0 : rows >= 0) || !(rows <= Number.MAX_SAFE_INTEGER))
        fail(`leaf ${leaf} covers ${rows} rows`);
    }
  }
}

/** One tree: leaves = nodes + 1, children above parents, every node but the first and every leaf reached once. */
function checkShape({ nodeOffset, leafOffset, left, right }: TreeArrays, tree: number): void {
  const firstNode = nodeOffset[tree] ?? 0;
  const nodeCount = (nodeOffset[tree + 1] ?? 0) - firstNode;
  const leafCount = (leafOffset[tree + 1] ?? 0) - (leafOffset[tree] ?? 0);
  if (leafCount !== nodeCount + 1) fail(`tree ${tree} has ${nodeCount} nodes and ${leafCount} leaves`);
  const nodeSeen = new Uint8Array(nodeCount);
  const leafSeen = new Uint8Array(leafCount);
  for (let node = 0; node < nodeCount; node += 1) {
    for (const child of [left[firstNode + node] ?? 0, right[firstNode + node] ?? 0]) {
      const isLeaf = child < 0;
      const index = isLeaf ? ~child : child;
      const seen = isLeaf ? leafSeen : nodeSeen;
      if (index >= seen.length) fail(`tree ${tree}, node ${node} has child ${child}`);
      if (!isLeaf && index <= node) fail(`tree ${tree}, node ${node} has child ${child}, which is not after it`);
      if (seen[index] === 1) fail(`tree ${tree}, node ${node} has child ${child}, which has another parent`);
      seen[index] = 1;
    }
  }
  // 2 n children, all different, of n - 1 nodes and n + 1 leaves: all are reached.
}
