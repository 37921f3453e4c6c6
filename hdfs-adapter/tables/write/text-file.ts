import { open, type FileHandle } from 'node:fs/promises';
import { storeError } from '#object-store';

/** Text collected before it goes to the disk. */
const FLUSH_CHARS = 256 * 1024;

/** A new text file that is written in large pieces. */
export class TextFile {
  readonly #file: string;
  readonly #handle: FileHandle;
  #pending: string[] = [];
  #pendingChars = 0;

  private constructor(file: string, handle: FileHandle) {
    this.#file = file;
    this.#handle = handle;
  }

  static async create(file: string): Promise<TextFile> {
    try {
      return new TextFile(file, await open(file, 'wx', 0o640));
    } catch (err) {
      throw storeError(err, 'Making a file', file);
    }
  }

  /** Collects text. When `isFull`, call `flush` before the next. */
  add(text: string): void {
    this.#pending.push(text);
    this.#pendingChars += text.length;
  }

  get isFull(): boolean {
    return this.#pendingChars >= FLUSH_CHARS;
  }

  /** @throws DISK_FULL */
  async flush(): Promise<void> {
    const text = this.#pending.join('');
    this.#pending = [];
    this.#pendingChars = 0;
    try {
      await this.#handle.appendFile(text);
    } catch (err) {
      throw storeError(err, 'Writing a file', this.#file);
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
