/**
 * The first 64 bits of MurmurHash3_x86_128 with seed 0, which needs 32-bit arithmetic only. Sketches that were stored
 * depend on it: golden tests freeze it.
 * @see Austin Appleby, MurmurHash3.cpp (public domain), https://github.com/aappleby/smhasher
 */
import { mix32 } from './murmur3.ts';

const C1 = 0x239b961b;
const C2 = 0xab0e9789;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93;

/** A 64-bit hash as two unsigned words. Hash functions write into one given to them, so that no hash allocates. */
export interface Hash64 {
  high: number;
  low: number;
}

const rotate = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));
const scramble1 = (k: number): number => Math.imul(rotate(Math.imul(k, C1), 15), C2);
const scramble2 = (k: number): number => Math.imul(rotate(Math.imul(k, C2), 16), C3);
const scramble3 = (k: number): number => Math.imul(rotate(Math.imul(k, C3), 17), C4);
const scramble4 = (k: number): number => Math.imul(rotate(Math.imul(k, C4), 18), C1);

/** Two code units as one little-endian word; zero past the end, which is what the tail of the algorithm amounts to. */
function wordAt(text: string, index: number): number {
  const length = text.length;
  if (index + 1 < length) return text.charCodeAt(index) | (text.charCodeAt(index + 1) << 16);
  return index < length ? text.charCodeAt(index) : 0;
}

/** Hash of a text's UTF-16 code units in little-endian order. */
export function hashText(text: string, out: Hash64): void {
  const blockEnd = text.length & ~7;
  let h1 = 0;
  let h2 = 0;
  let h3 = 0;
  let h4 = 0;
  for (let i = 0; i < blockEnd; i += 8) {
    h1 = (Math.imul(rotate(h1 ^ scramble1(wordAt(text, i)), 19) + h2, 5) + 0x561ccd1b) | 0;
    h2 = (Math.imul(rotate(h2 ^ scramble2(wordAt(text, i + 2)), 17) + h3, 5) + 0x0bcaa747) | 0;
    h3 = (Math.imul(rotate(h3 ^ scramble3(wordAt(text, i + 4)), 15) + h4, 5) + 0x96cd1c35) | 0;
    h4 = (Math.imul(rotate(h4 ^ scramble4(wordAt(text, i + 6)), 13) + h1, 5) + 0x32ac3b17) | 0;
  }
  if (blockEnd < text.length) {
    h1 ^= scramble1(wordAt(text, blockEnd));
    h2 ^= scramble2(wordAt(text, blockEnd + 2));
    h3 ^= scramble3(wordAt(text, blockEnd + 4));
    h4 ^= scramble4(wordAt(text, blockEnd + 6));
  }
  finish(h1, h2, h3, h4, 2 * text.length, out);
}

/** Hash of the eight bytes of a number given as its two words, low word first. */
export function hashWords(low: number, high: number, out: Hash64): void {
  finish(scramble1(low), scramble2(high), 0, 0, 8, out);
}

function finish(a: number, b: number, c: number, d: number, sizeBytes: number, out: Hash64): void {
  const h2 = b ^ sizeBytes;
  const h3 = c ^ sizeBytes;
  const h4 = d ^ sizeBytes;
  const h1 = ((a ^ sizeBytes) + h2 + h3 + h4) | 0;
  const m2 = mix32((h2 + h1) | 0);
  const first = mix32(h1) + m2 + mix32((h3 + h1) | 0) + mix32((h4 + h1) | 0);
  out.high = first >>> 0;
  out.low = (m2 + first) >>> 0;
}
