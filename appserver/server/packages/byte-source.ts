import { crc32 } from 'node:zlib';
import { AppError } from '#contracts';
import { tarHeader, tarPadding } from '#runtime';

/** Bytes whose number is known before the first of them is read; each reading begins anew. */
export interface ByteSource {
  readonly sizeBytes: number;
  readonly read: () => AsyncIterable<Uint8Array>;
}

/** A file of an archive, whose content is read when its turn comes. */
export interface SourceEntry {
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly content: ByteSource;
}

/** Largest block that is stored as it is. @see RFC 1951 section 3.2.4 */
const STORED_BYTES_MAX = 65_535;
const STORED_HEADER_BYTES = 5;
const LAST_BLOCK = 1;
/** Deflate; neither name nor time; Unix. @see RFC 1952 section 2.3 */
const GZIP_HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
/** Checksum and size. */
const GZIP_TRAILER_BYTES = 8;

/** Bytes that are in memory already. */
export const inMemory = (bytes: Uint8Array): ByteSource => ({
  sizeBytes: bytes.length,
  read: async function* () {
    yield bytes;
  },
});

/** The beginning of a tar archive: these files, and no end, since others follow. @throws INTERNAL see `tarHeader` */
export function tarBeginning(entries: readonly SourceEntry[]): ByteSource {
  const parts = entries.flatMap(({ path, mode, content }) => [
    inMemory(tarHeader({ path, mode, sizeBytes: content.sizeBytes })),
    wholly(content, path),
    inMemory(new Uint8Array(tarPadding(content.sizeBytes))),
  ]);
  return chained(parts);
}

/** One after the other. */
export const chained = (parts: readonly ByteSource[]): ByteSource => ({
  sizeBytes: parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  read: async function* () {
    for (const part of parts) yield* part.read();
  },
});

/** Fails where a source has another number of bytes than it said, so that what was announced is what is sent. */
const wholly = ({ sizeBytes, read }: ByteSource, name: string): ByteSource => ({
  sizeBytes,
  read: async function* () {
    let seen = 0;
    for await (const chunk of read()) {
      seen += chunk.length;
      if (seen <= sizeBytes) yield chunk;
    }
    if (seen !== sizeBytes)
      throw new AppError('DATA_READ_TRUNCATED', `${name}: expected ${sizeBytes} bytes, found ${seen}`);
  },
});

/**
 * A gzip member that holds the bytes as they are, so that its size is known before they are read. The same bytes give the same
 * member, whatever chunks they come in. Memory: a block.
 *
 *     member = header(10) { 0 size ~size bytes }* 1 0 ~0 crc32 size     blocks of 65,535 bytes, the last one before the end shorter
 *
 * @see RFC 1952 section 2.3, RFC 1951 section 3.2.4
 */
export function storedGzip(source: ByteSource): ByteSource {
  const blockCount = Math.ceil(source.sizeBytes / STORED_BYTES_MAX);
  const framing = GZIP_HEADER.length + (blockCount + 1) * STORED_HEADER_BYTES + GZIP_TRAILER_BYTES;
  return {
    sizeBytes: framing + source.sizeBytes,
    read: async function* () {
      yield GZIP_HEADER;
      let checksum = 0;
      for await (const block of blocksOf(source.read())) {
        checksum = crc32(block, checksum);
        yield storedHeader(0, block.length);
        yield block;
      }
      yield storedHeader(LAST_BLOCK, 0);
      const trailer = Buffer.alloc(GZIP_TRAILER_BYTES);
      trailer.writeUInt32LE(checksum, 0);
      trailer.writeUInt32LE(source.sizeBytes % 2 ** 32, 4);
      yield trailer;
    },
  };
}

function storedHeader(flags: number, sizeBytes: number): Buffer {
  const header = Buffer.alloc(STORED_HEADER_BYTES);
  header.writeUInt8(flags, 0);
  header.writeUInt16LE(sizeBytes, 1);
  header.writeUInt16LE(~sizeBytes & 0xffff, 3);
  return header;
}

/** Blocks of {@link STORED_BYTES_MAX} bytes; the last one may be shorter. Each is a buffer of its own. */
async function* blocksOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let block = Buffer.allocUnsafe(STORED_BYTES_MAX);
  let filled = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      const taken = Math.min(chunk.length - at, STORED_BYTES_MAX - filled);
      block.set(chunk.subarray(at, at + taken), filled);
      filled += taken;
      at += taken;
      if (filled < STORED_BYTES_MAX) continue;
      yield block;
      // A stream may hold the one that was given.
      block = Buffer.allocUnsafe(STORED_BYTES_MAX);
      filled = 0;
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}
