import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { AppError, isAppError, type BatchPredictOutcome, type StagedOutput } from '#contracts';
import { failpoint } from '#runtime';
import { writeRows, type DuckDb, type WriteRowsOptions } from '#tables';
import type { WebHdfsClient } from '#webhdfs';
import type { ResultBatch } from './predict-table.ts';

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
  readonly duckdb: DuckDb;
  readonly scratchDir: string;
  /** A file is ended by the batch that reaches it. */
  readonly rowsPerFile: number;
}

export interface Staged extends NonNullable<BatchPredictOutcome['staged']> {
  readonly rowCount: number;
}

/** Mark of Hadoop's own programs: the folder is complete. */
const SUCCESS_FILE = '_SUCCESS';
/** An upload that broke off is begun anew from the local file, so often at most. */
const UPLOADS_MAX = 3;

/**
 * Writes rows as files of one attempt's folder in HDFS: `part-00000.parquet` and so on, at last `_SUCCESS`, which says whose
 * they are. Nobody takes that folder for data before it is renamed. The local disk holds one file at a time; on error the
 * folder goes.
 *
 * @throws HDFS_PERMISSION_DENIED, HDFS_QUOTA_EXCEEDED, HDFS_WRITE_FAILED, DISK_FULL
 */
export async function writeStaged(rows: RowsToWrite, options: WriteStagedOptions): Promise<Staged> {
  const { client, output, attemptName, batchPredictionId } = options;
  const folder = `${output.stagingPath}/${attemptName}`;
  try {
    await client.mkdirs(folder);
    await failpoint('worker.write');
    const files: Staged['files'] = [];
    let rowCount = 0;
    for await (const part of writtenParts(rows, options)) {
      const name = `part-${String(files.length).padStart(5, '0')}.${output.format}`;
      const sizeBytes = await upload(client, part.local, `${folder}/${name}`);
      await rm(part.local);
      files.push({ name, sizeBytes, rowCount: part.rowCount });
      rowCount += part.rowCount;
    }
    await failpoint('worker.close');
    const mark = JSON.stringify({ batchPredictionId, rowCount, fileCount: files.length });
    await client.create(`${folder}/${SUCCESS_FILE}`, Buffer.from(`${mark}\n`), { overwrite: true });
    return { path: folder, files, rowCount };
  } catch (err) {
    // What cannot be removed now goes with the whole staging folder when the job has ended.
    await client.delete(folder, { recursive: true }).catch(() => false);
    throw err;
  }
}

/** Local files with the rows in order; each is the consumer's. */
async function* writtenParts(
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
