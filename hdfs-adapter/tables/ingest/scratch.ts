import { mkdtemp, open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { storeError } from '#object-store';

/** A new folder whose name begins with `prefix`. @throws DISK_FULL, STORE_UNAVAILABLE */
export async function makeScratchFolder(parent: string, prefix: string): Promise<string> {
  return mkdtemp(path.join(parent, prefix)).catch((err: unknown) => {
    throw storeError(err, 'Making a scratch folder', parent);
  });
}

/**
 * Columns of one column group. A table wider than this is kept and converted in groups, so that memory depends on the
 * group and not on the width: 10,000 columns in one DuckDB statement need more than 2 GB for their vectors alone.
 */
export const GROUP_COLUMNS = 256;

/** Columns [from, to) of a table, by position. */
export interface ColumnGroup {
  readonly from: number;
  readonly to: number;
}

/** Cuts a table's columns into groups of nearly equal width, at most `GROUP_COLUMNS` each. */
export function columnGroups(columnCount: number): readonly ColumnGroup[] {
  const count = Math.ceil(columnCount / GROUP_COLUMNS);
  return Array.from({ length: count }, (_, index) => ({
    from: Math.floor((index * columnCount) / count),
    to: Math.floor(((index + 1) * columnCount) / count),
  }));
}

const BUFFER_BYTES = 256 * 1024;

/** A scratch file that is filled synchronously and written out by `drain`. */
export class ScratchFile {
  readonly path: string;
  readonly #handle: FileHandle;
  #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #used = 0;
  #full: Buffer[] = [];

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  static async create(path: string): Promise<ScratchFile> {
    return new ScratchFile(path, await open(path, 'w', 0o600));
  }

  /** Copies source[from, to). */
  append(source: Uint8Array, from: number, to: number): void {
    for (let at = from; at < to;) {
      if (this.#used === BUFFER_BYTES) this.#turn();
      const count = Math.min(to - at, BUFFER_BYTES - this.#used);
      this.#buffer.set(source.subarray(at, at + count), this.#used);
      this.#used += count;
      at += count;
    }
  }

  appendByte(byte: number): void {
    if (this.#used === BUFFER_BYTES) this.#turn();
    this.#buffer[this.#used] = byte;
    this.#used += 1;
  }

  /** Writes out what is full; call it often enough to bound memory. @throws DISK_FULL */
  async drain(): Promise<void> {
    const full = this.#full;
    this.#full = [];
    for (const buffer of full) await this.#write(buffer);
  }

  /** Forgets all that was written. */
  async restart(): Promise<void> {
    this.#full = [];
    this.#used = 0;
    await this.#handle.truncate(0);
    this.#position = 0;
  }

  async close(): Promise<void> {
    try {
      await this.drain();
      await this.#write(this.#buffer.subarray(0, this.#used));
      this.#used = 0;
    } finally {
      await this.#handle.close();
    }
  }

  /** Closes without writing what is left. */
  async discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
  }

  #position = 0;

  #turn(): void {
    this.#full.push(this.#buffer);
    this.#buffer = Buffer.allocUnsafe(BUFFER_BYTES);
    this.#used = 0;
  }

  async #write(buffer: Buffer): Promise<void> {
    try {
      for (let at = 0; at < buffer.length;) {
        const { bytesWritten } = await this.#handle.write(buffer, at, buffer.length - at, this.#position);
        at += bytesWritten;
        this.#position += bytesWritten;
      }
    } catch (err) {
      throw storeError(err, 'Writing scratch data', this.path);
    }
  }
}
