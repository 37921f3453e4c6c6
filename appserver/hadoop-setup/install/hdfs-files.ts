import { isAppError } from '#contracts';
import { failpoint } from '#runtime';
import type { FileBody, FileStatus, WebHdfsClient } from '#webhdfs';

/** Everybody may read and enter: NodeManagers fetch the programs as themselves, without anybody's token. */
export const FOLDER_PERMISSION = '755';
const FILE_PERMISSION = '644';
/** A file that is being written lies beside its place under this name, so that the next attempt overwrites it. */
export const PARTIAL_SUFFIX = '.partial';

/** A folder with this permission whatever the umask, of this owner where one is given. Its parent is there. */
export async function makeFolder(
  hdfs: WebHdfsClient,
  folder: string,
  options: {
    readonly permission?: string;
    readonly owner?: string | null;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<void> {
  const { permission = FOLDER_PERMISSION, owner = null, signal } = options;
  await hdfs.mkdirs(folder, { permission, signal });
  await hdfs.setPermission(folder, permission, { signal });
  if (owner !== null) await hdfs.setOwner(folder, { owner }, { signal });
}

/** The whole file or what was there before: written beside its place, then put there as one step. */
export async function replaceFile(
  hdfs: WebHdfsClient,
  target: string,
  body: FileBody,
  { signal, at }: { readonly signal?: AbortSignal | undefined; readonly at: string },
): Promise<void> {
  const partial = `${target}${PARTIAL_SUFFIX}`;
  await hdfs.create(partial, body, { overwrite: true, permission: FILE_PERMISSION, signal });
  await hdfs.setPermission(partial, FILE_PERMISSION, { signal });
  const written = await hdfs.status(partial, { signal });
  await failpoint(at);
  try {
    await hdfs.rename(partial, target, { overwrite: true, signal });
  } catch (err) {
    if (await wasRenamed(hdfs, target, written, err)) return;
    // HttpFS renames over nothing: there is a moment without the file.
    if (!isAppError(err, 'HDFS_REQUEST_INVALID')) throw err;
    await hdfs.delete(target, { signal });
    await hdfs.rename(partial, target, { signal });
  }
}

/** The answer to a rename that was done may be lost, and the next attempt finds nothing to rename. */
async function wasRenamed(hdfs: WebHdfsClient, target: string, { fileId }: FileStatus, err: unknown): Promise<boolean> {
  if (!isAppError(err, 'HDFS_FILE_MISSING') || fileId === null) return false;
  return (await hdfs.find(target))?.fileId === fileId;
}

/** `/a/b` as `/a`, `/a/b`. */
export function selfAndAbove(folder: string): string[] {
  const parts = folder.split('/').filter((part) => part !== '');
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`);
}

/** The folders of a path that are not there yet, parents first. */
export async function missingFolders(
  hdfs: WebHdfsClient,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const above = selfAndAbove(folder);
  for (const [index, place] of above.entries())
    if ((await hdfs.find(place, { signal })) === null) return above.slice(index);
  return [];
}

export const isWithin = (place: string, folder: string): boolean => place === folder || place.startsWith(`${folder}/`);
