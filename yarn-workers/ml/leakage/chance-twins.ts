import type { Parts } from './parts.ts';

/** Columns of more values are taken as independent of all others. */
const TREE_VALUES_MAX = 64;
/** Columns of a tree at most: 1,770 pairs. */
const TREE_COLUMNS_MAX = 60;

/**
 * The share of `rowCount` rows that would have an equal one by chance: each row's probability under a tree of the columns with few
 * values, each of which depends on one other, times that of all others as if they were independent. A row's own is not counted, so that a
 * value that is there once has none; what rows share in three columns and more is not known to a tree, so the share is rather too small.
 *
 * @param columns values of some of the rows, a column each, in the same rows
 * @see C. Chow, C. Liu 1968, "Approximating discrete probability distributions with dependence trees", IEEE Transactions on Information Theory
 */
export function expectedTwinShare(columns: readonly Parts[], rowCount: number): number {
  const sampled = columns[0]?.codes.length ?? 0;
  if (sampled < 2) return 0;
  const narrow = columns.filter(({ count }) => count <= TREE_VALUES_MAX).slice(0, TREE_COLUMNS_MAX);
  const wide = columns.filter((column) => !narrow.includes(column));
  const probabilities = new Float64Array(sampled).fill(wide.reduce((product, one) => product * collision(one), 1));
  for (const { column, parent } of treeOf(narrow)) {
    const joint = parent === null ? column : pairOf(column, parent);
    const sizes = sizesOf(joint);
    const parentSizes = parent === null ? null : sizesOf(parent);
    for (let row = 0; row < sampled; row += 1) {
      const others = (sizes[joint.codes[row] ?? 0] ?? 0) - 1;
      const all = (parentSizes === null ? sampled : (parentSizes[parent?.codes[row] ?? 0] ?? 0)) - 1;
      probabilities[row] = (probabilities[row] ?? 0) * (all === 0 ? 0 : others / all);
    }
  }
  return probabilities.reduce((sum, p) => sum - Math.expm1(-p * (rowCount - 1)), 0) / sampled;
}

interface Leaf {
  readonly column: Parts;
  parent: Parts | null;
  gain: number;
}

/** Each column with the one that it depends on: the tree of most information, by Prim; null where none tells more than chance. */
function treeOf(columns: readonly Parts[]): readonly Leaf[] {
  const left = columns.map((column): Leaf => ({ column, parent: null, gain: 0 }));
  const tree: Leaf[] = [];
  while (left.length > 0) {
    const best = left.reduce((most, one, index) => (one.gain > (left[most]?.gain ?? 0) ? index : most), 0);
    const [taken] = left.splice(best, 1);
    if (taken === undefined) break;
    tree.push(taken);
    for (const one of left) {
      const gain = information(one.column, taken.column);
      if (gain > one.gain) [one.gain, one.parent] = [gain, taken.column];
    }
  }
  return tree;
}

/** Mutual information in nats, less what chance gives. @see G. Miller 1955, "Note on the bias of information estimates" */
function information(a: Parts, b: Parts): number {
  const rows = a.codes.length;
  const joint = sizesOf(pairOf(a, b));
  const [ofA, ofB] = [sizesOf(a), sizesOf(b)];
  let sum = 0;
  for (const [code, size] of joint.entries()) {
    if (size === 0) continue;
    const expected = (ofA[Math.floor(code / b.count)] ?? 0) * (ofB[code % b.count] ?? 0);
    sum += (size / rows) * Math.log((size * rows) / expected);
  }
  const used = (sizes: Float64Array): number => sizes.filter((size) => size > 0).length;
  return sum - ((used(ofA) - 1) * (used(ofB) - 1)) / (2 * rows);
}

const pairOf = (a: Parts, b: Parts): Parts => ({
  codes: a.codes.map((code, row) => code * b.count + (b.codes[row] ?? 0)),
  count: a.count * b.count,
});

function sizesOf({ codes, count }: Parts): Float64Array {
  const sizes = new Float64Array(count);
  for (const code of codes) sizes[code] = (sizes[code] ?? 0) + 1;
  return sizes;
}

/** That two different rows have the same value. */
function collision(column: Parts): number {
  const rows = column.codes.length;
  return sizesOf(column).reduce((sum, size) => sum + (size * (size - 1)) / (rows * (rows - 1)), 0);
}
