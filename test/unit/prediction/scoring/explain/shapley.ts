import type { TreeArrays } from '#scoring';
import { referenceLeft } from '../random-trees.ts';

/** Base values and contributions by output, then by column. */
export interface ShapleyValues {
  readonly base: number[];
  readonly phi: number[][];
}

/**
 * Contributions by the definition, for few columns: the mean over all orders in which columns become known, the worth of a
 * coalition being `expectedValue`. Exponential in the number of columns.
 *
 * @see Lundberg et al. 2020, equations 2 and 3, algorithm 1 (EXPVALUE)
 */
export function shapleyByDefinition(trees: TreeArrays, row: readonly number[]): ShapleyValues {
  return shapleyOfGame(row.length, (known) => expectedValues(trees, row, known));
}

/** @param worthOf what a coalition, a set of bits, is worth by output */
export function shapleyOfGame(columnCount: number, worthOf: (known: number) => number[]): ShapleyValues {
  const worth = Array.from({ length: 2 ** columnCount }, (_, known) => worthOf(known));
  const base = worth[0] ?? [];
  const phi = base.map((_, output) =>
    Array.from({ length: columnCount }, (_value, column) => {
      let sum = 0;
      for (let known = 0; known < worth.length; known += 1) {
        if ((known >> column) % 2 === 1) continue;
        const size = bitCount(known);
        const weight = (factorial(size) * factorial(columnCount - size - 1)) / factorial(columnCount);
        sum += weight * ((worth[known | (1 << column)]?.[output] ?? NaN) - (worth[known]?.[output] ?? NaN));
      }
      return sum;
    }),
  );
  return { base, phi };
}

const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1));
const bitCount = (bits: number): number => bits.toString(2).replaceAll('0', '').length;

/** Mean raw scores where only the columns of the set `known` are: both ways are gone at nodes that ask others. */
function expectedValues(trees: TreeArrays, row: readonly number[], known: number): number[] {
  const sums = new Array<number>(trees.outputCount).fill(0);
  for (let tree = 0; tree < trees.treeCount; tree += 1) {
    const first = trees.nodeOffset[tree] ?? 0;
    const start = first === trees.nodeOffset[tree + 1] ? -1 : 0;
    const output = tree % trees.outputCount;
    sums[output] = (sums[output] ?? 0) + meanBelow(trees, tree, start, row, known).mean;
  }
  const divisor = trees.averageOutput ? trees.treeCount / trees.outputCount : 1;
  return sums.map((sum) => sum / divisor);
}

function meanBelow(
  trees: TreeArrays,
  tree: number,
  node: number,
  row: readonly number[],
  known: number,
): { mean: number; cover: number } {
  if (node < 0) {
    const leaf = (trees.leafOffset[tree] ?? 0) + ~node;
    return { mean: trees.leafValue[leaf] ?? NaN, cover: trees.leafCover?.[leaf] ?? NaN };
  }
  const at = (trees.nodeOffset[tree] ?? 0) + node;
  const left = meanBelow(trees, tree, trees.left[at] ?? 0, row, known);
  const right = meanBelow(trees, tree, trees.right[at] ?? 0, row, known);
  const cover = left.cover + right.cover;
  const column = trees.splitFeature[at] ?? 0;
  if ((known >> column) % 2 === 1) return { mean: (referenceLeft(trees, at, row) ? left : right).mean, cover };
  return { mean: (left.mean * left.cover + right.mean * right.cover) / cover, cover };
}
