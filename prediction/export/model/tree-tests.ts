import { AppError } from '#contracts';
import {
  CATEGORICAL_BIT,
  MISSING_TYPE_SHIFT,
  MISSING_ZERO,
  ZERO_THRESHOLD,
  isMissingLeft,
  type TreeArrays,
} from '#scoring';
import { nextBelow } from './neighbours.ts';
import { unsupported } from './portable-model.ts';

/** What a node asks of a row; a row for which it holds goes left. */
export type TreeTest =
  /** column <= limit, or missing where `isMissingLeft` */
  | { readonly kind: 'at-most'; readonly column: number; readonly limit: number; readonly isMissingLeft: boolean }
  /** the column's code is one of these; a missing one is none */
  | { readonly kind: 'among'; readonly column: number; readonly codes: readonly number[] };

/**
 * The test of a node, as comparisons that need to know nothing of LightGBM: that |x| <= 1e-35f counts as 0 is in the limit of a
 * threshold that lies there.
 *
 * @param columns matrix column of each of the model's columns
 * @throws EXPORT_UNSUPPORTED for nodes to which 0 is a missing value, which no training here makes
 * @see `compileTreeWalk` of `scoring`, which says the same in code
 */
export function treeTest(trees: TreeArrays, node: number, columns: Int32Array): TreeTest {
  const column = columns[trees.splitFeature[node] ?? 0] ?? 0;
  const threshold = trees.threshold[node] ?? NaN;
  const decision = trees.decisionType[node] ?? 0;
  if ((decision & CATEGORICAL_BIT) !== 0) return { kind: 'among', column, codes: codesOf(trees, threshold) };
  if (decision >> MISSING_TYPE_SHIFT === MISSING_ZERO)
    throw unsupported(`node ${node} of the trees takes 0 as a missing value, which has no equal outside of Trainyard`);
  return { kind: 'at-most', column, limit: limitOf(threshold), isMissingLeft: isMissingLeft(decision, threshold) };
}

function limitOf(threshold: number): number {
  if (threshold >= ZERO_THRESHOLD || threshold < -ZERO_THRESHOLD) return threshold;
  return threshold >= 0 ? ZERO_THRESHOLD : nextBelow(-ZERO_THRESHOLD);
}

function codesOf({ catBoundaries, catBits }: TreeArrays, set: number): number[] {
  const codes: number[] = [];
  const first = catBoundaries[set] ?? 0;
  for (let word = first; word < (catBoundaries[set + 1] ?? 0); word += 1)
    for (let bit = 0; bit < 32; bit += 1)
      if ((((catBits[word] ?? 0) >>> bit) & 1) === 1) codes.push(32 * (word - first) + bit);
  return codes;
}

/** A node: what it asks, and its children as `treePart` takes them. */
export interface TreePart {
  readonly test: TreeTest;
  readonly left: number;
  readonly right: number;
}

/** A node of a tree, counted from the tree's first; a child below 0 is the leaf ~child of the tree. */
export function treePart(trees: TreeArrays, tree: number, node: number, columns: Int32Array): TreePart {
  const at = (trees.nodeOffset[tree] ?? 0) + node;
  const [left, right] = [trees.left[at], trees.right[at]];
  if (left === undefined || right === undefined)
    throw new AppError('INTERNAL', `tree ${tree} has no node ${node} although it was checked`);
  return {
    test: treeTest(trees, at, columns),
    left: settled(trees, tree, left, columns),
    right: settled(trees, tree, right, columns),
  };
}

/** The root of a tree as a child; a tree of one leaf has no node. */
export const rootOf = (trees: TreeArrays, tree: number, columns: Int32Array): number =>
  settled(trees, tree, trees.nodeOffset[tree] === trees.nodeOffset[tree + 1] ? -1 : 0, columns);

/** A leaf's number through all trees. */
export const leafOf = ({ leafOffset }: TreeArrays, tree: number, child: number): number =>
  (leafOffset[tree] ?? 0) + ~child;

/** Where rows end up that come to a child: past nodes whose set is empty, which send all of them right. */
function settled(trees: TreeArrays, tree: number, child: number, columns: Int32Array): number {
  let at = child;
  while (at >= 0) {
    const node = (trees.nodeOffset[tree] ?? 0) + at;
    const test = treeTest(trees, node, columns);
    if (test.kind !== 'among' || test.codes.length > 0) break;
    at = trees.right[node] ?? -1;
  }
  return at;
}
