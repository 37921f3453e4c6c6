import path from 'node:path';
import { AppError, GATHERED_FOLDER, isAppError, type BatchGatherTask, type StagedFiles } from '#contracts';
import { failpoint } from '#runtime';
import type { WebHdfsClient } from '#webhdfs';
import type { TaskHandler } from '../child/task-run.ts';
import { SUCCESS_FILE, successMark } from './success-mark.ts';

/** Files that are moved at the same time. */
const MOVES_AT_ONCE = 8;

/**
 * Moves the files of all parts into one folder, which the app server then puts in place. Files are renamed, none is written, so
 * that an attempt goes on where another one was killed, and one that has lost its lease can do no harm: whoever comes later finds the
 * file where it was to be. Names are in the order of the rows.
 *
 * @throws DATA_READ_TRUNCATED when the files have other than the rows of the table; HDFS_FILE_MISSING for one that is gone
 */
export const runBatchGather: TaskHandler<BatchGatherTask> = async ({ task, context, reporter, attempt }) => {
  const { batchPredictionId, output, parts, rowCount } = task.spec;
  const files = parts.flatMap((part) => part.files);
  const found = files.reduce((sum, file) => sum + file.rowCount, 0);
  if (found !== rowCount)
    throw new AppError('DATA_READ_TRUNCATED', `batch prediction: expected ${rowCount} rows; its parts wrote ${found}`);
  const client = context.hdfs();
  const folder = `${output.stagingPath}/${GATHERED_FOLDER}`;
  await client.mkdirs(folder);
  await moveAll(client, parts, folder, (done) =>
    reporter.progress({
      fraction: done / files.length,
      phase: 'gathering',
      message: `${done} of ${files.length} files`,
    }),
  );
  await failpoint('worker.close');
  // Written where no other attempt writes: a mark that is being written again is no mark.
  const own = `${output.stagingPath}/${path.posix.basename(attempt.path)}/${SUCCESS_FILE}`;
  const mark = successMark(batchPredictionId, files);
  await client.create(own, mark, { overwrite: true });
  await move(client, own, `${folder}/${SUCCESS_FILE}`, mark.length);
  reporter.log(`${files.length} files of ${parts.length} parts gathered`);
  return { kind: 'batch-gather', staged: { path: folder, files } };
};

async function moveAll(
  client: WebHdfsClient,
  parts: readonly StagedFiles[],
  folder: string,
  told: (done: number) => void,
): Promise<void> {
  const waiting = parts.values().flatMap((part) => part.files.map((file) => ({ ...file, from: part.path })));
  let done = 0;
  const mover = async (): Promise<void> => {
    for (const { name, sizeBytes, from } of waiting) {
      await move(client, `${from}/${name}`, `${folder}/${name}`, sizeBytes);
      done += 1;
      told(done);
      await failpoint('worker.gather');
    }
  };
  await Promise.all(Array.from({ length: MOVES_AT_ONCE }, mover));
}

/** Also when it has been moved before. */
async function move(client: WebHdfsClient, from: string, to: string, sizeBytes: number): Promise<void> {
  try {
    await client.rename(from, to);
  } catch (err) {
    if (!isAppError(err) || err.retryable) throw err;
    if ((await client.find(to))?.sizeBytes !== sizeBytes) throw err;
  }
}
