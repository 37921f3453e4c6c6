import { AppError } from '#contracts';

/** Longest text that lies in the 16 bytes of a native string itself; longer ones are behind an address. */
export const INLINE_BYTES_MAX = 12;
const CELL_BYTES = 16;
const CELL_WORDS = 4;
const WORD = 4_294_967_296;

/** Reads `byteCount` bytes from the address that lies at `offset` of the cells. */
export type ReadMemory = (offset: number, byteCount: number) => Uint8Array;

/**
 * The texts of a VARCHAR vector. A cell is four little-endian words: length, then the text of up to 12 bytes, or its
 * first four bytes and an address (two words).
 *
 * DuckDB copies the long texts of a chunk one after the other into a few blocks, so that a text that begins where the
 * one before it ends is read with it by one call: 4 to 5 calls a chunk instead of one a text (each some microseconds).
 * Only bytes of texts are ever read: where the next text is not adjacent, the next call begins.
 */
export class NativeStrings {
  /** Four words a row. */
  readonly words: Uint32Array;
  readonly #bytes: Buffer;
  readonly #isValid: (row: number) => boolean;
  readonly #readMemory: ReadMemory;
  #runs: readonly Buffer[] | null = null;
  /** By row: its run, and where it begins there. */
  #runOf = new Uint16Array();
  #offsetOf = new Uint32Array();

  constructor(cells: DataView, isValid: (row: number) => boolean, readMemory: ReadMemory) {
    if (cells.byteOffset % 4 !== 0) throw new AppError('NATIVE_LIBRARY', 'DuckDB strings are not aligned');
    this.words = new Uint32Array(cells.buffer, cells.byteOffset, cells.byteLength / 4);
    this.#bytes = Buffer.from(cells.buffer, cells.byteOffset, cells.byteLength);
    this.#isValid = isValid;
    this.#readMemory = readMemory;
  }

  /** Null is NULL. */
  text(row: number): string | null {
    if (!this.#isValid(row)) return null;
    const length = this.words[row * CELL_WORDS] ?? 0;
    if (length <= INLINE_BYTES_MAX) {
      const start = row * CELL_BYTES + 4;
      return this.#bytes.toString('utf8', start, start + length);
    }
    this.#runs ??= this.#findRuns();
    const run = this.#runs[this.#runOf[row] ?? 0];
    const start = this.#offsetOf[row] ?? 0;
    if (run === undefined) throw new AppError('INTERNAL', 'A text lies in no run');
    return run.toString('utf8', start, start + length);
  }

  #findRuns(): readonly Buffer[] {
    const { words } = this;
    const rowCount = words.length / CELL_WORDS;
    this.#runOf = new Uint16Array(rowCount);
    this.#offsetOf = new Uint32Array(rowCount);
    const runs: { readonly firstRow: number; byteCount: number }[] = [];
    let end = -1;
    for (let row = 0; row < rowCount; row += 1) {
      const length = words[row * CELL_WORDS] ?? 0;
      if (length <= INLINE_BYTES_MAX || !this.#isValid(row)) continue;
      const address = (words[row * CELL_WORDS + 3] ?? 0) * WORD + (words[row * CELL_WORDS + 2] ?? 0);
      let run = runs.at(-1);
      if (run === undefined || address !== end) {
        run = { firstRow: row, byteCount: 0 };
        runs.push(run);
      }
      this.#runOf[row] = runs.length - 1;
      this.#offsetOf[row] = run.byteCount;
      run.byteCount += length;
      end = address + length;
    }
    return runs.map(({ firstRow, byteCount }) => {
      const bytes = this.#readMemory(firstRow * CELL_BYTES + 8, byteCount);
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    });
  }
}
