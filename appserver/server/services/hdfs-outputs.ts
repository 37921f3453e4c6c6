import { AppError, isAppError, type HdfsOutput } from '#contracts';
import type { WebHdfsClient } from '#webhdfs';
import type { Caller } from '../auth/caller.ts';
import type { AppContext } from '../context.ts';
import { allowedHdfsPath, isWithin } from './hdfs-roots.ts';

/** An output that could be written when it was asked for. */
export interface CheckedOutput {
  /** With its path in full. */
  readonly output: HdfsOutput;
}

const POINTER = '/output/path';

/**
 * Looks the folder of an output up as the user who asks: it must be in an allowed folder, not be there (or be empty, or be
 * replaced), and be one that he may make.
 *
 * @throws NOT_AVAILABLE, SOURCE_NOT_ALLOWED, HDFS_PATH_INVALID, HDFS_OUTPUT_EXISTS, HDFS_OUTPUT_REFUSED; what HDFS throws
 */
export async function checkOutput(
  asked: HdfsOutput,
  { config, hdfsAs }: Pick<AppContext, 'config' | 'hdfsAs'>,
  { userName }: Caller,
): Promise<CheckedOutput> {
  if (hdfsAs === null)
    throw new AppError(
      'NOT_AVAILABLE',
      'output.type: hdfs needs compute.driver yarn: files in HDFS are written by their users’ own containers',
    );
  const client = hdfsAs(userName);
  const path = client.resolve(asked.path);
  allowedHdfsPath(path, config.hadoop.allowedRoots, POINTER);
  if (path.lastIndexOf('/') === 0)
    throw refused(path, 'expected a folder of your own, found one of the root', 'is not in a folder');
  try {
    await requireReplaceable(client, path, asked.overwrite === true);
    await requireWritable(client, parentOf(path), userName);
  } catch (err) {
    // Also what HDFS says of a path below a file.
    if (!isAppError(err, 'HDFS_PERMISSION_DENIED')) throw err;
    throw refused(path, err.message, 'is where you may not look');
  }
  return { output: { ...asked, path } };
}

/** @throws HDFS_OUTPUT_EXISTS naming what is there */
export async function requireReplaceable(client: WebHdfsClient, path: string, overwrite: boolean): Promise<void> {
  const found = await client.find(path);
  if (found === null) return;
  const exists = (what: string): AppError =>
    new AppError('HDFS_OUTPUT_EXISTS', `Folder ${path}: expected nothing or an empty folder, found ${what}`, {
      errors: [{ path: POINTER, message: `is ${what}` }],
    });
  if (found.type !== 'directory') throw exists(`a ${found.type}`);
  for await (const entry of client.list(path)) {
    if (!overwrite) throw exists('a folder with files');
    // A folder of folders is somebody's home or data: never a thing to be replaced by a few files.
    if (entry.type === 'directory') throw exists('a folder with folders, which is not replaced');
  }
}

/** The nearest folder that is there must let the user make folders in it. */
async function requireWritable(client: WebHdfsClient, folder: string, userName: string): Promise<void> {
  for (let path = folder; ; path = parentOf(path)) {
    const found = await client.find(path);
    if (found === null) continue;
    if (found.type !== 'directory') throw refused(path, `expected a folder, found a ${found.type}`, 'is in a file');
    if (await client.mayAccess(path, '-wx')) return;
    const { owner, group, permission } = found;
    throw refused(
      path,
      `expected ${userName} to have the right to write, found owner ${owner}, group ${group}, mode ${permission}`,
      'is in a folder that you may not write to',
    );
  }
}

/** An output may not lie over what is read for it. @throws VALIDATION_FAILED */
export function refuseOwnInput({ output }: CheckedOutput, files: readonly { readonly path: string }[]): void {
  const found = files.find(({ path }) => isWithin(path, output.path));
  if (found === undefined) return;
  const message = `is a folder of the input: file ${found.path}`;
  throw new AppError('VALIDATION_FAILED', `output.path: ${output.path} ${message}`, {
    errors: [{ path: POINTER, message }],
  });
}

/**
 * Folder beside an output's, of the same user, where its rows are written before they are put in place. Its name begins with
 * `_`, so that nobody takes it for data.
 */
export function stagingPathOf(path: string, batchPredictionId: string): string {
  return `${parentOf(path)}/_trainyard-${batchPredictionId}`;
}

export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

function refused(path: string, facts: string, message: string): AppError {
  return new AppError('HDFS_OUTPUT_REFUSED', `Folder ${path}: ${facts}`, { errors: [{ path: POINTER, message }] });
}
