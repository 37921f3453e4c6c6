import type { NativeColumn } from '../duckdb.ts';
import { INLINE_BYTES_MAX } from '../native-strings.ts';
import { CELL_WORDS, hashCell } from './cell-hash.ts';

/** Texts kept: one a slot, a newer one replaces it. */
const CACHE_SLOTS = 4_096;

/** Gives short texts that repeat without decoding them again; bounded, and exact (the whole text is the key). */
export class TextCache {
  readonly #keys = new Uint32Array(CACHE_SLOTS * CELL_WORDS);
  readonly #texts = new Array<string | null>(CACHE_SLOTS).fill(null);

  text(column: NativeColumn, row: number): string | null {
    const { words } = column;
    const cell = row * CELL_WORDS;
    if (words === null || (words[cell] ?? 0) > INLINE_BYTES_MAX) return column.text(row);
    const { validity } = column;
    if (validity !== null && ((validity[row >>> 5] ?? 0) & (1 << (row & 31))) === 0) return null;
    const keys = this.#keys;
    const slot = hashCell(words, cell) & (CACHE_SLOTS - 1);
    const key = slot * CELL_WORDS;
    const found = this.#texts[slot] ?? null;
    if (
      found !== null &&
      keys[key + 1] === words[cell + 1] &&
      keys[key + 2] === words[cell + 2] &&
      keys[key + 3] === words[cell + 3] &&
      keys[key] === words[cell]
    ) {
      return found;
    }
    const text = column.text(row);
    for (let word = 0; word < CELL_WORDS; word += 1) keys[key + word] = words[cell + word] ?? 0;
    this.#texts[slot] = text;
    return text;
  }
}
