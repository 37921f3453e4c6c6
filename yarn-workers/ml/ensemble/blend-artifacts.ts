import { AppError, canonicalJson, type Manifest, type ManifestMember, type ManifestStep } from '#contracts';
import {
  layOutArtifact,
  readModels,
  sectionsByName,
  storedShapes,
  type ArtifactPacking,
  type PackedArtifact,
  type SectionShape,
  type Sha256Function,
  type UnpackedContent,
} from '#scoring';

/** A model's artefact that was opened before: its manifest, and its blob when it is asked for. */
export interface MemberArtifact {
  readonly manifest: Manifest;
  /** @returns the blob that the manifest names, to the last byte */
  readonly readBlob: () => Promise<Uint8Array>;
}

/** The same with its weight in a blend. */
export interface WeightedArtifact extends MemberArtifact {
  readonly weight: number;
}

/** An artefact that needs none of those that it was made of. */
export interface BlendedArtifact extends PackedArtifact {
  /** Rows that its models were fitted on: the most of them. */
  readonly rowCount: number;
  readonly trainingStatistics: Manifest['trainingStatistics'];
}

/** What all models of a blend have in common. */
const commonOf = ({ content }: Manifest): string => {
  const { targetType, target, classes, positiveClass, threshold, link, features, offsets = [], steps } = content;
  const added = offsets.map(({ step, ...offset }) => ({ ...offset, reads: steps[step]?.feature }));
  return canonicalJson({ targetType, target, classes, positiveClass, threshold, link, features, added });
};

/**
 * One artefact of several: the members of each in its order, their weights times the artefact's own, so that its raw scores are
 * the weighted sum of the members' raw scores in this order, each calibrated as its artefact is; offsets are added once. Steps that members share are stored once. The same input gives the
 * same bytes, whoever makes it.
 *
 * Manifests say how long every array is. So the blend's blob is laid out first, and one artefact's blob after the other is read, copied and
 * let go. Memory: the blend, and the largest blob of an artefact.
 *
 * @param shifts added to the raw score of each output, as a member that is the same for all rows; empty: nothing
 * @throws INTERNAL where the artefacts are of other targets or features; ARTIFACT_INVALID
 */
export async function blendArtifacts(
  artifacts: readonly WeightedArtifact[],
  sha256: Sha256Function,
  shifts: readonly number[] = [],
): Promise<BlendedArtifact> {
  const { unpacked, shapes, prefixes } = blendContents(artifacts, shifts);
  const packing = layOutArtifact(unpacked, shapes, sha256);
  for (const [index, artifact] of artifacts.entries()) await copyModels(artifact, prefixes[index] ?? [], packing);
  return {
    ...packing.seal(),
    rowCount: artifacts.reduce((most, { manifest }) => Math.max(most, manifest.rowCount), 0),
    // A baseline has none; all others of a run have the same.
    trainingStatistics:
      artifacts.map(({ manifest }) => manifest.trainingStatistics).find((list) => list.length > 0) ?? [],
  };
}

/** What a model is called in its own artefact and in the blend. */
type Prefixes = readonly [own: string, blended: string];

/** The blend, but for what is in the arrays. */
interface BlendedContents {
  readonly unpacked: UnpackedContent;
  /** By prefix in the blend. */
  readonly shapes: ReadonlyMap<string, readonly SectionShape[]>;
  /** By artefact: its models, one for each member that has arrays. */
  readonly prefixes: readonly (readonly Prefixes[])[];
}

function blendContents(artifacts: readonly WeightedArtifact[], shifts: readonly number[]): BlendedContents {
  const head = artifacts[0];
  if (head === undefined) throw new AppError('INTERNAL', 'there is no artefact to blend');
  const common = commonOf(head.manifest);
  const steps = stepCollector();
  const shapes = new Map<string, SectionShape[]>();
  const members: ManifestMember[] = [];
  const prefixes = artifacts.map(({ manifest, weight }) => {
    if (commonOf(manifest) !== common)
      throw new AppError('INTERNAL', `model ${manifest.modelId} has another target or other features than the first`);
    const { content } = manifest;
    const sections = sectionsByName(content.sections);
    const own: Prefixes[] = [];
    for (const member of content.members) {
      let { model } = member;
      if (model.kind !== 'constant') {
        const prefix = `member${members.length}`;
        own.push([model.prefix, prefix]);
        shapes.set(prefix, storedShapes(model, sections));
        model = { ...model, prefix };
      }
      members.push({
        ...member,
        model,
        steps: member.steps.map((index) => steps.placeOf(stepAt(content.steps, index))),
        weight: weight * member.weight * (content.calibration?.slope ?? 1),
      });
    }
    return own;
  });
  if (shifts.length > 0) members.push({ weight: 1, steps: [], model: { kind: 'constant', scores: [...shifts] } });
  const { sections: _, blobSizeBytes: __, blobSha256: ___, calibration: ____, ...rest } = head.manifest.content;
  const offsets = rest.offsets?.map((offset) => ({ ...offset, step: steps.placeOf(stepAt(rest.steps, offset.step)) }));
  const unpacked = {
    ...rest,
    ...calibrationOf(artifacts),
    steps: steps.all,
    members,
    ...(offsets === undefined ? {} : { offsets }),
  };
  return { unpacked, shapes, prefixes };
}

/** Puts an artefact's models into their place. When it returns nothing refers to the blob any longer. */
async function copyModels(
  { manifest: { content }, readBlob }: MemberArtifact,
  prefixes: readonly Prefixes[],
  packing: ArtifactPacking,
): Promise<void> {
  const models = readModels(content, await readBlob(), 'in-place');
  for (const [own, blended] of prefixes) {
    const arrays = models.get(own);
    if (arrays === undefined) throw new AppError('INTERNAL', `no arrays of ${own}`);
    packing.put(blended, arrays);
  }
}

/** Slopes are in the members' weights; what is left of the calibrations is one intercept. */
function calibrationOf(artifacts: readonly WeightedArtifact[]): Pick<Manifest['content'], 'calibration'> {
  if (artifacts.every(({ manifest }) => manifest.content.calibration === undefined)) return {};
  const intercept = artifacts.reduce(
    (sum, { manifest, weight }) => sum + weight * (manifest.content.calibration?.intercept ?? 0),
    0,
  );
  return { calibration: { slope: 1, intercept } };
}

function stepAt(steps: readonly ManifestStep[], index: number): ManifestStep {
  const step = steps[index];
  if (step === undefined) throw new AppError('INTERNAL', `a member reads step ${index} of ${steps.length}`);
  return step;
}

function stepCollector(): { readonly all: ManifestStep[]; placeOf(step: ManifestStep): number } {
  const all: ManifestStep[] = [];
  const places = new Map<string, number>();
  return {
    all,
    placeOf: (step) => {
      const text = canonicalJson(step);
      const known = places.get(text);
      if (known !== undefined) return known;
      places.set(text, all.length);
      return all.push(step) - 1;
    },
  };
}
