import { COLUMN_SHIFT, MISSING_LEFT_BIT } from '#scoring';
import { bestClassSearch, bestNumberSearch } from './best-split.ts';
import type { ForestWriter } from './forest-writer.ts';
import { randomSearch } from './random-split.ts';
import { treeRandom, type TreeRandom } from './tree-random.ts';
import type { ForestRows, NodeRows, Split } from './tree-rows.ts';

/** How the trees of a forest are grown. */
export interface GrowSettings {
  readonly randomThresholds: boolean;
  readonly bootstrap: boolean;
  /** Columns that a node draws; it goes on drawing as long as none of them can be split. */
  readonly columnsPerNode: number;
  readonly minRows: number;
}

/** Grows the next tree into the writer. A tree depends on its seed, the rows and the settings alone. */
export type TreeGrower = (writer: ForestWriter, seed: number) => void;

interface OpenNode {
  readonly start: number;
  readonly end: number;
  /** -1: the root */
  readonly parent: number;
  readonly isLeft: boolean;
}

/**
 * Makes what grows trees one after the other, in buffers of some 40 bytes a row. A node becomes a leaf where all labels are the same, where
 * there are fewer than twice the least rows of a leaf, or where nothing that it may draw can be split; a split need not gain anything.
 *
 * @see Breiman 2001, "Random forests"; Geurts, Ernst, Wehenkel 2006, "Extremely randomized trees"
 */
export function treeGrower(rows: ForestRows, settings: GrowSettings): TreeGrower {
  const { rowCount, outputCount } = rows;
  const random = treeRandom();
  const search = settings.randomThresholds
    ? randomSearch(rows, random)
    : outputCount === 1
      ? bestNumberSearch(rows)
      : bestClassSearch(rows);
  const node: NodeRows = {
    rows: new Int32Array(rowCount),
    start: 0,
    count: 0,
    labels: new Float64Array(rowCount),
    weights: new Float64Array(rowCount),
    weight: 0,
    sum: 0,
    classWeights: new Float64Array(outputCount),
  };
  const times = new Uint32Array(rowCount);
  const spare = new Int32Array(rowCount);
  const best: Split = { column: -1, bin: 0, nextBin: 0, missingLeft: false, score: -Infinity };
  const columns = Int32Array.from(rows.binned.columns.keys());
  const withMissing = rows.binned.columns.map((bins) => Number(bins.includes(rows.binned.missing)));
  return (writer, seed) => {
    random.begin(seed);
    for (let column = 0; column < columns.length; column += 1) columns[column] = column;
    const drawn = drawRows(settings.bootstrap, rowCount, random, times, node.rows);
    const open: OpenNode[] = [{ start: 0, end: drawn, parent: -1, isLeft: false }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { start, end, parent, isLeft } = next;
      const isPure = loadNode(node, rows, times, start, end);
      const splits = !isPure && node.count >= 2 * settings.minRows && columns.length > 0;
      if (!splits || !findSplit(columns, node, settings, search, best, random)) {
        if (parent >= 0) writer.leafOf(parent, isLeft);
        writeLeaf(writer, node, rows, times, isPure);
        continue;
      }
      const middle = partition(rows, node, best, spare);
      const cut = cutOf(rows, best);
      const isSeen = withMissing[best.column] === 1 && hasMissing(rows, node, best.column);
      const missingLeft = isSeen ? best.missingLeft : middle - start > end - middle;
      const place = writer.node((best.column << COLUMN_SHIFT) | (missingLeft ? MISSING_LEFT_BIT : 0) | cut);
      open.push(
        { start: middle, end, parent: place, isLeft: false },
        { start, end: middle, parent: place, isLeft: true },
      );
    }
    writer.endTree();
  };
}

/** Fills how often each row is drawn, and the rows that are, ascending. @returns how many different ones */
function drawRows(
  bootstrap: boolean,
  rowCount: number,
  random: TreeRandom,
  times: Uint32Array,
  rows: Int32Array,
): number {
  times.fill(bootstrap ? 0 : 1);
  for (let draw = 0; bootstrap && draw < rowCount; draw += 1) {
    const row = random.below(rowCount);
    times[row] = (times[row] ?? 0) + 1;
  }
  let drawn = 0;
  for (let row = 0; row < rowCount; row += 1) {
    if (times[row] === 0) continue;
    rows[drawn] = row;
    drawn += 1;
  }
  return drawn;
}

/** Reads labels and weights of a node's rows. @returns true if all labels are the same */
function loadNode(
  node: NodeRows,
  { labels, weights, outputCount }: ForestRows,
  times: Uint32Array,
  start: number,
  end: number,
): boolean {
  const { rows, classWeights } = node;
  const first = labels[rows[start] ?? 0] ?? 0;
  let isPure = true;
  let total = 0;
  let sum = 0;
  if (outputCount > 1) classWeights.fill(0);
  for (let at = start; at < end; at += 1) {
    const row = rows[at] ?? 0;
    const label = labels[row] ?? 0;
    const weight = (weights[row] ?? 0) * (times[row] ?? 0);
    if (label !== first) isPure = false;
    node.labels[at - start] = label;
    node.weights[at - start] = weight;
    total += weight;
    if (outputCount > 1) classWeights[label] = (classWeights[label] ?? 0) + weight;
    else sum += weight * label;
  }
  node.start = start;
  node.count = end - start;
  node.weight = total;
  node.sum = sum;
  return isPure;
}

/**
 * Draws columns without replacement. As in scikit-learn those that are constant count, but at least one that can be split is tried
 * where there is one.
 */
function findSplit(
  columns: Int32Array,
  node: NodeRows,
  { columnsPerNode, minRows }: GrowSettings,
  search: ReturnType<typeof bestNumberSearch>,
  best: Split,
  random: TreeRandom,
): boolean {
  best.column = -1;
  best.score = -Infinity;
  let hasSplit = false;
  for (let drawn = 0; drawn < columns.length && (drawn < columnsPerNode || !hasSplit); drawn += 1) {
    const at = drawn + (drawn + 1 < columns.length ? random.below(columns.length - drawn) : 0);
    const column = columns[at] ?? 0;
    columns[at] = columns[drawn] ?? 0;
    columns[drawn] = column;
    if (search(column, node, minRows, best)) hasSplit = true;
  }
  return best.column >= 0;
}

/** Moves the rows that go left before the others, each in their order. @returns where the others begin */
function partition({ binned }: ForestRows, { rows, start, count }: NodeRows, split: Split, spare: Int32Array): number {
  const bins = binned.columns[split.column];
  if (bins === undefined) return start;
  const { missing } = binned;
  const { bin: cut, missingLeft } = split;
  let left = start;
  let right = 0;
  for (let at = start; at < start + count; at += 1) {
    const row = rows[at] ?? 0;
    const bin = bins[row] ?? 0;
    if (bin <= cut || (missingLeft && bin === missing)) {
      rows[left] = row;
      left += 1;
    } else {
      spare[right] = row;
      right += 1;
    }
  }
  // A view for `set` would cost more than the copy: most nodes have a few rows.
  for (let at = 0; at < right; at += 1) rows[left + at] = spare[at] ?? 0;
  return left;
}

/** The cut half-way between the values of both sides, whatever other rows have there; above all bins where only missing ones go right. */
function cutOf({ low, high }: ForestRows, { column, bin, nextBin }: Split): number {
  const highs = high[column];
  if (highs === undefined) return bin;
  if (nextBin < 0) return highs.length - 1;
  const below = highs[bin] ?? 0;
  const middle = below + ((low[column]?.[nextBin] ?? 0) - below) / 2;
  let cut = bin;
  while (cut + 1 < nextBin && (highs[cut + 1] ?? Infinity) <= middle) cut += 1;
  return cut;
}

function hasMissing({ binned }: ForestRows, { rows, start, count }: NodeRows, column: number): boolean {
  const bins = binned.columns[column];
  for (let at = start; at < start + count; at += 1) if (bins?.[rows[at] ?? 0] === binned.missing) return true;
  return false;
}

function writeLeaf(
  writer: ForestWriter,
  node: NodeRows,
  { outputCount, leafScales }: ForestRows,
  times: Uint32Array,
  isPure: boolean,
): void {
  let cover = 0;
  for (let at = node.start; at < node.start + node.count; at += 1) cover += times[node.rows[at] ?? 0] ?? 0;
  if (!isPure && leafScales !== null) unweigh(node, leafScales, outputCount);
  if (outputCount === 1) writer.value(node.sum / node.weight, cover);
  else if (isPure) writer.pure(node.labels[0] ?? 0, cover);
  else writer.shares(node.classWeights, node.weight, cover);
}

/** Takes class weights out of what a node sums up; the sums are read again for the next node. */
function unweigh(node: NodeRows, leafScales: Float64Array, outputCount: number): void {
  if (outputCount === 1) {
    const negative = (node.weight - node.sum) * (leafScales[0] ?? 1);
    node.sum *= leafScales[1] ?? 1;
    node.weight = node.sum + negative;
    return;
  }
  node.weight = 0;
  for (let index = 0; index < node.classWeights.length; index += 1) {
    const weight = (node.classWeights[index] ?? 0) * (leafScales[index] ?? 1);
    node.classWeights[index] = weight;
    node.weight += weight;
  }
}
