import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { AppError, isAppError } from '#contracts';
import type { FileStatus, WebHdfsClient } from '#webhdfs';
import { TEMPORARY_PREFIX, walkHdfs } from './hdfs-walk.ts';
import { Heartbeat } from './heartbeat.ts';
import { parseObjectPath, parseObjectPrefix } from './object-path.ts';
import type {
  CallOptions,
  ListOptions,
  ObjectBody,
  ObjectEntry,
  ObjectStat,
  ObjectStore,
  ReadOptions,
  WrittenObject,
} from './object-store.ts';
import { readWhole } from './read-whole.ts';

/** Objects are the service's: others come to them by `HdfsSharing` only. */
const OBJECT_PERMISSION = '640';

/**
 * Objects as files under one folder of HDFS. An object is written under a temporary name beside its own and then renamed,
 * which in HDFS is atomic and never replaces anything: what breaks off leaves a closed, short file, and what is being
 * written can be seen by everybody, so neither may have the object's name (`docs/adr/0012-hdfs-object-store.md`).
 */
export class HdfsObjectStore implements ObjectStore {
  readonly #client: WebHdfsClient;
  readonly #root: string;

  /** @param root folder in HDFS, `/path` or `hdfs://nameservice/path`; made when it is first written to. @throws HDFS_PATH_INVALID */
  constructor(client: WebHdfsClient, root: string) {
    this.#client = client;
    const resolved = client.resolve(root);
    this.#root = resolved === '/' ? '' : resolved;
  }

  async write(objectPath: string, body: ObjectBody, options: CallOptions = {}): Promise<WrittenObject> {
    const target = this.#fileOf(objectPath);
    return guard(`Writing object ${objectPath}`, async () => {
      await this.#refuseExisting(objectPath, target, options);
      const temporary = `${parentOf(target)}/${TEMPORARY_PREFIX}${randomBytes(12).toString('hex')}`;
      let isPublished = false;
      try {
        const written = await this.#upload(temporary, body, options);
        await this.#publish(objectPath, temporary, target, written.sizeBytes);
        isPublished = true;
        return written;
      } finally {
        if (!isPublished) await this.#discard(temporary);
      }
    });
  }

  async adopt(objectPath: string, localFile: string, options: CallOptions = {}): Promise<WrittenObject> {
    const written = await this.write(objectPath, createReadStream(localFile), options);
    await unlink(localFile);
    return written;
  }

  async *read(objectPath: string, options: ReadOptions = {}): AsyncIterable<Uint8Array> {
    const { start = 0, end = Infinity, signal } = options;
    const file = await this.#findFile(objectPath, options);
    if (file === null) throw missing(objectPath);
    const offset = Math.min(start, file.sizeBytes);
    const length = Math.max(0, Math.min(end, file.sizeBytes) - offset);
    try {
      yield* this.#client.open(file.path, { offset, length, file, ...(signal === undefined ? {} : { signal }) });
    } catch (err) {
      throw storeError(err, `Reading object ${objectPath}`);
    }
  }

  async readAll(objectPath: string, options: CallOptions & { readonly maxBytes: number }): Promise<Uint8Array> {
    const found = await this.#findFile(objectPath, options);
    if (found === null) throw missing(objectPath);
    return readWhole(this, objectPath, found.sizeBytes, options);
  }

  async stat(objectPath: string, options: CallOptions = {}): Promise<ObjectStat | null> {
    const found = await this.#findFile(objectPath, options);
    return found === null ? null : { sizeBytes: found.sizeBytes, modifiedAt: found.modifiedAt };
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncIterable<ObjectEntry> {
    const segments = parseObjectPrefix(prefix);
    for await (const { path, isTemporary, status } of this.#walk(segments, options))
      if (!isTemporary) yield { path, sizeBytes: status.sizeBytes, modifiedAt: status.modifiedAt };
  }

  async delete(objectPath: string, options: CallOptions = {}): Promise<void> {
    const found = await this.#findFile(objectPath, options);
    if (found === null) return;
    await guard(`Deleting object ${objectPath}`, async () => {
      await this.#client.delete(found.path, options);
      await this.#removeEmptyFolders(parentOf(found.path), options);
    });
  }

  async deleteTree(prefix: string, options: CallOptions = {}): Promise<void> {
    const folder = this.#fileOf(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix);
    await guard(`Deleting folder ${prefix}`, async () => {
      const found = await this.#client.find(folder, options);
      if (found?.type !== 'directory') return;
      await this.#client.delete(folder, { ...options, recursive: true });
      await this.#removeEmptyFolders(parentOf(folder), options);
    });
  }

  async sweepTemporary(olderThanMs: number, options: CallOptions & { readonly now: number }): Promise<number> {
    const before = options.now - olderThanMs;
    let count = 0;
    for await (const { isTemporary, status } of this.#walk([], options)) {
      if (!isTemporary || status.modifiedAt.getTime() > before) continue;
      const isGone = await guard('Sweeping', () => this.#client.delete(status.path, options));
      if (isGone) count += 1;
    }
    return count;
  }

  /** Always null: HDFS has no local files. */
  localPath(objectPath: string): null {
    parseObjectPath(objectPath);
    return null;
  }

  #fileOf(objectPath: string): string {
    return `${this.#root}/${parseObjectPath(objectPath).join('/')}`;
  }

  async #findFile(objectPath: string, options: CallOptions): Promise<FileStatus | null> {
    const file = this.#fileOf(objectPath);
    const found = await guard(`Looking up object ${objectPath}`, () =>
      this.#client.find(file, { signal: options.signal }),
    );
    return found?.type === 'file' ? found : null;
  }

  async #refuseExisting(objectPath: string, target: string, options: CallOptions): Promise<void> {
    if ((await this.#client.find(target, { signal: options.signal })) !== null) throw exists(objectPath);
  }

  async #upload(temporary: string, body: ObjectBody, { signal }: CallOptions): Promise<WrittenObject> {
    const hash = createHash('sha256');
    const heartbeat = new Heartbeat(() => this.#client.setModifiedAt(temporary, new Date(), { signal }));
    try {
      const chunks = hashing(body, hash, signal, heartbeat);
      const sizeBytes = await this.#client.create(temporary, chunks, {
        overwrite: true,
        permission: OBJECT_PERMISSION,
        signal,
      });
      return { sizeBytes, sha256: hash.digest('hex') };
    } finally {
      await heartbeat.stop();
    }
  }

  /** The rename may have been done although its answer was lost; a file keeps its id when it is renamed. */
  async #publish(objectPath: string, temporary: string, target: string, sizeBytes: number): Promise<void> {
    const uploaded = await this.#client.status(temporary);
    if (uploaded.sizeBytes !== sizeBytes) throw differs(objectPath, sizeBytes, uploaded.sizeBytes);
    try {
      await this.#client.rename(temporary, target);
    } catch (err) {
      const found = await this.#client.find(target);
      if (found === null) throw err;
      if (found.fileId === null || found.fileId !== uploaded.fileId) throw exists(objectPath);
    }
    const found = await this.#client.find(target);
    if (found?.type !== 'file') throw exists(objectPath);
    if (found.sizeBytes !== sizeBytes) throw differs(objectPath, sizeBytes, found.sizeBytes);
  }

  /** What cannot be removed now is found by the sweeper later; the first error matters more. */
  async #discard(temporary: string): Promise<void> {
    try {
      await this.#client.delete(temporary);
    } catch (err) {
      if (!isAppError(err)) throw err;
    }
  }

  async #removeEmptyFolders(from: string, options: CallOptions): Promise<void> {
    for (let folder = from; folder.length > this.#root.length; folder = parentOf(folder)) {
      try {
        await this.#client.delete(folder, options);
      } catch (err) {
        // Not empty, or another has written to it again: both mean that there is nothing to tidy.
        if (isAppError(err)) return;
        throw err;
      }
    }
  }

  async *#walk(segments: readonly string[], options: ListOptions): ReturnType<typeof walkHdfs> {
    try {
      yield* walkHdfs(this.#client, this.#root, segments, options);
    } catch (err) {
      throw storeError(err, `Listing folder ${segments.join('/')}`);
    }
  }
}

async function* hashing(
  body: ObjectBody,
  hash: ReturnType<typeof createHash>,
  signal: AbortSignal | undefined,
  heartbeat: Heartbeat,
): AsyncGenerator<Uint8Array> {
  const chunks = body instanceof Uint8Array ? [body] : body;
  // A stream of Node is an iterable of `any`; what is no Uint8Array is refused below.
  for await (const chunk of chunks as AsyncIterable<unknown> | readonly unknown[]) {
    signal?.throwIfAborted();
    if (!(chunk instanceof Uint8Array))
      throw new AppError('INTERNAL', 'Object body: expected bytes, found something else');
    hash.update(chunk);
    heartbeat.start();
    yield chunk;
  }
  signal?.throwIfAborted();
}

async function guard<T>(operation: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (err) {
    throw storeError(err, operation);
  }
}

/** HDFS's failures as the store's: no space is DISK_FULL, what passes is STORE_UNAVAILABLE; others say enough themselves. */
function storeError(err: unknown, operation: string): unknown {
  if (!(err instanceof AppError)) return err;
  const { details } = err;
  if (err.code === 'HDFS_QUOTA_EXCEEDED')
    return new AppError('DISK_FULL', `${operation}: ${quotaSentence(err.message)}`, { cause: err, details });
  if (err.code === 'HDFS_READ_TRUNCATED' && !isOutage(err.cause))
    return new AppError('DATA_READ_TRUNCATED', `${operation}: it ended too early`, { cause: err, details });
  const passes = err.kind === 'unavailable' || err.kind === 'timeout';
  if (!passes || err.code === 'STORE_UNAVAILABLE') return err;
  return new AppError('STORE_UNAVAILABLE', `${operation} failed in HDFS`, { cause: err, details });
}

/** Which quota is used up, and who mends it, from the NameNode's words: `The DiskSpace quota of /folder is exceeded: ...`. */
function quotaSentence(words: string): string {
  const [, kind, folder] =
    /The (NameSpace|DiskSpace) quota[^/]*of (?:directory )?(\/\S*) is exceeded/.exec(words) ?? [];
  if (folder === undefined) return 'the quota of its folder in HDFS is used up';
  const command = kind === 'NameSpace' ? '-setQuota' : '-setSpaceQuota';
  const what = kind === 'NameSpace' ? 'quota of names' : 'space quota';
  return `the ${what} of ${folder} in HDFS is used up; an administrator raises it by hdfs dfsadmin ${command}`;
}

/** What kept a read from its end was that nobody answered, not that there was too little. */
const isOutage = (cause: unknown): boolean =>
  cause instanceof AppError && cause.retryable && cause.code !== 'HDFS_READ_TRUNCATED';

function parentOf(file: string): string {
  return file.slice(0, file.lastIndexOf('/'));
}

function exists(objectPath: string): AppError {
  return new AppError('STORE_OBJECT_EXISTS', `Object ${objectPath}: expected an unused name, found an object`);
}

function missing(objectPath: string): AppError {
  return new AppError('STORE_OBJECT_MISSING', `Object ${objectPath}: not in the store`);
}

function differs(objectPath: string, expected: number, found: number): AppError {
  const message = `Writing object ${objectPath}: expected ${expected} bytes in HDFS, found ${found}`;
  return new AppError('STORE_UNAVAILABLE', message);
}
