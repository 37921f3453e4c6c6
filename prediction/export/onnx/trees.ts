import type { TreeArrays } from '#scoring';
import { leafOf, rootOf, treePart, type TreeTest } from '../model/tree-tests.ts';
import type { GraphBuilder, Value } from './graph-builder.ts';

/** Branch modes of TreeEnsemble. @see ai.onnx.ml 5, TreeEnsemble, nodes_modes */
const AT_MOST = 0;
const AMONG = 6;

interface Ensemble {
  readonly roots: number[];
  readonly columns: number[];
  readonly modes: number[];
  readonly splits: number[];
  readonly isMissingLeft: number[];
  readonly left: number[];
  readonly isLeftLeaf: number[];
  readonly right: number[];
  readonly isRightLeaf: number[];
  /** Of all sets, one after the other, NaN after each. */
  readonly members: number[];
  readonly leafOutput: number[];
  readonly leafValue: number[];
}

/**
 * Raw scores of trees, rows x outputs: one TreeEnsemble of doubles, to which trees of one leaf are added afterwards. A runtime may add trees in
 * another order than `scoring`, so that sums may differ in their last bits.
 */
export function onnxTrees(
  trees: TreeArrays,
  columns: Int32Array,
  matrix: ReadonlyMap<number, Value>,
  builder: GraphBuilder,
): Value {
  const { treeCount, outputCount, averageOutput, leafValue } = trees;
  const placeOf = new Map([...matrix.keys()].map((column, place) => [column, place]));
  const ensemble: Ensemble = {
    ...{ roots: [], columns: [], modes: [], splits: [], isMissingLeft: [], left: [], isLeftLeaf: [] },
    ...{ right: [], isRightLeaf: [], members: [], leafOutput: [], leafValue: [] },
  };
  const constants = new Array<number>(outputCount).fill(0);
  for (let tree = 0; tree < treeCount; tree += 1) {
    const output = tree % outputCount;
    const place = { trees, tree, columns, placeOf, output };
    const root = rootOf(trees, tree, columns);
    if (root >= 0) ensemble.roots.push(addNode(ensemble, place, root));
    else constants[output] = (constants[output] ?? 0) + (leafValue[leafOf(trees, tree, root)] ?? NaN);
  }
  const { apply, number, constant } = builder;
  const constantRow = (): Value => constant({ type: 'double', dims: [1, outputCount], values: constants });
  let sum: Value;
  if (ensemble.roots.length === 0) {
    const column = [...matrix.values()][0];
    // Rows come from a column; what it is does not matter.
    const zeros = column === undefined ? number(0) : zerosOf(column, builder);
    sum = apply('Add', [zeros, constantRow()]);
  } else {
    const matrixOfAll = apply('Concat', [...matrix.values()], { axis: { kind: 'int', value: 1 } });
    const scores = builder.applyMl('TreeEnsemble', [matrixOfAll], attributesOf(ensemble, outputCount));
    sum = constants.every((value) => value === 0) ? scores : apply('Add', [scores, constantRow()]);
  }
  const count = Math.max(1, treeCount / outputCount);
  return averageOutput && count !== 1 ? apply('Div', [sum, number(count)]) : sum;
}

/** A column of as many zeros. */
export const zerosOf = (column: Value, { apply, number }: GraphBuilder): Value =>
  apply('Where', [apply('IsNaN', [column]), number(0), number(0)]);

interface Place {
  readonly trees: TreeArrays;
  readonly tree: number;
  readonly columns: Int32Array;
  readonly placeOf: ReadonlyMap<number, number>;
  readonly output: number;
}

/** Adds a node with all below it. @returns its number among all */
function addNode(ensemble: Ensemble, place: Place, child: number): number {
  if (child < 0) {
    ensemble.leafOutput.push(place.output);
    return ensemble.leafValue.push(place.trees.leafValue[leafOf(place.trees, place.tree, child)] ?? NaN) - 1;
  }
  const part = treePart(place.trees, place.tree, child, place.columns);
  const node = ensemble.columns.push(place.placeOf.get(part.test.column) ?? 0) - 1;
  addTest(ensemble, part.test);
  ensemble.isLeftLeaf[node] = part.left < 0 ? 1 : 0;
  ensemble.isRightLeaf[node] = part.right < 0 ? 1 : 0;
  ensemble.left[node] = 0;
  ensemble.right[node] = 0;
  ensemble.left[node] = addNode(ensemble, place, part.left);
  ensemble.right[node] = addNode(ensemble, place, part.right);
  return node;
}

function addTest({ modes, splits, isMissingLeft, members }: Ensemble, test: TreeTest): void {
  if (test.kind === 'at-most') {
    modes.push(AT_MOST);
    splits.push(test.limit);
    isMissingLeft.push(test.isMissingLeft ? 1 : 0);
    return;
  }
  modes.push(AMONG);
  splits.push(0);
  isMissingLeft.push(0);
  members.push(...test.codes, NaN);
}

function attributesOf(ensemble: Ensemble, outputCount: number) {
  const ints = (values: readonly number[]) => ({ kind: 'ints', values }) as const;
  const doubles = (values: readonly number[]) =>
    ({ kind: 'tensor', tensor: { type: 'double', dims: [values.length], values } }) as const;
  const { modes } = ensemble;
  return {
    n_targets: { kind: 'int', value: outputCount },
    aggregate_function: { kind: 'int', value: 1 },
    post_transform: { kind: 'int', value: 0 },
    tree_roots: ints(ensemble.roots),
    nodes_featureids: ints(ensemble.columns),
    nodes_modes: { kind: 'tensor', tensor: { type: 'uint8', dims: [modes.length], values: modes } },
    nodes_splits: doubles(ensemble.splits),
    nodes_missing_value_tracks_true: ints(ensemble.isMissingLeft),
    nodes_truenodeids: ints(ensemble.left),
    nodes_trueleafs: ints(ensemble.isLeftLeaf),
    nodes_falsenodeids: ints(ensemble.right),
    nodes_falseleafs: ints(ensemble.isRightLeaf),
    ...(ensemble.members.length === 0 ? {} : { membership_values: doubles(ensemble.members) }),
    leaf_targetids: ints(ensemble.leafOutput),
    leaf_weights: doubles(ensemble.leafValue),
  } as const;
}
