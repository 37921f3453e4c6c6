import type { TreeArrays } from '../tree-arrays.ts';
import { goesLeft, type ColumnCells } from './column-cells.ts';
import type { LeafWords } from './leaf-words.ts';

/** Words that {@link writeSets} changes, for one column after the other: what building takes. */
export function buildSteps(trees: TreeArrays, words: LeafWords, cells: readonly ColumnCells[]): number {
  const cellCount = new Map(cells.map((item) => [item.column, item.cellCount]));
  let steps = 0;
  for (let tree = 0; tree < trees.treeCount; tree += 1) {
    for (let node = trees.nodeOffset[tree] ?? 0; node < (trees.nodeOffset[tree + 1] ?? 0); node += 1)
      steps += (words.width[tree] ?? 0) * (cellCount.get(trees.splitFeature[node] ?? -1) ?? 0);
  }
  return steps;
}

/**
 * Writes for each column and cell the leaves that its values can still reach: of all leaves, at each node of the column those on the
 * other side are taken out.
 *
 * @param firstWord by column of `cells`: where its sets begin, one cell's `wordCount` words after the other's
 */
export function writeSets(
  trees: TreeArrays,
  words: LeafWords,
  cells: readonly ColumnCells[],
  firstWord: Int32Array,
  sets: Int32Array,
): void {
  for (const [index, { cellCount }] of cells.entries()) {
    for (let cell = 0; cell < cellCount; cell += 1)
      sets.set(words.full, (firstWord[index] ?? 0) + cell * words.wordCount);
  }
  const placeOf = new Map(cells.map((item, index) => [item.column, { item, first: firstWord[index] ?? 0 }]));
  for (let tree = 0; tree < trees.treeCount; tree += 1) {
    const from = trees.nodeOffset[tree] ?? 0;
    const treeWord = words.firstWord[tree] ?? 0;
    const width = words.width[tree] ?? 0;
    const below = leavesBelow(trees, tree, width);
    for (let node = from; node < (trees.nodeOffset[tree + 1] ?? 0); node += 1) {
      const place = placeOf.get(trees.splitFeature[node] ?? -1);
      if (place === undefined) continue;
      const sides = (node - from) * 2 * width;
      for (let cell = 0; cell < place.item.cellCount; cell += 1) {
        const excluded = sides + (goesLeft(trees, node, place.item, cell) ? width : 0);
        const at = place.first + cell * words.wordCount + treeWord;
        for (let word = 0; word < width; word += 1)
          sets[at + word] = (sets[at + word] ?? 0) & ~(below[excluded + word] ?? 0);
      }
    }
  }
}

/** For each node of a tree the leaves below its left and its right child: nodes x 2 x width words. */
function leavesBelow(trees: TreeArrays, tree: number, width: number): Int32Array {
  const first = trees.nodeOffset[tree] ?? 0;
  const count = (trees.nodeOffset[tree + 1] ?? 0) - first;
  const below = new Int32Array(count * 2 * width);
  // Children are numbered above their parents (checkTrees).
  for (let node = count - 1; node >= 0; node -= 1) {
    for (const side of [0, 1]) {
      const child = (side === 0 ? trees.left[first + node] : trees.right[first + node]) ?? 0;
      const at = (node * 2 + side) * width;
      if (child < 0) {
        below[at + (~child >> 5)] = 1 << (~child & 31);
        continue;
      }
      const from = child * 2 * width;
      for (let word = 0; word < width; word += 1)
        below[at + word] = (below[from + word] ?? 0) | (below[from + width + word] ?? 0);
    }
  }
  return below;
}
