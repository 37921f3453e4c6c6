import { COLUMN_SHIFT, LEFT_LEAF_BIT, MISSING_LEFT_BIT, RIGHT_LEAF_BIT, type ForestArrays } from '#scoring';

/** A tree as scikit-learn holds it: children below 0 mark leaves; values are shares of each output, or the mean. */
export interface PlainTree {
  readonly feature: readonly number[];
  readonly threshold: readonly number[];
  readonly left: readonly number[];
  readonly right: readonly number[];
  readonly missingLeft: readonly (0 | 1)[];
  readonly cover: readonly number[];
  readonly value: readonly (readonly number[])[];
}

/** Trees of numbers as a forest's arrays; a cut a different threshold of each column. */
export function forestOf(
  trees: readonly PlainTree[],
  columnCount: number,
  answer: Pick<ForestArrays, 'link' | 'priorVotes'> & { readonly prior: readonly number[] },
): ForestArrays {
  const cuts = Array.from({ length: columnCount }, (_, column) => {
    const found = trees.flatMap(({ feature, threshold }) =>
      threshold.filter((_value, node) => feature[node] === column),
    );
    return [...new Set(found)].sort((a, b) => a - b);
  });
  const pointOffset = [0];
  for (const list of cuts) pointOffset.push((pointOffset.at(-1) ?? 0) + list.length);
  const out = { node: [] as number[], leaves: [] as (readonly number[])[], cover: [] as number[] };
  const nodeOffset = [0];
  const leafOffset = [0];
  for (const tree of trees) {
    addNode(tree, 0, cuts, out);
    nodeOffset.push(out.node.length);
    leafOffset.push(out.leaves.length);
  }
  const outputCount = answer.prior.length;
  const isOne = outputCount === 1;
  return {
    outputCount,
    treeCount: trees.length,
    columnCount,
    link: answer.link,
    priorVotes: answer.priorVotes,
    prior: Float64Array.from(answer.prior),
    columnKind: new Uint8Array(columnCount),
    pointOffset: Int32Array.from(pointOffset),
    point: Float64Array.from(cuts.flat()),
    otherwiseBin: new Int32Array(columnCount),
    nodeOffset: Int32Array.from(nodeOffset),
    leafOffset: Int32Array.from(leafOffset),
    node: Uint32Array.from(out.node),
    leafValue: Float32Array.from(isOne ? out.leaves.map(([value]) => value ?? NaN) : []),
    leafShares: Uint32Array.from(isOne ? [] : out.leaves.keys()),
    sharesOffset: Int32Array.from(isOne ? [0] : [0, ...out.leaves.map((_, leaf) => (leaf + 1) * outputCount)]),
    shareClass: Int32Array.from(isOne ? [] : out.leaves.flatMap((shares) => [...shares.keys()])),
    share: Float32Array.from(isOne ? [] : out.leaves.flat()),
    leafCover: Uint32Array.from(out.cover),
  };
}

function addNode(
  tree: PlainTree,
  at: number,
  cuts: readonly (readonly number[])[],
  out: { node: number[]; leaves: (readonly number[])[]; cover: number[] },
): void {
  const left = tree.left[at] ?? -1;
  const right = tree.right[at] ?? -1;
  if (left < 0) {
    out.leaves.push(tree.value[at] ?? []);
    out.cover.push(tree.cover[at] ?? 0);
    return;
  }
  const column = tree.feature[at] ?? 0;
  const isLeaf = (child: number): boolean => (tree.left[child] ?? -1) < 0;
  const cut = cuts[column]?.indexOf(tree.threshold[at] ?? NaN) ?? -1;
  const bits =
    (isLeaf(left) ? LEFT_LEAF_BIT : 0) |
    (isLeaf(right) ? RIGHT_LEAF_BIT : 0) |
    (tree.missingLeft[at] === 1 ? MISSING_LEFT_BIT : 0);
  out.node.push((column << COLUMN_SHIFT) | bits | cut);
  addNode(tree, left, cuts, out);
  addNode(tree, right, cuts, out);
}
