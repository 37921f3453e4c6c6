import { AppError } from '#contracts';

/** A file of a tar archive. */
export interface TarEntry {
  /** Relative, with `/`. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly content: Uint8Array;
}

const BLOCK_BYTES = 512;
const NAME_BYTES_MAX = 100;
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
  for (const [index, entry] of sorted.entries()) {
    checkPath(entry.path, sorted[index - 1]?.path);
    blocks.push(header(entry), entry.content, new Uint8Array(padding(entry.content.length)));
  }
  return Buffer.concat([...blocks, new Uint8Array(2 * BLOCK_BYTES)]);
}

const padding = (sizeBytes: number): number => (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;

function checkPath(path: string, before: string | undefined): void {
  const isInside = path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  if (!isInside || path === before || Buffer.byteLength(path) > NAME_BYTES_MAX)
    throw new AppError('INTERNAL', `archive entry ${path}: expected a relative path of its own, at most 100 bytes`);
}

function header({ path, mode, content }: TarEntry): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, offset: number, length: number) =>
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1');
  block.write(path, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8); // user id
  octal(0, 116, 8); // group id
  octal(content.length, 124, 12);
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
