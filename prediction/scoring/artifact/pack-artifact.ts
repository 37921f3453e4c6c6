import { AppError, canonicalJson, type Calibration, type ManifestContent, type ManifestModel } from '#contracts';
import { checkMembers } from '../scorer/members.ts';
import { checkContent } from './check-content.ts';
import { contentHashOf, modelReader, type Sha256Function } from './open-artifact.ts';
import type { ModelArrays } from './section-lists.ts';
import { treesModel, writeSections } from './sections.ts';

/** What decides predictions, before its arrays are laid out. */
export type UnpackedContent = Omit<ManifestContent, 'sections' | 'blobSizeBytes' | 'blobSha256'>;

/** The two files of an artefact, as far as predictions go. */
export interface PackedArtifact {
  readonly content: ManifestContent;
  readonly contentHash: string;
  readonly blob: Uint8Array;
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
  const needed = new Map<string, ModelArrays>();
  for (const { model } of unpacked.members) {
    if (model.kind === 'constant') continue;
    const arrays = models.get(model.prefix);
    if (arrays === undefined) throw invalid(`arrays of ${JSON.stringify(model.prefix)} are missing`);
    checkAgreement(model, arrays);
    needed.set(model.prefix, arrays);
  }
  if (needed.size !== models.size) throw invalid(`${models.size} sets of arrays, expected ${needed.size}`);
  const { sections, blob } = writeSections(needed);
  const content: ManifestContent = { ...unpacked, sections, blobSizeBytes: blob.length, blobSha256: sha256(blob) };
  checkContent(content);
  checkMembers(content, modelReader(content, blob, 'in-place'));
  return { content, contentHash: contentHashOf(content, sha256), blob };
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
function checkAgreement(model: Exclude<ManifestModel, { kind: 'constant' }>, arrays: ModelArrays): void {
  const { kind, prefix, ...said } = model;
  if ('treeCount' in arrays && !('priorVotes' in arrays) && treesModel(prefix, arrays).kind !== kind)
    throw invalid(`arrays of ${JSON.stringify(prefix)} are ${treesModel(prefix, arrays).kind}, expected ${kind}`);
  for (const [field, value] of Object.entries(said)) {
    const found: unknown = Object.entries(arrays).find(([name]) => name === field)?.[1];
    if (canonicalJson(found ?? null) !== canonicalJson(value))
      throw invalid(
        `${field} of ${kind} model ${JSON.stringify(prefix)} is ${String(found)}, expected ${String(value)}`,
      );
  }
}

const invalid = (what: string): AppError => new AppError('ARTIFACT_INVALID', `artefact to be packed: ${what}`);
