import { canonicalJson } from '#contracts';
import type { Sha256Function } from '#scoring';

/** Bytes that are digested at a time. */
const BLOCK_BYTES = 1024 * 1024;

/** The digest of something that is JSON. */
export const digestOf = (value: unknown, sha256: Sha256Function): string =>
  sha256(new TextEncoder().encode(canonicalJson(value)));

/** The digest of a small number (0 to 255) of each row, without an array of them all. */
export function digestRows(rowCount: number, numberOf: (row: number) => number, sha256: Sha256Function): string {
  const blocks: string[] = [];
  for (let first = 0; first < rowCount; first += BLOCK_BYTES) {
    const count = Math.min(BLOCK_BYTES, rowCount - first);
    blocks.push(sha256(Uint8Array.from({ length: count }, (_, index) => numberOf(first + index))));
  }
  return digestOf(blocks, sha256);
}

/** The digest of an array's bytes. */
export function digestArray(
  { buffer, byteOffset, byteLength }: Uint32Array | Float64Array,
  sha256: Sha256Function,
): string {
  return sha256(new Uint8Array(buffer, byteOffset, byteLength));
}
