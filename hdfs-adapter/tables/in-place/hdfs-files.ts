import { AppError, isAppError, type RegisteredFile } from '#contracts';
import type { FileStatus, WebHdfsClient } from '#webhdfs';
import type { InPlaceFiles, UnchangedFile } from './in-place-files.ts';

/** From so many files of one folder on, the folder is listed instead of asking for each. */
const LISTED_FROM = 4;

/** Files in HDFS, read as the client's user. */
export function hdfsFiles(client: WebHdfsClient): InPlaceFiles {
  return {
    async check(files, signal) {
      for (const [folder, members] of byFolder(files)) {
        if (members.length < LISTED_FROM) {
          for (const file of members) requireSame(file, await client.find(file.path, { signal }));
        } else await checkListed(client, folder, members, signal);
      }
    },
    async open(file, signal) {
      const status = requireSame(file, await client.find(file.path, { signal }));
      return opened(client, file, status);
    },
  };
}

function opened(client: WebHdfsClient, file: RegisteredFile, status: FileStatus): UnchangedFile {
  return {
    path: file.path,
    sizeBytes: file.sizeBytes,
    async *read(start, end, signal) {
      try {
        yield* client.open(file.path, {
          offset: start,
          length: end - start,
          file: status,
          ...(signal === undefined ? {} : { signal }),
        });
      } catch (err) {
        if (isAppError(err, 'HDFS_FILE_CHANGED') || isAppError(err, 'HDFS_FILE_MISSING'))
          throw changed(file, 'another one while it was read', err);
        throw err;
      }
    },
    async confirm(signal) {
      requireSame(file, await client.find(file.path, { signal }));
    },
  };
}

async function checkListed(
  client: WebHdfsClient,
  folder: string,
  members: readonly RegisteredFile[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const waiting = new Map(members.map((file) => [file.path, file]));
  try {
    for await (const status of client.list(folder, { signal })) {
      const file = waiting.get(status.path);
      if (file === undefined) continue;
      requireSame(file, status);
      waiting.delete(status.path);
    }
  } catch (err) {
    const [first] = members;
    if (!isAppError(err, 'HDFS_FILE_MISSING') || first === undefined) throw err;
    throw changed(first, 'its folder gone', err);
  }
  for (const file of waiting.values()) requireSame(file, null);
}

function byFolder(files: readonly RegisteredFile[]): Map<string, RegisteredFile[]> {
  const folders = new Map<string, RegisteredFile[]>();
  for (const file of files) {
    const folder = file.path.slice(0, file.path.lastIndexOf('/')) || '/';
    const members = folders.get(folder);
    if (members === undefined) folders.set(folder, [file]);
    else members.push(file);
  }
  return folders;
}

function requireSame(file: RegisteredFile, found: FileStatus | null): FileStatus {
  if (found === null) throw changed(file, 'nothing');
  if (found.type !== 'file') throw changed(file, `a ${found.type}`);
  const modifiedAt = found.modifiedAt.getTime();
  if (found.sizeBytes !== file.sizeBytes || modifiedAt !== file.modifiedAt)
    throw changed(file, said({ sizeBytes: found.sizeBytes, modifiedAt }));
  return found;
}

function said({ sizeBytes, modifiedAt }: Pick<RegisteredFile, 'sizeBytes' | 'modifiedAt'>): string {
  return `${sizeBytes} bytes of ${new Date(modifiedAt).toISOString()}`;
}

function changed(file: RegisteredFile, found: string, cause?: unknown): AppError {
  return new AppError(
    'DATASET_CHANGED',
    `File ${file.path} changed after it was registered: expected ${said(file)}, found ${found}`,
    { details: { path: file.path }, ...(cause === undefined ? {} : { cause }) },
  );
}
