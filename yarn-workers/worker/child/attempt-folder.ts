import { createHash } from 'node:crypto';
import { AppError, type SealedFile } from '#contracts';
import type { ObjectBody, ObjectStore } from '#object-store';
import { failpoint } from '#runtime';

/** The folder of one attempt in the object store: its name is never used twice, and nothing in it is ever changed. */
export class AttemptFolder {
  readonly path: string;
  readonly #store: ObjectStore;
  readonly #files: SealedFile[] = [];

  constructor(store: ObjectStore, path: string) {
    this.#store = store;
    this.path = path;
  }

  /** Files written so far, in order. */
  get files(): readonly SealedFile[] {
    return this.#files;
  }

  /** Object path of a file of this folder. */
  pathOf(name: string): string {
    return `${this.path}/${name}`;
  }

  async write(name: string, body: ObjectBody): Promise<SealedFile> {
    await failpoint('worker.write');
    const written = await this.#store.write(this.pathOf(name), body);
    return this.#add(name, written);
  }

  /** Writes an object of this folder that is no part of the result: it is not sealed. */
  async writeAside(name: string, body: ObjectBody): Promise<SealedFile> {
    const { sizeBytes, sha256 } = await this.#store.write(this.pathOf(name), body);
    return { name, sizeBytes, sha256 };
  }

  /** Takes away what {@link writeAside} wrote. */
  async removeAside(name: string): Promise<void> {
    await this.#store.delete(this.pathOf(name));
  }

  /** Makes a finished local file part of the folder and takes it away from where it is. */
  async adopt(name: string, localFile: string): Promise<SealedFile> {
    await failpoint('worker.write');
    return this.#add(name, await this.#store.adopt(this.pathOf(name), localFile));
  }

  /** Takes note of a file that was written to its place in the store by other means. */
  note(file: SealedFile): void {
    this.#files.push(file);
  }

  /**
   * Reads everything back and compares sizes and hashes: what is sealed is what is stored.
   *
   * @throws RESULT_MISMATCH naming the file
   */
  async verify(): Promise<void> {
    await failpoint('worker.reread');
    for (const { name, sizeBytes, sha256 } of this.#files) {
      const hash = createHash('sha256');
      let found = 0;
      for await (const chunk of this.#store.read(this.pathOf(name))) {
        hash.update(chunk);
        found += chunk.length;
      }
      if (found !== sizeBytes || hash.digest('hex') !== sha256) {
        throw new AppError(
          'RESULT_MISMATCH',
          `file ${name} of ${this.path}: expected ${sizeBytes} bytes of hash ${sha256}; found ${found} bytes that differ`,
        );
      }
    }
  }

  #add(name: string, written: { readonly sizeBytes: number; readonly sha256: string }): SealedFile {
    const file = { name, sizeBytes: written.sizeBytes, sha256: written.sha256 };
    this.#files.push(file);
    return file;
  }
}
