import { open } from 'node:fs/promises';
import { AppError } from '#contracts';
import { isList, isStruct, readThrift, type ThriftStruct, type ThriftValue } from '#parquet';

export const PARQUET_MAGIC = Buffer.from('PAR1');
const TAIL_BYTES = 8;

/** Field ids of parquet.thrift, as far as they are used here. */
export const FILE = { schema: 2, rowCount: 3, rowGroups: 4, columnOrders: 7 } as const;
export const SCHEMA = { name: 4, childCount: 5 } as const;
export const GROUP = { columns: 1, totalBytes: 2, rowCount: 3, fileOffset: 5, compressedBytes: 6, ordinal: 7 } as const;
export const CHUNK = { fileOffset: 2, metaData: 3, offsetIndex: 4, columnIndex: 6 } as const;
export const META = {
  path: 3,
  compressedBytes: 7,
  dataPage: 9,
  indexPage: 10,
  dictionaryPage: 11,
  bloomFilter: 14,
} as const;

export interface Footer {
  readonly footer: ThriftStruct;
  /** Where the footer begins. */
  readonly dataEnd: number;
}

/**
 * The footer of a Parquet file of ours.
 *
 * @throws INTERNAL for a file that is none
 * @see https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
 */
export async function readFooter(file: string): Promise<Footer> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const tail = Buffer.alloc(TAIL_BYTES);
    await handle.read(tail, 0, TAIL_BYTES, size - TAIL_BYTES);
    const dataEnd = size - TAIL_BYTES - tail.readUInt32LE(0);
    if (!tail.subarray(4).equals(PARQUET_MAGIC) || dataEnd < PARQUET_MAGIC.length) throw unexpected('no end');
    const bytes = Buffer.alloc(size - TAIL_BYTES - dataEnd);
    await handle.read(bytes, 0, bytes.length, dataEnd);
    return { footer: readThrift(bytes), dataEnd };
  } finally {
    await handle.close();
  }
}

/** What follows the data: the footer, its length, the magic number. */
export function footerBytes(thrift: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(thrift.length);
  return Buffer.concat([thrift, length, PARQUET_MAGIC]);
}

export function items(struct: ThriftStruct, id: number): ThriftValue[] {
  const list = struct.fields.get(id)?.value;
  if (!isList(list)) throw unexpected(`no list ${id}`);
  return list.items;
}

export function structs(struct: ThriftStruct, id: number): ThriftStruct[] {
  return items(struct, id).filter(isStruct);
}

export function numberOf(struct: ThriftStruct, id: number): number {
  const value = struct.fields.get(id)?.value;
  if (typeof value !== 'number') throw unexpected(`no number ${id}`);
  return value;
}

export function metaDataOf(chunk: ThriftStruct): ThriftStruct {
  const meta = chunk.fields.get(CHUNK.metaData)?.value;
  if (!isStruct(meta)) throw unexpected('a column chunk without metadata');
  return meta;
}

export function unexpected(found: string): AppError {
  return new AppError('INTERNAL', `A Parquet file that was just written has ${found}`);
}
