import { AppError, LINKS, type Link } from '#contracts';
import { CATEGORY_COLUMN, NUMBER_COLUMN } from './column-points.ts';
import { SCORE_MAX } from './tree-arrays.ts';

/**
 * A forest as flat arrays, the form that artefacts store: trees whose leaves hold class shares or means, averaged on that scale and
 * then taken to the link scale. Tree t has the nodes nodeOffset[t] up to nodeOffset[t + 1] (exclusive) and the leaves
 * leafOffset[t] up to leafOffset[t + 1]; a tree of one leaf has no node.
 *
 * Nodes ask bins. Column j has the points pointOffset[j] up to pointOffset[j + 1] (exclusive). Of a number they are cuts: the bin
 * of x is the number of cuts below x, NaN has none. Of a category point c is the bin of code c; NaN and a code without a
 * point have the bin otherwiseBin[j].
 *
 * Nodes and leaves stand in preorder, left before right, so that two bits a node say the whole shape. The word of a node:
 *
 *     node = column << 13 | isRightLeaf << 12 | isLeftLeaf << 11 | isMissingLeft << 10 | cut
 *
 * A bin up to `cut` goes left, NaN where the bit says.
 */
export interface ForestArrays {
  /** Raw scores a row: 1 for binary and regression, else one a class. */
  readonly outputCount: number;
  readonly treeCount: number;
  readonly columnCount: number;
  /** What takes the average to the raw scores. */
  readonly link: Link;
  /** Trees that the prior counts as: 0 or 1. */
  readonly priorVotes: number;
  /** outputCount: what the prior says, class shares or the mean of the training rows. With it no probability is 0. */
  readonly prior: Float64Array;
  /** outputCount: added to the raw scores, what undoes that some classes' rows were drawn in part; without it nothing is. */
  readonly shift?: readonly number[];
  /** one a column: NUMBER_COLUMN or CATEGORY_COLUMN */
  readonly columnKind: Uint8Array;
  /** columnCount + 1 */
  readonly pointOffset: Int32Array;
  readonly point: Float64Array;
  /** one a column; 0 for numbers */
  readonly otherwiseBin: Int32Array;
  /** treeCount + 1 */
  readonly nodeOffset: Int32Array;
  /** treeCount + 1 */
  readonly leafOffset: Int32Array;
  readonly node: Uint32Array;
  /** One output: what each leaf says; else empty. */
  readonly leafValue: Float32Array;
  /** Several outputs: which shares a leaf has; else empty. Many leaves have the same. */
  readonly leafShares: Uint32Array;
  /** shares k are the entries sharesOffset[k] up to sharesOffset[k + 1] (exclusive); classes that have none are left out */
  readonly sharesOffset: Int32Array;
  readonly shareClass: Int32Array;
  readonly share: Float32Array;
  /** Training rows that ended in each leaf, drawn twice counted twice. Explanations need them. */
  readonly leafCover: Uint32Array;
}

/** Largest cut of a node, and largest bin: one more. */
export const CUT_MAX = 0x3ff;
export const MISSING_LEFT_BIT = 1 << 10;
export const LEFT_LEAF_BIT = 1 << 11;
export const RIGHT_LEAF_BIT = 1 << 12;
export const COLUMN_SHIFT = 13;
/** Columns that the word of a node can name. */
export const FOREST_COLUMNS_MAX = 2 ** (32 - COLUMN_SHIFT);

/**
 * Proves that evaluation cannot leave the arrays, cannot loop and cannot give anything but finite raw scores.
 *
 * @param columnCount columns that the model's steps make
 * @returns the right child of each node: >= 0 a node of all nodes, < 0 the leaf ~child of all leaves
 * @throws ARTIFACT_INVALID naming the first thing that is wrong
 */
export function checkForest(forest: ForestArrays, columnCount: number): Int32Array {
  const { treeCount, outputCount, link, priorVotes } = forest;
  if (!Number.isSafeInteger(treeCount) || treeCount < 1) fail(`treeCount is ${treeCount}`);
  if (!Number.isSafeInteger(outputCount) || outputCount < 1) fail(`outputCount is ${outputCount}`);
  if (!LINKS.includes(link)) fail(`link is ${link}`);
  if (outputCount > 1 !== (link === 'softmax')) fail(`link ${link} does not fit ${outputCount} outputs`);
  if (forest.columnCount !== columnCount || columnCount > FOREST_COLUMNS_MAX)
    fail(`has ${forest.columnCount} columns, expected ${columnCount}`);
  if (priorVotes !== 0 && priorVotes !== 1) fail(`priorVotes is ${priorVotes}`);
  if (link !== 'identity' && priorVotes === 0) fail(`link ${link} without a prior`);
  checkValues('prior', forest.prior, outputCount, link);
  if (link !== 'identity' && forest.prior.some((value) => !(value > 0))) fail('a prior is not above 0');
  checkShift(forest);
  checkColumns(forest);
  checkOffsets('nodeOffset', forest.nodeOffset, treeCount, forest.node.length);
  checkOffsets('leafOffset', forest.leafOffset, treeCount, forest.leafCover.length);
  checkNodes(forest);
  checkLeaves(forest);
  return rightChildren(forest);
}

function fail(what: string): never {
  throw new AppError('ARTIFACT_INVALID', `forest: ${what}`);
}

function checkOffsets(name: string, offsets: Int32Array, count: number, total: number): void {
  if (offsets.length !== count + 1) fail(`${name} has ${offsets.length} elements, expected ${count + 1}`);
  if (offsets[0] !== 0) fail(`${name} starts at ${offsets[0] ?? 'nothing'}, expected 0`);
  for (let i = 0; i < count; i += 1) if ((offsets[i + 1] ?? 0) < (offsets[i] ?? 0)) fail(`${name} falls at ${i}`);
  if (offsets[count] !== total) fail(`${name} ends at ${offsets[count] ?? 'nothing'}, expected ${total}`);
}

/** Shares are in [0, 1]; means are finite, under a log link not negative. */
function checkValues(name: string, values: Float64Array | Float32Array, length: number, link: Link): void {
  if (values.length !== length) fail(`${name} has ${values.length} elements, expected ${length}`);
  const least = link === 'identity' ? -SCORE_MAX : 0;
  const most = link === 'identity' || link === 'log' ? SCORE_MAX : 1;
  for (let i = 0; i < length; i += 1) {
    const value = values[i] ?? NaN;
    if (!(value >= least && value <= most)) fail(`${name} ${i} is ${value}`);
  }
}

function checkShift({ shift, outputCount, link }: ForestArrays): void {
  if (shift === undefined) return;
  if (link !== 'logit' && link !== 'softmax') fail(`link ${link} with a shift`);
  if (shift.length !== outputCount) fail(`shift has ${shift.length} elements, expected ${outputCount}`);
  for (const [output, value] of shift.entries())
    if (!(Math.abs(value) <= SCORE_MAX)) fail(`shift ${output} is ${value}`);
}

function checkColumns({ columnCount, columnKind, pointOffset, point, otherwiseBin }: ForestArrays): void {
  if (columnKind.length !== columnCount) fail(`columnKind has ${columnKind.length} elements, expected ${columnCount}`);
  if (otherwiseBin.length !== columnCount)
    fail(`otherwiseBin has ${otherwiseBin.length} elements, expected ${columnCount}`);
  checkOffsets('pointOffset', pointOffset, columnCount, point.length);
  const isBin = (bin: number): boolean => Number.isInteger(bin) && bin >= 0 && bin <= CUT_MAX + 1;
  for (let column = 0; column < columnCount; column += 1) {
    const kind = columnKind[column] ?? 255;
    const from = pointOffset[column] ?? 0;
    const to = pointOffset[column + 1] ?? 0;
    if (kind !== NUMBER_COLUMN && kind !== CATEGORY_COLUMN) fail(`column ${column} is of kind ${kind}`);
    if (!isBin(otherwiseBin[column] ?? -1)) fail(`column ${column} has the bin ${otherwiseBin[column] ?? 'nothing'}`);
    if (kind === NUMBER_COLUMN && to - from > CUT_MAX + 1) fail(`column ${column} has ${to - from} cuts`);
    for (let at = from; at < to; at += 1) {
      const value = point[at] ?? NaN;
      if (kind === CATEGORY_COLUMN && !isBin(value)) fail(`point ${at} is bin ${value}`);
      if (kind === NUMBER_COLUMN && !(at > from ? value > (point[at - 1] ?? NaN) : value > -Infinity))
        fail(`cut ${at} of column ${column} does not rise`);
    }
  }
}

function checkNodes({ node, columnCount }: ForestArrays): void {
  for (let at = 0; at < node.length; at += 1) {
    const column = (node[at] ?? 0) >>> COLUMN_SHIFT;
    if (column >= columnCount) fail(`node ${at} reads column ${column} of ${columnCount}`);
  }
}

function checkLeaves(forest: ForestArrays): void {
  const { outputCount, leafCover, leafValue, leafShares, sharesOffset, shareClass, share, link } = forest;
  const leafCount = leafCover.length;
  for (let leaf = 0; leaf < leafCount; leaf += 1) if (leafCover[leaf] === 0) fail(`leaf ${leaf} covers no row`);
  checkValues('leafValue', leafValue, outputCount === 1 ? leafCount : 0, link);
  if (leafShares.length !== (outputCount === 1 ? 0 : leafCount)) fail(`leafShares has ${leafShares.length} elements`);
  const sharesCount = sharesOffset.length - 1;
  checkOffsets('sharesOffset', sharesOffset, sharesCount, shareClass.length);
  checkValues('share', share, shareClass.length, link);
  for (let at = 0; at < shareClass.length; at += 1) {
    const index = shareClass[at] ?? -1;
    if (index < 0 || index >= outputCount) fail(`share ${at} is of class ${index} of ${outputCount}`);
  }
  for (let leaf = 0; leaf < leafShares.length; leaf += 1)
    if ((leafShares[leaf] ?? 0) >= sharesCount)
      fail(`leaf ${leaf} has shares ${leafShares[leaf] ?? 0} of ${sharesCount}`);
}

/**
 * Reads preorder: after a node that has a right subtree to come it is held open; where a subtree ends the last one that is
 * open gets its right child. Each tree must end with its last node and leaf and nothing open.
 */
function rightChildren({ node, nodeOffset, leafOffset, treeCount }: ForestArrays): Int32Array {
  const right = new Int32Array(node.length);
  const open: number[] = [];
  for (let tree = 0; tree < treeCount; tree += 1) {
    const end = nodeOffset[tree + 1] ?? 0;
    const first = nodeOffset[tree] ?? 0;
    let leaf = leafOffset[tree] ?? 0;
    if ((leafOffset[tree + 1] ?? 0) - leaf !== end - first + 1)
      fail(`tree ${tree} has ${end - first} nodes and ${(leafOffset[tree + 1] ?? 0) - leaf} leaves`);
    for (let at = first; at < end; at += 1) {
      open.push(at);
      if (((node[at] ?? 0) & LEFT_LEAF_BIT) === 0) continue;
      leaf += 1;
      for (let parent = open.pop(); parent !== undefined; parent = open.pop()) {
        if (((node[parent] ?? 0) & RIGHT_LEAF_BIT) === 0) {
          if (at + 1 === end) fail(`tree ${tree} lacks a right child`);
          right[parent] = at + 1;
          break;
        }
        right[parent] = ~leaf;
        leaf += 1;
        if (open.length === 0 && at + 1 !== end) fail(`tree ${tree} ends at its node ${at - first}`);
      }
    }
    if (open.length > 0) fail(`tree ${tree} lacks ${open.length} right children`);
  }
  return right;
}

/**
 * The left child of each node, numbered as the right ones are: the next node, or the next leaf.
 *
 * @param right what `checkForest` returns
 */
export function leftChildren({ node, nodeOffset, leafOffset, treeCount }: ForestArrays, right: Int32Array): Int32Array {
  const left = new Int32Array(node.length);
  const nextLeaf = new Int32Array(node.length);
  for (let tree = 0; tree < treeCount; tree += 1) {
    const first = nodeOffset[tree] ?? 0;
    if (first < (nodeOffset[tree + 1] ?? 0)) nextLeaf[first] = leafOffset[tree] ?? 0;
    for (let at = first; at < (nodeOffset[tree + 1] ?? 0); at += 1) {
      const leaf = nextLeaf[at] ?? 0;
      const isLeaf = ((node[at] ?? 0) & LEFT_LEAF_BIT) !== 0;
      left[at] = isLeaf ? ~leaf : at + 1;
      if (!isLeaf) nextLeaf[at + 1] = leaf;
      const child = right[at] ?? -1;
      // A left subtree has one leaf more than nodes.
      if (child >= 0) nextLeaf[child] = leaf + child - at;
    }
  }
  return left;
}
