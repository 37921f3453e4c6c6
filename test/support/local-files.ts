import { createReadStream, statSync } from 'node:fs';
import { AppError, type RegisteredFile } from '#contracts';
import type { InPlaceFiles, UnchangedFile } from '#tables';

/** Local files as a place of files that are read by ranges, with a record of what was read. */
export class LocalFiles implements InPlaceFiles {
  /** `path` and range of each read, in order. */
  readonly reads: { readonly path: string; readonly start: number; readonly end: number }[] = [];
  confirmed: string[] = [];

  static registered(path: string): RegisteredFile {
    const { size, mtimeMs } = statSync(path);
    return { path, sizeBytes: size, modifiedAt: Math.floor(mtimeMs) };
  }

  async check(files: readonly RegisteredFile[]): Promise<void> {
    for (const file of files) requireSame(file);
  }

  async open(file: RegisteredFile): Promise<UnchangedFile> {
    requireSame(file);
    const { reads, confirmed } = this;
    return {
      path: file.path,
      sizeBytes: file.sizeBytes,
      async *read(start, end, signal) {
        reads.push({ path: file.path, start, end });
        if (start === end) return;
        const stream = createReadStream(file.path, {
          start,
          end: end - 1,
          ...(signal === undefined ? {} : { signal }),
        });
        for await (const chunk of stream as AsyncIterable<Buffer>) yield chunk;
      },
      async confirm() {
        requireSame(file);
        confirmed.push(file.path);
      },
    };
  }

  /** Bytes that were asked for. */
  get bytesRead(): number {
    return this.reads.reduce((sum, { start, end }) => sum + end - start, 0);
  }
}

function requireSame(file: RegisteredFile): void {
  const now = LocalFiles.registered(file.path);
  if (now.sizeBytes !== file.sizeBytes || now.modifiedAt !== file.modifiedAt)
    throw new AppError('DATASET_CHANGED', `File ${file.path} changed`);
}
