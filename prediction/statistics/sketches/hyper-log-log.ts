import type { Hash64 } from '../numeric/hash64.ts';

/** 2^14 registers: standard error 1.04 / sqrt(2^14) = 0.81 %. */
export const REGISTERS_BITS = 14;
export const REGISTERS_SIZE = 2 ** REGISTERS_BITS;
/** A register is at most 1 + the bits that are left of a 64-bit hash. */
export const REGISTER_MAX = 64 - REGISTERS_BITS + 1;

const TOP_REST_BITS = 32 - REGISTERS_BITS;
const TOP_REST_MASK = 2 ** TOP_REST_BITS - 1;

/** Raises the register of a hash: its first 14 bits name the register, the zeros that lead the others are counted. */
export function addHash(registers: Uint8Array, { high, low }: Hash64): void {
  const register = high >>> TOP_REST_BITS;
  const rest = high & TOP_REST_MASK;
  const zeros = rest !== 0 ? Math.clz32(rest) - REGISTERS_BITS : TOP_REST_BITS + Math.clz32(low);
  if (zeros + 1 > (registers[register] ?? 0)) registers[register] = zeros + 1;
}

/**
 * Number of different hashes, without bias over the whole range and without tables.
 * @see P. Flajolet et al., HyperLogLog, AofA 2007; O. Ertl, New cardinality estimation algorithms for HyperLogLog
 * sketches, arXiv:1702.01284 (2017), algorithm 6
 */
export function estimate(registers: Uint8Array): number {
  const histogram = new Float64Array(REGISTER_MAX + 1);
  for (const value of registers) histogram[value] = (histogram[value] ?? 0) + 1;
  const m = REGISTERS_SIZE;
  let z = m * tau(1 - (histogram[REGISTER_MAX] ?? 0) / m);
  for (let value = REGISTER_MAX - 1; value >= 1; value--) z = 0.5 * (z + (histogram[value] ?? 0));
  z += m * sigma((histogram[0] ?? 0) / m);
  return (m * m) / (2 * Math.LN2 * z);
}

/** Ertl's sigma: x + sum of x^(2^k) 2^(k - 1), infinite at 1. */
function sigma(x: number): number {
  if (x === 1) return Infinity;
  let power = x;
  let factor = 1;
  let sum = x;
  for (let before = NaN; before !== sum;) {
    power *= power;
    before = sum;
    sum += power * factor;
    factor += factor;
  }
  return sum;
}

/** Ertl's tau: (1 - x - sum of (1 - x^(2^-k))^2 2^-k) / 3, zero at 0 and 1. */
function tau(x: number): number {
  if (x === 0 || x === 1) return 0;
  let root = x;
  let factor = 1;
  let sum = 1 - x;
  for (let before = NaN; before !== sum;) {
    root = Math.sqrt(root);
    before = sum;
    factor *= 0.5;
    sum -= (1 - root) ** 2 * factor;
  }
  return sum / 3;
}
