import { AppError } from '#contracts';

export const TEXT_FORMATS = ['csv', 'tsv', 'jsonl'] as const;
export type TextFormat = (typeof TEXT_FORMATS)[number];
export type IngestFormat = TextFormat | 'parquet';

const SUPPORTED = 'csv, tsv, json lines (each also gzipped) or parquet';

/** First bytes of formats that are not read here, in Latin-1; the name is what the user is told. */
const FOREIGN_MAGIC: readonly (readonly [magic: string, name: string])[] = [
  ['PK\x03\x04', 'a zip archive'],
  ['PK\x05\x06', 'an empty zip archive'],
  ['\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', 'an Excel file (xls)'],
  ['ORC', 'an ORC file'],
  ['ARROW1', 'an Arrow file'],
  ['FEA1', 'a Feather file'],
  ['Obj\x01', 'an Avro file'],
  ['SQLite format 3\0', 'an SQLite database'],
  ['\x89HDF\r\n', 'an HDF5 file'],
  ['BZh', 'a bzip2 archive'],
  ['\x28\xb5\x2f\xfd', 'a zstd archive'],
  ['\xfd7zXZ\0', 'an xz archive'],
  ['7z\xbc\xaf\x27\x1c', 'a 7z archive'],
  ['%PDF-', 'a PDF file'],
];

const FOREIGN_EXTENSIONS: Readonly<Record<string, string>> = {
  zip: 'a zip archive',
  xls: 'an Excel file (xls)',
  xlsx: 'an Excel file (xlsx)',
  xlsm: 'an Excel file (xlsm)',
  ods: 'an OpenDocument sheet',
  orc: 'an ORC file',
  arrow: 'an Arrow file',
  feather: 'a Feather file',
  avro: 'an Avro file',
  bz2: 'a bzip2 archive',
  zst: 'a zstd archive',
  xz: 'an xz archive',
  sas7bdat: 'a SAS file',
  dta: 'a Stata file',
  sav: 'an SPSS file',
};

const TEXT_EXTENSIONS: Readonly<Record<string, TextFormat>> = {
  csv: 'csv',
  tsv: 'tsv',
  tab: 'tsv',
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  json: 'jsonl',
};

export function isGzip(head: Buffer): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/**
 * The format of a file by its first bytes and its name; what is compressed is looked at again once it is unpacked.
 * `stated` is what the user says it is.
 *
 * @throws UNSUPPORTED_FORMAT naming what was found; DATASET_UNREADABLE for a .parquet that is none; DATASET_EMPTY
 */
export function detectContainer(head: Buffer, fileName: string, stated?: IngestFormat): 'parquet' | 'gzip' | 'text' {
  if (head.length === 0)
    throw new AppError('DATASET_EMPTY', `File ${fileName}: expected a header and rows, found 0 bytes`);
  refuseForeign(head, fileName);
  const extension = extensionsOf(fileName)[0] ?? '';
  if (startsWith(head, 'PAR1')) return 'parquet';
  if (startsWith(head, 'PARE')) throw unsupported(fileName, 'an encrypted Parquet file');
  if (stated !== 'parquet' && isGzip(head) && fileName.toLowerCase().endsWith('.gz')) return 'gzip';
  if (stated === 'parquet' || (stated === undefined && ['parquet', 'parq', 'pq'].includes(extension))) {
    throw new AppError(
      'DATASET_UNREADABLE',
      `File ${fileName}: expected Parquet (first bytes "PAR1"), found something else`,
    );
  }
  if (isGzip(head)) return 'gzip';
  return 'text';
}

/** @throws UNSUPPORTED_FORMAT for what is not read here, by the first bytes of unpacked data */
export function refusePacked(head: Buffer, fileName: string): void {
  refuseForeign(head, fileName);
  if (startsWith(head, 'PAR1')) throw unsupported(fileName, 'a gzipped Parquet file');
  if (isGzip(head)) throw unsupported(fileName, 'a file gzipped twice');
}

/**
 * Which text format unpacked text is in: as stated, else by the name without `.gz`, else by whether the first line is a
 * JSON object.
 *
 * @throws UNSUPPORTED_FORMAT for a JSON array
 */
export function detectTextFormat(head: Buffer, fileName: string, stated?: IngestFormat): TextFormat {
  const byName = extensionsOf(fileName).map((extension) => TEXT_EXTENSIONS[extension]);
  const first = head.toString('latin1').trimStart();
  const found = (stated === 'parquet' ? undefined : stated) ?? byName.find((format) => format !== undefined);
  if (first.startsWith('[') && (found === 'jsonl' || /^\[\s*[{[]/.test(first))) {
    throw unsupported(fileName, 'a JSON array', 'Send JSON lines: one object a line.');
  }
  return found ?? (/^\{\s*("|\})/.test(first) ? 'jsonl' : 'csv');
}

function refuseForeign(head: Buffer, fileName: string): void {
  for (const [magic, name] of FOREIGN_MAGIC) {
    if (startsWith(head, magic)) {
      const extension = extensionsOf(fileName)[0] ?? '';
      const byName = name === 'a zip archive' ? FOREIGN_EXTENSIONS[extension] : undefined;
      throw unsupported(fileName, byName ?? name);
    }
  }
  const extension = extensionsOf(fileName)[0] ?? '';
  const name = Object.hasOwn(FOREIGN_EXTENSIONS, extension) ? FOREIGN_EXTENSIONS[extension] : undefined;
  if (name !== undefined) throw unsupported(fileName, `${name}, by its name`);
}

/** Lower-case extensions, last first, `gz` skipped where another is before it. */
function extensionsOf(fileName: string): readonly string[] {
  const parts = fileName.toLowerCase().split('.').slice(1).reverse();
  return parts[0] === 'gz' && parts.length > 1 ? parts.slice(1, 2) : parts.slice(0, 1);
}

function startsWith(head: Buffer, magic: string): boolean {
  return head.toString('latin1', 0, magic.length) === magic;
}

function unsupported(fileName: string, found: string, remedy = `Send ${SUPPORTED}.`): AppError {
  return new AppError('UNSUPPORTED_FORMAT', `File ${fileName}: expected ${SUPPORTED}, found ${found}. ${remedy}`, {
    details: { found },
  });
}
