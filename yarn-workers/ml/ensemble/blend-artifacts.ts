import { AppError, canonicalJson, type Manifest, type ManifestMember, type ManifestStep } from '#contracts';
import { packArtifact, readModels, type ModelArrays, type PackedArtifact, type Sha256Function } from '#scoring';

/** A model's artefact that was opened before, with its weight in the blend. */
export interface WeightedArtifact {
  readonly manifest: Manifest;
  readonly blob: Uint8Array;
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
 * @param shifts added to the raw score of each output, as a member that is the same for all rows; empty: nothing
 * @throws INTERNAL where the artefacts are of other targets or features; ARTIFACT_INVALID
 */
export function blendArtifacts(
  artifacts: readonly WeightedArtifact[],
  sha256: Sha256Function,
  shifts: readonly number[] = [],
): BlendedArtifact {
  const head = artifacts[0];
  if (head === undefined) throw new AppError('INTERNAL', 'there is no artefact to blend');
  const steps = stepCollector();
  const models = new Map<string, ModelArrays>();
  const members: ManifestMember[] = [];
  for (const { manifest, blob, weight } of artifacts) {
    if (commonOf(manifest) !== commonOf(head.manifest))
      throw new AppError('INTERNAL', `model ${manifest.modelId} has another target or other features than the first`);
    const { content } = manifest;
    const arrays = readModels(content, blob, 'in-place');
    for (const member of content.members) {
      const own = member.steps.map((index) => steps.placeOf(stepAt(content.steps, index)));
      members.push({
        ...renamed(member, `member${members.length}`, arrays, models),
        steps: own,
        weight: weight * member.weight * (content.calibration?.slope ?? 1),
      });
    }
  }
  if (shifts.length > 0) members.push({ weight: 1, steps: [], model: { kind: 'constant', scores: [...shifts] } });
  const { sections: _, blobSizeBytes: __, blobSha256: ___, ...rest } = head.manifest.content;
  const offsets = rest.offsets?.map((offset) => ({ ...offset, step: steps.placeOf(stepAt(rest.steps, offset.step)) }));
  const { calibration: ____, ...uncalibrated } = rest;
  const unpacked = {
    ...uncalibrated,
    ...calibrationOf(artifacts),
    steps: steps.all,
    members,
    ...(offsets === undefined ? {} : { offsets }),
  };
  const packed = packArtifact(unpacked, models, sha256);
  return {
    ...packed,
    rowCount: artifacts.reduce((most, { manifest }) => Math.max(most, manifest.rowCount), 0),
    // A baseline has none; all others of a run have the same.
    trainingStatistics:
      artifacts.map(({ manifest }) => manifest.trainingStatistics).find((list) => list.length > 0) ?? [],
  };
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

/** The member with its arrays under another prefix. */
function renamed(
  member: ManifestMember,
  prefix: string,
  arrays: ReadonlyMap<string, ModelArrays>,
  models: Map<string, ModelArrays>,
): ManifestMember {
  if (member.model.kind === 'constant') return member;
  const found = arrays.get(member.model.prefix);
  if (found === undefined) throw new AppError('INTERNAL', `no arrays of ${member.model.prefix}`);
  models.set(prefix, found);
  return { ...member, model: { ...member.model, prefix } };
}
