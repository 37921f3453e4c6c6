import type { FeatureValues } from '#scoring';
import { hashText, mix32, type Hash64 } from '#statistics';

/** Hashes of the rows of a batch, 64 bits each, over the columns that were added. */
export interface RowHashes {
  /** Forgets the batch before; hashes are of `rowCount` rows. */
  readonly start: (rowCount: number) => void;
  /** Adds a column by its place, which is the same in all batches: equal values hash alike, whatever dictionary they come from. */
  readonly add: (place: number, values: FeatureValues) => void;
  readonly high: () => Uint32Array;
  readonly low: () => Uint32Array;
}

/** Missing values of every kind. */
const MISSING: Hash64 = { high: 0x6d69_7373, low: 0x696e_6721 };
const HIGH_FACTOR = 0x9e37_79b1;
const LOW_FACTOR = 0x85eb_ca77;

const number = new Float64Array(1);
const words = new Uint32Array(number.buffer);

/** The hashes of a category's keys, grown as its dictionary grows. */
interface KeyHashes {
  keys: readonly (string | null)[];
  readonly high: number[];
  readonly low: number[];
}

/**
 * Two chains of 32 bits, each of which takes both words of a cell by a bijection: rows that differ in one word of one cell never agree
 * in either; of n other different rows n² / 2^65 pairs agree: of 100 million 0.0003.
 */
export function rowHashes(): RowHashes {
  let high = new Uint32Array(0);
  let low = new Uint32Array(0);
  const known = new Map<number, KeyHashes>();
  const hash: Hash64 = { high: 0, low: 0 };
  const take = (row: number, first: number, second: number): void => {
    const a = mix32(Math.imul(high[row] ?? 0, HIGH_FACTOR) + first);
    high[row] = mix32(Math.imul(a, HIGH_FACTOR) + second);
    const b = mix32(Math.imul(low[row] ?? 0, LOW_FACTOR) + second);
    low[row] = mix32(Math.imul(b, LOW_FACTOR) + first);
  };
  const takeText = (row: number, text: string | null): void => {
    if (text === null) return take(row, MISSING.high, MISSING.low);
    hashText(text, hash);
    take(row, hash.high, hash.low);
  };
  const keyHashes = (place: number, keys: readonly (string | null)[]): KeyHashes => {
    const before = known.get(place);
    const own = before?.keys === keys ? before : { keys, high: [], low: [] };
    known.set(place, own);
    for (let code = own.high.length; code < keys.length; code += 1) {
      const key = keys[code] ?? null;
      if (key !== null) hashText(key, hash);
      own.high.push(key === null ? MISSING.high : hash.high);
      own.low.push(key === null ? MISSING.low : hash.low);
    }
    return own;
  };
  const takeNumber = (row: number, value: number): void => {
    // -0 and 0 are one number to every step.
    number[0] = value + 0;
    if (Number.isNaN(value)) take(row, MISSING.high, MISSING.low);
    else take(row, words[0] ?? 0, words[1] ?? 0);
  };
  return {
    start: (rowCount) => {
      high = new Uint32Array(rowCount).fill(1);
      low = new Uint32Array(rowCount).fill(2);
    },
    add: (place, values) => {
      if (values.kind === 'text') {
        for (let row = 0; row < high.length; row += 1) takeText(row, values.texts[row] ?? null);
        return;
      }
      if (values.kind === 'category') {
        const own = keyHashes(place, values.keys);
        for (let row = 0; row < high.length; row += 1) {
          const code = values.codes[row] ?? -1;
          take(row, own.high[code] ?? MISSING.high, own.low[code] ?? MISSING.low);
        }
        return;
      }
      const numbers = values.kind === 'place' ? [values.latitudes, values.longitudes] : [values.values];
      for (const own of numbers) for (let row = 0; row < high.length; row += 1) takeNumber(row, own[row] ?? NaN);
    },
    high: () => high,
    low: () => low,
  };
}
