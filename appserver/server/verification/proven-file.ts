import { createHash } from 'node:crypto';
import type { AppError } from '#contracts';
import type { ReadRange } from '#ml';
import { readBytes } from '#object-store';
import type { ReadableStore } from './check.ts';

/** Bytes that are read at a time. */
const PIECE_BYTES = 1024 * 1024;
/** Pieces that are kept: as many as a file of rows has sections, and some more. */
const PIECES_KEPT = 8;

/** What a file must be. */
export interface ExpectedFile {
  readonly sizeBytes: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/**
 * Reads a file in ranges, all of which are of the file that is expected: it is read once from its beginning to its end and held against its hash, and
 * each piece that is read again is held against what that piece was then. Memory: {@link PIECES_KEPT} pieces, and 32 bytes for each one.
 *
 * @param refused what is thrown where the file is another one
 */
export async function provenFile(
  store: ReadableStore,
  path: string,
  { sizeBytes, sha256 }: ExpectedFile,
  refused: () => AppError,
): Promise<ReadRange> {
  const pieceCount = Math.ceil(sizeBytes / PIECE_BYTES);
  const digests: Buffer[] = [];
  const kept = new Map<number, Uint8Array>();
  const read = async (piece: number): Promise<Uint8Array> => {
    const start = piece * PIECE_BYTES;
    const isLast = piece >= pieceCount - 1;
    // One byte more of the last, so that a longer file is found out.
    const end = isLast ? sizeBytes + 1 : start + PIECE_BYTES;
    const bytes = await readBytes(store, path, { start, end });
    if (bytes.length !== Math.min(PIECE_BYTES, sizeBytes - start)) throw refused();
    return bytes;
  };
  const keep = (piece: number, bytes: Uint8Array): Uint8Array => {
    kept.delete(piece);
    kept.set(piece, bytes);
    const [oldest] = kept.keys();
    if (kept.size > PIECES_KEPT && oldest !== undefined) kept.delete(oldest);
    return bytes;
  };
  const digestOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
  const provenPiece = async (piece: number): Promise<Uint8Array> => {
    const known = kept.get(piece);
    if (known !== undefined) return keep(piece, known);
    const bytes = await read(piece);
    if (digests[piece]?.equals(digestOf(bytes)) !== true) throw refused();
    return keep(piece, bytes);
  };

  const whole = createHash('sha256');
  for (let piece = 0; piece < Math.max(1, pieceCount); piece += 1) {
    const bytes = await read(piece);
    whole.update(bytes);
    digests.push(digestOf(bytes));
    keep(piece, bytes);
  }
  if (whole.digest('hex') !== sha256) throw refused();

  return async (start, end) => {
    const [first, last] = [Math.floor(start / PIECE_BYTES), Math.floor((Math.max(end, start + 1) - 1) / PIECE_BYTES)];
    const from = start - first * PIECE_BYTES;
    if (first === last) return (await provenPiece(first)).subarray(from, from + end - start);
    const bytes = new Uint8Array(end - start);
    for (let piece = first; piece <= last; piece += 1) {
      const at = piece * PIECE_BYTES;
      const part = await provenPiece(piece);
      bytes.set(part.subarray(Math.max(0, start - at), end - at), Math.max(0, at - start));
    }
    return bytes;
  };
}
