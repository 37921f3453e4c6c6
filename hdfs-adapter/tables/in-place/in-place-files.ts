import type { RegisteredFile } from '#contracts';
import type { RangeFile } from '../parquet/layout.ts';

/** An opened file that is as it was registered. */
export interface UnchangedFile extends RangeFile {
  /** Asked once more after the last byte was read. @throws DATASET_CHANGED */
  confirm(signal?: AbortSignal): Promise<void>;
}

/** Where files that are read in place lie. */
export interface InPlaceFiles {
  /** Compares all files with their registration before any is read. @throws DATASET_CHANGED naming the file */
  check(files: readonly RegisteredFile[], signal?: AbortSignal): Promise<void>;
  /** @throws DATASET_CHANGED naming the file */
  open(file: RegisteredFile, signal?: AbortSignal): Promise<UnchangedFile>;
}
