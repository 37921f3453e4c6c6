import { open, type FileHandle } from 'node:fs/promises';
import { storeError } from '#object-store';
import { writeThrift, type ThriftStruct } from '#parquet';
import {
  CHUNK,
  FILE,
  GROUP,
  META,
  PARQUET_MAGIC,
  SCHEMA,
  footerBytes,
  items,
  metaDataOf,
  numberOf,
  readFooter,
  structs,
  unexpected,
} from './footer.ts';

const COPY_BYTES = 1024 * 1024;
const TYPE_I16 = 4;
const TYPE_I32 = 5;
const TYPE_I64 = 6;
const OFFSETS = [META.dataPage, META.indexPage, META.dictionaryPage, META.bloomFilter] as const;

/**
 * Joins Parquet files into one: `parts[g]` are the files of the g-th group of columns, one below the other, and the
 * groups, cut into the same row groups, lie side by side. Pages are copied as they are, only the footer is made anew. This is how a table wider than one column group becomes
 * one file without all of its columns ever being in memory together.
 *
 * @throws INTERNAL when the files do not have the same row groups; DISK_FULL
 * @see https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
 */
export async function joinColumns(parts: readonly (readonly string[])[], target: string): Promise<void> {
  const out = await open(target, 'wx', 0o640);
  try {
    let position = await append(out, 0, PARQUET_MAGIC);
    let joined: ThriftStruct | null = null;
    for (const files of parts) {
      let column: ThriftStruct | null = null;
      for (const file of files) {
        const { footer, dataEnd } = await readFooter(file);
        moveChunks(footer, position - PARQUET_MAGIC.length);
        position = await copyData(file, dataEnd, out, position);
        if (column === null) column = footer;
        else addRows(column, footer);
      }
      if (column === null) throw unexpected('a group without files');
      if (joined === null) joined = column;
      else addColumns(joined, column);
    }
    if (joined === null) throw unexpected('no columns');
    structs(joined, FILE.rowGroups).forEach((group, index) => {
      if (group.fields.has(GROUP.ordinal)) group.fields.set(GROUP.ordinal, { type: TYPE_I16, value: index });
    });
    await append(out, position, footerBytes(writeThrift(joined)));
    await out.sync();
  } catch (err) {
    throw storeError(err, 'Joining columns', target);
  } finally {
    await out.close();
  }
}

async function copyData(part: string, dataEnd: number, out: FileHandle, from: number): Promise<number> {
  const handle = await open(part, 'r');
  const buffer = Buffer.allocUnsafe(COPY_BYTES);
  let position = from;
  try {
    for (let at = PARQUET_MAGIC.length; at < dataEnd;) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(COPY_BYTES, dataEnd - at), at);
      if (bytesRead === 0) throw unexpected('become shorter');
      position = await append(out, position, buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
  } finally {
    await handle.close();
  }
  return position;
}

async function append(out: FileHandle, position: number, bytes: Buffer): Promise<number> {
  for (let at = 0; at < bytes.length;) {
    const { bytesWritten } = await out.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
  return position + bytes.length;
}

/** Adds `delta` to every file offset of a footer. */
function moveChunks(footer: ThriftStruct, delta: number): void {
  for (const group of structs(footer, FILE.rowGroups)) {
    addTo(group, GROUP.fileOffset, delta);
    for (const chunk of structs(group, GROUP.columns)) {
      for (const id of [CHUNK.fileOffset, CHUNK.offsetIndex, CHUNK.columnIndex]) addTo(chunk, id, delta);
      const meta = metaDataOf(chunk);
      for (const id of OFFSETS) addTo(meta, id, delta);
    }
  }
}

/** Offsets of 0 say that there is nothing. */
function addTo(struct: ThriftStruct, id: number, delta: number): void {
  const field = struct.fields.get(id);
  if (typeof field?.value === 'number' && field.value > 0) field.value += delta;
}

function addRows(upper: ThriftStruct, lower: ThriftStruct): void {
  items(upper, FILE.rowGroups).push(...items(lower, FILE.rowGroups));
  const rowCount = numberOf(upper, FILE.rowCount) + numberOf(lower, FILE.rowCount);
  upper.fields.set(FILE.rowCount, { type: TYPE_I64, value: rowCount });
}

function addColumns(joined: ThriftStruct, part: ThriftStruct): void {
  if (numberOf(joined, FILE.rowCount) !== numberOf(part, FILE.rowCount)) throw unexpected('parts of different length');
  const [root, ...columns] = structs(part, FILE.schema);
  const [joinedRoot] = structs(joined, FILE.schema);
  if (root === undefined || joinedRoot === undefined) throw unexpected('no schema');
  const childCount = numberOf(joinedRoot, SCHEMA.childCount) + numberOf(root, SCHEMA.childCount);
  joinedRoot.fields.set(SCHEMA.childCount, { type: TYPE_I32, value: childCount });
  items(joined, FILE.schema).push(...columns);
  if (joined.fields.has(FILE.columnOrders)) items(joined, FILE.columnOrders).push(...items(part, FILE.columnOrders));
  const groups = structs(joined, FILE.rowGroups);
  const others = structs(part, FILE.rowGroups);
  if (groups.length !== others.length) throw unexpected('parts with different row groups');
  groups.forEach((group, index) => {
    const other = others[index];
    if (other === undefined || numberOf(group, GROUP.rowCount) !== numberOf(other, GROUP.rowCount)) {
      throw unexpected('row groups of different length');
    }
    items(group, GROUP.columns).push(...items(other, GROUP.columns));
    for (const id of [GROUP.totalBytes, GROUP.compressedBytes]) {
      if (!group.fields.has(id)) continue;
      group.fields.set(id, { type: TYPE_I64, value: numberOf(group, id) + numberOf(other, id) });
    }
  });
}
