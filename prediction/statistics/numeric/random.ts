import { AppError } from '#contracts';

/** A 64-bit integer as two words. */
export interface Word64 {
  high: number;
  low: number;
}

const GOLDEN_HIGH = 0x9e3779b9;
const GOLDEN_LOW = 0x7f4a7c15;
const TWO_32 = 0x1_0000_0000;
const TWO_53 = 2 ** 53;

/** High word of the 64-bit product of two words. */
function highProduct(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const other = a0 * b1 + (middle & 0xffff);
  return (a1 * b1 + Math.floor(middle / 0x10000) + Math.floor(other / 0x10000)) >>> 0;
}

/** `word = (word ^ (word >>> shift)) * (high, low)` modulo 2^64. */
function shiftMultiply(word: Word64, shift: number, high: number, low: number): void {
  const x = word.low ^ ((word.low >>> shift) | (word.high << (32 - shift)));
  const y = word.high ^ (word.high >>> shift);
  word.high = (highProduct(x >>> 0, low) + Math.imul(x, high) + Math.imul(y, low)) >>> 0;
  word.low = Math.imul(x, low) >>> 0;
}

/**
 * SplitMix64's finaliser in place: a bijection of 64-bit integers, well mixed. Both words are in [0, 2^32) afterwards.
 * @see G. Steele, D. Lea, C. Flood, Fast splittable pseudorandom number generators, OOPSLA 2014 (variant 13 of D. Stafford)
 */
export function mix64(word: Word64): void {
  shiftMultiply(word, 30, 0xbf58476d, 0x1ce4e5b9);
  shiftMultiply(word, 27, 0x94d049bb, 0x133111eb);
  const { high, low } = word;
  word.low = (low ^ ((low >>> 31) | (high << 1))) >>> 0;
  word.high = (high ^ (high >>> 31)) >>> 0;
}

/** A reproducible stream of numbers; not for secrets. */
export interface Random {
  /** In [0, 2^32). */
  uint32(): number;
  /** In [0, 1), 53 bits. */
  uniform(): number;
  /** Integer in [0, bound), without bias. @throws INTERNAL unless `bound` is an integer in [1, 2^32] */
  below(bound: number): number;
}

/**
 * Puts values in random order.
 *
 * @see R. Durstenfeld, Algorithm 235: Random permutation, Communications of the ACM 7 (1964)
 */
export function shuffle(values: Int32Array | Uint32Array, random: Random): void {
  for (let last = values.length - 1; last > 0; last -= 1) {
    const other = random.below(last + 1);
    [values[last], values[other]] = [values[other] ?? 0, values[last] ?? 0];
  }
}

/** SplitMix64 from a seed; equal seeds give equal streams for ever. @param seed safe integer; negative ones count from 2^64 down */
export function createRandom(seed: number): Random {
  if (!Number.isSafeInteger(seed)) throw new AppError('INTERNAL', `random numbers: seed ${seed} is not a safe integer`);
  let high = Math.floor(seed / TWO_32) >>> 0;
  let low = seed >>> 0;
  const word: Word64 = { high: 0, low: 0 };
  const next = (): Word64 => {
    const sum = low + GOLDEN_LOW;
    low = sum >>> 0;
    high = (high + GOLDEN_HIGH + (sum >= TWO_32 ? 1 : 0)) >>> 0;
    word.high = high;
    word.low = low;
    mix64(word);
    return word;
  };
  return {
    uint32: () => next().high,
    uniform: () => {
      const drawn = next();
      return (drawn.high * 0x20_0000 + (drawn.low >>> 11)) / TWO_53;
    },
    below: (bound) => {
      if (!Number.isInteger(bound) || bound < 1 || bound > TWO_32)
        throw new AppError('INTERNAL', `random numbers: bound ${bound} is not in [1, 2^32]`);
      const limit = TWO_32 - (TWO_32 % bound);
      let drawn = next().high;
      while (drawn >= limit) drawn = next().high;
      return drawn % bound;
    },
  };
}
