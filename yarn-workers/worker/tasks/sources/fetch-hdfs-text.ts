import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError, type HdfsFormat, type RegisteredFile } from '#contracts';
import { storeError } from '#object-store';
import { gunzipped, type InPlaceFiles } from '#tables';

export interface FetchHdfsTextOptions {
  readonly files: readonly RegisteredFile[];
  readonly format: HdfsFormat;
  readonly source: InPlaceFiles;
  /** Each file begins with the same row of names. */
  readonly header: boolean;
  /** Of all text, unpacked. */
  readonly bytesMax: number;
  /** New local file. */
  readonly target: string;
  readonly onBytes: (received: number, total: number) => void;
}

const QUOTE = 0x22;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
/** Longest row of names. */
const HEADER_BYTES_MAX = 16 * 1024 * 1024;
/** Encodings whose texts cannot be put together byte by byte begin so. */
const WIDE_MARKS: readonly Buffer[] = [Buffer.from([0xff, 0xfe]), Buffer.from([0xfe, 0xff])];
const UTF8_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Puts the text files of a dataset together, in order, as one local file: unpacked where their names end in `.gz`, the row of
 * names once, a line end between files. Files without a byte have no rows.
 *
 * @throws DATASET_CHANGED, DATASET_SCHEMAS_DIFFER for another row of names, UNSUPPORTED_FORMAT for several files in UTF-16,
 *   DATASET_TRUNCATED and DATASET_UNREADABLE for damaged gzip, BODY_TOO_LARGE, DISK_FULL; each names the file
 */
export async function fetchHdfsText(options: FetchHdfsTextOptions): Promise<void> {
  await options.source.check(options.files);
  try {
    await pipeline(Readable.from(together(options)), createWriteStream(options.target, { flags: 'wx' }));
  } catch (err) {
    throw storeError(err, 'Writing the fetched files', options.target);
  }
}

async function* together(options: FetchHdfsTextOptions): AsyncGenerator<Uint8Array> {
  const { files, bytesMax } = options;
  const total = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const hasHeader = options.header && options.format !== 'jsonl';
  const progress = { received: 0, written: 0 };
  let header: { readonly bytes: Buffer; readonly path: string } | null = null;
  let last = NEWLINE;
  for (const file of files) {
    if (file.sizeBytes === 0) continue;
    const text = textOf(file, options, (count) => {
      progress.received += count;
      options.onBytes(progress.received, total);
    });
    const chunks = files.length > 1 ? narrow(text, file) : text;
    if (last !== NEWLINE) yield Buffer.of(NEWLINE);
    last = NEWLINE;
    const split = hasHeader && files.length > 1 ? await splitHeader(chunks, file) : { header: null, rest: chunks };
    if (split.header !== null && header === null) {
      header = { bytes: split.header, path: file.path };
      yield Buffer.concat([split.header, Buffer.of(NEWLINE)]);
    } else if (split.header !== null && header !== null && !split.header.equals(header.bytes))
      throw new AppError(
        'DATASET_SCHEMAS_DIFFER',
        `File ${file.path}: expected the row of names of file ${header.path}, found another`,
        { details: { path: file.path, first: header.path } },
      );
    for await (const chunk of split.rest) {
      progress.written += chunk.length;
      if (progress.written > bytesMax)
        throw new AppError('BODY_TOO_LARGE', `File ${file.path}: the text has more than ${bytesMax} bytes`);
      last = chunk.at(-1) ?? last;
      yield chunk;
    }
  }
}

/** The file's bytes, unpacked. @throws DATASET_CHANGED when it is not the same after its last byte */
async function* textOf(
  registered: RegisteredFile,
  { source }: FetchHdfsTextOptions,
  onBytes: (count: number) => void,
): AsyncGenerator<Buffer, void> {
  const file = await source.open(registered);
  const raw = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of file.read(0, file.sizeBytes)) {
      onBytes(chunk.length);
      yield chunk;
    }
  };
  const isPacked = registered.path.toLowerCase().endsWith('.gz');
  for await (const chunk of isPacked ? gunzipped(raw(), registered.path) : raw())
    yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  await file.confirm();
}

/** @throws UNSUPPORTED_FORMAT */
async function* narrow(chunks: AsyncIterable<Buffer>, { path }: RegisteredFile): AsyncGenerator<Buffer, void> {
  let isFirst = true;
  for await (const chunk of chunks) {
    if (isFirst && WIDE_MARKS.some((mark) => mark.equals(chunk.subarray(0, mark.length))))
      throw new AppError(
        'UNSUPPORTED_FORMAT',
        `File ${path}: expected UTF-8 in each of several files, found UTF-16. Save the files as UTF-8.`,
        { details: { found: 'UTF-16' } },
      );
    isFirst = false;
    yield chunk;
  }
}

/** Cuts the first record off; a line end within quotes is part of it. */
async function splitHeader(
  chunks: AsyncGenerator<Buffer, void>,
  { path }: RegisteredFile,
): Promise<{ header: Buffer; rest: AsyncIterable<Buffer> }> {
  const seen: Buffer[] = [];
  let size = 0;
  let isQuoted = false;
  for (;;) {
    const next = await chunks.next();
    if (next.done === true) return { header: nameRow(Buffer.concat(seen)), rest: nothing() };
    const { value } = next;
    for (let at = 0; at < value.length; at += 1) {
      if (value[at] === QUOTE) isQuoted = !isQuoted;
      if (value[at] !== NEWLINE || isQuoted) continue;
      const header = nameRow(Buffer.concat([...seen, value.subarray(0, at)]));
      return { header, rest: following(value.subarray(at + 1), chunks) };
    }
    seen.push(value);
    size += value.length;
    if (size > HEADER_BYTES_MAX)
      throw new AppError(
        'DATASET_RAGGED',
        `File ${path}: expected a row of names, found ${size} bytes without a line end`,
      );
  }
}

function nameRow(bytes: Buffer): Buffer {
  const from = bytes.subarray(0, UTF8_MARK.length).equals(UTF8_MARK) ? UTF8_MARK.length : 0;
  return bytes.subarray(from, bytes.at(-1) === RETURN ? bytes.length - 1 : bytes.length);
}

async function* following(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (first.length > 0) yield first;
  yield* rest;
}

async function* nothing(): AsyncGenerator<Buffer> {}
