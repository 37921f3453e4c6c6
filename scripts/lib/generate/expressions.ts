/**
 * Numbers of a row as SQL. Each is a function of the row's number, a stream and the seed, so that a row is the same in whichever file, and by
 * whichever process, it is made. `hash` is DuckDB's; a test holds its values.
 */

/** Row number of the table, from 0. */
export const ROW = 'r';

/** Streams of a row. */
const STREAMS = 65_536;

/** 64 bits. One number of row and stream is hashed: DuckDB's hash of several values is correlated between neighbours. */
export const bits = (of: string, stream: number, seed: number): string =>
  `hash(xor(${of}::BIGINT * ${STREAMS} + ${stream}, ${saltOf(seed)}))`;

/** 62 bits of a seed, most of them above those of a row. */
const saltOf = (seed: number): bigint => (BigInt(seed) * 0x9e37_79b9_7f4a_7c15n) & 0x3fff_ffff_ffff_ffffn;

/** From 0 to 1, 1 excluded, in steps of 2^-53. */
export const uniform = (of: string, stream: number, seed: number): string =>
  `((${bits(of, stream, seed)} >> 11)::DOUBLE * ${2 ** -53})`;

/** Fills the steps of the sum of four numbers of 16 bits. */
const FINE = 2 ** -80;

/**
 * Mean 0, variance 1, between -3.5 and 3.5: the sum of four uniform numbers of 16 bits (Irwin-Hall) and of a share of their last step, in which
 * there is nothing that machines round differently.
 */
export function normal(of: string, stream: number, seed: number): string {
  const word = bits(of, stream, seed);
  const parts = [0, 16, 32, 48].map((shift) => `((${word} >> ${shift}) & 65535)`);
  return `((${parts.join(' + ')})::DOUBLE / 65536 - 2 + ${word}::DOUBLE * ${FINE}) * ${Math.sqrt(3)}`;
}

/** True in so many of 1,024. */
export const isChosen = (of: string, stream: number, seed: number, per1024: number): string =>
  `(${bits(of, stream, seed)} & 1023) < ${per1024}`;
