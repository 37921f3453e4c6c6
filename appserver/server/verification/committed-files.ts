import { AppError, type Manifest } from '#contracts';
import { openOutOfFold, type OutOfFoldSource } from '#ml';
import { sha256Of } from '../services/hashes.ts';
import type { ReadableStore } from './check.ts';
import { provenFile } from './proven-file.ts';
import { BLOB_BYTES_MAX, MANIFEST_BYTES_MAX, manifestOf } from './verify-model.ts';

/** Where a committed model is, and what its manifest was signed as. */
export interface CommittedFiles {
  /** Object store folder of `manifest.json`, `blob` and `out-of-fold.bin`. */
  readonly path: string;
  readonly manifestSha256: string;
}

/** The files of a committed model, each proven to be what was committed. The manifest is read once, the others are read anew. */
export interface CommittedModel {
  manifest: () => Promise<Manifest>;
  blob: () => Promise<Uint8Array>;
  /** Read in blocks, each proven. */
  outOfFold: () => Promise<OutOfFoldSource>;
}

/**
 * The manifest is held against the hash that was signed, every other file against what the manifest vouches for.
 *
 * @param refused what is thrown for a file (`manifest.json`) that is not what was committed; by default ARTIFACT_INVALID
 */
export function committedModel(
  { path, manifestSha256 }: CommittedFiles,
  store: ReadableStore,
  refused: (name: string) => AppError = (name) =>
    new AppError('ARTIFACT_INVALID', `${path}/${name} is not what was committed`),
): CommittedModel {
  const read = async (name: string, maxBytes: number, expected: string | undefined): Promise<Uint8Array> => {
    const bytes = await store.readAll(`${path}/${name}`, { maxBytes });
    if (sha256Of(bytes) !== expected) throw refused(name);
    return bytes;
  };
  const readManifest = async (): Promise<Manifest> =>
    manifestOf(await read('manifest.json', MANIFEST_BYTES_MAX, manifestSha256));
  let once: Promise<Manifest> | null = null;
  const manifest = (): Promise<Manifest> => (once ??= readManifest());
  return {
    manifest,
    blob: async () => read('blob', BLOB_BYTES_MAX, (await manifest()).content.blobSha256),
    outOfFold: async () => {
      const name = 'out-of-fold.bin';
      const vouched = (await manifest()).files.find((file) => file.name === name);
      if (vouched === undefined) throw refused(name);
      const readRange = await provenFile(store, `${path}/${name}`, vouched, () => refused(name));
      return openOutOfFold(readRange, vouched.sizeBytes);
    },
  };
}
