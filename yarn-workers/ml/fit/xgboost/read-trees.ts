import { AppError } from '#contracts';
import {
  CATEGORICAL_BIT,
  checkTrees,
  DEFAULT_LEFT_BIT,
  MISSING_NAN,
  MISSING_TYPE_SHIFT,
  type TreeArrays,
} from '#scoring';
import type { Bins } from './bins.ts';
import { parseUbjson, type NumberArray, type Ubjson } from './ubjson.ts';

/**
 * Reads a model that was boosted on codes as trees over the matrix's own numbers.
 *
 * XGBoost sends code < condition left, ours x <= threshold: the threshold is the cut above the last code that goes left,
 * infinite where all of them do. Its categories of a set go right, ours left, and what is missing, negative or unknown is
 * never of a set of ours: where XGBoost sends that right too, the set is its complement. Leaves keep their values, float32
 * there; covers are sums of Hessians, as in its own explanations.
 *
 * @throws ARTIFACT_INVALID naming the tree and field
 * @see XGBoost 3.2.0, src/tree/tree_model.cc (LoadModelImpl) and src/common/categorical.h (Decision)
 */
export function readXgboostTrees(model: Uint8Array, bins: Bins, outputCount: number): TreeArrays {
  const trees = listAt(parseUbjson(model), 'learner', 'gradient_booster', 'model', 'trees').map(fieldsOf);
  const sum = (count: (fields: TreeFields) => number): number => trees.reduce((total, tree) => total + count(tree), 0);
  const nodeCount = sum(({ left }) => innerCount(left));
  const leafCount = nodeCount + trees.length;
  const arrays = {
    outputCount,
    treeCount: trees.length,
    averageOutput: false,
    nodeOffset: new Int32Array(trees.length + 1),
    leafOffset: new Int32Array(trees.length + 1),
    splitFeature: new Int32Array(nodeCount),
    threshold: new Float64Array(nodeCount),
    decisionType: new Uint8Array(nodeCount),
    left: new Int32Array(nodeCount),
    right: new Int32Array(nodeCount),
    leafValue: new Float64Array(leafCount),
    leafCover: new Float64Array(leafCount),
  };
  const sets: Sets = { boundaries: [0], words: [] };
  for (const [tree, fields] of trees.entries()) fillTree(arrays, tree, fields, bins, sets);
  const whole = { ...arrays, catBoundaries: Int32Array.from(sets.boundaries), catBits: Uint32Array.from(sets.words) };
  checkTrees(whole, bins.columns.length);
  return whole;
}

/** A tree's nodes in XGBoost's order; a node without children is a leaf and its condition the leaf's value. */
interface TreeFields {
  readonly left: NumberArray;
  readonly right: NumberArray;
  readonly feature: NumberArray;
  readonly condition: NumberArray;
  readonly isCategorical: NumberArray;
  readonly defaultLeft: NumberArray;
  readonly cover: NumberArray;
  /** by node the categories that go right */
  readonly categories: ReadonlyMap<number, NumberArray>;
}

interface Sets {
  readonly boundaries: number[];
  readonly words: number[];
}

type Filled = Omit<TreeArrays, 'leafCover' | 'catBoundaries' | 'catBits'> & { readonly leafCover: Float64Array };

function fail(what: string): never {
  throw new AppError('ARTIFACT_INVALID', `XGBoost model: ${what}`);
}

function memberOf(value: Ubjson | undefined, key: string): Ubjson {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value))
    return fail(`${key} is missing`);
  // The cast holds: what is no array, typed array or null is an object here.
  return (value as Readonly<Record<string, Ubjson>>)[key] ?? fail(`${key} is missing`);
}

function listAt(value: Ubjson, ...keys: readonly string[]): readonly Ubjson[] {
  const found = keys.reduce(memberOf, value);
  if (!Array.isArray(found)) return fail(`${keys.join('.')} is no list`);
  // The cast holds: isArray only forgets what the elements of a readonly array are.
  return found as readonly Ubjson[];
}

function numbersOf(tree: Ubjson, key: string): NumberArray {
  const found = memberOf(tree, key);
  if (ArrayBuffer.isView(found)) return found;
  // An empty array has no type.
  return Array.isArray(found) && found.length === 0 ? new Uint8Array(0) : fail(`${key} is no array of numbers`);
}

function fieldsOf(tree: Ubjson): TreeFields {
  const nodes = numbersOf(tree, 'categories_nodes');
  const from = numbersOf(tree, 'categories_segments');
  const sizes = numbersOf(tree, 'categories_sizes');
  const categories = numbersOf(tree, 'categories');
  const fields = {
    left: numbersOf(tree, 'left_children'),
    right: numbersOf(tree, 'right_children'),
    feature: numbersOf(tree, 'split_indices'),
    condition: numbersOf(tree, 'split_conditions'),
    isCategorical: numbersOf(tree, 'split_type'),
    defaultLeft: numbersOf(tree, 'default_left'),
    cover: numbersOf(tree, 'sum_hessian'),
  };
  for (const [name, array] of Object.entries(fields))
    if (array.length !== fields.left.length || array.length === 0) fail(`${name} has ${array.length} nodes`);
  const sets = Array.from(nodes, (node, index): [number, NumberArray] => {
    const begin = from[index] ?? 0;
    return [node, categories.subarray(begin, begin + (sizes[index] ?? 0))];
  });
  return { ...fields, categories: new Map(sets) };
}

const innerCount = (left: NumberArray): number => Array.from(left).filter((child) => child >= 0).length;

/** Smallest cover of a leaf: a Hessian may vanish, a share of the rows must not. */
const COVER_MIN = 1e-16;

function fillTree(arrays: Filled, tree: number, fields: TreeFields, bins: Bins, sets: Sets): void {
  const firstNode = arrays.nodeOffset[tree] ?? 0;
  const firstLeaf = arrays.leafOffset[tree] ?? 0;
  let inner = 0;
  let leaf = 0;
  const numberOf = Array.from(fields.left, (child) => {
    if (child < 0) return ~leaf++;
    return inner++;
  });
  arrays.nodeOffset[tree + 1] = firstNode + inner;
  arrays.leafOffset[tree + 1] = firstLeaf + leaf;
  for (const [node, number] of numberOf.entries()) {
    if (number < 0) {
      arrays.leafValue[firstLeaf + ~number] = fields.condition[node] ?? NaN;
      arrays.leafCover[firstLeaf + ~number] = Math.max(COVER_MIN, fields.cover[node] ?? NaN);
      continue;
    }
    const place = firstNode + number;
    const split = splitOf(fields, node, bins, sets);
    const children = [fields.left[node] ?? 0, fields.right[node] ?? 0].map((child) => numberOf[child] ?? NaN);
    if (split.isSwapped) children.reverse();
    arrays.splitFeature[place] = fields.feature[node] ?? -1;
    arrays.threshold[place] = split.threshold;
    arrays.decisionType[place] = split.decision;
    [arrays.left[place], arrays.right[place]] = [children[0] ?? NaN, children[1] ?? NaN];
  }
}

interface Split {
  readonly threshold: number;
  readonly decision: number;
  /** True where XGBoost's left child is ours to the right. */
  readonly isSwapped: boolean;
}

function splitOf(fields: TreeFields, node: number, { columns }: Bins, sets: Sets): Split {
  const column = columns[fields.feature[node] ?? -1] ?? fail(`node ${node} reads column ${fields.feature[node] ?? ''}`);
  const isMissingLeft = fields.defaultLeft[node] === 1;
  if ((column.categoryCount !== null) !== (fields.isCategorical[node] === 1)) fail(`node ${node} is of the wrong kind`);
  if (column.categoryCount !== null) {
    const right = fields.categories.get(node) ?? fail(`node ${node} has no categories`);
    const set = addSet(right, column.categoryCount, !isMissingLeft, sets);
    return { threshold: set, decision: CATEGORICAL_BIT, isSwapped: isMissingLeft };
  }
  const numeric = (threshold: number, isSwapped: boolean): Split => ({
    threshold,
    decision: (MISSING_NAN << MISSING_TYPE_SHIFT) | (isMissingLeft === isSwapped ? 0 : DEFAULT_LEFT_BIT),
    isSwapped,
  });
  const last = Math.ceil(fields.condition[node] ?? NaN) - 1;
  if (last < 0) return numeric(Infinity, true);
  return numeric(last < column.cuts.length ? (column.cuts[last] ?? NaN) : Infinity, false);
}

/** Appends a set, or what it leaves of all categories, and answers its index. */
function addSet(categories: NumberArray, count: number, isComplement: boolean, { boundaries, words }: Sets): number {
  const bits = new Uint32Array(Math.ceil(count / 32));
  for (const category of categories) {
    if (!(category >= 0 && category < count)) fail(`category ${category} of ${count}`);
    bits[category >> 5] = (bits[category >> 5] ?? 0) | (1 << (category & 31));
  }
  if (isComplement) {
    for (let category = 0; category < count; category += 1)
      bits[category >> 5] = (bits[category >> 5] ?? 0) ^ (1 << (category & 31));
  }
  words.push(...bits);
  return boundaries.push(words.length) - 2;
}
