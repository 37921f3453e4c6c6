import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';

/** A segment that is being written: an append-only file of frames. */
export interface SegmentFile {
  readonly sizeBytes: number;
  /** False after an error that could not be taken back: nothing may be appended any more. */
  readonly isSound: boolean;
  /**
   * Appends whole frames in one write. Of a write that fails nothing stays.
   * @throws what the operating system says
   */
  append(bytes: Uint8Array): void;
  close(): void;
}

/** @throws what the operating system says, when the file is there too */
export function createSegmentFile(file: string): SegmentFile {
  const handle = openSync(file, 'wx', 0o600);
  let sizeBytes = 0;
  let isSound = true;
  return {
    get sizeBytes() {
      return sizeBytes;
    },
    get isSound() {
      return isSound;
    },
    append: (bytes) => {
      try {
        for (let at = 0; at < bytes.length;) at += writeSync(handle, bytes, at, bytes.length - at, sizeBytes + at);
        sizeBytes += bytes.length;
      } catch (err) {
        isSound = takenBack(handle, sizeBytes);
        throw err;
      }
    },
    close: () => closeSync(handle),
  };
}

/** A full disk takes a part of a write; what follows it could not be read. */
function takenBack(handle: number, sizeBytes: number): boolean {
  try {
    ftruncateSync(handle, sizeBytes);
    return true;
  } catch {
    return false;
  }
}
