import type { BinArray } from './bins.ts';
import { SORTED_ROWS_MAX } from './limits.ts';
import { offer, type ColumnSearch, type ForestRows, type NodeRows, type Split } from './tree-rows.ts';

/** Rows of a node in one column, ascending by bin; buffers that all searches share. */
interface Sorted {
  /** Places in the node, and their bins. */
  readonly order: Int32Array;
  readonly bins: Int32Array;
  /** Rows whose number is there. */
  present: number;
}

const binMaxOf = ({ high }: ForestRows): number => high.reduce((most, { length }) => Math.max(most, length), 1);

/** Insertion sort for few rows, else counting sort; both are stable. Rows without a number are left out. */
function rowSorter({ rowCount, binned }: ForestRows, binMax: number) {
  const { missing } = binned;
  const sorted: Sorted = { order: new Int32Array(rowCount), bins: new Int32Array(rowCount), present: 0 };
  const ends = new Int32Array(binMax + 1);
  const insert = ({ rows, start, count }: NodeRows, bins: BinArray): void => {
    const { order, bins: sortedBins } = sorted;
    let present = 0;
    for (let place = 0; place < count; place += 1) {
      const bin = bins[rows[start + place] ?? 0] ?? 0;
      if (bin === missing) continue;
      let at = present;
      for (; at > 0 && (sortedBins[at - 1] ?? 0) > bin; at -= 1) {
        sortedBins[at] = sortedBins[at - 1] ?? 0;
        order[at] = order[at - 1] ?? 0;
      }
      sortedBins[at] = bin;
      order[at] = place;
      present += 1;
    }
    sorted.present = present;
  };
  const distribute = ({ rows, start, count }: NodeRows, bins: BinArray): void => {
    const { order, bins: sortedBins } = sorted;
    ends.fill(0);
    let present = 0;
    for (let place = 0; place < count; place += 1) {
      const bin = bins[rows[start + place] ?? 0] ?? 0;
      if (bin === missing) continue;
      ends[bin + 1] = (ends[bin + 1] ?? 0) + 1;
      present += 1;
    }
    for (let bin = 1; bin <= binMax; bin += 1) ends[bin] = (ends[bin] ?? 0) + (ends[bin - 1] ?? 0);
    for (let place = 0; place < count; place += 1) {
      const bin = bins[rows[start + place] ?? 0] ?? 0;
      if (bin === missing) continue;
      const at = ends[bin] ?? 0;
      sortedBins[at] = bin;
      order[at] = place;
      ends[bin] = at + 1;
    }
    sorted.present = present;
  };
  return (node: NodeRows, column: number): Sorted => {
    const bins = binned.columns[column];
    if (bins === undefined) sorted.present = 0;
    else if (node.count <= SORTED_ROWS_MAX) insert(node, bins);
    else distribute(node, bins);
    return sorted;
  };
}

/** Sums of a node's rows by bin, those of bins that have rows only, and of the rows without a number. */
interface Groups {
  readonly bin: Int32Array;
  readonly rows: Int32Array;
  readonly weight: Float64Array;
  readonly sum: Float64Array;
  count: number;
}

/**
 * Finds the best split of a column by variance, which for labels 0 and 1 is half the Gini index: the cut between two bins,
 * and the side of missing numbers.
 *
 * @see Breiman et al. 1984, "Classification and regression trees", 8.3; scikit-learn 1.9, `_splitter.pyx` (BestSplitter)
 */
export function bestNumberSearch(rows: ForestRows): ColumnSearch {
  const binMax = binMaxOf(rows);
  const sort = rowSorter(rows, binMax);
  const histogram = binHistogram(rows, binMax);
  const groups: Groups = {
    bin: new Int32Array(binMax),
    rows: new Int32Array(binMax),
    weight: new Float64Array(binMax),
    sum: new Float64Array(binMax),
    count: 0,
  };
  return (column, node, minRows, best) => {
    if (node.count <= SORTED_ROWS_MAX) groupSorted(sort(node, column), node, groups);
    else histogram(node, column, groups);
    let present = 0;
    for (let group = 0; group < groups.count; group += 1) present += groups.rows[group] ?? 0;
    const hasMissing = present < node.count;
    if (groups.count === 0 || (groups.count === 1 && !hasMissing)) return false;
    scanGroups(groups, node, column, minRows, hasMissing ? node.count - present : 0, best);
    return true;
  };
}

function groupSorted({ order, bins, present }: Sorted, { labels, weights }: NodeRows, groups: Groups): void {
  let group = -1;
  let last = -1;
  for (let at = 0; at < present; at += 1) {
    const place = order[at] ?? 0;
    const weight = weights[place] ?? 0;
    const value = weight * (labels[place] ?? 0);
    const bin = bins[at] ?? 0;
    if (bin === last) {
      groups.rows[group] = (groups.rows[group] ?? 0) + 1;
      groups.weight[group] = (groups.weight[group] ?? 0) + weight;
      groups.sum[group] = (groups.sum[group] ?? 0) + value;
      continue;
    }
    last = bin;
    group += 1;
    groups.bin[group] = bin;
    groups.rows[group] = 1;
    groups.weight[group] = weight;
    groups.sum[group] = value;
  }
  groups.count = group + 1;
}

function binHistogram({ binned }: ForestRows, binMax: number) {
  const { missing } = binned;
  const rowsOf = new Int32Array(binMax);
  const weightOf = new Float64Array(binMax);
  const sumOf = new Float64Array(binMax);
  return ({ rows, start, count, labels, weights }: NodeRows, column: number, groups: Groups): void => {
    const bins = binned.columns[column];
    groups.count = 0;
    if (bins === undefined) return;
    for (let place = 0; place < count; place += 1) {
      const bin = bins[rows[start + place] ?? 0] ?? 0;
      if (bin === missing) continue;
      const weight = weights[place] ?? 0;
      rowsOf[bin] = (rowsOf[bin] ?? 0) + 1;
      weightOf[bin] = (weightOf[bin] ?? 0) + weight;
      sumOf[bin] = (sumOf[bin] ?? 0) + weight * (labels[place] ?? 0);
    }
    let group = 0;
    for (let bin = 0; bin < binMax; bin += 1) {
      const found = rowsOf[bin] ?? 0;
      if (found === 0) continue;
      groups.bin[group] = bin;
      groups.rows[group] = found;
      groups.weight[group] = weightOf[bin] ?? 0;
      groups.sum[group] = sumOf[bin] ?? 0;
      group += 1;
      rowsOf[bin] = 0;
      weightOf[bin] = 0;
      sumOf[bin] = 0;
    }
    groups.count = group;
  };
}

/** Cuts between all groups, missing ones on the right and then, where there are some, on the left. */
function scanGroups(
  groups: Groups,
  node: NodeRows,
  column: number,
  minRows: number,
  missingRows: number,
  best: Split,
): void {
  const { bin, rows, weight, sum, count } = groups;
  let missingWeight = node.weight;
  let missingSum = node.sum;
  if (missingRows > 0) {
    for (let group = 0; group < count; group += 1) {
      missingWeight -= weight[group] ?? 0;
      missingSum -= sum[group] ?? 0;
    }
  }
  for (let side = 0; side < (missingRows > 0 ? 2 : 1); side += 1) {
    const isLeft = side === 1;
    let leftRows = isLeft ? missingRows : 0;
    let leftWeight = isLeft ? missingWeight : 0;
    let leftSum = isLeft ? missingSum : 0;
    // With missing ones on the right all numbers together may go left.
    const ends = missingRows > 0 && !isLeft ? count : count - 1;
    for (let group = 0; group < ends; group += 1) {
      leftRows += rows[group] ?? 0;
      leftWeight += weight[group] ?? 0;
      leftSum += sum[group] ?? 0;
      if (leftRows < minRows || node.count - leftRows < minRows) continue;
      const rightSum = node.sum - leftSum;
      const score = (leftSum * leftSum) / leftWeight + (rightSum * rightSum) / (node.weight - leftWeight);
      if (score > best.score)
        offer(best, score, column, bin[group] ?? 0, group + 1 < count ? (bin[group + 1] ?? 0) : -1, isLeft);
    }
  }
}

/** The same for several classes by the Gini index, row by row: a row changes two squares, however many classes there are. */
export function bestClassSearch(rows: ForestRows): ColumnSearch {
  const sort = rowSorter(rows, binMaxOf(rows));
  const left = new Float64Array(rows.outputCount);
  const missing = new Float64Array(rows.outputCount);
  return (column, node, minRows, best) => {
    const sorted = sort(node, column);
    const { present, bins } = sorted;
    const hasMissing = present < node.count;
    if (present === 0 || (!hasMissing && bins[0] === bins[present - 1])) return false;
    left.fill(0);
    scanRows(sorted, node, column, minRows, left, false, best);
    if (!hasMissing) return true;
    missing.set(node.classWeights);
    for (let at = 0; at < present; at += 1) {
      const place = sorted.order[at] ?? 0;
      const index = node.labels[place] ?? 0;
      missing[index] = (missing[index] ?? 0) - (node.weights[place] ?? 0);
    }
    scanRows(sorted, node, column, minRows, missing, true, best);
    return true;
  };
}

/** @param left weights by class of what is on the left before the first row */
function scanRows(
  { order, bins, present }: Sorted,
  node: NodeRows,
  column: number,
  minRows: number,
  left: Float64Array,
  missingLeft: boolean,
  best: Split,
): void {
  const { labels, weights, classWeights, count } = node;
  let leftRows = missingLeft ? count - present : 0;
  let leftWeight = 0;
  let leftSquares = 0;
  let rightSquares = 0;
  for (let index = 0; index < left.length; index += 1) {
    const there = left[index] ?? 0;
    leftWeight += there;
    leftSquares += there * there;
    rightSquares += ((classWeights[index] ?? 0) - there) ** 2;
  }
  for (let at = 0; at < present; at += 1) {
    const place = order[at] ?? 0;
    const weight = weights[place] ?? 0;
    const index = labels[place] ?? 0;
    const there = left[index] ?? 0;
    const other = (classWeights[index] ?? 0) - there;
    leftSquares += weight * (2 * there + weight);
    rightSquares -= weight * (2 * other - weight);
    left[index] = there + weight;
    leftWeight += weight;
    leftRows += 1;
    if (leftRows < minRows || count - leftRows < minRows) continue;
    const isLast = at + 1 === present;
    if (isLast ? leftRows === count : bins[at + 1] === bins[at]) continue;
    const score = leftSquares / leftWeight + rightSquares / (node.weight - leftWeight);
    if (score > best.score) offer(best, score, column, bins[at] ?? 0, isLast ? -1 : (bins[at + 1] ?? 0), missingLeft);
  }
}
