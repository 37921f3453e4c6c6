import type { TreeArrays } from '../models/tree-arrays.ts';

/**
 * What the edges of all trees say whatever the row is. An edge is named by where it leads: in a tree of n nodes, place j is
 * node j (place 0, the root, has no edge into it) and place n + l is leaf l. Tree t has the places nodeOffset[t] +
 * leafOffset[t] and on.
 */
export interface TreePaths {
  /** The tree's place of a node's children, by node of all trees. */
  readonly leftPlace: Int32Array;
  readonly rightPlace: Int32Array;
  /** Part of the training rows that takes this edge, times that of all edges above it that ask the same column. */
  readonly share: Float64Array;
  /** The nearest edge above that asks the same column; -1 where there is none. */
  readonly same: Int32Array;
  /** By tree: different columns on a path, at most. */
  readonly columnCountMax: Int32Array;
  /** By tree: mean of its leaves over the training rows. */
  readonly mean: Float64Array;
}

/** @param cover training rows of each leaf, all above 0 in trees that have a node */
export function treePaths(trees: TreeArrays, cover: Float64Array): TreePaths {
  const placeCount = trees.splitFeature.length + trees.leafValue.length;
  const paths = {
    leftPlace: new Int32Array(trees.splitFeature.length),
    rightPlace: new Int32Array(trees.splitFeature.length),
    share: new Float64Array(placeCount),
    same: new Int32Array(placeCount).fill(-1),
    columnCountMax: new Int32Array(trees.treeCount),
    mean: new Float64Array(trees.treeCount),
  };
  for (let tree = 0; tree < trees.treeCount; tree += 1) fillTree(trees, cover, tree, paths);
  return paths;
}

function fillTree(trees: TreeArrays, cover: Float64Array, tree: number, paths: TreePaths): void {
  const { nodeOffset, leafOffset, splitFeature, leafValue } = trees;
  const firstNode = nodeOffset[tree] ?? 0;
  const firstLeaf = leafOffset[tree] ?? 0;
  const nodeCount = (nodeOffset[tree + 1] ?? 0) - firstNode;
  if (nodeCount === 0) {
    paths.mean[tree] = leafValue[firstLeaf] ?? NaN;
    return;
  }
  const firstPlace = firstNode + firstLeaf;
  const placeOf = (child: number): number => (child >= 0 ? child : nodeCount + ~child);
  const covers = new Float64Array(2 * nodeCount + 1);
  covers.set(cover.subarray(firstLeaf, firstLeaf + nodeCount + 1), nodeCount);
  for (let node = nodeCount - 1; node >= 0; node -= 1) {
    const left = placeOf(trees.left[firstNode + node] ?? 0);
    const right = placeOf(trees.right[firstNode + node] ?? 0);
    paths.leftPlace[firstNode + node] = left;
    paths.rightPlace[firstNode + node] = right;
    covers[node] = (covers[left] ?? 0) + (covers[right] ?? 0);
  }
  const parent = new Int32Array(2 * nodeCount + 1).fill(-1);
  const columnCount = new Int32Array(2 * nodeCount + 1);
  for (let node = 0; node < nodeCount; node += 1) {
    const column = splitFeature[firstNode + node];
    let same = node;
    while (same > 0 && splitFeature[firstNode + (parent[same] ?? 0)] !== column) same = parent[same] ?? 0;
    const above = same > 0 ? (paths.share[firstPlace + same] ?? 1) : 1;
    for (const place of [paths.leftPlace[firstNode + node] ?? 0, paths.rightPlace[firstNode + node] ?? 0]) {
      parent[place] = node;
      columnCount[place] = (columnCount[node] ?? 0) + (same > 0 ? 0 : 1);
      paths.same[firstPlace + place] = same > 0 ? same : -1;
      paths.share[firstPlace + place] = above * ((covers[place] ?? 0) / (covers[node] ?? 0));
    }
  }
  paths.columnCountMax[tree] = columnCount.reduce((most, count) => Math.max(most, count), 0);
  const total = covers[0] ?? 0;
  let mean = 0;
  for (let leaf = 0; leaf <= nodeCount; leaf += 1)
    mean += ((covers[nodeCount + leaf] ?? 0) / total) * (leafValue[firstLeaf + leaf] ?? NaN);
  paths.mean[tree] = mean;
}
