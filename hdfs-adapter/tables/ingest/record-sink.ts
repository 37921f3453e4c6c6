import path from 'node:path';
import { ScratchFile, type ColumnGroup } from './scratch.ts';

const LF = 10;
const ZERO = 48;

/** Takes the copies of a text's records, run of columns by run of columns. */
export interface RecordSink {
  /** What records are cut into: together all columns, in order. */
  readonly runs: readonly ColumnGroup[];
  /** A record that ends in a line feed is appended with it, and its end is not told. */
  readonly keepsLineFeeds: boolean;
  /** No more records should come. */
  readonly isFull: boolean;
  /** Bytes source[from, to), delimiters within the run included. */
  append(run: number, source: Uint8Array, from: number, to: number): void;
  /** The cells of a record in this run are whole. */
  endRun(run: number): void;
}

/** A sink that lies in scratch files. */
export interface ScratchSink extends RecordSink {
  /** Writes out what is full; call it often enough to bound memory. @throws DISK_FULL */
  drain(): Promise<void>;
  /** All that was taken is in the files from then on. @throws DISK_FULL */
  close(): Promise<void>;
  /** Closes without writing what is left; nothing where it is closed. */
  discard(): Promise<void>;
}

export async function createFiles(
  groups: readonly ColumnGroup[],
  folder: string,
  name = 'text',
): Promise<ScratchFile[]> {
  const files: ScratchFile[] = [];
  for (const group of groups) files.push(await ScratchFile.create(path.join(folder, `${name}-${group.from}.csv`)));
  return files;
}

export interface GroupFilesOptions {
  readonly groups: readonly ColumnGroup[];
  readonly folder: string;
  /** What the names of the files begin with. @default text */
  readonly name?: string;
  readonly delimiter: string;
  /** Of all files together, as far as whole records allow. @default without a limit */
  readonly bytesMax?: number;
}

/**
 * Records in one file a column group, in a CSV form that leaves nothing to guess: they end in LF, and a group of one column
 * has a second cell `0`, so that its nulls are no blank lines.
 */
export class GroupFiles implements ScratchSink {
  readonly runs: readonly ColumnGroup[];
  readonly keepsLineFeeds: boolean;
  readonly #files: readonly ScratchFile[];
  readonly #delimiter: number;
  readonly #bytesMax: number;
  #bytes = 0;

  private constructor(files: readonly ScratchFile[], options: GroupFilesOptions) {
    this.#files = files;
    this.runs = options.groups;
    const [first, ...more] = options.groups;
    this.keepsLineFeeds = first !== undefined && first.to > 1 && more.length === 0;
    this.#delimiter = options.delimiter.charCodeAt(0);
    this.#bytesMax = options.bytesMax ?? Infinity;
  }

  static async create(options: GroupFilesOptions): Promise<GroupFiles> {
    return new GroupFiles(await createFiles(options.groups, options.folder, options.name), options);
  }

  /** One a group. */
  get paths(): readonly string[] {
    return this.#files.map((file) => file.path);
  }

  get isFull(): boolean {
    return this.#bytes >= this.#bytesMax;
  }

  append(run: number, source: Uint8Array, from: number, to: number): void {
    this.#files[run]?.append(source, from, to);
    this.#bytes += to - from;
  }

  endRun(run: number): void {
    const file = this.#files[run];
    const group = this.runs[run];
    if (file === undefined || group === undefined) return;
    if (group.to - group.from === 1) {
      file.appendByte(this.#delimiter);
      file.appendByte(ZERO);
    }
    file.appendByte(LF);
    this.#bytes += 1;
  }

  async drain(): Promise<void> {
    for (const file of this.#files) await file.drain();
  }

  async close(): Promise<void> {
    for (const file of this.#files) await file.close();
  }

  async discard(): Promise<void> {
    for (const file of this.#files) await file.discard();
  }
}
