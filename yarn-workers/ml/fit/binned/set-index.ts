import type { Sha256Function } from '#scoring';
import { BinsLost } from './bin-store.ts';

/** Hexadecimal digits of a digest. */
const DIGEST_LENGTH = 64;

/**
 * The bytes that seal a set: `index = digest newline JSON`, the digest that of the JSON.
 *
 * @see readIndex
 */
export function writeIndex(content: unknown, sha256: Sha256Function): Uint8Array {
  const body = new TextEncoder().encode(JSON.stringify(content));
  const bytes = new Uint8Array(DIGEST_LENGTH + 1 + body.length);
  bytes.set(new TextEncoder().encode(`${sha256(body)}\n`));
  bytes.set(body, DIGEST_LENGTH + 1);
  return bytes;
}

/** What a set was sealed with. @throws BinsLost where it was altered */
export function readIndex(bytes: Uint8Array, sha256: Sha256Function): unknown {
  const body = bytes.subarray(DIGEST_LENGTH + 1);
  const said = new TextDecoder().decode(bytes.subarray(0, DIGEST_LENGTH));
  if (sha256(body) !== said) throw new BinsLost('an index was altered');
  return JSON.parse(new TextDecoder().decode(body));
}
