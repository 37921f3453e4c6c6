import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, mkdir, open, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { AppError, type DatasetOptions, type StoredColumn, type StoredTable, type ColumnWarning } from '#contracts';
import { storeError } from '#object-store';
import type { DuckDb } from '../duckdb.ts';
import { writeSnapshot } from './convert.ts';
import { detectContainer, detectTextFormat, type IngestFormat } from './detect-format.ts';
import { inferGroup } from './infer.ts';
import { DEFAULT_INGEST_LIMITS, HEAD_BYTES, type IngestLimits } from './limits.ts';
import { nullMarkersOf } from './null-markers.ts';
import { openParquet, unreadable } from './parquet-source.ts';
import { scanCsv, type ScannedText } from './scan-text.ts';
import { scanJsonLines } from './scan-json-lines.ts';
import { columnGroups, makeScratchFolder, type ColumnGroup } from './scratch.ts';
import { assertCount, stagedRelation, stageGroup } from './staged.ts';
import type { ColumnPlan } from './stored.ts';
import { bytesOf, textOf } from './text-source.ts';

export interface IngestOptions {
  /** The file as it was received; it is not changed. In one of the folders that `duckdb` may read. */
  readonly inputPath: string;
  /** The name the user gave it: tells the format and appears in messages. */
  readonly fileName: string;
  readonly options: DatasetOptions;
  /** @default by content and name */
  readonly format?: IngestFormat | undefined;
  /** Where the snapshot is written; a new name in a folder that `duckdb` may write. */
  readonly outputPath: string;
  /** The snapshot's name in the object store, for `StoredFile.path`. */
  readonly objectPath: string;
  /** For intermediate files, up to twice the text; a folder that `duckdb` may read and write. */
  readonly scratchDirectory: string;
  readonly duckdb: DuckDb;
  readonly limits?: IngestLimits;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: IngestProgress) => void) | undefined;
}

export interface IngestProgress {
  readonly phase: 'read' | 'infer' | 'write';
  /** Of the whole ingest, 0 to 1. */
  readonly fraction: number;
}

export interface IngestResult {
  readonly table: StoredTable;
  readonly format: IngestFormat;
  /** What was found or stated; null for formats without one. */
  readonly delimiter: string | null;
  readonly warnings: readonly ColumnWarning[];
}

const READ_SHARE = 0.4;
const INFER_SHARE = 0.3;
const WRITE_SHARE = 0.25;
const HASH_CHUNK_BYTES = 1024 * 1024;

/**
 * Makes a received file an immutable snapshot: one Parquet file (zstd) with exact cells, row order kept, and what is
 * recorded of its columns. On any error, abort or kill there is nothing under `outputPath`.
 *
 * @throws UNSUPPORTED_FORMAT, DATASET_EMPTY, DATASET_NO_ROWS, DATASET_RAGGED, DATASET_ENCODING, DATASET_UNREADABLE,
 * DATASET_TRUNCATED, DATASET_TOO_WIDE, DATASET_CELL_TOO_LARGE, BODY_TOO_LARGE, DISK_FULL, TASK_MEMORY,
 * STORE_OBJECT_EXISTS for `outputPath`
 */
export async function ingest(options: IngestOptions): Promise<IngestResult> {
  const head = await readHead(options.inputPath);
  const container = detectContainer(head, options.fileName, options.format);
  await mkdir(path.dirname(options.outputPath), { recursive: true });
  const scratch = await makeScratchFolder(options.scratchDirectory, 'ingest-');
  // A name that the object store's sweeper knows, in case this process is killed.
  const temporary = path.join(path.dirname(options.outputPath), `.tmp-${randomBytes(12).toString('hex')}`);
  try {
    const source =
      container === 'parquet' ? await parquetSource(options) : await textSource(container, scratch, options);
    const write = (): Promise<readonly ColumnWarning[]> =>
      writeSnapshot({
        ...source,
        duckdb: options.duckdb,
        scratchDirectory: scratch,
        target: temporary,
        signal: options.signal,
        onGroup: (share) => report(options, 'write', READ_SHARE + INFER_SHARE + WRITE_SHARE * share),
      });
    const infinite = await (container === 'parquet' ? unreadable(options.fileName, write) : write());
    const columns = source.plans.map((plan) => storedColumn(plan, source.names));
    const file = await seal(temporary, options);
    report(options, 'write', 1);
    return {
      table: {
        rowCount: source.rowCount,
        columns,
        files: [{ path: options.objectPath, rowCount: source.rowCount, ...file }],
      },
      format: source.format,
      delimiter: source.delimiter,
      warnings: [...source.warnings, ...infinite],
    };
  } finally {
    await rm(temporary, { force: true });
    await rm(scratch, { recursive: true, force: true });
  }
}

interface Source {
  readonly format: IngestFormat;
  readonly delimiter: string | null;
  readonly names: readonly string[];
  readonly warnings: readonly ColumnWarning[];
  readonly rowCount: number;
  readonly plans: readonly ColumnPlan[];
  readonly groups: readonly ColumnGroup[];
  readonly relationOf: (group: ColumnGroup) => string;
}

async function parquetSource(options: IngestOptions): Promise<Source> {
  const { duckdb, inputPath, fileName, signal } = options;
  const limits = options.limits ?? DEFAULT_INGEST_LIMITS;
  const nullMarkers = nullMarkersOf(options.options);
  const found = await openParquet({ duckdb, inputPath, fileName, limits, nullMarkers, signal });
  return {
    ...found,
    format: 'parquet',
    delimiter: null,
    groups: columnGroups(found.names.length),
    relationOf: () => found.relation,
  };
}

async function textSource(container: 'gzip' | 'text', scratch: string, options: IngestOptions): Promise<Source> {
  const { format, text } = await scan(container, scratch, options);
  const fileOf = (group: ColumnGroup): string => path.join(scratch, `staged-${group.from}.parquet`);
  const relationOf = (group: ColumnGroup): string => stagedRelation(fileOf(group));
  const plans: ColumnPlan[] = [];
  const warnings: ColumnWarning[] = [...text.warnings];
  let nullCount = 0;
  for (const [index, group] of text.groups.entries()) {
    report(options, 'infer', READ_SHARE + (INFER_SHARE * index) / text.groups.length);
    await stageGroup(options.duckdb, text, index, fileOf(group), options.signal);
    await rm(text.files[index] ?? '', { force: true });
    const inferred = await inferGroup({
      duckdb: options.duckdb,
      relation: relationOf(group),
      group,
      names: text.names,
      nullMarkers: nullMarkersOf(options.options),
      rowCount: text.rowCount,
      signal: options.signal,
    });
    assertCount('rows', text.rowCount, inferred.rowCount);
    nullCount += inferred.nullCount;
    plans.push(...inferred.plans);
    warnings.push(...inferred.warnings);
  }
  assertCount('null cells', text.nullCount, nullCount);
  const { names, rowCount, groups } = text;
  return {
    format,
    delimiter: format === 'jsonl' ? null : text.delimiter,
    names,
    warnings,
    rowCount,
    plans,
    groups,
    relationOf,
  };
}

async function scan(
  container: 'gzip' | 'text',
  scratch: string,
  options: IngestOptions,
): Promise<{ format: IngestFormat; text: ScannedText }> {
  const limits = options.limits ?? DEFAULT_INGEST_LIMITS;
  const { size } = await stat(options.inputPath);
  const openText = (): AsyncGenerator<Buffer> =>
    textOf({
      bytes: bytesOf(options.inputPath, options.signal, (count) =>
        report(options, 'read', READ_SHARE * Math.min(1, count / size)),
      ),
      fileName: options.fileName,
      gzip: container === 'gzip',
      encoding: options.options.encoding,
      textBytesMax: limits.textBytesMax,
    });
  const scanOptions = { fileName: options.fileName, options: options.options, limits, scratchDirectory: scratch };
  const chunks = openText();
  const first = await chunks.next();
  const format = detectTextFormat(
    first.done === true ? Buffer.alloc(0) : first.value,
    options.fileName,
    options.format,
  );
  if (format === 'jsonl') {
    await chunks.return(undefined);
    return { format, text: await scanJsonLines(openText, scanOptions) };
  }
  const all = (async function* (): AsyncGenerator<Buffer> {
    if (first.done !== true) yield first.value;
    yield* chunks;
  })();
  try {
    return { format, text: await scanCsv(all, format === 'tsv', scanOptions) };
  } finally {
    await all.return(undefined);
    await chunks.return(undefined);
  }
}

async function seal(temporary: string, options: IngestOptions): Promise<{ sizeBytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const bytes = createReadStream(temporary, { highWaterMark: HASH_CHUNK_BYTES });
  for await (const chunk of bytes as AsyncIterable<Buffer>) {
    options.signal?.throwIfAborted();
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  const handle = await open(temporary, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  await link(temporary, options.outputPath).catch((err: unknown) => {
    if (err instanceof Error && 'code' in err && err.code === 'EEXIST') {
      throw new AppError(
        'STORE_OBJECT_EXISTS',
        `Snapshot ${options.objectPath}: expected an unused name, found a file`,
      );
    }
    throw storeError(err, `Naming snapshot ${options.objectPath}`, path.dirname(options.outputPath));
  });
  return { sizeBytes, sha256: hash.digest('hex') };
}

function storedColumn(plan: ColumnPlan, names: readonly string[]): StoredColumn {
  const { position, storage, parse } = plan;
  return { name: names[position] ?? '', position, storage, hasTwin: plan.twin !== null, parse };
}

async function readHead(inputPath: string): Promise<Buffer> {
  const handle = await open(inputPath, 'r');
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    const { bytesRead } = await handle.read(head, 0, HEAD_BYTES, 0);
    return head.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

function report(options: IngestOptions, phase: IngestProgress['phase'], fraction: number): void {
  options.onProgress?.({ phase, fraction });
}
