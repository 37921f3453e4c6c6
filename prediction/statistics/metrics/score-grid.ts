/**
 * Numbers parted into buckets that never change, in their order, so that a count of them takes the same memory however many there are and
 * counts of parts add up. Numbers of one bucket cannot be told apart any more.
 */
export interface ScoreGrid {
  readonly bucketCount: number;
  /** From 0 on; never falls as the value rises. */
  readonly bucketOf: (value: number) => number;
}

/** A grid of magnitudes, whose buckets can be turned into numbers again. */
export interface MagnitudeGrid extends ScoreGrid {
  /** The least number of a bucket; of the one after the last Infinity. */
  readonly startOf: (bucket: number) => number;
}

/** Bits of the significand that tell buckets apart, where memory allows: each is 1 part in 4,096 wide. */
export const MANTISSA_BITS_MAX = 12;
/** With fewer a bucket is wider than a quarter of its values. */
export const MANTISSA_BITS_MIN = 2;

const IS_LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
const HIGH_WORD = IS_LITTLE_ENDIAN ? 1 : 0;
const EXPONENT_BIAS = 1023;
/** Bits of the significand in the high word. @see IEEE 754-2019, section 3.4 */
const HIGH_MANTISSA_BITS = 20;

/** Sign, exponent and the first bits of the significand of a number from 0 on: an integer that orders as the number does. */
function keyFunction(bits: number): { keyOf: (value: number) => number; valueOf: (key: number) => number } {
  const number = new Float64Array(1);
  const words = new Uint32Array(number.buffer);
  const shift = HIGH_MANTISSA_BITS - bits;
  return {
    keyOf: (value) => {
      number[0] = value;
      return (words[HIGH_WORD] ?? 0) >>> shift;
    },
    valueOf: (key) => {
      words.fill(0);
      words[HIGH_WORD] = key << shift;
      return number[0] ?? NaN;
    },
  };
}

/** Probabilities below this are of one bucket. */
const PROBABILITY_EXPONENT_MIN = -128;
/** Doubles below 1 are at least so far from it. */
const REST_EXPONENT_MIN = -53;
/** Exponent of 0.5. */
const HALF_EXPONENT = -1;

/**
 * Of probabilities, as fine near 1 as near 0: below 0.5 by the bits of p, from there on by those of 1 - p, which is exact. Some
 * 179 x 2^bits buckets.
 */
export function probabilityGrid(bits: number): ScoreGrid {
  const { keyOf } = keyFunction(bits);
  const keyAt = (exponent: number): number => (EXPONENT_BIAS + exponent) << bits;
  const lowest = keyAt(PROBABILITY_EXPONENT_MIN);
  const lowCount = keyAt(HALF_EXPONENT) - lowest;
  const nearest = keyAt(REST_EXPONENT_MIN);
  // Those of 1 - p from the nearest to 1 to 0.5 itself, and that of p = 1.
  const highCount = keyAt(HALF_EXPONENT) - nearest + 2;
  const bucketCount = lowCount + highCount;
  return {
    bucketCount,
    bucketOf: (value) => {
      if (value < 0.5) return Math.max(0, keyOf(value) - lowest);
      const rest = 1 - value;
      return bucketCount - 1 - (rest > 0 ? keyOf(rest) - nearest + 1 : 0);
    },
  };
}

const MAGNITUDE_EXPONENT_MIN = -128;
const MAGNITUDE_EXPONENT_MAX = 128;

/** Of numbers from 0 on; those below 2^-128, and those from 2^128 on, are of one bucket each. Some 256 x 2^bits buckets. */
export function magnitudeGrid(bits: number): MagnitudeGrid {
  const { keyOf, valueOf } = keyFunction(bits);
  const keyAt = (exponent: number): number => (EXPONENT_BIAS + exponent) << bits;
  const lowest = keyAt(MAGNITUDE_EXPONENT_MIN);
  const last = keyAt(MAGNITUDE_EXPONENT_MAX) - lowest;
  return {
    bucketCount: last + 1,
    bucketOf: (value) => Math.min(last, Math.max(0, keyOf(value) - lowest)),
    startOf: (bucket) => (bucket === 0 ? 0 : bucket > last ? Infinity : valueOf(bucket + lowest)),
  };
}
