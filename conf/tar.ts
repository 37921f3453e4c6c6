import { AppError } from '#contracts';

/** What is said of a file before its content. */
export interface TarHeader {
  /** Relative, with `/`. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly sizeBytes: number;
}

/** A file of a tar archive. */
export interface TarEntry extends Omit<TarHeader, 'sizeBytes'> {
  readonly content: Uint8Array;
}

export const TAR_BLOCK_BYTES = 512;
const NAME_BYTES_MAX = 100;
/** Eleven octal digits. */
const SIZE_BYTES_MAX = 8 ** 11 - 1;
/** Every file is of the start of 1980, which all programs can show; zip files cannot be older. */
const MTIME_SECONDS = 315_532_800;
const REGULAR_FILE = '0';

/**
 * A POSIX ustar archive with nothing in it but the given files: the same entries give the same bytes, whoever packs them
 * and when. Entries are sorted by path; each folder comes into being with its first file; owner is root (0).
 *
 *     archive = { header(512) content padding-to-512 } 1024 zero bytes
 *
 * @throws INTERNAL for paths that are absolute, leave the folder, appear twice, or are longer than 100 bytes
 * @see IEEE Std 1003.1-2017, pax, "ustar Interchange Format"
 */
export function packTar(entries: readonly TarEntry[]): Buffer {
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const blocks: Uint8Array[] = [];
  for (const [index, { path, mode, content }] of sorted.entries()) {
    if (path === sorted[index - 1]?.path) throw unfit(path);
    const sizeBytes = content.length;
    blocks.push(tarHeader({ path, mode, sizeBytes }), content, new Uint8Array(tarPadding(sizeBytes)));
  }
  return Buffer.concat([...blocks, new Uint8Array(2 * TAR_BLOCK_BYTES)]);
}

/** Zero bytes that follow a content of this size. */
export const tarPadding = (sizeBytes: number): number =>
  (TAR_BLOCK_BYTES - (sizeBytes % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES;

const unfit = (path: string): AppError =>
  new AppError('INTERNAL', `archive entry ${path}: expected a relative path of its own, at most 100 bytes`);

/** The block that stands before a content. @throws INTERNAL see {@link packTar}, also for 8 GiB and more */
export function tarHeader({ path, mode, sizeBytes }: TarHeader): Buffer {
  const isInside = path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  if (!isInside || Buffer.byteLength(path) > NAME_BYTES_MAX) throw unfit(path);
  if (sizeBytes > SIZE_BYTES_MAX)
    throw new AppError(
      'INTERNAL',
      `archive entry ${path}: expected at most ${SIZE_BYTES_MAX} bytes, found ${sizeBytes}`,
    );
  const block = Buffer.alloc(TAR_BLOCK_BYTES);
  const octal = (value: number, offset: number, length: number) =>
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1');
  block.write(path, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8); // user id
  octal(0, 116, 8); // group id
  octal(sizeBytes, 124, 12);
  octal(MTIME_SECONDS, 136, 12);
  block.write(' '.repeat(8), 148, 'latin1'); // the checksum counts as blanks in itself
  block.write(REGULAR_FILE, 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  block.write('root', 265, 'latin1');
  block.write('root', 297, 'latin1');
  const checksum = block.reduce((sum, byte) => sum + byte, 0);
  block.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}
