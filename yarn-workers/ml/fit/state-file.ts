import { AppError } from '#contracts';
import type { Sha256Function } from '#scoring';

const DIGEST_CHARS = 64;
const SPACE = 0x20;

/**
 * A fit's state as bytes, little endian:
 *
 *     state  = magic(8) digest(64) headBytes:uint32 zero:uint32 head blob
 *     digest = SHA-256 of all that follows it, in hexadecimal
 *     head   = JSON, filled up with spaces to a multiple of 8
 *     blob   = the arrays that the head's sections name
 *
 * @param magic eight characters: format and version
 */
export function writeStateFile(magic: string, head: unknown, blob: Uint8Array, sha256: Sha256Function): Uint8Array {
  const headSizeAt = magic.length + DIGEST_CHARS;
  const headAt = headSizeAt + 8;
  const encoder = new TextEncoder();
  const text = encoder.encode(JSON.stringify(head));
  const headBytes = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(headAt + headBytes + blob.length);
  bytes.set(encoder.encode(magic));
  new DataView(bytes.buffer).setUint32(headSizeAt, headBytes, true);
  bytes.fill(SPACE, headAt, headAt + headBytes);
  bytes.set(text, headAt);
  bytes.set(blob, headAt + headBytes);
  bytes.set(encoder.encode(sha256(bytes.subarray(headSizeAt))), magic.length);
  return bytes;
}

/** @throws ARTIFACT_INVALID where the bytes are of another format, or damaged */
export function readStateFile(
  magic: string,
  bytes: Uint8Array,
  sha256: Sha256Function,
): { readonly head: unknown; readonly blob: Uint8Array } {
  const headSizeAt = magic.length + DIGEST_CHARS;
  const headAt = headSizeAt + 8;
  const textOf = (from: number, to: number): string => new TextDecoder().decode(bytes.subarray(from, to));
  if (bytes.length < headAt) return invalidState(`${bytes.length} bytes, expected at least ${headAt}`);
  if (textOf(0, magic.length) !== magic) return invalidState('not of this format and version');
  if (textOf(magic.length, headSizeAt) !== sha256(bytes.subarray(headSizeAt)))
    return invalidState('its bytes were altered');
  const blobAt = headAt + new DataView(bytes.buffer, bytes.byteOffset).getUint32(headSizeAt, true);
  if (blobAt > bytes.length) return invalidState('its head is longer than the whole');
  return { head: JSON.parse(textOf(headAt, blobAt)) as unknown, blob: bytes.subarray(blobAt) };
}

/** @throws ARTIFACT_INVALID */
export function invalidState(what: string): never {
  throw new AppError('ARTIFACT_INVALID', `fit state: ${what}`);
}
