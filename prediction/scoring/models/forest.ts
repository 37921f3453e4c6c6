import { AppError, type Link } from '#contracts';
import type { CompiledModel } from './compile.ts';
import {
  COLUMN_SHIFT,
  CUT_MAX,
  LEFT_LEAF_BIT,
  MISSING_LEFT_BIT,
  checkForest,
  type ForestArrays,
} from './forest-arrays.ts';
import { CATEGORY_COLUMN } from './column-points.ts';
import { BLOCK_ROWS, rowOf, type BlockEvaluator } from './tree-walk.ts';

/** The bin of a missing number: above all others, so that it goes right unless the node says left. */
export const MISSING_BIN = CUT_MAX + 2;

/** Averages are kept this far from 0 and 1, so that their logarithms are finite. */
const SHARE_MIN = 1e-15;

/**
 * Compiles a forest for a matrix. A row's values are put into bins once, then every tree is walked by whole numbers alone, by all rows of a
 * block before the next one. Sums run in tree order after the prior.
 *
 * @param columnCount columns of the matrix
 * @param columns matrix column of each of the model's columns; the same by default
 * @throws ARTIFACT_INVALID see `checkForest`
 */
export function compileForest(forest: ForestArrays, columnCount: number, columns?: Int32Array): CompiledModel {
  const places = columns ?? Int32Array.from({ length: columnCount }, (_, column) => column);
  for (const place of places) {
    if (place < 0 || place >= columnCount)
      throw new AppError('ARTIFACT_INVALID', `forest: column ${place} of ${columnCount}`);
  }
  const steps = interleaved(forest, checkForest(forest, places.length));
  const scoreBlock = linked(forest, sumOfTrees(forest, steps, places));
  return { outputCount: forest.outputCount, score: rowOf(scoreBlock), scoreBlock };
}

/** Writes the bin of each column that nodes ask; see {@link ForestArrays}. */
export type RowBinner = (values: Float64Array, base: number, bins: Int32Array) => void;

/** @param forest checked */
export function rowBinner(
  {
    columnKind,
    pointOffset,
    point,
    otherwiseBin,
  }: Pick<ForestArrays, 'columnKind' | 'pointOffset' | 'point' | 'otherwiseBin'>,
  places: Int32Array,
): RowBinner {
  return (values, base, bins) => {
    for (let column = 0; column < places.length; column += 1) {
      const x = values[base + (places[column] ?? 0)] ?? NaN;
      const from = pointOffset[column] ?? 0;
      const to = pointOffset[column + 1] ?? 0;
      if (columnKind[column] === CATEGORY_COLUMN) {
        bins[column] = (x >= 0 && x < to - from ? point[from + Math.trunc(x)] : otherwiseBin[column]) ?? 0;
      } else if (Number.isNaN(x)) {
        bins[column] = MISSING_BIN;
      } else {
        let low = from;
        for (let high = to; low < high;) {
          const middle = (low + high) >>> 1;
          if ((point[middle] ?? NaN) < x) low = middle + 1;
          else high = middle;
        }
        bins[column] = low - from;
      }
    }
  };
}

/**
 * Node and right child of all nodes beside each other: a step down a tree reads one place of memory. Nodes and leaves stand in preorder,
 * so the left child of a node is the next one, or the next leaf.
 */
function interleaved({ node }: ForestArrays, right: Int32Array): Int32Array {
  const steps = new Int32Array(2 * node.length);
  for (let at = 0; at < node.length; at += 1) {
    const child = right[at] ?? -1;
    steps[2 * at] = node[at] ?? 0;
    steps[2 * at + 1] = child >= 0 ? 2 * child : child;
  }
  return steps;
}

/** Adds what a leaf says to the sums of a row, which begin at `at`. */
type LeafAdder = (leaf: number, out: Float64Array, at: number) => void;

function leafAdder({ outputCount, leafValue, leafShares, sharesOffset, shareClass, share }: ForestArrays): LeafAdder {
  if (outputCount === 1)
    return (leaf, out, at) => {
      out[at] = (out[at] ?? NaN) + (leafValue[leaf] ?? NaN);
    };
  return (leaf, out, at) => {
    const shares = leafShares[leaf] ?? 0;
    for (let entry = sharesOffset[shares] ?? 0; entry < (sharesOffset[shares + 1] ?? 0); entry += 1) {
      const place = at + (shareClass[entry] ?? 0);
      out[place] = (out[place] ?? NaN) + (share[entry] ?? NaN);
    }
  };
}

/** Writes the prior's and all trees' sum, of at most BLOCK_ROWS rows; see `linked` for what follows. */
function sumOfTrees(forest: ForestArrays, steps: Int32Array, places: Int32Array): BlockEvaluator {
  const { outputCount, treeCount, nodeOffset, leafOffset } = forest;
  const binsOf = rowBinner(forest, places);
  const width = places.length;
  const bins = Array.from({ length: BLOCK_ROWS }, () => new Int32Array(width));
  const addLeaf = leafAdder(forest);
  const prior = forest.prior.map((value) => value * forest.priorVotes);
  return (values, base, stride, rowCount, out, at) => {
    for (let row = 0; row < rowCount; row += 1) {
      binsOf(values, base + row * stride, bins[row] ?? new Int32Array(width));
      for (let output = 0; output < outputCount; output += 1) out[at + row * outputCount + output] = prior[output] ?? 0;
    }
    for (let tree = 0; tree < treeCount; tree += 1) {
      const first = nodeOffset[tree] ?? 0;
      const root = first === nodeOffset[tree + 1] ? -1 : 2 * first;
      const firstLeaf = leafOffset[tree] ?? 0;
      for (let row = 0, place = at; row < rowCount; row += 1, place += outputCount) {
        const own = bins[row];
        let step = root;
        // The next leaf in preorder.
        let leaf = firstLeaf;
        while (step >= 0) {
          const word = steps[step] ?? 0;
          const bin = own?.[word >>> COLUMN_SHIFT] ?? 0;
          if (bin <= (word & CUT_MAX) || (bin === MISSING_BIN && (word & MISSING_LEFT_BIT) !== 0)) {
            if ((word & LEFT_LEAF_BIT) !== 0) break;
            step += 2;
          } else {
            const right = steps[step + 1] ?? -1;
            // Between a node and its right child are as many leaves as nodes.
            leaf = right >= 0 ? leaf + ((right - step) >> 1) : ~right;
            step = right;
          }
        }
        addLeaf(leaf, out, place);
      }
    }
  };
}

function linked(
  { outputCount, link, shift, treeCount, priorVotes }: ForestArrays,
  sum: BlockEvaluator,
): BlockEvaluator {
  const votes = treeCount + priorVotes;
  return (values, base, stride, rowCount, out, at) => {
    sum(values, base, stride, rowCount, out, at);
    for (let place = at; place < at + rowCount * outputCount; place += 1) {
      const raw = onLinkScale(link, (out[place] ?? NaN) / votes);
      out[place] = shift === undefined ? raw : raw + (shift[(place - at) % outputCount] ?? NaN);
    }
  };
}

/** An average of shares or means on the link scale: log odds, logarithm of a share, the mean, or its logarithm. */
export function onLinkScale(link: Link, average: number): number {
  switch (link) {
    case 'identity':
      return average;
    case 'log':
      return Math.log(Math.max(average, Number.MIN_VALUE));
    case 'softmax':
      return Math.log(Math.max(average, SHARE_MIN));
    case 'logit': {
      const kept = Math.min(Math.max(average, SHARE_MIN), 1 - SHARE_MIN);
      return Math.log(kept / (1 - kept));
    }
  }
}
