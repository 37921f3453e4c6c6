import { createHash } from 'node:crypto';
import { readFile, unlink } from 'node:fs/promises';
import { AppError } from '#contracts';
import {
  parseObjectPath,
  parseObjectPrefix,
  type CallOptions,
  type ListOptions,
  type ObjectBody,
  type ObjectEntry,
  type ObjectStat,
  type ObjectStore,
  type ReadOptions,
  type WrittenObject,
} from '#object-store';

/** What the store keeps of one object. */
interface StoredObject {
  readonly bytes: Uint8Array;
  readonly modifiedAt: Date;
}

/** What takes time. */
export type StoreOperation = 'write' | 'read' | 'delete';

export interface MemoryObjectStoreOptions {
  /** @default the machine's */
  readonly now?: () => Date;
  /** Called before each part of a write or read and each deletion; a simulator waits here, or never returns. */
  readonly step?: (operation: StoreOperation, path: string) => Promise<void>;
}

/** Objects in memory, under the contract of every driver: whole or not there, never overwritten. */
export class MemoryObjectStore implements ObjectStore {
  readonly #objects = new Map<string, StoredObject>();
  /** Writes that have begun; a writer that dies leaves them here, as a driver leaves temporary files. */
  readonly #unfinished = new Map<symbol, { readonly path: string; readonly startedAt: Date }>();
  readonly #now: () => Date;
  readonly #step: (operation: StoreOperation, path: string) => Promise<void>;

  constructor({ now = () => new Date(), step = async () => undefined }: MemoryObjectStoreOptions = {}) {
    this.#now = now;
    this.#step = step;
  }

  get unfinishedCount(): number {
    return this.#unfinished.size;
  }

  async write(path: string, body: ObjectBody, { signal }: CallOptions = {}): Promise<WrittenObject> {
    parseObjectPath(path);
    if (this.#objects.has(path)) throw exists(path);
    const key = Symbol(path);
    this.#unfinished.set(key, { path, startedAt: this.#now() });
    try {
      const chunks: Uint8Array[] = [];
      for await (const chunk of chunksOf(body)) {
        signal?.throwIfAborted();
        await this.#step('write', path);
        chunks.push(Uint8Array.from(chunk));
      }
      signal?.throwIfAborted();
      await this.#step('write', path);
      if (this.#objects.has(path)) throw exists(path);
      const bytes = Buffer.concat(chunks);
      this.#objects.set(path, { bytes, modifiedAt: this.#now() });
      return { sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
    } finally {
      this.#unfinished.delete(key);
    }
  }

  async adopt(path: string, localFile: string, options: CallOptions = {}): Promise<WrittenObject> {
    const written = await this.write(path, await readFile(localFile), options);
    await unlink(localFile);
    return written;
  }

  async *read(path: string, { start = 0, end, signal }: ReadOptions = {}): AsyncIterable<Uint8Array> {
    parseObjectPath(path);
    const { bytes } = this.#find(path);
    const until = Math.min(end ?? bytes.length, bytes.length);
    for (let at = Math.min(start, until); at < until; at += CHUNK_BYTES) {
      signal?.throwIfAborted();
      await this.#step('read', path);
      yield bytes.slice(at, Math.min(at + CHUNK_BYTES, until));
    }
  }

  async readAll(path: string, options: CallOptions & { readonly maxBytes: number }): Promise<Uint8Array> {
    parseObjectPath(path);
    const { bytes } = this.#find(path);
    if (bytes.length > options.maxBytes) {
      throw new AppError('BODY_TOO_LARGE', `Object ${path}: at most ${options.maxBytes} bytes, found ${bytes.length}`);
    }
    await this.#step('read', path);
    return Uint8Array.from(bytes);
  }

  async stat(path: string): Promise<ObjectStat | null> {
    parseObjectPath(path);
    const found = this.#objects.get(path);
    return found === undefined ? null : { sizeBytes: found.bytes.length, modifiedAt: found.modifiedAt };
  }

  async *list(prefix: string, { after = '' }: ListOptions = {}): AsyncIterable<ObjectEntry> {
    const folder = parseObjectPrefix(prefix)
      .map((segment) => `${segment}/`)
      .join('');
    const paths = [...this.#objects.keys()].filter((path) => path.startsWith(folder) && path > after).sort();
    for (const path of paths) {
      const found = this.#objects.get(path);
      if (found !== undefined) yield { path, sizeBytes: found.bytes.length, modifiedAt: found.modifiedAt };
    }
  }

  async delete(path: string): Promise<void> {
    parseObjectPath(path);
    await this.#step('delete', path);
    this.#objects.delete(path);
  }

  async deleteTree(prefix: string): Promise<void> {
    const folder = `${parseObjectPath(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix).join('/')}/`;
    for (const path of [...this.#objects.keys()]) if (path.startsWith(folder)) this.#objects.delete(path);
    for (const [key, { path }] of this.#unfinished) if (path.startsWith(folder)) this.#unfinished.delete(key);
  }

  async sweepTemporary(olderThanMs: number): Promise<number> {
    const before = this.#now().getTime() - olderThanMs;
    const old = [...this.#unfinished].filter(([, { startedAt }]) => startedAt.getTime() <= before);
    for (const [key] of old) this.#unfinished.delete(key);
    return old.length;
  }

  localPath(path: string): null {
    parseObjectPath(path);
    return null;
  }

  /** Paths of all objects as they are now, past every fault. */
  get paths(): string[] {
    return [...this.#objects.keys()];
  }

  /** The bytes of an object as they are now, past every fault; null when there is none. */
  peek(path: string): Uint8Array | null {
    return this.#objects.get(path)?.bytes ?? null;
  }

  #find(path: string): StoredObject {
    const found = this.#objects.get(path);
    if (found === undefined) throw new AppError('STORE_OBJECT_MISSING', `Object ${path}: not in the store`);
    return found;
  }
}

const CHUNK_BYTES = 256 * 1024;

async function* chunksOf(body: ObjectBody): AsyncGenerator<Uint8Array> {
  if (body instanceof Uint8Array) yield body;
  else {
    for await (const chunk of body as AsyncIterable<unknown>) {
      // A stream of Node is an iterable of `any`.
      if (!(chunk instanceof Uint8Array)) throw new AppError('INTERNAL', 'Object body: expected bytes');
      yield chunk;
    }
  }
}

const exists = (path: string) =>
  new AppError('STORE_OBJECT_EXISTS', `Object ${path}: expected an unused name, found an object`);
