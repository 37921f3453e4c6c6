import { AppError } from '#contracts';

/**
 * Processes, called ranks, that fit one model together. Each runs the whole fit; each has its part of the rows where they are many: in the
 * engine's data set, among those that validate, and among those that are predicted. All other facts are of the whole table, on every rank.
 *
 * Every rank must come to the same exchanges in the same order, so whatever depends on a clock is decided by the first.
 */
export interface RankGroup {
  /** Of this process, from 0. */
  readonly rank: number;
  /** Number of ranks, at least 2. */
  readonly size: number;
  /**
   * Gives every rank what each rank gives, which has the same length on all. Blocks the thread.
   *
   * @returns in rank order
   * @throws GROUP_BROKEN
   */
  allgather(bytes: Uint8Array): readonly Uint8Array[];
  /**
   * The same of bytes of any length, for ranks that may come hours apart: nothing is blocked, and there is no limit but that all ranks live.
   *
   * @param onWait told every few seconds how long it has been; it may end the wait by TASK_CANCELLED
   * @returns in rank order
   * @throws GROUP_BROKEN
   */
  gather(bytes: Uint8Array, onWait: (waitedMs: number) => void | Promise<void>): Promise<readonly Uint8Array[]>;
  /** Boosters that the action makes are boosted on the rows of all ranks. */
  joined<Result>(action: () => Promise<Result>): Promise<Result>;
}

/** The group of a fit; null where one process has all rows. */
export type Ranks = RankGroup | null;

/** Replaces numbers by their sums over all ranks, added up in rank order. */
export function sumOverRanks(ranks: Ranks, values: Float64Array): void {
  if (ranks === null) return;
  const parts = ranks.allgather(bytesOf(values)).map(numbersOf);
  for (let index = 0; index < values.length; index += 1)
    values[index] = parts.reduce((sum, part) => sum + (part[index] ?? NaN), 0);
}

/** A number that the first rank decides; what the others give counts for nothing. */
export function decidedByFirst(ranks: Ranks, value: number): number {
  if (ranks === null) return value;
  const [first = new Uint8Array(0)] = ranks.allgather(bytesOf(Float64Array.of(value)));
  return numbersOf(first)[0] ?? NaN;
}

/**
 * Holds against each other what all ranks must have alike.
 *
 * @param sha256 of it, in hexadecimal
 * @throws INTERNAL on every rank where one differs
 */
export function checkAgreement(ranks: Ranks, what: string, sha256: string): void {
  if (ranks !== null) requireSame(what, ranks.allgather(new TextEncoder().encode(sha256)).map(textOf));
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** @param all what each rank has, in rank order @throws INTERNAL */
export function requireSame(what: string, all: readonly string[]): void {
  const other = all.findIndex((hash) => hash !== all[0]);
  if (other < 0) return;
  throw new AppError('INTERNAL', `${what}: rank 0 has ${all[0] ?? ''}, rank ${other} has ${all[other] ?? ''}`);
}

/**
 * The rows that this rank has of some sets of rows, no two of which have one in common: the i-th row of a set, in the table's order, is that
 * of rank i modulo the number of ranks, so that parts of a set differ by one row at most. Memory: a byte a row.
 *
 * @param setOf number of the set of a row; below 0: of none
 */
export function ownRows(ranks: Ranks, rowCount: number, setOf: (row: number) => number): (row: number) => boolean {
  if (ranks === null) return () => true;
  const { rank, size } = ranks;
  const counts: number[] = [];
  const own = new Uint8Array(rowCount);
  for (let row = 0; row < rowCount; row += 1) {
    const set = setOf(row);
    if (set < 0) continue;
    const ordinal = counts[set] ?? 0;
    counts[set] = ordinal + 1;
    if (ordinal % size === rank) own[row] = 1;
  }
  return (row) => own[row] === 1;
}

/** Rows whose numbers one exchange carries at most, of each rank. */
const SHARED_ROWS = 65_536;

/**
 * Fills in the rows of a set that other ranks have: each has filled in its own, as {@link ownRows} deals them.
 *
 * @param places of the set's rows in `values`, in the table's order
 * @param count of the set's rows
 * @param width numbers a row
 */
export function shareRows(
  ranks: Ranks,
  places: Iterator<number>,
  count: number,
  values: Float64Array,
  width: number,
): void {
  if (ranks === null) return;
  const { rank, size } = ranks;
  const rowsOfBlock = Math.min(SHARED_ROWS, Math.ceil(count / size));
  const block = new Float64Array(rowsOfBlock * width);
  const shared = new Uint32Array(rowsOfBlock * size);
  for (let first = 0; first < count; first += shared.length) {
    const rowCount = Math.min(shared.length, count - first);
    for (let index = 0; index < rowCount; index += 1) {
      const next = places.next();
      shared[index] = next.done === true ? NaN : next.value;
    }
    const placeOf = (of: number, index: number): number | undefined =>
      index * size + of < rowCount ? shared[index * size + of] : undefined;
    for (let index = 0; index < rowsOfBlock; index += 1) {
      const at = (placeOf(rank, index) ?? 0) * width;
      block.set(values.subarray(at, at + width), index * width);
    }
    for (const [of, bytes] of ranks.allgather(bytesOf(block)).entries()) {
      const numbers = numbersOf(bytes);
      for (let index = 0; index < rowsOfBlock; index += 1) {
        const place = placeOf(of, index);
        if (place !== undefined) values.set(numbers.subarray(index * width, (index + 1) * width), place * width);
      }
    }
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float64Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** A copy: what is received may begin anywhere. */
const numbersOf = (bytes: Uint8Array): Float64Array => new Float64Array(bytes.slice().buffer);
