import { randomBytes } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** Gives that many random bytes. */
export type RandomSource = (count: number) => Uint8Array;

let source: RandomSource = randomBytes;

/**
 * A new opaque id: a prefix that says what it names, and 20 characters of Crockford's base 32 (100 random bits).
 *
 * @see https://www.crockford.com/base32.html
 */
export function newId(prefix: string): string {
  let text = '';
  for (const byte of source(20)) text += ALPHABET[byte & 31] ?? '';
  return `${prefix}_${text}`;
}

/** Random bytes as lower-case hexadecimal, for names that are never used twice. Not for secrets. */
export const randomHex = (byteCount: number): string => Buffer.from(source(byteCount)).toString('hex');

/**
 * Makes ids come from another source, so that a simulation gets the same ones again; returns what takes that back.
 * Secrets never come from it.
 */
export function useRandomSource(other: RandomSource): () => void {
  source = other;
  return () => {
    source = randomBytes;
  };
}
