import type { ManifestMember } from '#contracts';
import { openArtifact, packArtifact, type ModelArrays, type TreeArrays } from '#scoring';
import { randomTrees } from '../../unit/prediction/scoring/random-trees.ts';
import { manifestOf, sampleContent, sampleLinear, sha256 } from '../../unit/prediction/scoring/sample-artifact.ts';
import { randomGenerator } from '../../unit/prediction/scoring/support.ts';
import type { FittedArtifact } from './fitted-model.ts';

/** Thresholds at which comparisons are easily got wrong: about 0, where LightGBM takes numbers as 0, and at infinity. */
const THRESHOLDS = [0, -0, 1e-36, -1e-36, Math.fround(1e-35), -Math.fround(1e-35), 1e-34, Infinity, 7, 2020, -1.5];
const MISSING_ZERO = 4;
const MISSING_NAN = 8;

/**
 * Random trees, a constant and lines in one ensemble, calibrated, with names, keys and thresholds that are hard. No training here makes nodes to
 * which 0 is a missing value, so they are changed into such of NaN.
 */
export function hardModel(seed: number): FittedArtifact {
  const random = randomGenerator(seed);
  const trees = randomTrees(random, {
    ...{
      treeCount: 130,
      leafCountMax: 15,
      thresholds: THRESHOLDS,
      categoryCount: 8,
      columnCount: 11,
      firstCategory: 8,
    },
  });
  // Columns 8, 9, 10 of the random trees are categories: in the member they are 1, 2, 3.
  const place = [0, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3];
  const moved: TreeArrays = {
    ...trees,
    splitFeature: trees.splitFeature.map((column) => place[column] ?? 0),
    decisionType: trees.decisionType.map((decision) =>
      (decision & 12) === MISSING_ZERO ? decision - MISSING_ZERO + MISSING_NAN : decision,
    ),
  };
  const sample = sampleContent();
  const members = sample.members.flatMap((member): ManifestMember[] => {
    if (member.model.kind === 'network') return [];
    if (member.model.kind !== 'trees') return [member];
    return member.model.prefix === 'm0' ? [{ ...member, model: { ...member.model, treeCount: 130 } }] : [];
  });
  const models = new Map<string, ModelArrays>([
    ['m0', moved],
    ['m3', sampleLinear()],
  ]);
  const content = { ...sample, members, calibration: { slope: 0.75, intercept: -0.125 } };
  const packed = packArtifact(content, models, sha256);
  const manifest = manifestOf(packed);
  return { manifest, blob: packed.blob, scorer: openArtifact(manifest, packed.blob, sha256) };
}
