import type { TreeArrays } from '#scoring';
import type { RandomGenerator } from './support.ts';

/** What a random tree set looks like. */
export interface RandomTreeOptions {
  readonly treeCount: number;
  readonly leafCountMax: number;
  readonly outputCount?: number;
  readonly averageOutput?: boolean;
  readonly columnCount: number;
  /** columns from this one on are categories */
  readonly firstCategory: number;
  /** numeric thresholds to draw from */
  readonly thresholds: readonly number[];
  readonly categoryCount: number;
}

interface Node {
  column: number;
  threshold: number;
  decision: number;
  left: number;
  right: number;
}

/** Random trees of every shape: a random leaf is split until there are enough, as LightGBM numbers nodes and leaves. */
export function randomTrees(random: RandomGenerator, options: RandomTreeOptions): TreeArrays {
  const nodes: Node[] = [];
  const leaves: number[] = [];
  const covers: number[] = [];
  const nodeOffset = [0];
  const leafOffset = [0];
  const boundaries = [0];
  const bits: number[] = [];
  for (let tree = 0; tree < options.treeCount; tree += 1) {
    const leafCount = 1 + random.integer(options.leafCountMax);
    const own: Node[] = [];
    for (let leaf = 1; leaf < leafCount; leaf += 1) {
      const split = random.integer(leaf);
      const number = own.length;
      for (const node of own) {
        if (node.left === ~split) node.left = number;
        else if (node.right === ~split) node.right = number;
      }
      const column = random.integer(options.columnCount);
      const isCategory = column >= options.firstCategory;
      if (isCategory) {
        const words = 1 + random.integer(Math.ceil(options.categoryCount / 32));
        for (let word = 0; word < words; word += 1) bits.push(random.integer(2 ** 32));
        boundaries.push(bits.length);
      }
      own.push({
        column,
        threshold: isCategory ? boundaries.length - 2 : random.pick(options.thresholds),
        decision: isCategory ? 1 : random.pick([0, 2, 4, 6, 8, 10]),
        left: ~split,
        right: ~leaf,
      });
    }
    nodes.push(...own);
    for (let leaf = 0; leaf < leafCount; leaf += 1) leaves.push(random.next() * 2 - 1);
    // Not drawn: the other arrays of a seed stay what they were before trees had covers.
    for (let leaf = 0; leaf < leafCount; leaf += 1) covers.push(1 + ((31 * leaf + 7 * tree) % 50));
    nodeOffset.push(nodes.length);
    leafOffset.push(leaves.length);
  }
  return {
    outputCount: options.outputCount ?? 1,
    treeCount: options.treeCount,
    averageOutput: options.averageOutput ?? false,
    nodeOffset: Int32Array.from(nodeOffset),
    leafOffset: Int32Array.from(leafOffset),
    splitFeature: Int32Array.from(nodes, (node) => node.column),
    threshold: Float64Array.from(nodes, (node) => node.threshold),
    decisionType: Uint8Array.from(nodes, (node) => node.decision),
    left: Int32Array.from(nodes, (node) => node.left),
    right: Int32Array.from(nodes, (node) => node.right),
    leafValue: Float64Array.from(leaves),
    leafCover: Float64Array.from(covers),
    catBoundaries: Int32Array.from(boundaries),
    catBits: Uint32Array.from(bits),
  };
}

/**
 * LightGBM's own decisions, written down a second time as its source has them: values of at most 1e-35f are zero, then
 * `NumericalDecision` and `CategoricalDecision` of tree.h.
 */
export function referenceScore(trees: TreeArrays, row: readonly number[]): number[] {
  const sums = new Array<number>(trees.outputCount).fill(0);
  for (let tree = 0; tree < trees.treeCount; tree += 1) {
    const first = trees.nodeOffset[tree] ?? 0;
    let node = first === trees.nodeOffset[tree + 1] ? -1 : 0;
    while (node >= 0) {
      const at = first + node;
      node = (referenceLeft(trees, at, row) ? trees.left[at] : trees.right[at]) ?? -1;
    }
    const output = tree % trees.outputCount;
    sums[output] = (sums[output] ?? 0) + (trees.leafValue[(trees.leafOffset[tree] ?? 0) + ~node] ?? NaN);
  }
  return trees.averageOutput ? sums.map((sum) => sum / (trees.treeCount / trees.outputCount)) : sums;
}

/** Whether a row goes left at a node. */
export function referenceLeft(trees: TreeArrays, at: number, row: readonly number[]): boolean {
  const decision = trees.decisionType[at] ?? 0;
  const threshold = trees.threshold[at] ?? 0;
  let x = row[trees.splitFeature[at] ?? 0] ?? NaN;
  if (Math.abs(x) <= Math.fround(1e-35)) x = 0;
  if ((decision & 1) === 1) {
    const category = Number.isNaN(x) || Math.abs(x) >= 2 ** 32 ? -1 : Math.trunc(x);
    const word = (trees.catBoundaries[threshold] ?? 0) + Math.floor(category / 32);
    const isInSet = category >= 0 && category < 2 ** 31 && word < (trees.catBoundaries[threshold + 1] ?? 0);
    return isInSet && Math.floor((trees.catBits[word] ?? 0) / 2 ** (category % 32)) % 2 === 1;
  }
  const missingType = decision >> 2;
  if (Number.isNaN(x) && missingType !== 2) x = 0;
  const isMissing = (missingType === 1 && x === 0) || (missingType === 2 && Number.isNaN(x));
  return isMissing ? (decision & 2) === 2 : x <= threshold;
}

/** Values at which comparisons, casts and zero tests change their mind. */
export const HOSTILE_VALUES: readonly number[] = [
  NaN, 0, -0, 1e-35, -1e-35, Math.fround(1e-35), -Math.fround(1e-35), 1.0000000180025097e-35, -1.0000000180025097e-35,
  1e-36, 5e-324, -5e-324, 2.3e-308, Infinity, -Infinity, Number.MAX_VALUE, -Number.MAX_VALUE, 2147483647, 2147483648,
  -2147483648, -2147483649, 4294967296, 4294967297, 0.5, -0.5, -0.9999999, -1, -1.5, 1, 1.5, 2, 31, 32, 33, 63, 64, 65, 127,
  2 ** 53, 3.9999999,
]; // prettier-ignore
