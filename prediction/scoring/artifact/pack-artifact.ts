import { AppError, canonicalJson, type Calibration, type ManifestContent } from '#contracts';
import { checkMembers } from '../scorer/members.ts';
import { checkContent } from './check-content.ts';
import { contentHashOf, modelReader, type Sha256Function } from './open-artifact.ts';
import { shapesOf, type ModelArrays, type SectionShape, type StoredModel } from './section-lists.ts';
import { layOutSections, sectionsByName, treesModel, writeModel } from './sections.ts';

/** What decides predictions, before its arrays are laid out. */
export type UnpackedContent = Omit<ManifestContent, 'sections' | 'blobSizeBytes' | 'blobSha256'>;

/** The two files of an artefact, as far as predictions go. */
export interface PackedArtifact {
  readonly content: ManifestContent;
  readonly contentHash: string;
  readonly blob: Uint8Array;
}

/** An artefact whose blob is laid out before its arrays are there: those of one model after the other are put into place. */
export interface ArtifactPacking {
  /** Copies a model's arrays. @throws ARTIFACT_INVALID where they are not what the model says, or was laid out, or come twice */
  put(prefix: string, arrays: ModelArrays): void;
  /** Proves that the result opens. @throws ARTIFACT_INVALID where arrays are missing or unsound */
  seal(): PackedArtifact;
}

/**
 * Lays out the blob of an artefact. Memory: the blob, and what the caller holds of the arrays to be put.
 *
 * @param shapes arrays to come by the prefix of the model; each member's model has its own
 * @throws ARTIFACT_INVALID where those of a member are missing, or some are of no member
 */
export function layOutArtifact(
  unpacked: UnpackedContent,
  shapes: ReadonlyMap<string, readonly SectionShape[]>,
  sha256: Sha256Function,
): ArtifactPacking {
  const missing = new Map<string, StoredModel>();
  const needed = new Map<string, readonly SectionShape[]>();
  for (const { model } of unpacked.members) {
    if (model.kind === 'constant') continue;
    needed.set(model.prefix, shapes.get(model.prefix) ?? fail(`arrays of ${JSON.stringify(model.prefix)} are missing`));
    missing.set(model.prefix, model);
  }
  if (needed.size !== shapes.size) fail(`${shapes.size} sets of arrays, expected ${needed.size}`);
  const { sections, sizeBytes } = layOutSections(needed);
  const places = sectionsByName(sections);
  const blob = new Uint8Array(sizeBytes);
  return {
    put: (prefix, arrays) => {
      const model = missing.get(prefix) ?? fail(`arrays of ${JSON.stringify(prefix)} are surplus`);
      checkAgreement(model, arrays);
      if (canonicalJson(shapesOf(arrays)) !== canonicalJson(needed.get(prefix)))
        fail(`arrays of ${JSON.stringify(prefix)} are others than were laid out`);
      writeModel(blob, places, prefix, arrays);
      missing.delete(prefix);
    },
    seal: () => {
      if (missing.size > 0) fail(`arrays of ${[...missing.keys()].join(', ')} are missing`);
      const content: ManifestContent = { ...unpacked, sections, blobSizeBytes: blob.length, blobSha256: sha256(blob) };
      checkContent(content);
      checkMembers(content, modelReader(content, blob, 'in-place'));
      return { content, contentHash: contentHashOf(content, sha256), blob };
    },
  };
}

/**
 * Lays the arrays of all models out in one blob and proves that the result opens. Deterministic: the same input
 * gives the same bytes.
 *
 * @param models arrays by the prefix of the model; each member's model has its own
 * @throws ARTIFACT_INVALID where arrays are missing, surplus or unsound
 */
export function packArtifact(
  unpacked: UnpackedContent,
  models: ReadonlyMap<string, ModelArrays>,
  sha256: Sha256Function,
): PackedArtifact {
  const shapes = new Map([...models].map(([prefix, arrays]) => [prefix, shapesOf(arrays)]));
  const packing = layOutArtifact(unpacked, shapes, sha256);
  for (const [prefix, arrays] of models) packing.put(prefix, arrays);
  return packing.seal();
}

/** The same artefact with a calibration: its blob is as it was. @throws ARTIFACT_INVALID */
export function withCalibration(
  { content, blob }: PackedArtifact,
  calibration: Calibration,
  sha256: Sha256Function,
): PackedArtifact {
  const calibrated = { ...content, calibration };
  checkContent(calibrated);
  return { content: calibrated, contentHash: contentHashOf(calibrated, sha256), blob };
}

/** Proves that a model says of its arrays what they are. */
function checkAgreement({ kind, prefix, ...said }: StoredModel, arrays: ModelArrays): void {
  if ('treeCount' in arrays && !('priorVotes' in arrays) && treesModel(prefix, arrays).kind !== kind)
    fail(`arrays of ${JSON.stringify(prefix)} are ${treesModel(prefix, arrays).kind}, expected ${kind}`);
  for (const [field, value] of Object.entries(said)) {
    const found: unknown = Object.entries(arrays).find(([name]) => name === field)?.[1];
    if (canonicalJson(found ?? null) !== canonicalJson(value))
      fail(`${field} of ${kind} model ${JSON.stringify(prefix)} is ${String(found)}, expected ${String(value)}`);
  }
}

function fail(what: string): never {
  throw new AppError('ARTIFACT_INVALID', `artefact to be packed: ${what}`);
}
