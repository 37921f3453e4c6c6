import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { AppError } from '#contracts';
import { definitionLevels, plainValues, type ParquetKind, type ParquetValues } from './plain-values.ts';
import { writeThrift, type ThriftStruct, type ThriftValue } from './thrift-compact.ts';

export type { ParquetKind } from './plain-values.ts';

/** A column of a file: flat, and any value of it may be missing. */
export interface ParquetColumn {
  /** Not empty, in no other column of the file. */
  readonly name: string;
  readonly kind: ParquetKind;
  /** As many as the file has rows. */
  readonly values: ParquetValues;
}

const MAGIC = Buffer.from('PAR1');
/** Rows of a page: readers hold a page of each column at a time. */
const PAGE_ROWS = 20_000;

/** Types of Thrift's compact protocol. */
const I32 = 5;
const I64 = 6;
const BINARY = 8;
const LIST = 9;
const STRUCT = 12;

/** Numbers of parquet.thrift. @see https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift */
const OPTIONAL = 1;
const PLAIN = 0;
const RLE = 3;
const GZIP = 2;
const DATA_PAGE = 0;
const TYPES: Readonly<Record<ParquetKind, number>> = { text: 6, double: 5, instant: 2, integer: 2 };
/** Types that readers before logical types know: UTF8 and TIMESTAMP_MILLIS. */
const CONVERTED: Readonly<Record<ParquetKind, number | null>> = { text: 0, double: null, instant: 9, integer: null };

const compress = promisify(gzip);

/** A column's pages as they stand in the file. */
interface Chunk {
  readonly bytes: Buffer;
  /** Pages and their headers, not compressed. */
  readonly plainBytes: number;
}

/**
 * A Parquet file of these columns, in one row group. Gzip is what every reader has; the pages are compressed off the event loop. Memory: the
 * columns and about twice the file.
 *
 * @throws INTERNAL for columns of several lengths, and none
 */
export async function writeParquet(columns: readonly ParquetColumn[], creator: string): Promise<Buffer> {
  const rowCount = columns[0]?.values.length ?? 0;
  if (columns.length === 0 || columns.some(({ values }) => values.length !== rowCount))
    throw new AppError('INTERNAL', 'a Parquet file has columns, all of one length');
  const parts: Buffer[] = [MAGIC];
  const chunks: ThriftStruct[] = [];
  let [at, plainBytes] = [MAGIC.length, 0];
  for (const column of columns) {
    const chunk = await chunkOf(column);
    parts.push(chunk.bytes);
    chunks.push(describeChunk(column, chunk, at));
    at += chunk.bytes.length;
    plainBytes += chunk.plainBytes;
  }
  const group = structOf([
    [1, LIST, { type: STRUCT, items: chunks }],
    [2, I64, plainBytes],
    [3, I64, rowCount],
  ]);
  const root = structOf([
    [4, BINARY, Buffer.from('schema')],
    [5, I32, columns.length],
  ]);
  const footer = writeThrift(
    structOf([
      [1, I32, 1],
      [2, LIST, { type: STRUCT, items: [root, ...columns.map(describeColumn)] }],
      [3, I64, rowCount],
      [4, LIST, { type: STRUCT, items: [group] }],
      [6, BINARY, Buffer.from(creator)],
    ]),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length);
  return Buffer.concat([...parts, footer, length, MAGIC]);
}

async function chunkOf({ kind, values }: ParquetColumn): Promise<Chunk> {
  const parts: Buffer[] = [];
  let plainBytes = 0;
  // A file without rows has a page without values.
  for (let from = 0; from === 0 || from < values.length; from += PAGE_ROWS) {
    const part = values.slice(from, from + PAGE_ROWS);
    const body = Buffer.concat([definitionLevels(part), plainValues(kind, part)]);
    const small = await compress(body);
    const header = writeThrift(
      structOf([
        [1, I32, DATA_PAGE],
        [2, I32, body.length],
        [3, I32, small.length],
        [
          5,
          STRUCT,
          structOf([
            [1, I32, part.length],
            [2, I32, PLAIN],
            [3, I32, RLE],
            [4, I32, RLE],
          ]),
        ],
      ]),
    );
    parts.push(header, small);
    plainBytes += header.length + body.length;
  }
  return { bytes: Buffer.concat(parts), plainBytes };
}

function describeColumn({ name, kind }: ParquetColumn): ThriftStruct {
  const converted = CONVERTED[kind];
  return structOf([
    [1, I32, TYPES[kind]],
    [3, I32, OPTIONAL],
    [4, BINARY, Buffer.from(name)],
    ...(converted === null ? [] : [[6, I32, converted] as const]),
  ]);
}

function describeChunk({ name, kind, values }: ParquetColumn, { bytes, plainBytes }: Chunk, at: number): ThriftStruct {
  const metaData = structOf([
    [1, I32, TYPES[kind]],
    [2, LIST, { type: I32, items: [PLAIN, RLE] }],
    [3, LIST, { type: BINARY, items: [Buffer.from(name)] }],
    [4, I32, GZIP],
    [5, I64, values.length],
    [6, I64, plainBytes],
    [7, I64, bytes.length],
    [9, I64, at],
  ]);
  return structOf([
    [2, I64, at],
    [3, STRUCT, metaData],
  ]);
}

const structOf = (fields: readonly (readonly [id: number, type: number, value: ThriftValue])[]): ThriftStruct => ({
  fields: new Map(fields.map(([id, type, value]) => [id, { type, value }])),
});
