import { createHash, randomBytes } from 'node:crypto';
import { constants, type Dirent } from 'node:fs';
import { link, lstat, mkdir, open, readdir, realpath, rm, rmdir, unlink, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '#contracts';
import { storeError, systemCode } from './file-errors.ts';
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

/** Unfinished writes lie beside their object under names that no object path can say. */
const TEMPORARY_PREFIX = '.tmp-';
const READ_CHUNK_BYTES = 256 * 1024;
/** Another process may delete an empty folder between its making and its use. */
const FOLDER_ATTEMPTS_MAX = 5;

/** Objects as files under one folder: a local disk or a mount that every host sees, with hard links. */
export class FileObjectStore implements ObjectStore {
  readonly #root: string;
  #realRoot: string | null = null;

  /** The folder is made when it is first written to. */
  constructor(rootDir: string) {
    this.#root = path.resolve(rootDir);
  }

  async write(objectPath: string, body: ObjectBody, options: CallOptions = {}): Promise<WrittenObject> {
    const target = this.#fileOf(objectPath);
    return this.#guard(`Writing object ${objectPath}`, async () => {
      await this.#refuseExisting(objectPath, target);
      const { handle, file } = await this.#openTemporary(target);
      try {
        const written = await writeHashed(handle, body, options.signal);
        await handle.close();
        await this.#publish(objectPath, file, target);
        return written;
      } finally {
        await handle.close().catch(() => undefined);
        await rm(file, { force: true });
      }
    });
  }

  async adopt(objectPath: string, localFile: string, options: CallOptions = {}): Promise<WrittenObject> {
    const target = this.#fileOf(objectPath);
    return this.#guard(`Adopting object ${objectPath}`, async () => {
      await this.#refuseExisting(objectPath, target);
      await this.#makeFolder(path.dirname(target));
      const handle = await open(localFile, constants.O_RDONLY | constants.O_NOFOLLOW);
      let written: WrittenObject;
      try {
        written = await hashOnly(readRange(handle, 0, (await handle.stat()).size, options.signal));
        await handle.sync();
      } finally {
        await handle.close();
      }
      try {
        await this.#publish(objectPath, localFile, target);
      } catch (err) {
        if (systemCode(err) !== 'EXDEV') throw err;
        const copy = await open(localFile, 'r');
        try {
          written = await this.write(objectPath, readRange(copy, 0, written.sizeBytes, options.signal), options);
        } finally {
          await copy.close();
        }
      }
      await unlink(localFile);
      return written;
    });
  }

  async *read(objectPath: string, options: ReadOptions = {}): AsyncIterable<Uint8Array> {
    const handle = await this.#openExisting(objectPath);
    try {
      const size = (await handle.stat()).size;
      const end = Math.min(options.end ?? size, size);
      yield* readRange(handle, Math.min(options.start ?? 0, end), end, options.signal);
    } catch (err) {
      throw storeError(err, `Reading object ${objectPath}`, this.#root);
    } finally {
      await handle.close();
    }
  }

  async readAll(objectPath: string, options: CallOptions & { readonly maxBytes: number }): Promise<Uint8Array> {
    const found = await this.stat(objectPath);
    if (found === null) throw missing(objectPath);
    return readWhole(this, objectPath, found.sizeBytes, options);
  }

  async stat(objectPath: string): Promise<ObjectStat | null> {
    const file = this.#fileOf(objectPath);
    return this.#guard(`Looking up object ${objectPath}`, async () => {
      if (!(await this.#folderIsInside(path.dirname(file)))) return null;
      const found = await orNull(lstat(file));
      if (found === null || !found.isFile()) return null;
      return { sizeBytes: found.size, modifiedAt: found.mtime };
    });
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncIterable<ObjectEntry> {
    const segments = parseObjectPrefix(prefix);
    for await (const entry of this.#walk(segments, options)) {
      if (entry.temporary) continue;
      const found = await orNull(lstat(entry.file));
      if (found === null) continue;
      yield { path: entry.path, sizeBytes: found.size, modifiedAt: found.mtime };
    }
  }

  async delete(objectPath: string): Promise<void> {
    const file = this.#fileOf(objectPath);
    await this.#guard(`Deleting object ${objectPath}`, async () => {
      if ((await this.stat(objectPath)) === null) return;
      await rm(file, { force: true });
      await this.#removeEmptyFolders(path.dirname(file));
    });
  }

  async deleteTree(prefix: string): Promise<void> {
    const segments = parseObjectPath(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix);
    const folder = path.join(this.#root, ...segments);
    await this.#guard(`Deleting folder ${prefix}`, async () => {
      if (!(await this.#folderIsInside(folder))) return;
      if (!(await lstat(folder)).isDirectory()) return;
      await rm(folder, { recursive: true, force: true });
      await this.#removeEmptyFolders(path.dirname(folder));
    });
  }

  async sweepTemporary(
    olderThanMs: number,
    { now, ...options }: CallOptions & { readonly now: number },
  ): Promise<number> {
    const before = now - olderThanMs;
    let count = 0;
    for await (const entry of this.#walk([], options)) {
      if (!entry.temporary) continue;
      const found = await orNull(lstat(entry.file));
      if (found === null || found.mtimeMs > before) continue;
      await rm(entry.file, { force: true });
      count += 1;
    }
    return count;
  }

  localPath(objectPath: string): string {
    return this.#fileOf(objectPath);
  }

  #fileOf(objectPath: string): string {
    return path.join(this.#root, ...parseObjectPath(objectPath));
  }

  async #guard<T>(operation: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (err) {
      throw storeError(err, operation, this.#root);
    }
  }

  async #refuseExisting(objectPath: string, target: string): Promise<void> {
    if ((await orNull(lstat(target))) !== null) throw exists(objectPath);
  }

  async #openTemporary(target: string): Promise<{ handle: FileHandle; file: string }> {
    const folder = path.dirname(target);
    for (let attempt = 1; ; attempt += 1) {
      await this.#makeFolder(folder);
      const file = path.join(folder, `${TEMPORARY_PREFIX}${randomBytes(12).toString('hex')}`);
      try {
        return { handle: await open(file, 'wx', 0o640), file };
      } catch (err) {
        if (systemCode(err) !== 'ENOENT' || attempt === FOLDER_ATTEMPTS_MAX) throw err;
      }
    }
  }

  /** A hard link is the one way to name a file that neither replaces another nor shows a part of it. */
  async #publish(objectPath: string, file: string, target: string): Promise<void> {
    try {
      await link(file, target);
    } catch (err) {
      if (systemCode(err) === 'EEXIST') throw exists(objectPath);
      throw err;
    }
    const folder = await open(path.dirname(target), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  async #makeFolder(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true });
    if (!(await this.#folderIsInside(folder))) {
      throw new AppError('FORBIDDEN', `Folder ${folder} leaves the object store through a symbolic link`);
    }
  }

  /** False where the folder is not there or a symbolic link leads out of the store. */
  async #folderIsInside(folder: string): Promise<boolean> {
    this.#realRoot ??= await orNull(realpath(this.#root));
    const real = await orNull(realpath(folder));
    if (this.#realRoot === null || real === null) return false;
    return real === path.join(this.#realRoot, path.relative(this.#root, folder));
  }

  async #openExisting(objectPath: string): Promise<FileHandle> {
    const file = this.#fileOf(objectPath);
    return this.#guard(`Opening object ${objectPath}`, async () => {
      if ((await this.stat(objectPath)) === null) throw missing(objectPath);
      const handle = await orNull(open(file, constants.O_RDONLY | constants.O_NOFOLLOW));
      if (handle === null) throw missing(objectPath);
      return handle;
    });
  }

  /** Regular files below a folder, in the order of their full paths. Symbolic links are not followed. */
  async *#walk(
    segments: readonly string[],
    { signal, after = '' }: ListOptions,
  ): AsyncGenerator<{ path: string; file: string; temporary: boolean }> {
    signal?.throwIfAborted();
    const folder = path.join(this.#root, ...segments);
    if (!(await this.#folderIsInside(folder))) return;
    const entries = (await orNull(readdir(folder, { withFileTypes: true }))) ?? [];
    entries.sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
    for (const entry of entries) {
      const below = [...segments, entry.name];
      if (isBehind(below.join('/'), entry, after)) continue;
      if (entry.isDirectory()) yield* this.#walk(below, signal === undefined ? { after } : { signal, after });
      else if (entry.isFile()) {
        const temporary = entry.name.startsWith(TEMPORARY_PREFIX);
        yield { path: below.join('/'), file: path.join(folder, entry.name), temporary };
      }
    }
  }

  async #removeEmptyFolders(from: string): Promise<void> {
    for (let folder = from; folder.length > this.#root.length; folder = path.dirname(folder)) {
      try {
        await rmdir(folder);
      } catch {
        // Not empty, or gone already: both mean that there is nothing to tidy.
        return;
      }
    }
  }
}

/** A folder sorts as the prefix it is in its objects' paths. */
function sortKey(entry: Dirent): string {
  return entry.isDirectory() ? `${entry.name}/` : entry.name;
}

/** Whether nothing of an entry comes after `after` in a list. */
function isBehind(path: string, entry: Dirent, after: string): boolean {
  if (entry.isDirectory()) return `${path}/` < after && !after.startsWith(`${path}/`);
  return path <= after;
}

async function writeHashed(handle: FileHandle, body: ObjectBody, signal?: AbortSignal): Promise<WrittenObject> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const chunks = body instanceof Uint8Array ? [body] : body;
  // A stream of Node is an iterable of `any`; what is no Uint8Array is refused below.
  for await (const chunk of chunks as AsyncIterable<unknown> | readonly unknown[]) {
    signal?.throwIfAborted();
    if (!(chunk instanceof Uint8Array))
      throw new AppError('INTERNAL', 'Object body: expected bytes, found something else');
    hash.update(chunk);
    await writeFully(handle, chunk);
    sizeBytes += chunk.byteLength;
  }
  signal?.throwIfAborted();
  await handle.sync();
  return { sizeBytes, sha256: hash.digest('hex') };
}

async function writeFully(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.byteLength;) {
    const { bytesWritten } = await handle.write(chunk, at, chunk.byteLength - at);
    at += bytesWritten;
  }
}

async function hashOnly(chunks: AsyncIterable<Uint8Array>): Promise<WrittenObject> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    sizeBytes += chunk.byteLength;
  }
  return { sizeBytes, sha256: hash.digest('hex') };
}

async function* readRange(
  handle: FileHandle,
  start: number,
  end: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end;) {
    signal?.throwIfAborted();
    const chunk = Buffer.allocUnsafe(Math.min(READ_CHUNK_BYTES, end - at));
    const { bytesRead } = await handle.read(chunk, 0, chunk.byteLength, at);
    if (bytesRead === 0) {
      throw new AppError('DATA_READ_TRUNCATED', `Object read: expected ${end - start} bytes, found ${at - start}`);
    }
    at += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
}

async function orNull<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (err) {
    const code = systemCode(err);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return null;
    throw err;
  }
}

function exists(objectPath: string): AppError {
  return new AppError('STORE_OBJECT_EXISTS', `Object ${objectPath}: expected an unused name, found an object`);
}

function missing(objectPath: string): AppError {
  return new AppError('STORE_OBJECT_MISSING', `Object ${objectPath}: not in the store`);
}
