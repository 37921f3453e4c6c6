/** Places of some rows among themselves, in the order of the rows. Memory: two bits for each row of the table. */
export class RowPlaces {
  /** Rows that have a place. */
  readonly count: number;
  /** One bit for each row of the table, 32 rows a word: 1 for those that have a place. */
  readonly bits: Uint32Array;
  /** Rows with a place before those of each word. */
  readonly #before: Uint32Array;

  /** @param bits as {@link bits}; they are kept */
  constructor(bits: Uint32Array) {
    this.bits = bits;
    this.#before = new Uint32Array(bits.length);
    let count = 0;
    for (const [index, word] of bits.entries()) {
      this.#before[index] = count;
      count += ones(word);
    }
    this.count = count;
  }

  /** @param rowCount of the table */
  static of(rowCount: number, hasPlace: (row: number) => boolean): RowPlaces {
    const bits = new Uint32Array(Math.ceil(rowCount / 32));
    for (let row = 0; row < rowCount; row += 1) if (hasPlace(row)) mark(bits, row);
    return new RowPlaces(bits);
  }

  /** @param rows that have a place, in any order */
  static ofRows(rowCount: number, rows: Int32Array): RowPlaces {
    const bits = new Uint32Array(Math.ceil(rowCount / 32));
    for (const row of rows) mark(bits, row);
    return new RowPlaces(bits);
  }

  has(row: number): boolean {
    return ((this.bits[row >>> 5] ?? 0) & (1 << (row & 31))) !== 0;
  }

  /** -1 for a row that has none. */
  placeOf(row: number): number {
    const word = this.bits[row >>> 5] ?? 0;
    const bit = 1 << (row & 31);
    return (word & bit) === 0 ? -1 : (this.#before[row >>> 5] ?? 0) + ones(word & (bit - 1));
  }
}

function mark(bits: Uint32Array, row: number): void {
  bits[row >>> 5] = (bits[row >>> 5] ?? 0) | (1 << (row & 31));
}

/** Bits of a word that are 1. @see Warren 2012, Hacker's Delight, section 5-1 */
function ones(word: number): number {
  const pairs = word - ((word >>> 1) & 0x5555_5555);
  const fours = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
