import type { TreeArrays } from '../tree-arrays.ts';

/** Words of one tree: trees of more leaves are walked. */
const WORDS_PER_TREE_MAX = 64;
/** Leaves of a word. */
export const WORD_LEAVES = 32;
/** Words are taken four at a time. */
export const VECTOR_WORDS = 4;

/**
 * Leaves as bits: each tree owns one or more words, bit b of its word w is its leaf 32 w + b. Words of one output lie together, in the
 * order of its trees; each output has as many, a multiple of four, of which the last may own no leaf.
 */
export interface LeafWords {
  /** All words, those without leaves included. */
  readonly wordCount: number;
  readonly wordsPerOutput: number;
  /** by tree */
  readonly firstWord: Int32Array;
  /** by tree */
  readonly width: Int32Array;
  /** by word: all leaves that exist */
  readonly full: Int32Array;
  /** by word: where its leaves begin among all trees' */
  readonly firstLeaf: Int32Array;
}

/** @returns null where a tree has too many leaves */
export function leafWords(trees: TreeArrays): LeafWords | null {
  const { treeCount, outputCount } = trees;
  const width = Int32Array.from({ length: treeCount }, (_, tree) => Math.ceil(leafCountOf(trees, tree) / WORD_LEAVES));
  if (width.some((words) => words > WORDS_PER_TREE_MAX)) return null;
  const used = new Int32Array(outputCount);
  for (const [tree, words] of width.entries()) used[tree % outputCount] = (used[tree % outputCount] ?? 0) + words;
  const wordsPerOutput = VECTOR_WORDS * Math.ceil(Math.max(...used) / VECTOR_WORDS);
  const wordCount = wordsPerOutput * outputCount;
  const words = { firstWord: new Int32Array(treeCount), full: new Int32Array(wordCount), firstLeaf: new Int32Array(wordCount) }; // prettier-ignore
  const next = Int32Array.from({ length: outputCount }, (_, output) => output * wordsPerOutput);
  for (let tree = 0; tree < treeCount; tree += 1) {
    const first = next[tree % outputCount] ?? 0;
    words.firstWord[tree] = first;
    next[tree % outputCount] = first + (width[tree] ?? 0);
    for (let at = 0; at < (width[tree] ?? 0); at += 1) {
      const left = leafCountOf(trees, tree) - WORD_LEAVES * at;
      words.firstLeaf[first + at] = (trees.leafOffset[tree] ?? 0) + WORD_LEAVES * at;
      words.full[first + at] = left >= WORD_LEAVES ? -1 : (1 << left) - 1;
    }
  }
  return { wordCount, wordsPerOutput, width, ...words };
}

export const leafCountOf = (trees: TreeArrays, tree: number): number =>
  (trees.leafOffset[tree + 1] ?? 0) - (trees.leafOffset[tree] ?? 0);
