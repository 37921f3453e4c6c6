import { AppError } from '#contracts';

/** Formats of the contract that are not read yet: refused at once, before a worker has to say so. */
const FOREIGN: readonly { readonly name: string; readonly magic: string; readonly extensions: readonly string[] }[] = [
  { name: 'a zip archive or an Excel file (xlsx)', magic: 'PK\x03\x04', extensions: ['zip', 'xlsx', 'xlsm'] },
  { name: 'an empty zip archive', magic: 'PK\x05\x06', extensions: [] },
  { name: 'an Excel file (xls)', magic: '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', extensions: ['xls'] },
  { name: 'an ORC file', magic: 'ORC', extensions: ['orc'] },
  { name: 'an Arrow file', magic: 'ARROW1', extensions: ['arrow', 'feather'] },
];

/** First bytes of a file that {@link refuseForeignFormat} looks at. */
export const HEAD_BYTES = 8;

/** @throws UNSUPPORTED_FORMAT for a format that workers do not read, DATASET_EMPTY for no bytes at all */
export function refuseForeignFormat(fileName: string, head: Buffer): void {
  if (head.length === 0)
    throw new AppError('DATASET_EMPTY', `file ${fileName}: expected a header and rows; found 0 bytes`);
  const start = head.toString('latin1');
  const extension = /\.([a-z0-9]+)$/.exec(fileName.toLowerCase())?.[1] ?? '';
  // ORC's magic is short enough to begin a text: only with its extension.
  const found =
    FOREIGN.find(({ magic }) => magic.length > 3 && start.startsWith(magic)) ??
    FOREIGN.find(({ extensions }) => extensions.includes(extension));
  if (found === undefined) return;
  throw new AppError(
    'UNSUPPORTED_FORMAT',
    `file ${fileName}: expected csv, tsv, json lines (each also gzipped) or parquet; found ${found.name}`,
    { errors: [{ path: '/file', message: `is ${found.name}, which is not supported yet` }] },
  );
}
