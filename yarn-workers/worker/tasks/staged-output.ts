import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import path from 'node:path';
import {
  AppError,
  isAppError,
  stagedFileName,
  stagedFolder,
  type StagedFiles,
  type StagedOutput,
  type TablePart,
} from '#contracts';
import { failpoint } from '#runtime';
import { writeRows, type DuckDb, type WriteRowsOptions } from '#tables';
import type { WebHdfsClient } from '#webhdfs';
import type { ResultBatch } from './predict-table.ts';
import { SUCCESS_FILE, successMark } from './success-mark.ts';

export interface RowsToWrite {
  readonly columns: WriteRowsOptions['columns'];
  readonly batches: AsyncGenerator<ResultBatch>;
}

export interface WriteStagedOptions {
  /** As the user whose folder it will be. */
  readonly client: WebHdfsClient;
  readonly output: StagedOutput;
  /** Never used twice: an attempt that lost its lease writes nowhere else. */
  readonly attemptName: string;
  readonly batchPredictionId: string;
  /** Undefined: the rows are all there are. */
  readonly part?: TablePart | undefined;
  readonly duckdb: DuckDb;
  readonly scratchDir: string;
  /** A file is ended by the batch that reaches it. */
  readonly rowsPerFile: number;
}

export interface Staged extends StagedFiles {
  readonly rowCount: number;
}

/** An upload that broke off is begun anew from the local file, so often at most. */
const UPLOADS_MAX = 3;

/**
 * Writes rows as files of one attempt's folder in HDFS: `part-00000.parquet` and so on, at last, where they are all there are,
 * `_SUCCESS`, which says whose they are. Nobody takes that folder for data before it is renamed. The local disk holds one file at
 * a time; on error the folder goes.
 *
 * @throws HDFS_PERMISSION_DENIED, HDFS_QUOTA_EXCEEDED, HDFS_WRITE_FAILED, DISK_FULL
 */
export async function writeStaged(rows: RowsToWrite, options: WriteStagedOptions): Promise<Staged> {
  const { client, output, part, batchPredictionId } = options;
  const folder = stagedFolder(output, options.attemptName, part);
  try {
    await client.mkdirs(folder);
    await failpoint('worker.write');
    const files: Staged['files'] = [];
    let rowCount = 0;
    for await (const written of writtenFiles(rows, options)) {
      const name = stagedFileName(output.format, files.length, part);
      const sizeBytes = await upload(client, written.local, `${folder}/${name}`);
      await rm(written.local);
      files.push({ name, sizeBytes, rowCount: written.rowCount });
      rowCount += written.rowCount;
    }
    await failpoint('worker.close');
    if (part === undefined)
      await client.create(`${folder}/${SUCCESS_FILE}`, successMark(batchPredictionId, files), { overwrite: true });
    return { path: folder, files, rowCount };
  } catch (err) {
    // What cannot be removed now goes with the whole staging folder when the job has ended.
    await client.delete(folder, { recursive: true }).catch(() => false);
    throw err;
  }
}

/** Local files with the rows in order; each is the consumer's. */
async function* writtenFiles(
  { columns, batches }: RowsToWrite,
  { output, duckdb, scratchDir, rowsPerFile }: WriteStagedOptions,
): AsyncGenerator<{ readonly local: string; readonly rowCount: number }> {
  const source = new Parts(batches, rowsPerFile);
  const csv = path.join(scratchDir, 'part.csv');
  const parquet = path.join(scratchDir, 'part.parquet');
  const isParquet = output.format === 'parquet';
  try {
    while (await source.hasMore()) {
      const files = isParquet ? { csv, parquet } : { csv };
      const rowCount = await writeRows({ columns, batches: source.part(), files, duckdb });
      if (isParquet) await rm(csv);
      yield { local: isParquet ? parquet : csv, rowCount };
    }
  } finally {
    await batches.return(undefined);
  }
}

/** Cuts a stream of batches into streams that are read one after the other. */
class Parts {
  readonly #batches: AsyncIterator<ResultBatch>;
  readonly #rowsPerPart: number;
  #next: IteratorResult<ResultBatch, unknown> | null = null;

  constructor(batches: AsyncIterator<ResultBatch>, rowsPerPart: number) {
    this.#batches = batches;
    this.#rowsPerPart = rowsPerPart;
  }

  async hasMore(): Promise<boolean> {
    this.#next ??= await this.#batches.next();
    return this.#next.done !== true;
  }

  async *part(): AsyncGenerator<ResultBatch> {
    for (let count = 0; count < this.#rowsPerPart && (await this.hasMore());) {
      const next = this.#next;
      if (next === null || next.done === true) return;
      count += next.value.rowCount;
      yield next.value;
      this.#next = null;
    }
  }
}

async function upload(client: WebHdfsClient, local: string, target: string): Promise<number> {
  const { size } = await stat(local);
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.create(target, createReadStream(local), { overwrite: true });
      break;
    } catch (err) {
      if (attempt === UPLOADS_MAX || !isAppError(err, 'HDFS_WRITE_FAILED')) throw err;
    }
  }
  const { sizeBytes } = await client.status(target);
  if (sizeBytes !== size)
    throw new AppError('HDFS_WRITE_FAILED', `CREATE ${target}: expected ${size} bytes in HDFS, found ${sizeBytes}`);
  return sizeBytes;
}
