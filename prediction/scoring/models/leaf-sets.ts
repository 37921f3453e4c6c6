import { CATEGORICAL_BIT, ZERO_THRESHOLD, MISSING_TYPE_SHIFT, MISSING_ZERO, type TreeArrays } from './tree-arrays.ts';
import { isMissingLeft, type RowEvaluator } from './tree-walk.ts';

/** Leaf sets of one model are at most so many 32-bit words (16 MiB). */
const SET_WORDS_MAX = 4 * 1024 * 1024;
/** Words of one tree: trees of more leaves are walked. */
const WORDS_PER_TREE_MAX = 64;
/**
 * Above so many words to intersect for each node that walking would visit, walking wins. Measured us a row, walked / sets:
 * 14 columns 31 leaves (2 words a visit) 6.8 / 1.7; 63 leaves 24.5 / 8.0; 60 columns 31 leaves (8) 9.9 / 9.2;
 * 14 columns 255 leaves (9) 8.9 / 10.2.
 */
const WORDS_PER_VISIT_MAX = 8;
/** Steps of building the sets, 1 to 2 ns each: what would take longer is walked. */
const BUILD_STEPS_MAX = 100_000_000;
/** Columns that are intersected in one pass. */
const PASS_COLUMNS = 8;

/** A column that nodes read. Its values fall into cells; all values of a cell take the same way at every node. */
interface ColumnCells {
  readonly column: number;
  readonly isCategory: boolean;
  /** dense: distinct thresholds, ascending. Cell i: (cuts[i - 1], cuts[i]]; then one cell for NaN, one for zero. */
  readonly cuts: Float64Array;
  /** category: cells 0.. are the categories themselves, the last one is all others and NaN */
  readonly cellCount: number;
  /** word of cell 0 in the sets */
  readonly firstWord: number;
}

/** Each tree owns one or more words; bit b of its word w is its leaf 32 w + b. */
interface LeafWords {
  readonly wordCount: number;
  /** treeCount + 1 */
  readonly firstWord: Int32Array;
  readonly firstLeaf: Int32Array;
  readonly output: Int32Array;
  /** all leaves that exist */
  readonly full: Int32Array;
}

/**
 * Evaluates trees without walking them: for each column and cell of its values, the set of leaves that can still be
 * reached is known beforehand; the intersection over all columns is exactly one leaf a tree. No branch depends on the row,
 * and memory is read in order. Sums run in tree order from 0: bit-equal to `compileTreeWalk` and LightGBM 4.7.
 *
 * Figures: 100 trees x 31 leaves, 14 columns (8 categorical), one thread of a shared machine: 1.0 us a row of float64 values
 * (0.3 us of it finding cells) against 4.9 us walked; passes over 4 columns instead of 7 or 8: 1.5 us. 30 numeric columns: 1.8 us of
 * the processor a row, beside other work, with buckets of cuts; 2.8 us where all cuts of a column are halved (`batch-prediction.bench.ts`).
 *
 * @returns null where walking is cheaper or sets would be too large (many columns, many leaves, many categories), and where leaves
 * are no constants
 * @see Lucchese et al. 2015, "QuickScorer: a fast algorithm to rank documents with additive ensembles of regression trees",
 * for leaf sets as bit vectors; here both ways of a node exclude leaves and cells replace the scan of thresholds
 */
export function compileLeafSets(trees: TreeArrays, columns: Int32Array): RowEvaluator | null {
  if (trees.linear !== undefined) return null;
  const words = leafWords(trees);
  if (words === null || words.wordCount === 0) return null;
  const cells = columnCells(trees, words.wordCount);
  if (cells === null || !isWorthwhile(trees, words, cells)) return null;
  const last = cells.at(-1);
  const setWords = last === undefined ? 0 : last.firstWord + last.cellCount * words.wordCount;
  // One more row, of all leaves, fills passes up.
  const sets = new Int32Array(setWords + words.wordCount);
  for (let at = 0; at < sets.length; at += words.wordCount) sets.set(words.full, at);
  excludeLeaves(trees, words, cells, sets);
  const find = cellFinder(cells, columns, words.wordCount, setWords);
  return withSums(trees, words, sets, find.locate, find.offsets);
}

function leafWords(trees: TreeArrays): LeafWords | null {
  const firstWord = new Int32Array(trees.treeCount + 1);
  for (let tree = 0; tree < trees.treeCount; tree += 1) {
    const count = Math.ceil(leafCountOf(trees, tree) / 32);
    if (count > WORDS_PER_TREE_MAX) return null;
    firstWord[tree + 1] = (firstWord[tree] ?? 0) + count;
  }
  const wordCount = firstWord[trees.treeCount] ?? 0;
  const words = {
    wordCount,
    firstWord,
    firstLeaf: new Int32Array(wordCount),
    output: new Int32Array(wordCount),
    full: new Int32Array(wordCount),
  };
  for (let tree = 0; tree < trees.treeCount; tree += 1) {
    const first = firstWord[tree] ?? 0;
    for (let word = first; word < (firstWord[tree + 1] ?? 0); word += 1) {
      const left = leafCountOf(trees, tree) - 32 * (word - first);
      words.firstLeaf[word] = (trees.leafOffset[tree] ?? 0) + 32 * (word - first);
      words.output[word] = tree % trees.outputCount;
      words.full[word] = left >= 32 ? -1 : (1 << left) - 1;
    }
  }
  return words;
}

const leafCountOf = (trees: TreeArrays, tree: number): number =>
  (trees.leafOffset[tree + 1] ?? 0) - (trees.leafOffset[tree] ?? 0);

/** The columns that nodes read, or null if one is both numeric and categorical or the sets would be too large. */
function columnCells(trees: TreeArrays, wordCount: number): readonly ColumnCells[] | null {
  const cuts = new Map<number, Set<number>>();
  const categories = new Map<number, number>();
  for (let node = 0; node < trees.splitFeature.length; node += 1) {
    const column = trees.splitFeature[node] ?? 0;
    const threshold = trees.threshold[node] ?? 0;
    if (((trees.decisionType[node] ?? 0) & CATEGORICAL_BIT) !== 0) {
      categories.set(column, Math.max(categories.get(column) ?? 0, categoryCountOf(trees, threshold)));
    } else {
      const known = cuts.get(column) ?? new Set<number>();
      known.add(threshold);
      cuts.set(column, known);
    }
  }
  const cells: ColumnCells[] = [];
  let firstWord = 0;
  for (const column of [...new Set([...cuts.keys(), ...categories.keys()])].sort((a, b) => a - b)) {
    const thresholds = cuts.get(column);
    const categoryCount = categories.get(column);
    if (thresholds !== undefined && categoryCount !== undefined) return null;
    const cellCount = categoryCount === undefined ? (thresholds?.size ?? 0) + 3 : categoryCount + 1;
    const sorted = Float64Array.from(thresholds ?? []).sort();
    cells.push({ column, isCategory: categoryCount !== undefined, cuts: sorted, cellCount, firstWord });
    firstWord += cellCount * wordCount;
    if (firstWord > SET_WORDS_MAX) return null;
  }
  return cells;
}

/** One more than the highest category in a set. */
function categoryCountOf({ catBoundaries, catBits }: TreeArrays, set: number): number {
  const first = catBoundaries[set] ?? 0;
  for (let word = (catBoundaries[set + 1] ?? 0) - 1; word >= first; word -= 1) {
    const bits = catBits[word] ?? 0;
    if (bits !== 0) return 32 * (word - first) + 32 - Math.clz32(bits);
  }
  return 0;
}

/** Compares the words to intersect with the nodes that a row visits if every leaf is equally likely. */
function isWorthwhile(trees: TreeArrays, words: LeafWords, cells: readonly ColumnCells[]): boolean {
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
  return (
    words.wordCount * cells.length <= WORDS_PER_VISIT_MAX * visits && buildSteps(trees, words, cells) <= BUILD_STEPS_MAX
  );
}

/** Words that `excludeLeaves` changes. */
function buildSteps(trees: TreeArrays, words: LeafWords, cells: readonly ColumnCells[]): number {
  const cellCount = new Map(cells.map((item) => [item.column, item.cellCount]));
  let steps = 0;
  for (let tree = 0; tree < trees.treeCount; tree += 1) {
    const width = (words.firstWord[tree + 1] ?? 0) - (words.firstWord[tree] ?? 0);
    for (let node = trees.nodeOffset[tree] ?? 0; node < (trees.nodeOffset[tree + 1] ?? 0); node += 1) {
      steps += width * (cellCount.get(trees.splitFeature[node] ?? -1) ?? 0);
    }
  }
  return steps;
}

/** Takes out of every cell's set the leaves on the other side of each node. */
function excludeLeaves(trees: TreeArrays, words: LeafWords, cells: readonly ColumnCells[], sets: Int32Array): void {
  const cellsOf = new Map(cells.map((item) => [item.column, item]));
  for (let tree = 0; tree < trees.treeCount; tree += 1) {
    const first = trees.nodeOffset[tree] ?? 0;
    const treeWord = words.firstWord[tree] ?? 0;
    const width = (words.firstWord[tree + 1] ?? 0) - treeWord;
    const below = leavesBelow(trees, tree, width);
    for (let node = first; node < (trees.nodeOffset[tree + 1] ?? 0); node += 1) {
      const column = cellsOf.get(trees.splitFeature[node] ?? -1);
      if (column === undefined) continue;
      const sides = (node - first) * 2 * width;
      for (let cell = 0; cell < column.cellCount; cell += 1) {
        const excluded = sides + (goesLeft(trees, node, column, cell) ? width : 0);
        const at = column.firstWord + cell * words.wordCount + treeWord;
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

function goesLeft(trees: TreeArrays, node: number, column: ColumnCells, cell: number): boolean {
  const threshold = trees.threshold[node] ?? 0;
  if (column.isCategory) {
    const first = trees.catBoundaries[threshold] ?? 0;
    const word = first + (cell >> 5);
    if (cell === column.cellCount - 1 || word >= (trees.catBoundaries[threshold + 1] ?? 0)) return false;
    return (((trees.catBits[word] ?? 0) >>> (cell & 31)) & 1) === 1;
  }
  const decision = trees.decisionType[node] ?? 0;
  const cutCount = column.cuts.length;
  if (cell === cutCount + 1) return isMissingLeft(decision, threshold);
  if (cell === cutCount + 2) {
    return decision >> MISSING_TYPE_SHIFT === MISSING_ZERO ? isMissingLeft(decision, threshold) : threshold >= 0;
  }
  return cell < cutCount && (column.cuts[cell] ?? NaN) <= threshold;
}

/** Buckets of one column's values between its least and its greatest cut. */
const CUT_BUCKETS = 256;

/** By column: which cuts lie in each bucket of its values. */
interface CutIndex {
  readonly least: Float64Array;
  /** buckets for one of value */
  readonly scale: Float64Array;
  /** columns x (buckets + 1): cuts of the column that lie in buckets before */
  readonly start: Int32Array;
}

/** Never falls as `x` rises, in floating-point numbers too: cuts in buckets before a value's are below it, those behind above. */
function bucketOf(x: number, least: number, scale: number): number {
  const bucket = (x - least) * scale;
  return bucket >= CUT_BUCKETS - 1 ? CUT_BUCKETS - 1 : bucket > 0 ? bucket | 0 : 0;
}

/** So that a value is compared with the cuts of its own bucket, one or two where cuts are spread, not by halving all of them. */
function cutIndex(cuts: readonly Float64Array[]): CutIndex {
  const least = Float64Array.from(cuts, (own) => own[0] ?? 0);
  const scale = Float64Array.from(cuts, (own) => {
    const width = (own.at(-1) ?? 0) - (own[0] ?? 0);
    const found = (CUT_BUCKETS - 1) / width;
    return width > 0 && Number.isFinite(found) ? found : 0;
  });
  const start = new Int32Array(cuts.length * (CUT_BUCKETS + 1));
  for (const [column, own] of cuts.entries()) {
    const from = column * (CUT_BUCKETS + 1);
    for (const cut of own) {
      const next = from + bucketOf(cut, least[column] ?? 0, scale[column] ?? 0) + 1;
      start[next] = (start[next] ?? 0) + 1;
    }
    for (let at = from + 1; at <= from + CUT_BUCKETS; at += 1) start[at] = (start[at] ?? 0) + (start[at - 1] ?? 0);
  }
  return { least, scale, start };
}

/** `locate` writes to `offsets` where the set of each column's cell begins. */
function cellFinder(
  cells: readonly ColumnCells[],
  columns: Int32Array,
  wordCount: number,
  fullWord: number,
): { offsets: Int32Array; locate: (values: Float64Array, base: number) => void } {
  const count = cells.length;
  const offsets = new Int32Array(Math.max(1, Math.ceil(count / PASS_COLUMNS)) * PASS_COLUMNS).fill(fullWord);
  const column = Int32Array.from(cells, (item) => columns[item.column] ?? 0);
  const firstWord = Int32Array.from(cells, (item) => item.firstWord);
  /** categories of a category column; -1 for a dense one */
  const categoryCount = Int32Array.from(cells, (item) => (item.isCategory ? item.cellCount - 1 : -1));
  const cutCount = Int32Array.from(cells, (item) => item.cuts.length);
  const firstCut = new Int32Array(count);
  for (let i = 1; i < count; i += 1) firstCut[i] = (firstCut[i - 1] ?? 0) + (cutCount[i - 1] ?? 0);
  const cuts = Float64Array.from(cells.flatMap((item) => [...item.cuts]));
  const index = cutIndex(cells.map((item) => item.cuts));
  const locate = (values: Float64Array, base: number): void => {
    for (let i = 0; i < count; i += 1) {
      const x = values[base + (column[i] ?? 0)] ?? NaN;
      const categories = categoryCount[i] ?? -1;
      let cell = 0;
      if (categories >= 0) {
        cell = x > -1 && x < categories ? x | 0 : categories;
      } else if (Number.isNaN(x)) {
        cell = (cutCount[i] ?? 0) + 1;
      } else if (x >= -ZERO_THRESHOLD && x <= ZERO_THRESHOLD) {
        cell = (cutCount[i] ?? 0) + 2;
      } else {
        const first = firstCut[i] ?? 0;
        const bucket = i * (CUT_BUCKETS + 1) + bucketOf(x, index.least[i] ?? 0, index.scale[i] ?? 0);
        let low = first + (index.start[bucket] ?? 0);
        let high = first + (index.start[bucket + 1] ?? 0);
        while (low < high) {
          const middle = (low + high) >> 1;
          if (x <= (cuts[middle] ?? 0)) high = middle;
          else low = middle + 1;
        }
        cell = low - first;
      }
      offsets[i] = (firstWord[i] ?? 0) + cell * wordCount;
    }
  };
  return { offsets, locate };
}

/**
 * The intersection of the sets that begin at eight offsets from `pass` on. Plain functions of their arguments: the same
 * loop in a closure, or one loop that asks whether it is the first, ran at half the speed.
 */
function intersectFirst(
  sets: Int32Array,
  wordCount: number,
  offsets: Int32Array,
  pass: number,
  result: Int32Array,
): void {
  const a = offsets[pass] ?? 0;
  const b = offsets[pass + 1] ?? 0;
  const c = offsets[pass + 2] ?? 0;
  const d = offsets[pass + 3] ?? 0;
  const e = offsets[pass + 4] ?? 0;
  const f = offsets[pass + 5] ?? 0;
  const g = offsets[pass + 6] ?? 0;
  const h = offsets[pass + 7] ?? 0;
  for (let word = 0; word < wordCount; word += 1) {
    // prettier-ignore
    result[word] =
      (sets[a + word] ?? 0) & (sets[b + word] ?? 0) & (sets[c + word] ?? 0) & (sets[d + word] ?? 0) &
      (sets[e + word] ?? 0) & (sets[f + word] ?? 0) & (sets[g + word] ?? 0) & (sets[h + word] ?? 0);
  }
}

/** The same, with what is left in `result` already. */
function intersectNext(
  sets: Int32Array,
  wordCount: number,
  offsets: Int32Array,
  pass: number,
  result: Int32Array,
): void {
  const a = offsets[pass] ?? 0;
  const b = offsets[pass + 1] ?? 0;
  const c = offsets[pass + 2] ?? 0;
  const d = offsets[pass + 3] ?? 0;
  const e = offsets[pass + 4] ?? 0;
  const f = offsets[pass + 5] ?? 0;
  const g = offsets[pass + 6] ?? 0;
  const h = offsets[pass + 7] ?? 0;
  for (let word = 0; word < wordCount; word += 1) {
    // prettier-ignore
    result[word] = (result[word] ?? 0) &
      (sets[a + word] ?? 0) & (sets[b + word] ?? 0) & (sets[c + word] ?? 0) & (sets[d + word] ?? 0) &
      (sets[e + word] ?? 0) & (sets[f + word] ?? 0) & (sets[g + word] ?? 0) & (sets[h + word] ?? 0);
  }
}

function sumOfLeaves(result: Int32Array, wordCount: number, firstLeaf: Int32Array, leafValue: Float64Array): number {
  let sum = 0;
  for (let word = 0; word < wordCount; word += 1) {
    const set = result[word] ?? 0;
    if (set !== 0) sum += leafValue[(firstLeaf[word] ?? 0) + 31 - Math.clz32(set)] ?? NaN;
  }
  return sum;
}

function withSums(
  trees: TreeArrays,
  words: LeafWords,
  sets: Int32Array,
  locate: (values: Float64Array, base: number) => void,
  offsets: Int32Array,
): RowEvaluator {
  const { outputCount, leafValue } = trees;
  const { wordCount, firstLeaf, output } = words;
  const result = new Int32Array(wordCount);
  const divisor = trees.averageOutput ? Math.max(1, trees.treeCount / outputCount) : 1;
  const intersect = (): void => {
    intersectFirst(sets, wordCount, offsets, 0, result);
    for (let pass = PASS_COLUMNS; pass < offsets.length; pass += PASS_COLUMNS) {
      intersectNext(sets, wordCount, offsets, pass, result);
    }
  };
  if (outputCount === 1) {
    return (values, base, out, at) => {
      locate(values, base);
      intersect();
      const sum = sumOfLeaves(result, wordCount, firstLeaf, leafValue);
      out[at] = divisor === 1 ? sum : sum / divisor;
    };
  }
  return (values, base, out, at) => {
    locate(values, base);
    intersect();
    for (let i = 0; i < outputCount; i += 1) out[at + i] = 0;
    for (let word = 0; word < wordCount; word += 1) {
      const set = result[word] ?? 0;
      if (set === 0) continue;
      const place = at + (output[word] ?? 0);
      out[place] = (out[place] ?? 0) + (leafValue[(firstLeaf[word] ?? 0) + 31 - Math.clz32(set)] ?? NaN);
    }
    if (divisor !== 1) for (let i = 0; i < outputCount; i += 1) out[at + i] = (out[at + i] ?? 0) / divisor;
  };
}
