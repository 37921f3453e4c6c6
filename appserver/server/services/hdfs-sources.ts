import { AppError, HDFS_FILES_MAX, type HdfsFormat, type HdfsSource, type RegisteredFile } from '#contracts';
import type { FileStatus, WebHdfsClient } from '#webhdfs';
import { allowedHdfsPath } from './hdfs-roots.ts';
import { isPartitionFolder, partitionOf, requireSameKeys } from './hive-partitions.ts';
import { expandPattern, isPattern, literalPrefix } from './hdfs-patterns.ts';

/** A source as it is recorded: with its path in full, its format, and whether its text is read in place. */
export type RecordedHdfs = HdfsSource & { readonly format: HdfsFormat; readonly inPlace?: true };

/** A source whose files were looked up, as the user who asks. */
export interface RegisteredHdfs {
  readonly source: RecordedHdfs;
  /** By path. */
  readonly files: readonly RegisteredFile[];
}

export interface HdfsLookUp {
  /** As the user who asks. */
  readonly client: WebHdfsClient;
  readonly userName: string;
  readonly allowedRoots: readonly string[];
  /** JSON pointer of the source in the request, for complaints. */
  readonly pointer: string;
  /** Bytes of csv and tsv up to which it is copied, unless it lies in partition folders; more is read in place. */
  readonly snapshotBytesMax: number;
}

/** Names that Hadoop's programs take for no data: their own marks, and what is being written. */
const HIDDEN = /^[._]|\._COPYING_$/;
const EXTENSIONS: Readonly<Record<string, HdfsFormat>> = {
  parquet: 'parquet',
  parq: 'parquet',
  pq: 'parquet',
  csv: 'csv',
  txt: 'csv',
  tsv: 'tsv',
  tab: 'tsv',
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  json: 'jsonl',
};
const FOREIGN: ReadonlySet<string> = new Set(['orc', 'avro', 'zip', 'xls', 'xlsx', 'arrow', 'bz2', 'zst', 'xz', 'seq']);
const PARQUET_MAGIC = 'PAR1';

/**
 * Looks up the files of a source as the user who asks, and records how they are.
 *
 * @throws SOURCE_NOT_ALLOWED, SOURCE_NOT_FOUND, DATASET_EMPTY, DATASET_SUBFOLDERS, DATASET_TOO_MANY_FILES,
 *   DATASET_SCHEMAS_DIFFER for files of several formats, DATASET_UNREADABLE, UNSUPPORTED_FORMAT, HDFS_PERMISSION_DENIED,
 *   HDFS_PATH_INVALID; what HDFS throws
 */
export async function registerHdfs(source: HdfsSource, lookUp: HdfsLookUp): Promise<RegisteredHdfs> {
  const { client } = lookUp;
  const path = client.resolve(source.path);
  allowedHdfsPath(isPattern(path) ? literalPrefix(path) : path, lookUp.allowedRoots, `${lookUp.pointer}/path`);
  const found = await filesOf(path, lookUp);
  const format = source.format ?? (await formatOf(found, client));
  const used = withRows(found, format, path);
  await requireReadable(used, lookUp);
  const folder = isPattern(path) ? literalPrefix(path) : path;
  const files = used.map((file) => registered(file, partitionOf(folder, file.path)));
  requireSameKeys(files);
  if (format === 'jsonl') refusePartitions(files);
  const recorded = { type: 'hdfs', path, format } as const;
  return { source: isTextInPlace(files, format, lookUp) ? { ...recorded, inPlace: true } : recorded, files };
}

/** Whether text is read where it lies: a snapshot is made of little, and has no columns of partition folders. */
export function isTextInPlace(
  files: readonly Pick<RegisteredFile, 'sizeBytes' | 'partition'>[],
  format: HdfsFormat,
  { snapshotBytesMax }: Pick<HdfsLookUp, 'snapshotBytesMax'>,
): boolean {
  if (format !== 'csv' && format !== 'tsv') return false;
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  return sizeBytes > snapshotBytesMax || files[0]?.partition !== undefined;
}

function registered(
  { path, sizeBytes, modifiedAt }: FileStatus,
  partition: Record<string, string | null>,
): RegisteredFile {
  const file = { path, sizeBytes, modifiedAt: modifiedAt.getTime() };
  return Object.keys(partition).length === 0 ? file : { ...file, partition };
}

/** A snapshot has the columns of its lines. @throws UNSUPPORTED_FORMAT */
function refusePartitions([first]: readonly RegisteredFile[]): void {
  if (first?.partition === undefined) return;
  throw new AppError(
    'UNSUPPORTED_FORMAT',
    `File ${first.path}: expected Parquet, csv or tsv in partition folders (${Object.keys(first.partition).join(', ')}), found jsonl; name one folder, or write one of these`,
    { details: { found: 'jsonl' } },
  );
}

async function filesOf(path: string, lookUp: HdfsLookUp): Promise<FileStatus[]> {
  const { client, pointer } = lookUp;
  const missing = (message: string): AppError =>
    new AppError('SOURCE_NOT_FOUND', `${path}: ${message}`, { errors: [{ path: `${pointer}/path`, message }] });
  const roots: FileStatus[] = [];
  if (isPattern(path)) {
    for (const entry of await expandPattern(client, path)) if (!isHidden(entry)) roots.push(entry);
    if (roots.length === 0) throw missing('no file or folder in HDFS has such a name');
  } else {
    const entry = await client.find(path);
    if (entry === null) throw missing('does not exist in HDFS');
    roots.push(entry);
  }
  const files: FileStatus[] = [];
  for (const root of roots) {
    if (root.type === 'directory') await addFolder(client, root, files);
    else add(files, root, path);
  }
  if (files.length === 0)
    throw new AppError(
      'DATASET_EMPTY',
      `Folder ${path}: expected files, found none whose name does not begin with _ or .`,
    );
  return files.sort((one, other) => (one.path < other.path ? -1 : 1));
}

async function addFolder(client: WebHdfsClient, folder: FileStatus, files: FileStatus[]): Promise<void> {
  for await (const entry of client.list(folder.path)) {
    if (isHidden(entry)) continue;
    if (entry.type !== 'directory') {
      add(files, entry, folder.path);
      continue;
    }
    const name = nameOf(entry);
    if (!isPartitionFolder(name))
      throw new AppError(
        'DATASET_SUBFOLDERS',
        `Folder ${folder.path}: expected files and folders key=value only, found folder ${name}`,
        { details: { path: entry.path } },
      );
    await addFolder(client, entry, files);
  }
}

function add(files: FileStatus[], entry: FileStatus, source: string): void {
  if (entry.type !== 'file')
    throw new AppError('SOURCE_NOT_FOUND', `${entry.path}: expected a file, found a ${entry.type}`);
  if (files.length >= HDFS_FILES_MAX)
    throw new AppError('DATASET_TOO_MANY_FILES', `${source}: expected at most ${HDFS_FILES_MAX} files, found more`, {
      details: { limit: HDFS_FILES_MAX },
    });
  files.push(entry);
}

/** By the names; where they say nothing (Hive's `000000_0`) by the first bytes of the first file. */
async function formatOf(files: readonly FileStatus[], client: WebHdfsClient): Promise<HdfsFormat> {
  let first: { readonly path: string; readonly format: HdfsFormat } | null = null;
  for (const file of files) {
    const format = formatByName(file);
    if (format === null) continue;
    first ??= { path: file.path, format };
    if (format !== first.format)
      throw new AppError(
        'DATASET_SCHEMAS_DIFFER',
        `File ${file.path}: expected ${first.format} as file ${first.path}, found ${format} by its name`,
        { details: { path: file.path, first: first.path } },
      );
  }
  if (first !== null) return first.format;
  const [sample] = files.filter(({ sizeBytes }) => sizeBytes > 0);
  if (sample === undefined) return 'csv';
  const chunks: Uint8Array[] = [];
  for await (const chunk of client.open(sample.path, { length: PARQUET_MAGIC.length, file: sample }))
    chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1') === PARQUET_MAGIC ? 'parquet' : 'csv';
}

/** @throws UNSUPPORTED_FORMAT */
function formatByName(file: FileStatus): HdfsFormat | null {
  const parts = nameOf(file).toLowerCase().replace(/\.gz$/, '').split('.').slice(1);
  const extension = parts.at(-1) ?? '';
  if (FOREIGN.has(extension))
    throw new AppError(
      'UNSUPPORTED_FORMAT',
      `File ${file.path}: expected csv, tsv, json lines (each also gzipped) or parquet, found .${extension}`,
      { details: { found: extension } },
    );
  return Object.hasOwn(EXTENSIONS, extension) ? (EXTENSIONS[extension] ?? null) : null;
}

/** A text file without a byte has no rows; Parquet always has a footer. */
function withRows(files: readonly FileStatus[], format: HdfsFormat, path: string): readonly FileStatus[] {
  if (format === 'parquet') {
    const empty = files.find(({ sizeBytes }) => sizeBytes === 0);
    if (empty === undefined) return files;
    throw new AppError(
      'DATASET_UNREADABLE',
      `File ${empty.path}: expected Parquet, found 0 bytes. Remove it, or write it anew.`,
    );
  }
  const used = files.filter(({ sizeBytes }) => sizeBytes > 0);
  if (used.length === 0)
    throw new AppError('DATASET_EMPTY', `${path}: expected rows, found ${files.length} files of 0 bytes`);
  return used;
}

/** Files of one owner, group and mode are as readable as one another. */
async function requireReadable(files: readonly FileStatus[], { client, userName }: HdfsLookUp): Promise<void> {
  const kinds = new Map(files.map((file) => [[file.owner, file.group, file.permission, file.hasAcl].join(':'), file]));
  for (const { path, owner, group, permission } of kinds.values()) {
    if (await client.mayAccess(path, 'r--')) continue;
    throw new AppError(
      'HDFS_PERMISSION_DENIED',
      `READ ${path} as ${userName}: expected the right to read, found owner ${owner}, group ${group}, mode ${permission}`,
      { details: { path } },
    );
  }
}

function isHidden(entry: FileStatus): boolean {
  return HIDDEN.test(nameOf(entry));
}

function nameOf({ path }: FileStatus): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
