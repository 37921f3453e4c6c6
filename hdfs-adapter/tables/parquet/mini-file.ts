import { open, type FileHandle } from 'node:fs/promises';
import { storeError } from '#object-store';
import { writeThrift, type ThriftStruct, type ThriftValue } from '#parquet';
import { CHUNK, FILE, GROUP, META, PARQUET_MAGIC, SCHEMA, footerBytes, items, metaDataOf } from './footer.ts';
import { shortRead, type LayoutChunk, type LayoutColumn, type ParquetLayout, type RangeFile } from './layout.ts';

const TYPE_I32 = 5;
const TYPE_I64 = 6;
const TYPE_BINARY = 8;
const TYPE_LIST = 9;
const TYPE_STRUCT = 12;
/** Gaps up to this are read with what is around them: an answer of a DataNode costs more. */
const GAP_BYTES_MAX = 256 * 1024;
/** Fields of a chunk's metadata that say where its pages are. */
const OFFSETS: readonly number[] = [META.dataPage, META.indexPage, META.dictionaryPage];
/** Type, encodings, path, codec, counts and sizes, offsets, encodings of pages. Statistics are not needed to read all. */
const KEPT_META: ReadonlySet<number> = new Set([1, 2, 3, 4, 5, 6, 7, ...OFFSETS, 13]);
const FILE_VERSION = 1;
const FILE_CREATOR = 6;
const META_UNCOMPRESSED_BYTES = 6;

/** A column to take, and the name that it gets. */
export interface MiniColumn {
  readonly column: LayoutColumn;
  readonly name: string;
}

export interface MiniFileOptions {
  readonly file: RangeFile;
  readonly layout: ParquetLayout;
  /** Row groups to take, by index, in order. */
  readonly groups: readonly number[];
  readonly columns: readonly MiniColumn[];
  /** A local file that does not exist yet. */
  readonly target: string;
  readonly signal?: AbortSignal | undefined;
}

/** Bytes that so many columns of a row group take in the file. */
export function groupBytes(layout: ParquetLayout, group: number, columns: readonly MiniColumn[]): number {
  return chunksOf(layout, group, columns).reduce((sum, { start, end }) => sum + end - start, 0);
}

/**
 * Writes some columns of some row groups of a file as a small Parquet file of its own: their pages are fetched and kept as
 * they are, the footer is made anew. Memory: the footers, and a few chunks of what is read.
 *
 * @returns bytes of the new file
 * @throws DATA_READ_TRUNCATED for fewer bytes than were asked for; DISK_FULL; what the file's `read` throws
 */
export async function writeMiniFile(options: MiniFileOptions): Promise<number> {
  const { layout, columns, target } = options;
  const out = await open(target, 'wx', 0o600).catch((err: unknown) => {
    throw storeError(err, 'Making a file', target);
  });
  try {
    let position = await append(out, 0, PARQUET_MAGIC, target);
    const groups: ThriftStruct[] = [];
    for (const index of options.groups) {
      const chunks = chunksOf(layout, index, columns);
      const moved = new Map<LayoutChunk, number>();
      for (const range of rangesOf(chunks)) {
        for (const chunk of range.chunks) moved.set(chunk, position - range.start);
        position = await copyRange(options, out, range, position);
      }
      groups.push(groupOf(layout.groups[index]?.rowCount ?? 0, columns, chunks, moved));
    }
    return await append(out, position, footerBytes(writeThrift(fileOf(layout, columns, groups))), target);
  } finally {
    await out.close();
  }
}

interface Range {
  readonly start: number;
  end: number;
  readonly chunks: LayoutChunk[];
}

/** Chunks of the columns, column by column. */
function chunksOf(layout: ParquetLayout, group: number, columns: readonly MiniColumn[]): LayoutChunk[] {
  const chunks = layout.groups[group]?.chunks ?? [];
  return columns.flatMap(({ column }) => chunks.slice(column.leaves.from, column.leaves.to));
}

function rangesOf(chunks: readonly LayoutChunk[]): Range[] {
  const ranges: Range[] = [];
  for (const chunk of [...chunks].sort((one, other) => one.start - other.start)) {
    const last = ranges.at(-1);
    if (last !== undefined && chunk.start - last.end <= GAP_BYTES_MAX) {
      last.end = Math.max(last.end, chunk.end);
      last.chunks.push(chunk);
    } else ranges.push({ start: chunk.start, end: chunk.end, chunks: [chunk] });
  }
  return ranges;
}

async function copyRange(
  { file, target, signal }: MiniFileOptions,
  out: FileHandle,
  { start, end }: Range,
  from: number,
): Promise<number> {
  let position = from;
  for await (const bytes of file.read(start, end, signal)) position = await append(out, position, bytes, target);
  if (position - from !== end - start) throw shortRead(file, start, end, position - from);
  return position;
}

async function append(out: FileHandle, position: number, bytes: Uint8Array, target: string): Promise<number> {
  try {
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await out.write(bytes, at, bytes.length - at, position + at);
      at += bytesWritten;
    }
  } catch (err) {
    throw storeError(err, 'Writing a file', target);
  }
  return position + bytes.length;
}

function fileOf(layout: ParquetLayout, columns: readonly MiniColumn[], groups: readonly ThriftStruct[]): ThriftStruct {
  const { fields } = layout.footer;
  const root = copyOf(layout.root);
  root.fields.set(SCHEMA.childCount, { type: TYPE_I32, value: columns.length });
  const schema = [root, ...columns.flatMap(({ column, name }) => renamed(column.schema, name))];
  const rowCount = groups.reduce((sum, group) => sum + Number(group.fields.get(GROUP.rowCount)?.value ?? 0), 0);
  const creator = fields.get(FILE_CREATOR);
  return structOf([
    [FILE_VERSION, TYPE_I32, fields.get(FILE_VERSION)?.value ?? 1],
    [FILE.schema, TYPE_LIST, { type: TYPE_STRUCT, items: schema }],
    [FILE.rowCount, TYPE_I64, rowCount],
    [FILE.rowGroups, TYPE_LIST, { type: TYPE_STRUCT, items: [...groups] }],
    ...(creator === undefined ? [] : [[FILE_CREATOR, TYPE_BINARY, creator.value] as const]),
  ]);
}

function renamed([element, ...below]: readonly ThriftStruct[], name: string): ThriftStruct[] {
  if (element === undefined) return [];
  const top = copyOf(element);
  top.fields.set(SCHEMA.name, { type: TYPE_BINARY, value: Buffer.from(name) });
  return [top, ...below];
}

function groupOf(
  rowCount: number,
  columns: readonly MiniColumn[],
  chunks: readonly LayoutChunk[],
  moved: ReadonlyMap<LayoutChunk, number>,
): ThriftStruct {
  const names = columns.flatMap(({ column, name }) =>
    Array.from({ length: column.leaves.to - column.leaves.from }, () => name),
  );
  const made = chunks.map((chunk, index) => chunkOf(chunk, names[index] ?? '', moved.get(chunk) ?? 0));
  const uncompressed = chunks.reduce(
    (sum, { struct }) => sum + Number(metaDataOf(struct).fields.get(META_UNCOMPRESSED_BYTES)?.value ?? 0),
    0,
  );
  return structOf([
    [GROUP.columns, TYPE_LIST, { type: TYPE_STRUCT, items: made }],
    [GROUP.totalBytes, TYPE_I64, uncompressed],
    [GROUP.rowCount, TYPE_I64, rowCount],
  ]);
}

function chunkOf({ struct, start }: LayoutChunk, name: string, delta: number): ThriftStruct {
  const found = metaDataOf(struct);
  const meta: ThriftStruct = { fields: new Map([...found.fields].filter(([id]) => KEPT_META.has(id))) };
  for (const id of OFFSETS) {
    const field = meta.fields.get(id);
    // An offset of 0 says that there is nothing.
    if (typeof field?.value === 'number' && field.value > 0)
      meta.fields.set(id, { type: field.type, value: field.value + delta });
  }
  const [, ...below] = items(found, META.path);
  meta.fields.set(META.path, { type: TYPE_LIST, value: { type: TYPE_BINARY, items: [Buffer.from(name), ...below] } });
  return structOf([
    [CHUNK.fileOffset, TYPE_I64, start + delta],
    [CHUNK.metaData, TYPE_STRUCT, meta],
  ]);
}

/** Fields may be set anew without a change of the original. */
function copyOf(struct: ThriftStruct): ThriftStruct {
  return { fields: new Map(struct.fields) };
}

function structOf(fields: readonly (readonly [id: number, type: number, value: ThriftValue])[]): ThriftStruct {
  return { fields: new Map(fields.map(([id, type, value]) => [id, { type, value }])) };
}
