import { AppError, isAppError, type HdfsOutput, type StagedFiles } from '#contracts';
import type { WebHdfsClient } from '#webhdfs';
import { failpoint } from '#runtime';
import { requireReplaceable } from './hdfs-outputs.ts';

/** Where an output goes, and whose it is. */
export interface Place {
  readonly batchPredictionId: string;
  readonly output: HdfsOutput;
}

export interface Publication extends Place {
  /** Folder of everything that is not in place yet. */
  readonly stagingPath: string;
  readonly staged: StagedFiles;
  /** In the staging folder. */
  readonly folderName: string;
}

/** Mark of a complete folder; ours says whose it is. */
const SUCCESS_FILE = '_SUCCESS';
const MARK_BYTES_MAX = 4_096;
const REPLACED_PREFIX = 'replaced-';

/**
 * Puts the folder that was sealed in its place by one rename, as its user. Done before the result is recorded, so it may
 * be asked for again, by this app server or another, and for another attempt at the same rows: what is in place by the same
 * batch prediction stays.
 *
 * @throws RESULT_MISMATCH when the folder is not as it was sealed; HDFS_OUTPUT_EXISTS, HDFS_OUTPUT_REFUSED; what passes, as
 *   HDFS throws it
 */
export async function publishOutput(client: WebHdfsClient, publication: Publication): Promise<void> {
  const { output, staged } = publication;
  try {
    if (await isInPlace(client, publication)) return;
    await requireStaged(client, publication);
    await requireReplaceable(client, output.path, output.overwrite === true);
    await failpoint('publish.beforeRename');
    await makeWay(client, publication);
    await client.rename(staged.path, output.path);
    await failpoint('publish.afterRename');
    if (!(await isInPlace(client, publication)))
      throw new AppError('HDFS_OUTPUT_EXISTS', `Folder ${output.path}: another one was made there meanwhile`);
  } catch (err) {
    if (!isAppError(err) || err.retryable) throw err;
    // An answer may have been lost, or another app server may have done the same.
    if (await isInPlace(client, publication)) return;
    if (OWN_CODES.has(err.code)) throw err;
    throw new AppError('HDFS_OUTPUT_REFUSED', `Folder ${output.path}: ${err.message}`, { cause: err });
  }
}

const OWN_CODES: ReadonlySet<string> = new Set(['RESULT_MISMATCH', 'HDFS_OUTPUT_EXISTS']);

/**
 * Removes all of a batch prediction that is not in place, when its job has ended. What was put aside to be replaced goes only
 * with the output in its place: else it goes back, or beside the folder that somebody else has made there.
 *
 * @throws what HDFS throws
 */
export async function clearStaging(
  client: WebHdfsClient,
  place: Place & { readonly stagingPath: string },
): Promise<void> {
  const { output, stagingPath } = place;
  if ((await client.find(stagingPath)) === null) return;
  if (!(await isInPlace(client, place)))
    for await (const { path } of client.list(stagingPath)) {
      const name = path.slice(stagingPath.length + 1);
      if (!name.startsWith(REPLACED_PREFIX)) continue;
      const isFree = (await client.find(output.path)) === null;
      await client.rename(path, isFree ? output.path : `${output.path}.${name}`);
    }
  await client.delete(stagingPath, { recursive: true });
}

/** Whether the mark in the output's folder is this batch prediction's. */
async function isInPlace(client: WebHdfsClient, { output, batchPredictionId }: Place): Promise<boolean> {
  const mark = await client.find(`${output.path}/${SUCCESS_FILE}`);
  if (mark === null || mark.type !== 'file' || mark.sizeBytes > MARK_BYTES_MAX) return false;
  const chunks: Uint8Array[] = [];
  for await (const chunk of client.open(mark.path, { file: mark })) chunks.push(chunk);
  try {
    const said: unknown = JSON.parse(Buffer.concat(chunks).toString());
    return typeof said === 'object' && said !== null && Reflect.get(said, 'batchPredictionId') === batchPredictionId;
  } catch (err) {
    // Hadoop's own programs leave it empty.
    if (err instanceof SyntaxError) return false;
    throw err;
  }
}

/** All files that were sealed, with their sizes, the mark, and nothing else. @throws RESULT_MISMATCH */
async function requireStaged(client: WebHdfsClient, { staged, stagingPath, folderName }: Publication): Promise<void> {
  const mismatch = (found: string): AppError =>
    new AppError('RESULT_MISMATCH', `Folder ${staged.path}: expected the files that were sealed, found ${found}`);
  if (staged.path !== `${stagingPath}/${folderName}`) throw mismatch('another folder');
  const waiting = new Map<string, number | null>(staged.files.map(({ name, sizeBytes }) => [name, sizeBytes]));
  waiting.set(SUCCESS_FILE, null);
  try {
    for await (const { path, sizeBytes, type } of client.list(staged.path)) {
      const name = path.slice(path.lastIndexOf('/') + 1);
      const expected = waiting.get(name);
      if (expected === undefined || type !== 'file') throw mismatch(`${type} ${name}`);
      if (expected !== null && expected !== sizeBytes)
        throw mismatch(`${name} with ${sizeBytes} bytes, not ${expected}`);
      waiting.delete(name);
    }
  } catch (err) {
    throw isAppError(err, 'HDFS_FILE_MISSING') ? mismatch('no folder') : err;
  }
  for (const name of waiting.keys()) throw mismatch(`no ${name}`);
}

/** An empty folder goes; one that is replaced is put aside, and goes with the staging folder. */
async function makeWay(client: WebHdfsClient, { output, stagingPath, folderName }: Publication): Promise<void> {
  if ((await client.find(output.path)) === null) return;
  if (output.overwrite === true) await client.rename(output.path, `${stagingPath}/${REPLACED_PREFIX}${folderName}`);
  // Refused by HDFS when something is in it by now.
  else await client.delete(output.path);
}
