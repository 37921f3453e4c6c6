import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { AppError } from '#contracts';

const CHUNK_BYTES = 256 * 1024;

/**
 * What is packed in gzip, of all its members, each of which is checked against its own CRC-32 and length; zeros may follow the
 * last one, as some programs pad. Memory: a few chunks.
 *
 * @throws DATASET_TRUNCATED where it ends early, DATASET_UNREADABLE where it is damaged; what `bytes` throws
 * @see RFC 1952
 */
export async function* gunzipped(bytes: AsyncIterable<Uint8Array>, fileName: string): AsyncGenerator<Buffer> {
  const source = new Fed(bytes[Symbol.asyncIterator]());
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  // The callback's error is the one that the iteration throws.
  const unpacked = pipeline(source.chunks(), gunzip, () => undefined);
  try {
    yield* unpacked as AsyncIterable<Buffer>;
    await source.drain();
  } catch (err) {
    throw gzipError(err, fileName);
  } finally {
    await source.close();
  }
  // Node takes a zero where a member should begin for padding and stops there, whatever comes behind it.
  if (source.contentEnd > gunzip.bytesWritten) throw damaged(fileName);
}

/** Chunks that are handed on, with a record of how far there was anything but zeros. */
class Fed {
  /** Offset after the last byte that is not zero. */
  contentEnd = 0;
  readonly #source: AsyncIterator<Uint8Array>;
  #offset = 0;

  constructor(source: AsyncIterator<Uint8Array>) {
    this.#source = source;
  }

  /** Ended early, it leaves what follows to `drain`. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    for (let chunk = await this.#next(); chunk !== null; chunk = await this.#next()) yield chunk;
  }

  async drain(): Promise<void> {
    while ((await this.#next()) !== null);
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }

  async #next(): Promise<Uint8Array | null> {
    const next = await this.#source.next();
    if (next.done === true) return null;
    const chunk = next.value;
    let end = chunk.length;
    while (end > 0 && chunk[end - 1] === 0) end -= 1;
    if (end > 0) this.contentEnd = this.#offset + end;
    this.#offset += chunk.length;
    return chunk;
  }
}

function gzipError(err: unknown, fileName: string): unknown {
  const code = err instanceof Error && 'code' in err ? err.code : undefined;
  if (code === 'Z_BUF_ERROR')
    return new AppError('DATASET_TRUNCATED', `File ${fileName}: the gzip data end too early`, { cause: err });
  return typeof code === 'string' && code.startsWith('Z_') ? damaged(fileName, err) : err;
}

function damaged(fileName: string, cause?: unknown): AppError {
  return new AppError('DATASET_UNREADABLE', `File ${fileName}: the gzip data are damaged`, {
    ...(cause === undefined ? {} : { cause }),
  });
}
