import { createHash, randomBytes, type KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError, Manifest, ModelSignature, parse } from '#contracts';
import { failpoint } from '#runtime';
import { compileOffsets, openArtifact, type Scorer } from '#scoring';
import { verifyModel } from '../feed/signatures.ts';
import { errnoOf, syncFolder } from './atomic-file.ts';

/** An artefact as it was downloaded. */
export interface ArtifactFiles {
  readonly manifest: Uint8Array;
  readonly blob: Uint8Array;
  readonly signature: ModelSignature;
}

/** A verified artefact, ready to predict. */
export interface LoadedArtifact {
  readonly manifest: Manifest;
  readonly scorer: Scorer;
}

/** Which artefact is wanted: a deployment record says both. */
export interface WantedArtifact {
  readonly modelId: string;
  readonly manifestSha256: string;
}

/**
 * Verified artefacts on this server's disk, one folder per manifest hash. What is read back is verified again: hash of
 * the manifest, signature, hash and structure of the blob. A damaged folder is removed and counts as absent.
 */
export interface ArtifactCache {
  /** From disk, or null when it is not there or does not verify any more. */
  load(wanted: WantedArtifact, key: KeyObject): LoadedArtifact | null;
  /**
   * Verifies and keeps a download.
   * @throws ARTIFACT_INVALID, ARTIFACT_SIGNATURE, ARTIFACT_VERSION, DISK_FULL; nothing is kept then
   */
  store(wanted: WantedArtifact, key: KeyObject, files: ArtifactFiles): Promise<LoadedArtifact>;
  /** Removes every folder whose hash is not in the set. */
  retain(manifestHashes: ReadonlySet<string>): void;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** @param dir made when it is not there; left-overs of an interrupted download are removed */
export function openArtifactCache(
  dir: string,
  onDamaged: (manifestSha256: string, err: unknown) => void,
): ArtifactCache {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const remove = (name: string) => rmSync(path.join(dir, name), { recursive: true, force: true });
  for (const name of readdirSync(dir)) if (name.endsWith('.tmp')) remove(name);
  return {
    load: (wanted, key) => {
      const folder = path.join(dir, wanted.manifestSha256);
      if (!existsSync(folder)) return null;
      try {
        return verified(wanted, key, readFiles(folder));
      } catch (err) {
        // Too many open files or an unreadable disk say nothing about the artefact.
        const errno = errnoOf(err);
        if (errno !== null && errno !== 'ENOENT' && !(err instanceof AppError)) throw err;
        onDamaged(wanted.manifestSha256, err);
        remove(wanted.manifestSha256);
        return null;
      }
    },
    store: async (wanted, key, files) => {
      const loaded = verified(wanted, key, files);
      if (!existsSync(path.join(dir, wanted.manifestSha256))) await keep(dir, wanted.manifestSha256, files);
      return loaded;
    },
    retain: (hashes) => {
      for (const name of readdirSync(dir)) if (!hashes.has(name) && !name.endsWith('.tmp')) remove(name);
    },
  };
}

/**
 * Reads a kept artefact and verifies it, for processes that do not own the cache: nothing is removed.
 *
 * @throws ARTIFACT_INVALID, ARTIFACT_SIGNATURE, ARTIFACT_VERSION, and what the disk says
 */
export const readArtifact = (dir: string, wanted: WantedArtifact, key: KeyObject): LoadedArtifact =>
  verified(wanted, key, readFiles(path.join(dir, wanted.manifestSha256)));

async function keep(dir: string, manifestSha256: string, files: ArtifactFiles): Promise<void> {
  const temporary = path.join(dir, `${manifestSha256}.${randomBytes(4).toString('hex')}.tmp`);
  try {
    await mkdir(temporary, { mode: 0o700 });
    const contents = {
      'manifest.json': files.manifest,
      blob: files.blob,
      'signature.json': JSON.stringify(files.signature),
    };
    for (const [name, bytes] of Object.entries(contents))
      await writeFile(path.join(temporary, name), bytes, { mode: 0o600, flush: true });
    syncFolder(temporary);
    await failpoint('predictionServer.artifact.beforeRename');
    await rename(temporary, path.join(dir, manifestSha256));
    syncFolder(dir);
  } catch (err) {
    await rm(temporary, { recursive: true, force: true });
    if (errnoOf(err) === 'ENOSPC')
      throw new AppError('DISK_FULL', `no space left in ${dir} for the artefact ${manifestSha256}`, { cause: err });
    throw err;
  }
}

function readFiles(folder: string): ArtifactFiles {
  const read = (name: string) => readFileSync(path.join(folder, name));
  const signature = parseJson(read('signature.json'), 'signature.json');
  return {
    manifest: read('manifest.json'),
    blob: read('blob'),
    signature: parse(ModelSignature, signature, 'signature.json', 'ARTIFACT_INVALID'),
  };
}

/** The manifest of a wanted artefact. @throws ARTIFACT_INVALID when the bytes are of another one */
export function checkManifest({ modelId, manifestSha256 }: WantedArtifact, bytes: Uint8Array): Manifest {
  const found = sha256(bytes);
  if (found !== manifestSha256) {
    throw new AppError(
      'ARTIFACT_INVALID',
      `manifest of model ${modelId}: expected SHA-256 ${manifestSha256}, found ${found}`,
    );
  }
  const manifest = parse(Manifest, parseJson(bytes, 'manifest.json'), 'manifest', 'ARTIFACT_INVALID');
  if (manifest.modelId !== modelId)
    throw new AppError('ARTIFACT_INVALID', `expected the manifest of model ${modelId}, found ${manifest.modelId}`);
  return manifest;
}

function verified(wanted: WantedArtifact, key: KeyObject, files: ArtifactFiles): LoadedArtifact {
  const { modelId, manifestSha256 } = wanted;
  if (files.signature.modelId !== modelId || files.signature.manifestSha256 !== manifestSha256)
    throw new AppError('ARTIFACT_SIGNATURE', `model ${modelId}: the signature is of another model`);
  verifyModel(key, files.signature);
  const manifest = checkManifest(wanted, files.manifest);
  const scorer = openArtifact(manifest, files.blob, sha256);
  // A row of missing values goes through every step and tree once: what cannot predict is found before it is served.
  const offsets = compileOffsets(manifest.content)?.columns ?? [];
  scorer.scoreRow(Object.fromEntries(offsets.map(({ name }) => [name, 1])), scorer.createPrediction());
  return { manifest, scorer };
}

function parseJson(bytes: Uint8Array, name: string): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch (err) {
    throw new AppError('ARTIFACT_INVALID', `${name} is not JSON`, { cause: err });
  }
}
