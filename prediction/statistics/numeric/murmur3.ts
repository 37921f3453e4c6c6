import { AppError } from '#contracts';

/**
 * MurmurHash3 over words and texts. Partitions of every project ever made depend on these functions: their values are
 * frozen by golden tests and must never change.
 * @see Austin Appleby, MurmurHash3.cpp (public domain), https://github.com/aappleby/smhasher
 */

const HIGH_WORD = 0x1_0000_0000;

function mixWord(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  let h = hash ^ Math.imul(k, 0x1b873593);
  h = (h << 13) | (h >>> 19);
  return (Math.imul(h, 5) + 0xe6546b64) | 0;
}

/** The finaliser `fmix32`: a bijection of 32-bit words in which each input bit flips each output bit half the time. */
export function mix32(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * MurmurHash3_x86_32 of the words' bytes in little-endian order; in [0, 2^32).
 * @param seed taken modulo 2^32, as are the words
 */
export function hash32(seed: number, ...words: readonly number[]): number {
  let h = seed | 0;
  for (const word of words) h = mixWord(h, word);
  return mix32(h ^ (4 * words.length));
}

/**
 * Hash of a row's identity, which decides its partition: MurmurHash3_x86_32 of the row number as a 64-bit little-endian
 * integer. In [0, 2^32), well mixed; for one seed, rows below 2^32 all have different hashes.
 *
 * @param seed integer in [0, 2^32)
 * @param row zero-based row number in registered file order, below 2^53
 * @throws INTERNAL when `row` is not such an integer
 */
export function rowHash(seed: number, row: number): number {
  if (!Number.isSafeInteger(row) || row < 0)
    throw new AppError('INTERNAL', `row hash: row number ${row} is not in [0, 2^53)`);
  return mix32(mixWord(mixWord(seed | 0, row | 0), Math.floor(row / HIGH_WORD)) ^ 8);
}

/**
 * Hash of a text: MurmurHash3_x86_32 of its UTF-16 code units in little-endian order (lone surrogates are as good as
 * others); in [0, 2^32). For what is dealt by a key, as groups are.
 */
export function textHash(seed: number, text: string): number {
  const length = text.length;
  const paired = length & ~1;
  let h = seed | 0;
  for (let i = 0; i < paired; i += 2) h = mixWord(h, text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16));
  if (length !== paired) {
    let k = Math.imul(text.charCodeAt(paired), 0xcc9e2d51);
    k = (k << 15) | (k >>> 17);
    h ^= Math.imul(k, 0x1b873593);
  }
  return mix32(h ^ (2 * length));
}
