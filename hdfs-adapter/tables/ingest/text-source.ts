import { createReadStream } from 'node:fs';
import { isUtf8 } from 'node:buffer';
import { AppError, type DatasetOptions } from '#contracts';
import { refusePacked } from './detect-format.ts';
import { refuseWrongEncoding, transcode } from './encoding.ts';
import { gunzipped } from './gunzip.ts';

export type Encoding = NonNullable<DatasetOptions['encoding']>;

export interface TextSourceOptions {
  /** Of the file, as they are; chunks may be kept. */
  readonly bytes: AsyncIterable<Buffer>;
  readonly fileName: string;
  readonly gzip: boolean;
  readonly encoding: Encoding | undefined;
  readonly textBytesMax: number;
}

const READ_BYTES = 256 * 1024;
const BOM = Buffer.from('\ufeff');

/**
 * The text of a file in valid UTF-8, without a byte order mark, cut between characters. Chunks may be kept.
 *
 * @throws DATASET_ENCODING with the byte offset and line of what is not in the encoding; DATASET_TRUNCATED for gzip
 * that ends early; DATASET_UNREADABLE for damaged gzip; UNSUPPORTED_FORMAT for what else is packed in gzip;
 * BODY_TOO_LARGE above `textBytesMax`
 */
export async function* textOf(options: TextSourceOptions): AsyncGenerator<Buffer> {
  const bytes = options.gzip ? gunzipped(options.bytes, options.fileName) : options.bytes;
  const text = transcode(limited(bytes, options), options.encoding, options.fileName);
  // Held back until the byte order mark is whole: a gzip member may be as short as one byte.
  let head: Buffer | null = Buffer.alloc(0);
  for await (const chunk of validated(text, options.fileName, options.encoding)) {
    if (head === null) yield chunk;
    else {
      head = Buffer.concat([head, chunk]);
      if (head.length < BOM.length) continue;
      const rest = withoutBom(head);
      head = null;
      if (rest.length > 0) yield rest;
    }
  }
  if (head !== null && head.length > 0) yield head;
}

function withoutBom(text: Buffer): Buffer {
  return text.subarray(0, BOM.length).equals(BOM) ? text.subarray(BOM.length) : text;
}

/** The bytes of a local file. @param onBytes is told how many were read so far */
export async function* bytesOf(
  inputPath: string,
  signal: AbortSignal | undefined,
  onBytes: (count: number) => void,
): AsyncGenerator<Buffer> {
  const stream = createReadStream(inputPath, { highWaterMark: READ_BYTES });
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    signal?.throwIfAborted();
    onBytes(stream.bytesRead);
    yield chunk;
  }
}

async function* limited(bytes: AsyncIterable<Buffer>, options: TextSourceOptions): AsyncGenerator<Buffer> {
  let count = 0;
  let first = true;
  for await (const chunk of bytes) {
    if (first && options.gzip) refusePacked(chunk, options.fileName);
    if (first) refuseWrongEncoding(chunk, options.encoding, options.fileName);
    first = false;
    count += chunk.length;
    if (count > options.textBytesMax) {
      const limit = options.textBytesMax;
      throw new AppError(
        'BODY_TOO_LARGE',
        `File ${options.fileName}: expected at most ${limit} bytes of text, found more`,
      );
    }
    yield chunk;
  }
}

async function* validated(
  text: AsyncIterable<Buffer>,
  fileName: string,
  encoding: Encoding | undefined,
): AsyncGenerator<Buffer> {
  let carried: Buffer = Buffer.alloc(0);
  let offset = 0;
  let lineCount = 0;
  for await (const piece of text) {
    const chunk = carried.length === 0 ? piece : Buffer.concat([carried, piece]);
    const cut = chunk.length - incompleteTail(chunk);
    const whole = chunk.subarray(0, cut);
    if (!isUtf8(whole)) throw notUtf8(whole, offset, lineCount, fileName, encoding);
    carried = chunk.subarray(cut);
    offset += cut;
    lineCount += countLines(whole);
    if (whole.length > 0) yield whole;
  }
  if (carried.length > 0) throw notUtf8(carried, offset, lineCount, fileName, encoding);
}

/** Bytes at the end that may be the beginning of a longer UTF-8 sequence (RFC 3629). */
function incompleteTail(chunk: Buffer): number {
  for (let back = 1; back <= 3 && back <= chunk.length; back += 1) {
    const byte = chunk[chunk.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return length > back ? back : 0;
    }
  }
  return 0;
}

function countLines(text: Buffer): number {
  let count = 0;
  for (let at = text.indexOf(10); at >= 0; at = text.indexOf(10, at + 1)) count += 1;
  return count;
}

function notUtf8(
  text: Buffer,
  offset: number,
  lineCount: number,
  fileName: string,
  encoding: Encoding | undefined,
): AppError {
  // Halving finds the first bad byte: prefixes up to it are valid but for a cut sequence at their end.
  let good = 0;
  let bad = text.length;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    const prefix = text.subarray(0, middle);
    if (isUtf8(prefix.subarray(0, middle - incompleteTail(prefix)))) good = middle;
    else bad = middle;
  }
  const prefix = text.subarray(0, good);
  const at = good - incompleteTail(prefix);
  const line = lineCount + countLines(text.subarray(0, at)) + 1;
  const byte = (text[at] ?? 0).toString(16).padStart(2, '0');
  return new AppError(
    'DATASET_ENCODING',
    `File ${fileName}: expected ${encoding ?? 'utf-8'}, found byte 0x${byte} at offset ${offset + at}, line ${line}. ` +
      'Set options.encoding (windows-1252 and latin-1 are usual for such files), or save the file as UTF-8.',
    { details: { offset: offset + at, line } },
  );
}
