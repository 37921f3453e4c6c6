import { AppError, isAppError } from '#contracts';
import { readThrift, type ThriftStruct } from '#parquet';
import {
  FILE,
  GROUP,
  META,
  PARQUET_MAGIC,
  SCHEMA,
  items,
  metaDataOf,
  numberOf,
  structs,
  unexpected,
} from './footer.ts';

/** A file whose bytes are had by ranges: nothing else of it has to be here. */
export interface RangeFile {
  /** As messages name it. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Bytes from `start` (inclusive) to `end` (exclusive), all of them or an error. */
  read(start: number, end: number, signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

/** One column chunk of one leaf of the schema. */
export interface LayoutChunk {
  readonly struct: ThriftStruct;
  readonly start: number;
  readonly end: number;
}

/** A top-level column: its part of the schema, and which leaves it has. */
export interface LayoutColumn {
  readonly name: string;
  /** The column's element and, for a nested one, all below it. */
  readonly schema: readonly ThriftStruct[];
  readonly leaves: { readonly from: number; readonly to: number };
}

export interface LayoutGroup {
  readonly struct: ThriftStruct;
  readonly rowCount: number;
  /** By leaf of the schema. */
  readonly chunks: readonly LayoutChunk[];
}

/** Where everything lies in a Parquet file that others wrote. */
export interface ParquetLayout {
  readonly footer: ThriftStruct;
  readonly root: ThriftStruct;
  readonly rowCount: number;
  readonly columns: readonly LayoutColumn[];
  readonly groups: readonly LayoutGroup[];
}

/** Largest footer: as a tree it takes some twenty times its size. 1,000 columns in 100 row groups have some 10 MB. */
export const FOOTER_BYTES_MAX = 16 * 1024 * 1024;

const TAIL_BYTES = 8;
/** Read in one go: holds the whole footer of most files. */
const FIRST_READ_BYTES = 64 * 1024;
const ENCRYPTED_MAGIC = 'PARE';
const FILE_ENCRYPTION = 8;
const CHUNK_FILE_PATH = 1;
const CHUNK_ENCRYPTION = 8;

/**
 * Reads the footer of a Parquet file by ranges, and checks that all that it names lies in the file.
 *
 * @throws DATASET_UNREADABLE naming the file; UNSUPPORTED_FORMAT for encrypted and split ones; what the file's `read` throws
 * @see https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
 */
export async function readLayout(file: RangeFile, signal?: AbortSignal): Promise<ParquetLayout> {
  const { bytes, dataEnd } = await readFooterBytes(file, signal);
  try {
    return layoutOf(file, readThrift(bytes), dataEnd);
  } catch (err) {
    if (!isAppError(err, 'INTERNAL')) throw err;
    throw new AppError('DATASET_UNREADABLE', `File ${file.path}: expected a Parquet footer, found damage`, {
      cause: err,
    });
  }
}

async function readFooterBytes(
  file: RangeFile,
  signal: AbortSignal | undefined,
): Promise<{ bytes: Buffer; dataEnd: number }> {
  const { sizeBytes } = file;
  if (sizeBytes < PARQUET_MAGIC.length + TAIL_BYTES) throw unreadable(file, `${sizeBytes} bytes`);
  const from = Math.max(0, sizeBytes - FIRST_READ_BYTES);
  const tail = await readRange(file, from, sizeBytes, signal);
  const magic = tail.toString('latin1', tail.length - 4);
  if (magic === ENCRYPTED_MAGIC) throw unsupported(file, 'an encrypted footer');
  if (magic !== PARQUET_MAGIC.toString('latin1')) throw unreadable(file, 'another end: it was cut off, or is none');
  const length = tail.readUInt32LE(tail.length - TAIL_BYTES);
  const dataEnd = sizeBytes - TAIL_BYTES - length;
  if (dataEnd < PARQUET_MAGIC.length) throw unreadable(file, `a footer of ${length} bytes in ${sizeBytes}`);
  if (length > FOOTER_BYTES_MAX)
    throw new AppError(
      'DATASET_UNREADABLE',
      `File ${file.path}: expected a footer of at most ${FOOTER_BYTES_MAX} bytes, found ${length}. Write larger row groups.`,
    );
  if (dataEnd >= from) return { bytes: tail.subarray(dataEnd - from, tail.length - TAIL_BYTES), dataEnd };
  const head = await readRange(file, dataEnd, from, signal);
  return { bytes: Buffer.concat([head, tail.subarray(0, tail.length - TAIL_BYTES)]), dataEnd };
}

async function readRange(file: RangeFile, start: number, end: number, signal?: AbortSignal): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of file.read(start, end, signal)) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  if (bytes.length !== end - start) throw shortRead(file, start, end, bytes.length);
  return bytes;
}

/** What a read that ends early is. */
export function shortRead(file: RangeFile, start: number, end: number, found: number): AppError {
  return new AppError(
    'DATA_READ_TRUNCATED',
    `File ${file.path}: expected ${end - start} bytes from ${start}, found ${found}`,
  );
}

function layoutOf(file: RangeFile, footer: ThriftStruct, dataEnd: number): ParquetLayout {
  if (footer.fields.has(FILE_ENCRYPTION)) throw unsupported(file, 'encrypted columns');
  const schema = structs(footer, FILE.schema);
  const [root] = schema;
  if (root === undefined) throw unexpected('no schema');
  const columns = rootColumns(schema);
  const leafCount = columns.at(-1)?.leaves.to ?? 0;
  const groups = structs(footer, FILE.rowGroups).map((struct): LayoutGroup => {
    const chunks = structs(struct, GROUP.columns).map((chunk) => chunkOf(file, chunk, dataEnd));
    if (chunks.length !== leafCount) throw unexpected(`${chunks.length} chunks for ${leafCount} columns`);
    return { struct, rowCount: numberOf(struct, GROUP.rowCount), chunks };
  });
  const rowCount = numberOf(footer, FILE.rowCount);
  const inGroups = groups.reduce((sum, group) => sum + group.rowCount, 0);
  if (inGroups !== rowCount || groups.some((group) => group.rowCount < 0))
    throw unexpected(`${rowCount} rows, ${inGroups} in its row groups`);
  return { footer, root, rowCount, columns, groups };
}

/** The schema is its elements depth first; leaves are those without children. */
function rootColumns(schema: readonly ThriftStruct[]): LayoutColumn[] {
  const columns: LayoutColumn[] = [];
  let leaf = 0;
  for (let at = 1; at < schema.length;) {
    const from = at;
    const firstLeaf = leaf;
    for (let open = 1; open > 0; at += 1) {
      const element = schema[at];
      if (element === undefined) throw unexpected('a schema that ends early');
      const children = element.fields.has(SCHEMA.childCount) ? numberOf(element, SCHEMA.childCount) : 0;
      open += children - 1;
      if (children === 0) leaf += 1;
    }
    const name = schema[from]?.fields.get(SCHEMA.name)?.value;
    if (!Buffer.isBuffer(name)) throw unexpected('a column without a name');
    columns.push({ name: name.toString(), schema: schema.slice(from, at), leaves: { from: firstLeaf, to: leaf } });
  }
  return columns;
}

function chunkOf(file: RangeFile, struct: ThriftStruct, dataEnd: number): LayoutChunk {
  if (struct.fields.has(CHUNK_FILE_PATH)) throw unsupported(file, 'columns that lie in other files');
  if (struct.fields.has(CHUNK_ENCRYPTION)) throw unsupported(file, 'encrypted columns');
  const meta = metaDataOf(struct);
  const dictionary = meta.fields.get(META.dictionaryPage)?.value;
  const data = numberOf(meta, META.dataPage);
  const start = typeof dictionary === 'number' && dictionary > 0 ? Math.min(dictionary, data) : data;
  const end = start + numberOf(meta, META.compressedBytes);
  if (start < PARQUET_MAGIC.length || end < start || end > dataEnd || items(meta, META.path).length === 0)
    throw unexpected(`a column chunk from ${start} to ${end}, before a footer at ${dataEnd}`);
  return { struct, start, end };
}

function unreadable(file: RangeFile, found: string): AppError {
  return new AppError(
    'DATASET_UNREADABLE',
    `File ${file.path}: expected Parquet with a footer at its end, found ${found}`,
  );
}

function unsupported(file: RangeFile, found: string): AppError {
  return new AppError(
    'UNSUPPORTED_FORMAT',
    `File ${file.path}: expected plain Parquet, found ${found}. Write it anew.`,
    {
      details: { found },
    },
  );
}
