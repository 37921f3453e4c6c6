import { crc32 } from 'node:zlib';
import { AppError } from '#contracts';
import { detectContainer } from '../ingest/detect-format.ts';
import { textOf, type Encoding } from '../ingest/text-source.ts';
import { DEFAULT_INGEST_LIMITS } from '../ingest/limits.ts';
import { shortRead, type RangeFile } from '../parquet/layout.ts';

/** Formats are told by so many bytes at most. */
const MAGIC_BYTES = 64;

/** A text file that is read from its beginning to its end. */
export interface OpenedText {
  /** In UTF-8, unpacked. */
  readonly text: AsyncGenerator<Buffer>;
  /** CRC-32 (as of gzip) of the file's bytes that were read: of all of them once the text has ended. */
  readonly crc32: () => number;
}

export interface OpenTextOptions {
  readonly encoding: Encoding | undefined;
  readonly signal: AbortSignal | undefined;
  /** Told how many bytes of the file came. */
  readonly onBytes?: (count: number) => void;
}

/**
 * The text of a file that is had by ranges; whether it is packed in gzip is told by its first bytes.
 *
 * Reading throws what {@link textOf} throws; DATA_READ_TRUNCATED for fewer bytes than the file has; UNSUPPORTED_FORMAT; what
 * the file's `read` throws.
 */
export function openText(file: RangeFile, { encoding, signal, onBytes }: OpenTextOptions): OpenedText {
  const seen = { crc: 0, bytes: 0 };
  return { text: text(), crc32: () => seen.crc };

  async function* raw(): AsyncGenerator<Buffer> {
    for await (const chunk of file.read(0, file.sizeBytes, signal)) {
      seen.crc = crc32(chunk, seen.crc);
      seen.bytes += chunk.length;
      onBytes?.(chunk.length);
      yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    }
    if (seen.bytes !== file.sizeBytes) throw shortRead(file, 0, file.sizeBytes, seen.bytes);
  }

  async function* text(): AsyncGenerator<Buffer> {
    const bytes = raw();
    try {
      const head = await headOf(bytes);
      const container = detectContainer(head, file.path, 'csv');
      if (container === 'parquet')
        throw new AppError('UNSUPPORTED_FORMAT', `File ${file.path}: expected text, found Parquet`, {
          details: { found: 'Parquet' },
        });
      yield* textOf({
        bytes: following(head, bytes),
        fileName: file.path,
        gzip: container === 'gzip',
        encoding,
        textBytesMax: DEFAULT_INGEST_LIMITS.textBytesMax,
      });
    } finally {
      await bytes.return(undefined);
    }
  }
}

/** The first chunks together, at least so many bytes that formats can be told. */
async function headOf(bytes: AsyncGenerator<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  while (size < MAGIC_BYTES) {
    const next = await bytes.next();
    if (next.done === true) break;
    chunks.push(next.value);
    size += next.value.length;
  }
  return Buffer.concat(chunks);
}

async function* following(head: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* rest;
}
