import type { DatasetOptions, InPlaceInput } from '#contracts';
import { DEFAULT_INGEST_LIMITS, hdfsFiles, registerInPlace, type RegisteredTable } from '#tables';
import type { TaskRun } from '../../child/task-run.ts';

/**
 * What is known of files in HDFS, as the user in whose name the task runs; they stay where they are.
 *
 * @param share part of the task's progress that this is
 * @throws as `registerInPlace`; HDFS_PERMISSION_DENIED
 */
export async function registerHdfs(
  { files: registered, format }: InPlaceInput,
  options: DatasetOptions,
  share: number,
  { context, reporter, scratchDir }: Pick<TaskRun, 'context' | 'reporter' | 'scratchDir'>,
): Promise<RegisteredTable> {
  const { columnsMax, cellBytesMax } = context.configuration.ingest;
  const found = await registerInPlace({
    ...{ registered, format, options },
    files: hdfsFiles(context.hdfs()),
    duckdb: context.duckdb,
    scratchDirectory: scratchDir,
    pieceBytes: context.configuration.worker.readAheadBytes,
    limits: { ...DEFAULT_INGEST_LIMITS, columnsMax, cellBytesMax },
    onProgress: (fraction) =>
      reporter.progress({ fraction: share * fraction, phase: 'read', message: `${registered.length} files` }),
  });
  const { rowCount, columns } = found.table;
  reporter.log(`${registered.length} files: ${rowCount} rows, ${columns.length} columns`);
  return found;
}
