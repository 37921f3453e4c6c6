import { createHash } from 'node:crypto';
import { AppError, isAppError, type BatchPredictTask } from '#contracts';
import { openOutOfFold, type OutOfFoldSource } from '#ml';
import { readBytes, type ObjectStore } from '#object-store';
import { openArtifact, type Scorer } from '#scoring';

/** Largest `manifest.json` and `blob` that are read, in bytes. */
export const MANIFEST_BYTES_MAX = 256 * 1024 * 1024;
export const BLOB_BYTES_MAX = 2 * 1024 * 1024 * 1024;

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** What names an artefact of the object store. */
export type ArtifactPlace = Pick<BatchPredictTask, 'artifactPath' | 'manifestSha256'>;

/**
 * Reads the files of an artefact, if its manifest is the one that is meant, to the last byte.
 *
 * @throws ARTIFACT_INVALID also when a file is not there
 */
export async function readStoredArtifact(
  store: ObjectStore,
  place: ArtifactPlace,
): Promise<{ readonly manifest: unknown; readonly blob: Uint8Array }> {
  return {
    manifest: await readStoredManifest(store, place),
    blob: await readOf(store, place.artifactPath, 'blob', BLOB_BYTES_MAX),
  };
}

/** The manifest alone. @throws see `readStoredArtifact` */
export async function readStoredManifest(
  store: ObjectStore,
  { artifactPath, manifestSha256 }: ArtifactPlace,
): Promise<unknown> {
  const manifest = await readOf(store, artifactPath, 'manifest.json', MANIFEST_BYTES_MAX);
  const found = sha256(manifest);
  if (found !== manifestSha256)
    throw new AppError(
      'ARTIFACT_INVALID',
      `artefact ${artifactPath}: expected a manifest of SHA-256 ${manifestSha256}, found ${found}`,
    );
  // The hash has shown that this is the text that was sealed.
  return JSON.parse(Buffer.from(manifest).toString('utf8'));
}

/** Opens an artefact of the object store. @throws ARTIFACT_INVALID; ARTIFACT_VERSION */
export async function openStoredArtifact(store: ObjectStore, place: ArtifactPlace): Promise<Scorer> {
  const { manifest, blob } = await readStoredArtifact(store, place);
  return openArtifact(manifest, blob, sha256, 'in-place');
}

/** Out-of-fold predictions of a model, which are read in blocks. @throws ARTIFACT_INVALID when they are not there; RESULT_MISMATCH */
export async function openStoredPredictions(store: ObjectStore, artifactPath: string): Promise<OutOfFoldSource> {
  const path = `${artifactPath}/out-of-fold.bin`;
  const found = await store.stat(path);
  if (found === null) throw new AppError('ARTIFACT_INVALID', `artefact ${artifactPath}: out-of-fold.bin is not there`);
  return openOutOfFold((start, end) => readBytes(store, path, { start, end }), found.sizeBytes);
}

/** Reads a file of an artefact's folder. @throws ARTIFACT_INVALID when it is not there */
export async function readOf(
  store: ObjectStore,
  artifactPath: string,
  name: string,
  maxBytes: number,
): Promise<Uint8Array> {
  try {
    return await store.readAll(`${artifactPath}/${name}`, { maxBytes });
  } catch (err) {
    if (!isAppError(err, 'STORE_OBJECT_MISSING')) throw err;
    throw new AppError('ARTIFACT_INVALID', `artefact ${artifactPath}: ${name} is not there`, { cause: err });
  }
}
