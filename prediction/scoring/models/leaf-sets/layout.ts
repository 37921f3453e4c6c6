import type { TreeArrays } from '../tree-arrays.ts';
import type { ColumnCells } from './column-cells.ts';
import { WORD_LEAVES, type LeafWords } from './leaf-words.ts';

/** Rows that are handed over at once. */
export const ROWS_TOGETHER = 64;
/**
 * Places of a word in the table of leaves: by the number of zeros above the highest bit that is left, the value of its leaf; behind them,
 * for a word of which nothing is left, 0.
 */
export const LEAF_PLACES = WORD_LEAVES + 1;

const WORD_BYTES = 4;
export const NUMBER_BYTES = 8;
/** Vectors are read where they begin at such multiples. */
const ALIGNMENT = 16;

/** Where everything lies in a model's memory, bytes from its beginning. */
export interface Layout {
  /** {@link ROWS_TOGETHER} rows of one number for each of the columns, 0. */
  readonly rows: number;
  /** As many rows of outputs. */
  readonly outputs: number;
  /** words x {@link LEAF_PLACES} numbers */
  readonly leaves: number;
  /** by column: its cuts, see {@link searchSteps}; of a category nothing */
  readonly cuts: readonly number[];
  /** by column: its sets, a cell's words after the other's */
  readonly sets: readonly number[];
  readonly bytes: number;
}

/**
 * Halvings by which the cell of a number is found among cuts. The cuts lie at the beginning of 2^steps - 1 places, the rest of which are
 * infinite.
 */
export const searchSteps = ({ cuts }: ColumnCells): number => Math.ceil(Math.log2(cuts.length + 1));

export const cutPlaces = (column: ColumnCells): number => 2 ** searchSteps(column) - 1;

export function layOut(trees: TreeArrays, { wordCount }: LeafWords, columns: readonly ColumnCells[]): Layout {
  let bytes = 0;
  const place = (size: number): number => {
    const at = bytes;
    bytes = ALIGNMENT * Math.ceil((at + size) / ALIGNMENT);
    return at;
  };
  return {
    rows: place(ROWS_TOGETHER * columns.length * NUMBER_BYTES),
    outputs: place(ROWS_TOGETHER * trees.outputCount * NUMBER_BYTES),
    leaves: place(wordCount * LEAF_PLACES * NUMBER_BYTES),
    cuts: columns.map((column) => place(cutPlaces(column) * NUMBER_BYTES)),
    sets: columns.map(({ cellCount }) => place(cellCount * wordCount * WORD_BYTES)),
    bytes,
  };
}

/** Bytes of a cell's words. */
export const setBytes = ({ wordCount }: LeafWords): number => wordCount * WORD_BYTES;

/** The index of the 32-bit word at a place. */
export const wordAt = (bytes: number): number => bytes / WORD_BYTES;

/** The index of the number at a place. */
export const numberAt = (bytes: number): number => bytes / NUMBER_BYTES;

/** Writes the values of leaves; places of leaves that do not exist are never looked at. */
export function writeLeaves(trees: TreeArrays, words: LeafWords, at: number, numbers: Float64Array): void {
  for (let word = 0; word < words.wordCount; word += 1) {
    const full = words.full[word] ?? 0;
    for (let leaf = 0; leaf < WORD_LEAVES - Math.clz32(full); leaf += 1)
      numbers[numberAt(at) + word * LEAF_PLACES + WORD_LEAVES - 1 - leaf] =
        trees.leafValue[(words.firstLeaf[word] ?? 0) + leaf] ?? NaN;
  }
}
