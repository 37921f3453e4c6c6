import { AppError, type ManifestContent } from '#contracts';
import { compileMembers } from '../scorer/members.ts';
import type { TreeArrays } from '../models/tree-arrays.ts';
import { checkContent } from './check-content.ts';
import { contentHashOf, treeReader, type Sha256Function } from './open-artifact.ts';
import { writeSections } from './sections.ts';

/** What decides predictions, before its arrays are laid out. */
export type UnpackedContent = Omit<ManifestContent, 'sections' | 'blobSizeBytes' | 'blobSha256'>;

/** The two files of an artefact, as far as predictions go. */
export interface PackedArtifact {
  readonly content: ManifestContent;
  readonly contentHash: string;
  readonly blob: Uint8Array;
}

/**
 * Lays the arrays of all `trees` models out in one blob and proves that the result opens. Deterministic: the same input
 * gives the same bytes.
 *
 * @param trees arrays by the prefix of the model; each member's model has its own
 * @throws ARTIFACT_INVALID where arrays are missing, surplus or unsound
 */
export function packArtifact(
  unpacked: UnpackedContent,
  trees: ReadonlyMap<string, TreeArrays>,
  sha256: Sha256Function,
): PackedArtifact {
  const needed = new Map<string, TreeArrays>();
  for (const { model } of unpacked.members) {
    if (model.kind !== 'trees') continue;
    const arrays = trees.get(model.prefix);
    if (arrays === undefined) throw invalid(`arrays of ${JSON.stringify(model.prefix)} are missing`);
    for (const field of ['outputCount', 'treeCount', 'averageOutput'] as const) {
      if (arrays[field] !== model[field]) throw invalid(`${field} is ${arrays[field]}, expected ${model[field]}`);
    }
    needed.set(model.prefix, arrays);
  }
  if (needed.size !== trees.size) throw invalid(`${trees.size} sets of arrays, expected ${needed.size}`);
  const { sections, blob } = writeSections(needed);
  const content: ManifestContent = { ...unpacked, sections, blobSizeBytes: blob.length, blobSha256: sha256(blob) };
  checkContent(content);
  compileMembers(content, treeReader(content, blob));
  return { content, contentHash: contentHashOf(content, sha256), blob };
}

const invalid = (what: string): AppError => new AppError('ARTIFACT_INVALID', `artefact to be packed: ${what}`);
