import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { storeError, type ObjectStore } from '#object-store';
import { isThere } from './lost-files.ts';

export interface LocalObjectsOptions {
  readonly store: ObjectStore;
  /** Folder of this process alone, which exists. */
  readonly folder: string;
  /** Bytes that are kept when nobody needs them; what one task needs at a time may be more. */
  readonly bytesMax: number;
}

/**
 * Objects as local files, for readers that know files only: in place where the store keeps them so, else brought here
 * once and kept while there is room. Objects never change, so a copy never goes stale. Files that were asked for since the
 * last {@link settle} are not taken away.
 */
export class LocalObjects {
  readonly #options: LocalObjectsOptions;
  /** Size by file, the longest unused first. */
  readonly #kept = new Map<string, number>();
  readonly #inUse = new Set<string>();
  readonly #coming = new Map<string, Promise<string>>();

  constructor(options: LocalObjectsOptions) {
    this.#options = options;
  }

  /** Copies that were made and were asked for since the last {@link settle}. */
  get copiesInUse(): readonly string[] {
    return [...this.#inUse].filter((file) => this.#kept.has(file));
  }

  /** The object's bytes as a local file that must not be changed. @throws STORE_OBJECT_MISSING, DISK_FULL */
  async file(objectPath: string): Promise<string> {
    const inPlace = this.#options.store.localPath(objectPath);
    if (inPlace !== null) return inPlace;
    const file = this.#placeOf(objectPath);
    this.#inUse.add(file);
    const sizeBytes = this.#kept.get(file);
    if (sizeBytes !== undefined) {
      this.#kept.delete(file);
      // A cleaner of temporary files may have taken it.
      if (await isThere(file)) {
        this.#kept.set(file, sizeBytes);
        return file;
      }
    }
    const coming = this.#coming.get(file) ?? this.#copy(objectPath, file).finally(() => this.#coming.delete(file));
    this.#coming.set(file, coming);
    return coming;
  }

  /** Takes a finished local file over as the copy of an object that was just written from it. */
  async keep(objectPath: string, localFile: string): Promise<void> {
    const file = this.#placeOf(objectPath);
    await rename(localFile, file);
    this.#inUse.add(file);
    this.#kept.set(file, (await stat(file)).size);
  }

  /** The task is over: what was used longest ago goes until the rest has room. */
  async settle(): Promise<void> {
    this.#inUse.clear();
    await this.#makeRoom(0);
  }

  async #copy(objectPath: string, file: string): Promise<string> {
    const { store, folder } = this.#options;
    const found = await store.stat(objectPath);
    await this.#makeRoom(found?.sizeBytes ?? 0);
    const partial = `${file}.${randomBytes(6).toString('hex')}`;
    try {
      await pipeline(store.read(objectPath), createWriteStream(partial, { flags: 'wx' }));
      await rename(partial, file);
    } catch (err) {
      await rm(partial, { force: true });
      throw storeError(err, `Copying object ${objectPath}`, folder);
    }
    this.#kept.set(file, (await stat(file)).size);
    return file;
  }

  async #makeRoom(neededBytes: number): Promise<void> {
    let total = neededBytes;
    for (const sizeBytes of this.#kept.values()) total += sizeBytes;
    for (const [file, sizeBytes] of this.#kept) {
      if (total <= this.#options.bytesMax) return;
      if (this.#inUse.has(file)) continue;
      await rm(file, { force: true });
      this.#kept.delete(file);
      total -= sizeBytes;
    }
  }

  /** Named by a hash, so that any object path is a file name; the suffix tells readers the format. */
  #placeOf(objectPath: string): string {
    const name = createHash('sha256').update(objectPath).digest('hex').slice(0, 32);
    return path.join(this.#options.folder, `${name}${path.extname(objectPath)}`);
  }
}
