import type { Readable } from 'node:stream';

/** What a writer learns about the object it wrote. */
export interface WrittenObject {
  readonly sizeBytes: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

export interface ObjectStat {
  readonly sizeBytes: number;
  readonly modifiedAt: Date;
}

export interface ObjectEntry extends ObjectStat {
  readonly path: string;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** `start` is inclusive, `end` exclusive, both in bytes; a range past the end of the object is cut to it. */
export interface ReadOptions extends CallOptions {
  readonly start?: number;
  readonly end?: number;
}

export interface ListOptions extends CallOptions {
  /** Only objects behind this path in the order of the list, so that a long list can be read in pieces. */
  readonly after?: string;
}

export type ObjectBody = Uint8Array | AsyncIterable<Uint8Array> | Readable;

/**
 * Immutable objects under `/`-separated relative paths (`parseObjectPath`). An object is there as a whole or not at all;
 * names are never used twice. Memory is bounded by a few chunks, whatever the object's size. One contract suite
 * (`test/contract/object-store/suite.ts`) holds every driver.
 *
 * All methods throw `VALIDATION_FAILED` for a path that is none, `DISK_FULL` and `STORE_UNAVAILABLE` for what the
 * medium does, and the signal's reason when it is aborted.
 */
export interface ObjectStore {
  /** Writes a new object. Nothing is seen under `path` until all of it is durable. @throws STORE_OBJECT_EXISTS */
  write(path: string, body: ObjectBody, options?: CallOptions): Promise<WrittenObject>;

  /**
   * Makes a finished local file an object and takes the file away: no bytes are copied where the driver keeps its
   * objects on the same file system. On error the local file stays. @throws STORE_OBJECT_EXISTS
   */
  adopt(path: string, localFile: string, options?: CallOptions): Promise<WrittenObject>;

  /** The bytes of a range, by default of all. @throws STORE_OBJECT_MISSING; DATA_READ_TRUNCATED if it ends early */
  read(path: string, options?: ReadOptions): AsyncIterable<Uint8Array>;

  /** A small object as one array. @throws STORE_OBJECT_MISSING; BODY_TOO_LARGE above `maxBytes` */
  readAll(path: string, options: CallOptions & { readonly maxBytes: number }): Promise<Uint8Array>;

  /** Null if there is no such object (a folder is none). */
  stat(path: string, options?: CallOptions): Promise<ObjectStat | null>;

  /** All objects in the folder `prefix` and below, '' being the root, sorted by path in code units. */
  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectEntry>;

  /** Deletes an object; one that is not there is no error. */
  delete(path: string, options?: CallOptions): Promise<void>;

  /** Deletes a folder with all that is in it, unfinished writes too; one that is not there is no error. */
  deleteTree(prefix: string, options?: CallOptions): Promise<void>;

  /**
   * Removes what writers that died left behind, if it was not touched for so long. Returns how many. `now` is the store's
   * own time in milliseconds since 1970: this host's clock may be another.
   */
  sweepTemporary(olderThanMs: number, options: CallOptions & { readonly now: number }): Promise<number>;

  /** The object's real file, so that it can be read in place; null where there is none. It must not be changed. */
  localPath(path: string): string | null;
}
