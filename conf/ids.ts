import { randomBytes } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * A new opaque id: a prefix that says what it names, and 20 characters of Crockford's base 32 (100 random bits).
 *
 * @see https://www.crockford.com/base32.html
 */
export function newId(prefix: string): string {
  let text = '';
  for (const byte of randomBytes(20)) text += ALPHABET[byte & 31] ?? '';
  return `${prefix}_${text}`;
}
