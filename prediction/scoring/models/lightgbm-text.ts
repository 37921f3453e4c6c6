import { AppError } from '#contracts';
import { parseLinearLeaves } from './lightgbm-linear-leaves.ts';
import { CATEGORICAL_BIT, checkTrees, type TreeArrays } from './tree-arrays.ts';

/** A LightGBM model: its trees and what the text says about its inputs. */
export interface LightgbmModel extends TreeArrays {
  /** Columns of the matrix it was trained on. */
  readonly columnCount: number;
  readonly columnNames: readonly string[];
  /** As LightGBM prints it: `binary sigmoid:1`, `multiclass num_class:3`, `regression`; '' where there is none. */
  readonly objective: string;
}

const MODEL_VERSION = 'v4';
/** More than a model can sensibly have; keeps a damaged number from allocating gigabytes. */
const LEAVES_PER_TREE_MAX = 1_000_000;

/**
 * Reads LightGBM's model text (`saveModelToString`). Strict: unknown versions, missing or surplus numbers, and
 * indices out of range are refused. Thresholds and leaves are printed with 17 digits, so nothing is lost.
 *
 *     model   = header "Tree=0" tree "Tree=1" tree ... "end of trees" anything
 *     header  = "tree" newline ( key "=" value | flag )*      tree = ( key "=" numbers separated by one space )*
 *
 * @throws ARTIFACT_INVALID naming the tree and field
 * @see LightGBM 4.7.0, src/boosting/gbdt_model_text.cpp and src/io/tree.cpp (Tree::ToString)
 */
export function parseLightgbmModel(text: string): LightgbmModel {
  const { header, trees } = sectionsOf(text);
  if (header.get('version') !== MODEL_VERSION)
    fail(`version is ${header.get('version') ?? 'missing'}, expected ${MODEL_VERSION}`);
  const columnNames = (header.get('feature_names') ?? '').split(' ');
  const columnCount = integerOf(header, 'max_feature_idx', 'header') + 1;
  if (columnNames.length !== columnCount)
    fail(`feature_names has ${columnNames.length} names, expected ${columnCount}`);
  const arrays = concatenate(trees);
  const linear = parseLinearLeaves(trees, arrays, (out, fields, key, place) =>
    fillNumbers(out, 0, out.length, fields, key, place, NOT_FINITE),
  );
  const model: LightgbmModel = {
    ...arrays,
    ...(linear === undefined ? {} : { linear }),
    outputCount: integerOf(header, 'num_tree_per_iteration', 'header'),
    treeCount: trees.length,
    averageOutput: header.has('average_output'),
    columnCount,
    columnNames,
    objective: header.get('objective') ?? '',
  };
  checkTrees(model, columnCount);
  return model;
}

type Fields = ReadonlyMap<string, string>;

function fail(what: string): never {
  throw new AppError('ARTIFACT_INVALID', `LightGBM model: ${what}`);
}

/** Splits the text into the header's fields and each tree's fields. */
function sectionsOf(text: string): { header: Fields; trees: Fields[] } {
  const header = new Map<string, string>();
  const trees: Fields[] = [];
  let fields = header;
  let ended = false;
  let start = 0;
  while (start < text.length && !ended) {
    let end = text.indexOf('\n', start);
    if (end < 0) end = text.length;
    const line = text.slice(start, end).trimEnd();
    start = end + 1;
    if (line === '' || (line === 'tree' && fields === header)) continue;
    if (line === 'end of trees') {
      ended = true;
      continue;
    }
    const separator = line.indexOf('=');
    const key = separator < 0 ? line : line.slice(0, separator);
    const value = separator < 0 ? '' : line.slice(separator + 1);
    if (key === 'Tree') {
      if (value !== String(trees.length)) fail(`found Tree=${value}, expected Tree=${trees.length}`);
      fields = new Map();
      trees.push(fields);
    } else {
      if (fields.has(key)) fail(`${placeOf(trees.length)}: ${key} appears twice`);
      fields.set(key, value);
    }
  }
  if (!ended) fail('ends before "end of trees"');
  return { header, trees };
}

const placeOf = (treeCount: number): string => (treeCount === 0 ? 'header' : `tree ${treeCount - 1}`);

function integerOf(fields: Fields, key: string, place: string): number {
  const value = Number(fields.get(key) ?? NaN);
  if (!Number.isSafeInteger(value) || value < 0) fail(`${place}: ${key} is ${fields.get(key) ?? 'missing'}`);
  return value;
}

/** What a linear leaf may hold whose fit overflowed. */
const NOT_FINITE: ReadonlyMap<string, number> = new Map([
  ['inf', Infinity],
  ['-inf', -Infinity],
  ['nan', NaN],
  ['-nan', NaN],
]);

/** What a threshold may be: LightGBM writes `inf` where missing values alone go right. */
const INFINITE: ReadonlyMap<string, number> = new Map([['inf', Infinity]]);

/** `count` numbers of a field into `out` from `at` on. */
function fillNumbers(
  out: { [index: number]: number; readonly length: number },
  at: number,
  count: number,
  fields: Fields,
  key: string,
  place: string,
  words: ReadonlyMap<string, number> = INFINITE,
): void {
  const value = fields.get(key);
  if (value === undefined) fail(`${place}: ${key} is missing`);
  const parts = value === '' ? [] : value.split(' ');
  if (parts.length !== count) fail(`${place}: ${key} has ${parts.length} numbers, expected ${count}`);
  for (let i = 0; i < count; i += 1) {
    const part = parts[i] ?? '';
    const word = words.get(part);
    const number = word ?? (part === '' ? NaN : Number(part));
    out[at + i] = number;
    // What the array did not keep was out of its range or no whole number.
    const isKept = word === undefined ? out[at + i] === number : Object.is(out[at + i], word);
    if (!isKept) fail(`${place}: ${key} holds ${part.slice(0, 40)}`);
  }
}

type Concatenated = Omit<TreeArrays, 'outputCount' | 'treeCount' | 'averageOutput' | 'leafCover'> & {
  readonly leafCover: Float64Array;
};

function concatenate(trees: readonly Fields[]): Concatenated {
  const nodeOffset = new Int32Array(trees.length + 1);
  const leafOffset = new Int32Array(trees.length + 1);
  const setOffset = new Int32Array(trees.length + 1);
  const wordOffset = new Int32Array(trees.length + 1);
  for (const [tree, fields] of trees.entries()) {
    const place = `tree ${tree}`;
    const leafCount = integerOf(fields, 'num_leaves', place);
    const setCount = integerOf(fields, 'num_cat', place);
    if (leafCount < 1 || leafCount > LEAVES_PER_TREE_MAX) fail(`${place}: num_leaves is ${leafCount}`);
    if (setCount >= leafCount) fail(`${place}: num_cat is ${setCount} of ${leafCount} leaves`);
    nodeOffset[tree + 1] = (nodeOffset[tree] ?? 0) + leafCount - 1;
    leafOffset[tree + 1] = (leafOffset[tree] ?? 0) + leafCount;
    setOffset[tree + 1] = (setOffset[tree] ?? 0) + setCount;
    const wordCount = setCount === 0 ? 0 : (fields.get('cat_threshold') ?? '').split(' ').length;
    wordOffset[tree + 1] = (wordOffset[tree] ?? 0) + wordCount;
  }
  const nodeCount = nodeOffset[trees.length] ?? 0;
  const arrays = {
    nodeOffset,
    leafOffset,
    splitFeature: new Int32Array(nodeCount),
    threshold: new Float64Array(nodeCount),
    decisionType: new Uint8Array(nodeCount),
    left: new Int32Array(nodeCount),
    right: new Int32Array(nodeCount),
    leafValue: new Float64Array(leafOffset[trees.length] ?? 0),
    leafCover: new Float64Array(leafOffset[trees.length] ?? 0),
    catBoundaries: new Int32Array((setOffset[trees.length] ?? 0) + 1),
    catBits: new Uint32Array(wordOffset[trees.length] ?? 0),
  };
  for (const [tree, fields] of trees.entries()) {
    fillTree(
      arrays,
      tree,
      fields,
      setOffset[tree] ?? 0,
      wordOffset[tree] ?? 0,
      (wordOffset[tree + 1] ?? 0) - (wordOffset[tree] ?? 0),
    );
  }
  return arrays;
}

function fillTree(
  arrays: Concatenated,
  tree: number,
  fields: Fields,
  firstSet: number,
  firstWord: number,
  wordCount: number,
): void {
  const place = `tree ${tree}`;
  const node = arrays.nodeOffset[tree] ?? 0;
  const leaf = arrays.leafOffset[tree] ?? 0;
  const nodeCount = (arrays.nodeOffset[tree + 1] ?? 0) - node;
  fillNumbers(arrays.leafValue, leaf, nodeCount + 1, fields, 'leaf_value', place);
  // LightGBM itself ignores the node fields of a tree of one leaf.
  if (nodeCount === 0) return;
  fillNumbers(arrays.leafCover, leaf, nodeCount + 1, fields, 'leaf_count', place);
  fillNumbers(arrays.splitFeature, node, nodeCount, fields, 'split_feature', place);
  fillNumbers(arrays.threshold, node, nodeCount, fields, 'threshold', place);
  fillNumbers(arrays.decisionType, node, nodeCount, fields, 'decision_type', place);
  fillNumbers(arrays.left, node, nodeCount, fields, 'left_child', place);
  fillNumbers(arrays.right, node, nodeCount, fields, 'right_child', place);
  const setCount = integerOf(fields, 'num_cat', place);
  if (setCount > 0) {
    const boundaries = new Int32Array(setCount + 1);
    fillNumbers(boundaries, 0, setCount + 1, fields, 'cat_boundaries', place);
    if (boundaries[0] !== 0 || boundaries[setCount] !== wordCount)
      fail(`${place}: cat_boundaries does not cover cat_threshold`);
    for (let set = 0; set <= setCount; set += 1)
      arrays.catBoundaries[firstSet + set] = (boundaries[set] ?? 0) + firstWord;
    fillNumbers(arrays.catBits, firstWord, wordCount, fields, 'cat_threshold', place);
  }
  for (let i = node; i < node + nodeCount; i += 1) {
    if (((arrays.decisionType[i] ?? 0) & CATEGORICAL_BIT) === 0) continue;
    const set = arrays.threshold[i] ?? -1;
    if (!(set >= 0 && set < setCount)) fail(`${place}: category set ${set} of ${setCount}`);
    arrays.threshold[i] = set + firstSet;
  }
}
