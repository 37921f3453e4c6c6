import { AppError, nullable, strict, Type, type Static } from '#contracts';
import { hashText, hashWords, type Hash64 } from '../numeric/hash64.ts';
import { REGISTERS_SIZE, REGISTER_MAX, addHash, estimate } from './hyper-log-log.ts';

/**
 * Number of different values. Exact up to `limit` of them (as far as 64-bit hashes differ: two of 4096 values collide
 * with probability 5e-13), then estimated with a standard error of 0.81 %. Whatever the order, the batches and the
 * merges, the same values give the same counter.
 *
 * A value is hashed by the first 64 bits of MurmurHash3_x86_128: a text by its UTF-16 code units, a number by the eight
 * bytes of its float64, -0 as 0. Numbers and texts are not to be mixed in one counter.
 */
export interface DistinctCounter {
  readonly limit: number;
  /** Hashes as pairs (high, low) in an open-addressed table; (0, 0) is an empty place. Null once `registers` are in use. */
  table: Uint32Array | null;
  /** Used places of the table. */
  tableCount: number;
  registers: Uint8Array | null;
}

/** @default of `limit`; the table then takes 64 kB at most, the registers 16 kB */
export const DISTINCT_EXACT_MAX = 4096;
const LIMIT_MAX = 1_000_000;
const FIRST_PLACES = 32;

const number = new Float64Array(1);
const words = new Uint32Array(number.buffer);
const [LOW_AT, HIGH_AT] = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? [0, 1] : [1, 0];

/** @throws INTERNAL unless the limit is an integer in [0, 1000000] */
export function createDistinctCounter(limit = DISTINCT_EXACT_MAX): DistinctCounter {
  if (!Number.isInteger(limit) || limit < 0 || limit > LIMIT_MAX) {
    throw new AppError('INTERNAL', `distinct counter: limit ${limit} is not in [0, ${LIMIT_MAX}]`);
  }
  return { limit, table: new Uint32Array(2 * FIRST_PLACES), tableCount: 0, registers: null };
}

export function isExactDistinct(counter: DistinctCounter): boolean {
  return counter.registers === null;
}

/** Number of different values, an integer; see {@link isExactDistinct} for whether it is an estimate. */
export function distinctCountOf(counter: DistinctCounter): number {
  return counter.registers === null ? counter.tableCount : Math.round(estimate(counter.registers));
}

/** Adds the numbers `values[from..to)`; NaN is missing and passed over. */
export function addNumbersToDistinct(
  counter: DistinctCounter,
  values: Float64Array,
  from = 0,
  to = values.length,
): void {
  const hash: Hash64 = { high: 0, low: 0 };
  let last = NaN;
  for (let i = from; i < to; i++) {
    const value = values[i] ?? NaN;
    if (Number.isNaN(value) || value === last) continue;
    last = value;
    number[0] = value + 0;
    hashWords(words[LOW_AT] ?? 0, words[HIGH_AT] ?? 0, hash);
    insert(counter, hash);
  }
}

/** Adds the texts `texts[from..to)`; null is missing and passed over. */
export function addTextsToDistinct(
  counter: DistinctCounter,
  texts: readonly (string | null)[],
  from = 0,
  to = texts.length,
): void {
  const hash: Hash64 = { high: 0, low: 0 };
  for (let i = from; i < to; i++) {
    const text = texts[i] ?? null;
    if (text === null) continue;
    hashText(text, hash);
    insert(counter, hash);
  }
}

/** Merges another part of the same data into `counter`; the other is not changed. @throws INTERNAL when its limit is another */
export function mergeDistinct(counter: DistinctCounter, other: DistinctCounter): void {
  if (counter.limit !== other.limit)
    throw new AppError('INTERNAL', `distinct counter: limit ${counter.limit} merged with ${other.limit}`);
  if (other.registers !== null) {
    const registers = toRegisters(counter);
    other.registers.forEach((value, i) => (registers[i] = Math.max(value, registers[i] ?? 0)));
  } else if (other.table !== null) {
    for (const hash of hashesOf(other.table)) insert(counter, hash);
  }
}

function insert(counter: DistinctCounter, hash: Hash64): void {
  if (hash.high === 0 && hash.low === 0) hash.low = 1; // The empty text's.
  if (counter.table === null) {
    addHash(toRegisters(counter), hash);
    return;
  }
  if (!insertIntoTable(counter.table, hash)) return;
  counter.tableCount++;
  if (counter.tableCount > counter.limit) toRegisters(counter);
  else if (4 * counter.tableCount > counter.table.length) counter.table = grown(counter.table);
}

/** False if the hash was there already. At least half of the places are empty. */
function insertIntoTable(table: Uint32Array, { high, low }: Hash64): boolean {
  const mask = table.length / 2 - 1;
  for (let place = low & mask; ; place = (place + 1) & mask) {
    const h = table[2 * place];
    const l = table[2 * place + 1];
    if (h === high && l === low) return false;
    if (h === 0 && l === 0) {
      table[2 * place] = high;
      table[2 * place + 1] = low;
      return true;
    }
  }
}

function* hashesOf(table: Uint32Array): Generator<Hash64> {
  for (let i = 0; i < table.length; i += 2) {
    const high = table[i] ?? 0;
    const low = table[i + 1] ?? 0;
    if (high !== 0 || low !== 0) yield { high, low };
  }
}

function grown(table: Uint32Array): Uint32Array {
  const larger = new Uint32Array(2 * table.length);
  for (const hash of hashesOf(table)) insertIntoTable(larger, hash);
  return larger;
}

/** The registers, made of the table's hashes when they were not in use yet. */
function toRegisters(counter: DistinctCounter): Uint8Array {
  if (counter.registers !== null) return counter.registers;
  const registers = new Uint8Array(REGISTERS_SIZE);
  for (const hash of hashesOf(counter.table ?? new Uint32Array(0))) addHash(registers, hash);
  counter.registers = registers;
  counter.table = null;
  counter.tableCount = 0;
  return registers;
}

/**
 * {@link DistinctCounter} as JSON: either the hashes in ascending order, 16 hexadecimal digits each, or the registers in
 * Base64.
 */
export const DistinctCounterData = strict({
  limit: Type.Integer({ minimum: 0, maximum: LIMIT_MAX }),
  hashes: nullable(Type.Array(Type.String({ pattern: '^[0-9a-f]{16}$' }))),
  registers: nullable(Type.String()),
});
export type DistinctCounterData = Static<typeof DistinctCounterData>;

const hex = (word: number): string => word.toString(16).padStart(8, '0');

export function distinctToData({ limit, table, registers }: DistinctCounter): DistinctCounterData {
  return {
    limit,
    hashes: table === null ? null : Array.from(hashesOf(table), ({ high, low }) => hex(high) + hex(low)).sort(),
    registers: registers === null ? null : Buffer.from(registers).toString('base64'),
  };
}

/** @throws VALIDATION_FAILED when there are neither hashes nor registers, both, too many, or registers out of range */
export function distinctFromData({ limit, hashes, registers }: DistinctCounterData): DistinctCounter {
  const counter = createDistinctCounter(limit);
  if (hashes !== null && registers === null && hashes.length <= limit) {
    for (const hash of hashes)
      insert(counter, { high: parseInt(hash.slice(0, 8), 16), low: parseInt(hash.slice(8), 16) });
    return counter;
  }
  const bytes = Uint8Array.from(Buffer.from(registers ?? '', 'base64'));
  if (hashes !== null || bytes.length !== REGISTERS_SIZE || bytes.some((value) => value > REGISTER_MAX)) {
    throw new AppError(
      'VALIDATION_FAILED',
      'distinct counter: expected the hashes of at most `limit` values, or 16384 registers',
    );
  }
  return { limit, table: null, tableCount: 0, registers: bytes };
}
