import type { NativeColumn } from '../duckdb.ts';
import { INLINE_BYTES_MAX } from '../native-strings.ts';
import { CELL_WORDS, hashCell } from './cell-hash.ts';

const TABLE_SIZE_MIN = 1_024;

/**
 * Codes of texts in order of first appearance; the dictionary of one column of one read. Memory grows with the distinct
 * texts.
 *
 * A native string of up to 12 bytes is its own key: four 32-bit words in an open-addressing table, no JavaScript string
 * is made for a text seen before. Longer ones are decoded and looked up. Figures: `docs/adr/0002-duckdb-columns.md`.
 */
export class DictionaryBuilder {
  readonly dictionary: string[] = [];
  readonly #longCodes = new Map<string, number>();
  #keys = new Uint32Array(TABLE_SIZE_MIN * CELL_WORDS);
  /** Code + 1, 0 where the slot is free. */
  #slots = new Int32Array(TABLE_SIZE_MIN);
  #mask = TABLE_SIZE_MIN - 1;
  #inlineCount = 0;

  /** Writes the codes of column rows [from, from + count) to out[at, at + count); -1 is NULL. */
  encode(column: NativeColumn, from: number, count: number, out: Int32Array, at: number): void {
    const { words, validity } = column;
    for (let i = 0; i < count; i += 1) {
      const row = from + i;
      if (validity !== null && ((validity[row >>> 5] ?? 0) & (1 << (row & 31))) === 0) out[at + i] = -1;
      else if (words !== null && (words[row * CELL_WORDS] ?? 0) <= INLINE_BYTES_MAX) {
        out[at + i] = this.#inlineCode(column, row, words);
      } else out[at + i] = this.#longCode(column.text(row) ?? '');
    }
  }

  #longCode(text: string): number {
    const known = this.#longCodes.get(text);
    if (known !== undefined) return known;
    const code = this.dictionary.length;
    this.dictionary.push(text);
    this.#longCodes.set(text, code);
    return code;
  }

  #inlineCode(column: NativeColumn, row: number, words: Uint32Array): number {
    const cell = row * CELL_WORDS;
    const keys = this.#keys;
    const slots = this.#slots;
    const mask = this.#mask;
    let slot = hashCell(words, cell) & mask;
    for (let code = slots[slot] ?? 0; code !== 0; code = slots[slot] ?? 0) {
      const key = slot * CELL_WORDS;
      if (
        keys[key + 1] === words[cell + 1] &&
        keys[key + 2] === words[cell + 2] &&
        keys[key + 3] === words[cell + 3] &&
        keys[key] === words[cell]
      ) {
        return code - 1;
      }
      slot = (slot + 1) & mask;
    }
    const code = this.dictionary.length;
    this.dictionary.push(column.text(row) ?? '');
    keys.set(words.subarray(cell, cell + CELL_WORDS), slot * CELL_WORDS);
    slots[slot] = code + 1;
    this.#inlineCount += 1;
    if (this.#inlineCount * 2 > mask) this.#grow();
    return code;
  }

  #grow(): void {
    const keys = this.#keys;
    const slots = this.#slots;
    const size = slots.length * 2;
    const mask = size - 1;
    const newKeys = new Uint32Array(size * CELL_WORDS);
    const newSlots = new Int32Array(size);
    for (let old = 0; old < slots.length; old += 1) {
      const code = slots[old] ?? 0;
      if (code === 0) continue;
      let slot = hashCell(keys, old * CELL_WORDS) & mask;
      while (newSlots[slot] !== 0) slot = (slot + 1) & mask;
      for (let word = 0; word < CELL_WORDS; word += 1)
        newKeys[slot * CELL_WORDS + word] = keys[old * CELL_WORDS + word] ?? 0;
      newSlots[slot] = code;
    }
    this.#keys = newKeys;
    this.#slots = newSlots;
    this.#mask = mask;
  }
}
