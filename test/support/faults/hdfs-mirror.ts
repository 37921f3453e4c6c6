import { mkdirSync, rmSync, utimesSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { FileStatus, WebHdfsClient } from '#webhdfs';

/**
 * A local copy of a folder of HDFS with the times of its files, for checkers that read files. Objects never change: what
 * is here with the same size and time is not read again.
 */
export class HdfsMirror {
  readonly folder: string;
  readonly #root: string;
  readonly #client: WebHdfsClient;
  readonly #copied = new Map<string, string>();

  constructor(client: WebHdfsClient, root: string, folder: string) {
    this.#client = client;
    this.#root = root;
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  /** Copies what is new, and removes what is gone. */
  async refresh(): Promise<void> {
    const found = await this.#filesBelow(this.#root);
    for (const file of found) await this.#copy(file);
    const kept = new Set(found.map((file) => file.path));
    for (const source of [...this.#copied.keys()].filter((known) => !kept.has(known))) {
      rmSync(this.#target(source));
      this.#copied.delete(source);
    }
  }

  async #filesBelow(folder: string): Promise<FileStatus[]> {
    const files: FileStatus[] = [];
    for await (const entry of this.#client.list(folder)) {
      if (entry.type === 'directory') files.push(...(await this.#filesBelow(entry.path)));
      else files.push(entry);
    }
    return files;
  }

  #target(source: string): string {
    return path.join(this.folder, path.posix.relative(this.#root, source));
  }

  async #copy({ path: source, sizeBytes, modifiedAt }: FileStatus): Promise<void> {
    const version = `${sizeBytes} ${modifiedAt.getTime()}`;
    if (this.#copied.get(source) === version) return;
    const target = this.#target(source);
    mkdirSync(path.dirname(target), { recursive: true });
    await writeFile(target, this.#client.open(source));
    utimesSync(target, modifiedAt, modifiedAt);
    this.#copied.set(source, version);
  }
}
