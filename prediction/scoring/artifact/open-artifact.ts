import { ARTIFACT_FORMAT_VERSION, AppError, Manifest, canonicalJson, parse, type ManifestContent } from '#contracts';
import type { ModelReader } from '../scorer/members.ts';
import { checkScorer, compileScorer, type Scorer } from '../scorer/scorer.ts';
import { checkContent } from './check-content.ts';
import type { ModelArrays, StoredModel } from './section-lists.ts';
import {
  checkSections,
  readFactorization,
  readForest,
  readLinear,
  readNetwork,
  readTrees,
  sectionsByName,
  type SectionReading,
} from './sections.ts';

/** SHA-256 of bytes in lower-case hexadecimal; passed in, because this module touches no platform. */
export type Sha256Function = (bytes: Uint8Array) => string;

/** The hash of what decides predictions: SHA-256 of the canonical JSON of the content, which holds the blob's hash. */
export function contentHashOf(content: ManifestContent, sha256: Sha256Function): string {
  return sha256(new TextEncoder().encode(canonicalJson(content)));
}

/**
 * Opens an artefact: proves its structure totally, so that no prediction can leave an array or loop, and compiles it.
 *
 * @param manifest `manifest.json`, parsed
 * @param reading copied: the blob's bytes may change afterwards; in place: they must not while the scorer lives
 * @throws ARTIFACT_VERSION where the format is not ours; ARTIFACT_INVALID naming what is wrong
 */
export function openArtifact(
  manifest: unknown,
  blob: Uint8Array,
  sha256: Sha256Function,
  reading: SectionReading = 'copied',
): Scorer {
  const parsed = provenManifest(manifest, blob, sha256);
  return compileScorer(parsed, modelReader(parsed.content, blob, reading));
}

/**
 * Proves that an artefact opens, without compiling it: beside the blob it takes the memory of the largest member's shape.
 *
 * @throws see {@link openArtifact}
 */
export function checkArtifact(manifest: unknown, blob: Uint8Array, sha256: Sha256Function): void {
  const { content } = provenManifest(manifest, blob, sha256);
  checkScorer(content, modelReader(content, blob, 'in-place'));
}

/** The manifest of this blob, all proven but the models' arrays. */
function provenManifest(manifest: unknown, blob: Uint8Array, sha256: Sha256Function): Manifest {
  checkVersion(manifest);
  const parsed = parse(Manifest, manifest, 'manifest', 'ARTIFACT_INVALID');
  const { content } = parsed;
  checkBlob(content, blob, sha256);
  if (contentHashOf(content, sha256) !== parsed.contentHash) fail('content has another hash than the manifest says');
  for (const { feature } of parsed.trainingStatistics) {
    if (feature >= content.features.length)
      fail(`training statistics of feature ${feature} of ${content.features.length}`);
  }
  checkContent(content);
  return parsed;
}

/** Proves that a blob is the one that the content names. @throws ARTIFACT_INVALID */
export function checkBlob(
  { blobSizeBytes, blobSha256 }: Pick<ManifestContent, 'blobSizeBytes' | 'blobSha256'>,
  blob: Uint8Array,
  sha256: Sha256Function,
): void {
  if (blob.length !== blobSizeBytes) fail(`blob has ${blob.length} bytes, expected ${blobSizeBytes}`);
  if (sha256(blob) !== blobSha256) fail('blob has another SHA-256 than the manifest says');
}

/** Checks the sections; what it returns reads a model's arrays. @throws ARTIFACT_INVALID */
export function modelReader(
  content: ManifestContent,
  blob: Uint8Array,
  reading: SectionReading = 'copied',
): ModelReader {
  checkSections(content.sections, blob.length);
  const sections = sectionsByName(content.sections);
  return {
    trees: (model) => readTrees(model, sections, blob, reading),
    linear: (model) => readLinear(model, sections, blob, reading),
    forest: (model) => readForest(model, sections, blob, reading),
    factorization: (model) => readFactorization(model, sections, blob, reading),
    network: (model) => readNetwork(model, sections, blob, reading),
  };
}

/** The arrays of all models by prefix, by default copied out of the blob. @throws ARTIFACT_INVALID */
export function readModels(
  content: ManifestContent,
  blob: Uint8Array,
  reading: SectionReading = 'copied',
): Map<string, ModelArrays> {
  const reader = modelReader(content, blob, reading);
  const arraysOf = (model: StoredModel): ModelArrays => {
    switch (model.kind) {
      case 'trees':
      case 'linear-trees':
        return reader.trees(model);
      case 'linear':
        return reader.linear(model);
      case 'forest':
        return reader.forest(model);
      case 'factorization-machine':
        return reader.factorization(model);
      case 'network':
        return reader.network(model);
    }
  };
  const models = new Map<string, ModelArrays>();
  for (const { model } of content.members) {
    if (model.kind === 'constant') continue;
    models.set(model.prefix, arraysOf(model));
  }
  return models;
}

/** Other versions are told before the schema complains about them. */
function checkVersion(manifest: unknown): void {
  if (typeof manifest !== 'object' || manifest === null || !('formatVersion' in manifest)) return;
  const version = manifest.formatVersion;
  if (typeof version === 'number' && Number.isInteger(version) && version !== ARTIFACT_FORMAT_VERSION) {
    throw new AppError(
      'ARTIFACT_VERSION',
      `manifest: format version ${version}, this program reads ${ARTIFACT_FORMAT_VERSION}`,
    );
  }
}

function fail(what: string): never {
  throw new AppError('ARTIFACT_INVALID', `artefact: ${what}`);
}
