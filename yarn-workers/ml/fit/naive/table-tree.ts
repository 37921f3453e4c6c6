import { CATEGORICAL_BIT, MISSING_NAN, MISSING_TYPE_SHIFT, type TreeArrays } from '#scoring';

/** A decision tree before it is laid out: a leaf, or a split whose rows go left where they match. */
export type TableTree =
  | { readonly value: number; readonly cover: number }
  | { readonly column: number; readonly split: Split; readonly left: TableTree; readonly right: TableTree };

type Split =
  | { readonly kind: 'codes'; readonly codes: readonly number[] }
  | { readonly kind: 'atMost'; readonly threshold: number };

/** One of the intervals that numbers are parted into: up to `atMost`, and above that of the one before. */
export interface NumberBranch {
  readonly atMost: number;
  readonly tree: TableTree;
}

/** A balanced tree over intervals, ascending; the last one is that of all that is above, and of missing numbers. */
export function byNumber(column: number, branches: readonly NumberBranch[]): TableTree {
  const [only] = branches;
  if (only === undefined) return { value: 0, cover: 1 };
  if (branches.length === 1) return only.tree;
  const middle = branches.length >> 1;
  return {
    column,
    split: { kind: 'atMost', threshold: branches[middle - 1]?.atMost ?? Infinity },
    left: byNumber(column, branches.slice(0, middle)),
    right: byNumber(column, branches.slice(middle)),
  };
}

/** A balanced tree over category codes 0, 1, ...; any other code, and missing, is `otherwise`. */
export function byCode(column: number, trees: readonly TableTree[], otherwise: TableTree): TableTree {
  if (trees.length === 0) return otherwise;
  const known = trees.map((_, code) => code);
  return {
    column,
    split: { kind: 'codes', codes: known },
    left: halves(column, trees, 0, trees.length),
    right: otherwise,
  };
}

function halves(column: number, trees: readonly TableTree[], from: number, to: number): TableTree {
  if (to - from === 1) return trees[from] ?? { value: 0, cover: 1 };
  const middle = (from + to) >> 1;
  const codes = Array.from({ length: middle - from }, (_, index) => from + index);
  return {
    column,
    split: { kind: 'codes', codes },
    left: halves(column, trees, from, middle),
    right: halves(column, trees, middle, to),
  };
}

/** Lays a tree out as the one tree of a model with one output. */
export function treeArraysOf(root: TableTree): TreeArrays {
  const nodes: { column: number; threshold: number; decision: number; left: number; right: number }[] = [];
  const leaves: { value: number; cover: number }[] = [];
  const catBits: number[] = [];
  const catBoundaries = [0];
  const setOf = (codes: readonly number[]): number => {
    const first = catBits.length;
    for (const code of codes) {
      const word = first + (code >> 5);
      while (catBits.length <= word) catBits.push(0);
      catBits[word] = ((catBits[word] ?? 0) | (1 << (code & 31))) >>> 0;
    }
    return catBoundaries.push(catBits.length) - 2;
  };
  const place = (tree: TableTree): number => {
    if ('value' in tree) return ~(leaves.push(tree) - 1);
    const { split, column } = tree;
    const node =
      split.kind === 'codes'
        ? { column, threshold: setOf(split.codes), decision: CATEGORICAL_BIT, left: 0, right: 0 }
        : { column, threshold: split.threshold, decision: MISSING_NAN << MISSING_TYPE_SHIFT, left: 0, right: 0 };
    const index = nodes.push(node) - 1;
    node.left = place(tree.left);
    node.right = place(tree.right);
    return index;
  };
  place(root);
  return {
    outputCount: 1,
    treeCount: 1,
    averageOutput: false,
    nodeOffset: Int32Array.of(0, nodes.length),
    leafOffset: Int32Array.of(0, leaves.length),
    splitFeature: Int32Array.from(nodes, ({ column }) => column),
    threshold: Float64Array.from(nodes, ({ threshold }) => threshold),
    decisionType: Uint8Array.from(nodes, ({ decision }) => decision),
    left: Int32Array.from(nodes, ({ left }) => left),
    right: Int32Array.from(nodes, ({ right }) => right),
    leafValue: Float64Array.from(leaves, ({ value }) => value),
    leafCover: Float64Array.from(leaves, ({ cover }) => cover),
    catBoundaries: Int32Array.from(catBoundaries),
    catBits: Uint32Array.from(catBits),
  };
}
