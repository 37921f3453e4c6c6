import { AppError, type Link } from '#contracts';
import type { CompiledModel } from './compile.ts';
import {
  COLUMN_SHIFT,
  CUT_MAX,
  MISSING_LEFT_BIT,
  checkForest,
  type ForestArrays,
  type ForestShape,
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
  const shape = checkForest(forest, places.length);
  const scoreBlock = linked(forest, sumOfTrees(forest, shape, places));
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

/** Node, left, right of all nodes beside each other: a step down a tree reads one place of memory. */
function interleaved({ node }: ForestArrays, { left, right }: ForestShape): Int32Array {
  const steps = new Int32Array(3 * node.length);
  for (let at = 0; at < node.length; at += 1) {
    steps[3 * at] = node[at] ?? 0;
    const childOf = (child: number): number => (child >= 0 ? 3 * child : child);
    steps[3 * at + 1] = childOf(left[at] ?? -1);
    steps[3 * at + 2] = childOf(right[at] ?? -1);
  }
  return steps;
}

/** Where each tree begins: its first step, or below 0 the leaf that it is. */
const rootsOf = ({ treeCount, nodeOffset, leafOffset }: ForestArrays): Int32Array =>
  Int32Array.from({ length: treeCount }, (_, tree) => {
    const first = nodeOffset[tree] ?? 0;
    return first === nodeOffset[tree + 1] ? ~(leafOffset[tree] ?? 0) : 3 * first;
  });

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
function sumOfTrees(forest: ForestArrays, shape: ForestShape, places: Int32Array): BlockEvaluator {
  const { outputCount } = forest;
  const binsOf = rowBinner(forest, places);
  const width = places.length;
  const bins = Array.from({ length: BLOCK_ROWS }, () => new Int32Array(width));
  const steps = interleaved(forest, shape);
  const roots = rootsOf(forest);
  const addLeaf = leafAdder(forest);
  const prior = forest.prior.map((value) => value * forest.priorVotes);
  return (values, base, stride, rowCount, out, at) => {
    for (let row = 0; row < rowCount; row += 1) {
      binsOf(values, base + row * stride, bins[row] ?? new Int32Array(width));
      for (let output = 0; output < outputCount; output += 1) out[at + row * outputCount + output] = prior[output] ?? 0;
    }
    for (const root of roots) {
      for (let row = 0, place = at; row < rowCount; row += 1, place += outputCount) {
        const own = bins[row];
        let step = root;
        while (step >= 0) {
          const word = steps[step] ?? 0;
          const bin = own?.[word >>> COLUMN_SHIFT] ?? 0;
          const isLeft = bin <= (word & CUT_MAX) || (bin === MISSING_BIN && (word & MISSING_LEFT_BIT) !== 0);
          step = (isLeft ? steps[step + 1] : steps[step + 2]) ?? -1;
        }
        addLeaf(~step, out, place);
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
