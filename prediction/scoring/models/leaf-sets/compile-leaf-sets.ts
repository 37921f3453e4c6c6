import { compileWasm, instantiate, type WasmInstance } from '#wasm';
import type { TreeArrays } from '../tree-arrays.ts';
import { divisorOf, type BlockEvaluator } from '../tree-walk.ts';
import { columnCells, type ColumnCells } from './column-cells.ts';
import { buildSteps, writeSets } from './exclude-leaves.ts';
import { cutPlaces, layOut, numberAt, ROWS_TOGETHER, wordAt, writeLeaves, type Layout } from './layout.ts';
import { leafCountOf, leafWords, type LeafWords } from './leaf-words.ts';
import { rowFunction, type RowFunctions } from './row-function.ts';

/** Leaf sets of one model are at most so many 32-bit words (16 MiB). */
const SET_WORDS_MAX = 4 * 1024 * 1024;
/** Columns are unrolled in the code: some 50 kB of these. */
const COLUMNS_MAX = 256;
/**
 * Above so many words to intersect for each node that walking would visit, walking wins. 100 trees, us of the processor a row, sets / walked:
 * 14 columns 31 leaves (2 words a visit) 0.23 / 7.4; 30 columns (5) 0.74 / 8.6; 60 columns (9) 1.3 / 8.5; 14 columns 255 leaves (11)
 * 1.8 / 22; 120 columns 31 leaves (19) 2.8 / 8.8; 60 columns 127 leaves (28, 14 MB of sets) 13.1 / 10.6.
 */
const WORDS_PER_VISIT_MAX = 24;
/** Steps of building the sets, 1 to 2 ns each: what would take longer is walked. */
const BUILD_STEPS_MAX = 100_000_000;

/**
 * Evaluates trees without walking them: for each column and cell of its values, the set of leaves that can still be
 * reached is known beforehand; the intersection over all columns is exactly one leaf a tree. No branch depends on the row,
 * and memory is read in order, by a function of WebAssembly that is made for the model. Sums run in tree order from 0: bit-equal to
 * `compileTreeWalk` and LightGBM 4.7 (a word without leaves adds 0 to a sum that is never -0).
 *
 * @returns null where walking is cheaper or sets would be too large (many columns, many leaves, many categories), and where leaves
 * are no constants
 * @see Lucchese et al. 2015, "QuickScorer: a fast algorithm to rank documents with additive ensembles of regression trees",
 * for leaf sets as bit vectors; here both ways of a node exclude leaves and cells replace the scan of thresholds; ADR 97 for figures
 */
export function compileLeafSets(trees: TreeArrays, columns: Int32Array): BlockEvaluator | null {
  if (trees.linear !== undefined) return null;
  const words = leafWords(trees);
  const cells = columnCells(trees);
  if (words === null || cells === null || !isWorthwhile(trees, words, cells)) return null;
  const layout = layOut(trees, words, cells);
  const instance = instanceOf(rowFunction(cells, words, layout, divisorOf(trees)), layout.bytes);
  if (instance === null) return null;
  fillMemory(trees, words, cells, layout, instance);
  // The cast holds: the module was made of this one function.
  const { score } = instance.exports as RowFunctions;
  const places = Int32Array.from(cells, ({ column }) => columns[column] ?? 0);
  return blocks(score, new Float64Array(instance.memory.buffer), layout, places, trees.outputCount);
}

/** Compares the words to intersect with the nodes that a row visits if every leaf is equally likely. */
function isWorthwhile(trees: TreeArrays, words: LeafWords, cells: readonly ColumnCells[]): boolean {
  if (cells.length === 0 || cells.length > COLUMNS_MAX) return false;
  const cellCount = cells.reduce((sum, column) => sum + column.cellCount, 0);
  return (
    words.wordCount * cellCount <= SET_WORDS_MAX &&
    words.wordCount * cells.length <= WORDS_PER_VISIT_MAX * visitsOf(trees) &&
    buildSteps(trees, words, cells) <= BUILD_STEPS_MAX
  );
}

function visitsOf(trees: TreeArrays): number {
  let visits = 0;
  const depth = new Int32Array(trees.splitFeature.length);
  for (let tree = 0; tree < trees.treeCount; tree += 1) {
    const first = trees.nodeOffset[tree] ?? 0;
    let depthSum = 0;
    depth.fill(0, first, first + 1);
    for (let node = first; node < (trees.nodeOffset[tree + 1] ?? 0); node += 1) {
      for (const child of [trees.left[node] ?? 0, trees.right[node] ?? 0]) {
        if (child >= 0) depth[first + child] = (depth[node] ?? 0) + 1;
        else depthSum += (depth[node] ?? 0) + 1;
      }
    }
    visits += 1 + depthSum / leafCountOf(trees, tree);
  }
  return visits;
}

/** Null where the process has no addresses left for a memory: such a model is walked. */
function instanceOf(score: ReturnType<typeof rowFunction>, bytes: number): WasmInstance | null {
  const module = compileWasm([score]);
  try {
    return instantiate(module, bytes);
  } catch (err) {
    if (err instanceof RangeError) return null;
    throw err;
  }
}

function fillMemory(
  trees: TreeArrays,
  words: LeafWords,
  cells: readonly ColumnCells[],
  layout: Layout,
  { memory }: WasmInstance,
): void {
  const numbers = new Float64Array(memory.buffer);
  for (const [index, column] of cells.entries()) {
    const at = numberAt(layout.cuts[index] ?? 0);
    numbers.fill(Infinity, at, at + cutPlaces(column));
    numbers.set(column.cuts, at);
  }
  writeLeaves(trees, words, layout.leaves, numbers);
  writeSets(trees, words, cells, Int32Array.from(layout.sets, wordAt), new Int32Array(memory.buffer));
}

/** Hands rows over, and takes their scores back. */
function blocks(
  score: RowFunctions['score'],
  numbers: Float64Array,
  layout: Layout,
  columns: Int32Array,
  outputCount: number,
): BlockEvaluator {
  const rows = numberAt(layout.rows);
  const outputs = numberAt(layout.outputs);
  const columnCount = columns.length;
  return (values, base, stride, rowCount, out, at) => {
    for (let from = 0; from < rowCount; from += ROWS_TOGETHER) {
      const count = Math.min(ROWS_TOGETHER, rowCount - from);
      for (let row = 0, place = rows, first = base + from * stride; row < count; row += 1, first += stride) {
        for (let index = 0; index < columnCount; index += 1, place += 1)
          numbers[place] = values[first + (columns[index] ?? 0)] ?? NaN;
      }
      score(count);
      for (let index = 0, place = at + from * outputCount; index < count * outputCount; index += 1, place += 1)
        out[place] = numbers[outputs + index] ?? NaN;
    }
  };
}
