import { AppError, type DatasetOptions } from '#contracts';

type Encoding = NonNullable<DatasetOptions['encoding']>;

/** Code points of the bytes 0x80 to 0x9f in windows-1252; the five unused ones are control codes, as browsers read them. */
const WINDOWS_1252 = Uint16Array.of(
  0x20ac,
  0x81,
  0x201a,
  0x0192,
  0x201e,
  0x2026,
  0x2020,
  0x2021,
  0x02c6,
  0x2030,
  0x0160,
  0x2039,
  0x0152,
  0x8d,
  0x017d,
  0x8f,
  0x90,
  0x2018,
  0x2019,
  0x201c,
  0x201d,
  0x2022,
  0x2013,
  0x2014,
  0x02dc,
  0x2122,
  0x0161,
  0x203a,
  0x0153,
  0x9d,
  0x017e,
  0x0178,
);

/**
 * Tells UTF-16 from other encodings by the first bytes, where the stated encoding is the other one.
 *
 * @throws DATASET_ENCODING
 */
export function refuseWrongEncoding(head: Buffer, encoding: Encoding | undefined, fileName: string): void {
  const stated = encoding ?? 'utf-8';
  const utf16 = looksLikeUtf16(head);
  const isStatedUtf16 = stated === 'utf-16le' || stated === 'utf-16be';
  if (utf16 !== null && utf16 !== stated) throw wrong(fileName, stated, `what looks like ${utf16}`, utf16);
  if (isStatedUtf16 && utf16 === null && !head.includes(0)) {
    throw wrong(fileName, stated, 'text with one byte a character', 'utf-8');
  }
}

function looksLikeUtf16(head: Buffer): 'utf-16le' | 'utf-16be' | null {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be';
  if (head.length < 4) return null;
  if (head[0] !== 0 && head[1] === 0 && head[2] !== 0 && head[3] === 0) return 'utf-16le';
  if (head[0] === 0 && head[1] !== 0 && head[2] === 0 && head[3] !== 0) return 'utf-16be';
  return null;
}

/**
 * Bytes of an encoding as UTF-8; UTF-8 itself passes unchanged and unchecked.
 *
 * @throws DATASET_ENCODING for UTF-16 that is not well-formed
 */
export async function* transcode(
  bytes: AsyncIterable<Buffer>,
  encoding: Encoding | undefined,
  fileName: string,
): AsyncGenerator<Buffer> {
  switch (encoding) {
    case undefined:
    case 'utf-8':
      yield* bytes;
      return;
    case 'latin-1':
    case 'windows-1252':
      for await (const chunk of bytes) yield singleByteToUtf8(chunk, encoding === 'windows-1252' ? WINDOWS_1252 : null);
      return;
    case 'utf-16le':
    case 'utf-16be':
      yield* fromUtf16(bytes, encoding, fileName);
  }
}

function singleByteToUtf8(chunk: Buffer, upper: Uint16Array | null): Buffer {
  const out = Buffer.allocUnsafe(chunk.length * 3);
  let at = 0;
  for (const byte of chunk) {
    const point = upper !== null && byte >= 0x80 && byte < 0xa0 ? (upper[byte - 0x80] ?? byte) : byte;
    if (point < 0x80) out[at++] = point;
    else if (point < 0x800) {
      out[at++] = 0xc0 | (point >> 6);
      out[at++] = 0x80 | (point & 0x3f);
    } else {
      out[at++] = 0xe0 | (point >> 12);
      out[at++] = 0x80 | ((point >> 6) & 0x3f);
      out[at++] = 0x80 | (point & 0x3f);
    }
  }
  return out.subarray(0, at);
}

async function* fromUtf16(
  bytes: AsyncIterable<Buffer>,
  encoding: 'utf-16le' | 'utf-16be',
  fileName: string,
): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true });
  let offset = 0;
  try {
    for await (const chunk of bytes) {
      yield Buffer.from(decoder.decode(chunk, { stream: true }));
      offset += chunk.length;
    }
    yield Buffer.from(decoder.decode());
  } catch (err) {
    if (!(err instanceof TypeError)) throw err;
    throw new AppError(
      'DATASET_ENCODING',
      `File ${fileName}: expected ${encoding}, found an unpaired surrogate or half a character after byte ${offset}. ` +
        'Set options.encoding to the encoding the file has, or save it as UTF-8.',
      { cause: err, details: { offset } },
    );
  }
}

function wrong(fileName: string, stated: string, found: string, remedy: string): AppError {
  return new AppError(
    'DATASET_ENCODING',
    `File ${fileName}: expected ${stated}, found ${found}. Set options.encoding to "${remedy}", or save the file as UTF-8.`,
    { details: { expected: stated, offset: 0, line: 1 } },
  );
}
