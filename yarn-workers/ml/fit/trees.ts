import { AppError } from '#contracts';
import type { TreeArrays } from '#scoring';
import { concatLeaves, sliceLeaves } from './linear-leaves.ts';

/** Number of iterations of a model: trees per output. */
export const iterationsOf = (trees: TreeArrays): number => trees.treeCount / trees.outputCount;

/** True for a node that splits by a category set. */
const isCategorical = (decisionType: number): boolean => (decisionType & 1) === 1;

/**
 * Iterations [first, first + count). Node, leaf and category arrays are views of the model's own: for evaluation, and as
 * the input of {@link concatTrees}, which compacts them.
 */
export function sliceTrees(trees: TreeArrays, first: number, count: number): TreeArrays {
  const from = first * trees.outputCount;
  const to = from + count * trees.outputCount;
  const firstNode = trees.nodeOffset[from] ?? 0;
  const endNode = trees.nodeOffset[to] ?? 0;
  const firstLeaf = trees.leafOffset[from] ?? 0;
  return {
    outputCount: trees.outputCount,
    treeCount: to - from,
    averageOutput: trees.averageOutput,
    nodeOffset: trees.nodeOffset.slice(from, to + 1).map((offset) => offset - firstNode),
    leafOffset: trees.leafOffset.slice(from, to + 1).map((offset) => offset - firstLeaf),
    splitFeature: trees.splitFeature.subarray(firstNode, endNode),
    threshold: trees.threshold.subarray(firstNode, endNode),
    decisionType: trees.decisionType.subarray(firstNode, endNode),
    left: trees.left.subarray(firstNode, endNode),
    right: trees.right.subarray(firstNode, endNode),
    leafValue: trees.leafValue.subarray(firstLeaf, trees.leafOffset[to] ?? 0),
    leafCover: trees.leafCover?.subarray(firstLeaf, trees.leafOffset[to] ?? 0) ?? null,
    catBoundaries: trees.catBoundaries,
    catBits: trees.catBits,
    ...(trees.linear === undefined ? {} : { linear: sliceLeaves(trees.linear, firstLeaf, trees.leafOffset[to] ?? 0) }),
  };
}

/** The same trees, those of the first iteration with their output's constant in every leaf; null: as they are. */
export function withConstants(trees: TreeArrays, constants: readonly number[] | null): TreeArrays {
  if (constants === null) return trees;
  const leafValue = trees.leafValue.slice();
  const own = trees.linear?.constant.slice();
  for (const [tree, constant] of constants.entries())
    for (let leaf = trees.leafOffset[tree] ?? 0; leaf < (trees.leafOffset[tree + 1] ?? 0); leaf += 1) {
      leafValue[leaf] = (leafValue[leaf] ?? 0) + constant;
      if (own !== undefined) own[leaf] = (own[leaf] ?? 0) + constant;
    }
  return {
    ...trees,
    leafValue,
    ...(trees.linear === undefined || own === undefined ? {} : { linear: { ...trees.linear, constant: own } }),
  };
}

/** What decides of trees, in bytes: two models have the same exactly if they predict the same of every row. */
export function treesBytes(trees: TreeArrays): Uint8Array {
  const { nodeOffset, splitFeature, threshold, decisionType, left, right, leafValue, catBoundaries, catBits } = trees;
  const arrays = [nodeOffset, splitFeature, threshold, decisionType, left, right, leafValue, catBoundaries, catBits];
  const bytes = new Uint8Array(arrays.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const { buffer, byteOffset, byteLength } of arrays) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return bytes;
}

/**
 * One model of the trees of all parts in order; category sets that no node uses are left out, covers where a part has none.
 *
 * @throws INTERNAL when the parts differ in outputs or averaging, or there are none
 */
export function concatTrees(parts: readonly TreeArrays[]): TreeArrays {
  const head = parts[0];
  if (head === undefined) throw new AppError('INTERNAL', 'no trees to put together');
  if (parts.some((part) => part.outputCount !== head.outputCount || part.averageOutput !== head.averageOutput)) {
    throw new AppError('INTERNAL', 'trees of different kinds cannot be put together');
  }
  const sum = (count: (part: TreeArrays) => number): number => parts.reduce((total, part) => total + count(part), 0);
  const nodeCount = sum((part) => part.splitFeature.length);
  const treeCount = sum((part) => part.treeCount);
  const out = {
    outputCount: head.outputCount,
    treeCount,
    averageOutput: head.averageOutput,
    nodeOffset: new Int32Array(treeCount + 1),
    leafOffset: new Int32Array(treeCount + 1),
    splitFeature: new Int32Array(nodeCount),
    threshold: new Float64Array(nodeCount),
    decisionType: new Uint8Array(nodeCount),
    left: new Int32Array(nodeCount),
    right: new Int32Array(nodeCount),
    leafValue: new Float64Array(sum((part) => part.leafValue.length)),
    leafCover: parts.some(({ leafCover }) => leafCover === null)
      ? null
      : new Float64Array(sum((part) => part.leafValue.length)),
  };
  const boundaries: number[] = [0];
  const words: number[] = [];
  let tree = 0;
  let node = 0;
  let leaf = 0;
  for (const part of parts) {
    for (let i = 1; i <= part.treeCount; i += 1) {
      out.nodeOffset[tree + i] = node + (part.nodeOffset[i] ?? 0);
      out.leafOffset[tree + i] = leaf + (part.leafOffset[i] ?? 0);
    }
    for (const field of ['splitFeature', 'decisionType', 'left', 'right'] as const) out[field].set(part[field], node);
    out.leafValue.set(part.leafValue, leaf);
    if (part.leafCover !== null) out.leafCover?.set(part.leafCover, leaf);
    for (let i = 0; i < part.threshold.length; i += 1) {
      const threshold = part.threshold[i] ?? 0;
      out.threshold[node + i] = isCategorical(part.decisionType[i] ?? 0)
        ? copySet(part, threshold, boundaries, words)
        : threshold;
    }
    tree += part.treeCount;
    node += part.splitFeature.length;
    leaf += part.leafValue.length;
  }
  return {
    ...out,
    catBoundaries: Int32Array.from(boundaries),
    catBits: Uint32Array.from(words),
    ...(parts.some(({ linear }) => linear !== undefined) ? { linear: concatLeaves(parts) } : {}),
  };
}

/** Appends a category set and answers its new index. */
function copySet({ catBoundaries, catBits }: TreeArrays, set: number, boundaries: number[], words: number[]): number {
  for (let word = catBoundaries[set] ?? 0; word < (catBoundaries[set + 1] ?? 0); word += 1)
    words.push(catBits[word] ?? 0);
  return boundaries.push(words.length) - 2;
}
